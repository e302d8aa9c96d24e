#if Fleet
  import SottoRelayFleet
  import SottoSimulation
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

    /// As long again as a transaction takes, within bounds; by the time since the last one was begun.
    @Test func theSlowerTheDatabaseTheLongerCompanyIsWaitedFor() {
      var (pace, now) = (Pace(), ContinuousClock.now)
      #expect(pace.rest(2, at: now) == nil)
      pace.took(1, at: now)
      #expect(pace.rest(1, at: now) == nil)
      #expect(pace.rest(2, at: now) == FleetLimits.pace)
      #expect(pace.rest(FleetLimits.paceEnough, at: now) == nil)
      for (duration, count, whole) in [
        (.milliseconds(1), 2, FleetLimits.pace), (.milliseconds(10), 2, .milliseconds(20)),
        (.milliseconds(3), FleetLimits.paceBusy - 1, .milliseconds(6)),
        (.milliseconds(3), FleetLimits.paceBusy, .milliseconds(12)),
        (.seconds(5), 2, FleetLimits.longestPace), (.milliseconds(1), 2, FleetLimits.pace),
      ] as [(Duration, Int, Duration)] {
        for _ in 0..<200 {
          pace.took(count, at: now)
          now += duration
          pace.ended(at: now)
        }
        pace.took(count, at: now)
        // As exact as what is left of former ones allows.
        #expect((pace.rest(1, at: now) ?? .zero) / whole > 0.999)
        #expect((pace.rest(1, at: now) ?? .zero) / whole < 1.001)
        #expect(pace.rest(1, at: now + whole / 2) != nil)
        #expect(pace.rest(1, at: now + whole * 1.01) == nil)
      }
    }

    /// While several send, the next are waited for, until there are enough; who is alone waits for nobody.
    @Test(.timeLimit(.minutes(5))) func whoeverIsNotAloneWaitsForCompany() async throws {
      let queue = WorkQueue<Int>(threads: 0, pace: Pace(shortest: .seconds(3_600)))
      func taken() async throws -> [Int] {
        try await onThread { try #require(queue.take(while: { _ in true })).map(\.work) }
      }
      for work in 1...3 {
        #expect(queue.put(work))
        #expect(try await taken() == [work])
      }
      #expect(queue.put(4) && queue.put(5))
      let company = Task { try await taken() }
      for work in 6...35 { #expect(queue.put(work)) }
      #expect(try await company.value == Array(4...35))
      // Now it is known that there are several. What waits and is late meanwhile is nobody's work any more.
      #expect(queue.put(36, patience: 0))
      let later = Task { try await taken() }
      try await Task.sleep(for: .milliseconds(20))
      #expect(queue.takeLate().map(\.work) == [36])
      for work in 37...68 { #expect(queue.put(work)) }
      #expect(try await later.value == Array(37...68))
      // Nothing is waited for when there will be no more.
      #expect(queue.put(69))
      let last = Task { try await taken() }
      queue.close()
      #expect(try await last.value == [69])
      #expect(queue.take(while: { _ in true }) == nil)
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
