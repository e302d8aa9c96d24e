#if Fleet
  import SottoRelayFleet
  import Testing

  /// Work that waits for the database.
  @Suite struct WorkTests {
    /// Whoever asked is told that there is no database, or the work is done, whenever its time ends.
    @Test func whatIsNotLateIsLeft() {
      let start = ContinuousClock.now
      let all = (0..<20).map { Waiting(work: $0, until: start + .seconds($0)) }
      for second in 0..<22 {
        var rest = all
        // It goes on with each look.
        var time = start + .seconds(second)
        let late = Waiting.takeLate(from: &rest) {
          defer { time += .seconds(1) }
          return time
        }
        #expect(late.map(\.work) == Array(0..<min(second + 1, 20)))
        #expect((late + rest).map(\.work) == Array(0..<20))
      }
    }
  }
#endif
