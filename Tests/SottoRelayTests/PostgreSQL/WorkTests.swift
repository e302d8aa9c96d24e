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

    /// Whoever looks for what is late has an end: what waits when a queue is closed may be late still, and then nothing can.
    @Test func aClosedQueueIsFinishedWhenNothingWaits() throws {
      let queue = WorkQueue<Int>(threads: 0)
      #expect(!queue.isFinished)
      #expect(queue.put(1))
      queue.close()
      #expect(!queue.isFinished && !queue.put(2))
      let taken = try #require(queue.take(while: { _ in true }))
      #expect(taken.map(\.work) == [1] && queue.isFinished)
    }

    /// What could not be done is tried again with whatever comes along. Alone it is after a pause, also where there is no room
    /// for more: nobody asks the database all the time.
    @Test func whatIsLeftWaitsForCompany() throws {
      let queue = WorkQueue<Int>(threads: 0)
      func two() -> (Int) -> Bool {
        var count = 0
        return { _ in
          count += 1
          return count <= 2
        }
      }
      func taken(after left: [Int]) throws -> (work: [Int], hasPaused: Bool) {
        let start = ContinuousClock.now
        let until = start + .seconds(60)
        let taken = try #require(queue.take(after: left.map { Waiting(work: $0, until: until) }, while: two()))
        return (taken.map(\.work), start.duration(to: .now) >= .milliseconds(1))
      }
      for work in 1...4 { #expect(queue.put(work)) }
      #expect(try taken(after: []).work == [1, 2])
      #expect(try taken(after: [1]).work == [1, 3])
      let full = try taken(after: [1, 3])
      #expect(full.work == [1, 3] && full.hasPaused)
      #expect(try taken(after: []).work == [4])
      let alone = try taken(after: [1])
      #expect(alone.work == [1] && alone.hasPaused)
      queue.close()
      #expect(try taken(after: [1]).work == [1], "what is left is done all the same")
      let end = queue.take(while: two())
      #expect(end?.count == nil)
    }
  }
#endif
