#if Fleet
  internal import Foundation
  internal import SottoRelay

  /// What waits for a thread.
  package struct Waiting<Work: Sendable>: Sendable {
    package let work: Work
    /// When whoever asked is told that there is no database.
    package let until: ContinuousClock.Instant

    package init(work: Work, until: ContinuousClock.Instant) { (self.work, self.until) = (work, until) }

    /// Takes out those whose time has ended. `clock` is read once: what ended between two looks at it would be neither told
    /// nor done.
    package static func takeLate(
      from waiting: inout [Self], clock: () -> ContinuousClock.Instant = { .now }
    ) -> [Self] {
      let now = clock()
      let late = waiting.filter { $0.until <= now }
      waiting.removeAll { $0.until <= now }
      return late
    }
  }

  /// When a thread takes work. A transaction costs the database as much as some twenty of its envelopes, and whoever wakes up
  /// at the first of them makes one of two or three. So when they come from several, the next ones are waited for: the longer,
  /// the longer a transaction takes and the busier it is. Who is alone waits for nobody.
  package struct Pace {
    /// When work was taken last, and how much.
    private var last: (time: ContinuousClock.Instant, count: Int)?
    /// How long it takes to do what was taken, of late.
    private var duration = Duration.zero

    private let shortest: Duration

    package init(shortest: Duration = FleetLimits.pace) { self.shortest = shortest }

    /// What was taken is done.
    package mutating func ended(at now: ContinuousClock.Instant) {
      if let last { duration = (duration * 3 + (now - last.time)) / 4 }
    }

    package mutating func took(_ count: Int, at now: ContinuousClock.Instant) { last = (now, count) }

    /// How long to wait for more than the `count` that there are; nil: take them.
    package func rest(_ count: Int, at now: ContinuousClock.Instant) -> Duration? {
      guard let last, max(last.count, count) > 1, count < FleetLimits.paceEnough else { return nil }
      let times = last.count < FleetLimits.paceBusy ? 2 : 4
      let whole = max(shortest, min(duration * times, FleetLimits.longestPace))
      let rest = whole - (now - last.time)
      return rest > .zero ? rest : nil
    }
  }

  /// Work, in the order in which it came, for the threads that take it.
  package final class WorkQueue<Work: Sendable>: @unchecked Sendable {
    // Everything below is read and written under the condition's lock.
    private let condition = NSCondition()
    private var waiting: [Waiting<Work>] = []
    private var isClosed = false
    private var threads: Int
    private var onEnd: [@Sendable () -> Void] = []
    private var pace: Pace?
    /// While a thread waits for company: how many have to wait here for it to go on before its time. To be woken by each of
    /// them would cost more than what is done with it.
    private var company: Int?

    /// `pace`: for one thread, which waits for more of what comes together.
    package init(threads: Int, pace: Pace? = nil) {
      self.threads = threads
      self.pace = pace
    }

    /// Whether it is taken: not once it is closed.
    package func put(_ work: Work, patience: Int = FleetLimits.patience) -> Bool {
      condition.lock()
      defer { condition.unlock() }
      guard !isClosed else { return false }
      waiting.append(Waiting(work: work, until: .now + .seconds(patience)))
      if waiting.count >= company ?? 0 { condition.signal() }
      return true
    }

    /// Waits for work, and not for long if some is `left`. Takes what is left, the first, and those after it as long as `more`
    /// says so; but what is left alone no sooner than after a pause. nil once it is closed and nothing is to be done.
    package func take(after left: [Waiting<Work>] = [], while more: (Work) -> Bool) -> [Waiting<Work>]? {
      condition.lock()
      defer { condition.unlock() }
      pace?.ended(at: .now)
      let pause = ContinuousClock.now + FleetLimits.passPause
      if waiting.isEmpty, !left.isEmpty { wait(until: pause) }
      repeat {
        while waiting.isEmpty, left.isEmpty {
          if isClosed { return nil }
          condition.wait()
        }
        keepPace(left.count)
        // What had to wait for company may be late by now, and was told so.
      } while waiting.isEmpty && left.isEmpty
      for one in left { _ = more(one.work) }
      let count = max(waiting.prefix { more($0.work) }.count, left.isEmpty ? 1 : 0)
      // There is no room for what has come: whoever puts more does not make the pause shorter.
      if count == 0 { while .now < pause { wait(until: pause) } }
      defer { waiting.removeFirst(count) }
      pace?.took(left.count + count, at: .now)
      return left + waiting.prefix(count)
    }

    private func keepPace(_ left: Int) {
      company = FleetLimits.paceEnough - left
      defer { company = nil }
      while !isClosed, let rest = pace?.rest(left + waiting.count, at: .now) { wait(until: .now + rest) }
    }

    /// Not longer than until then, and not longer than until something happens. The condition goes by the machine's clock:
    /// when that is set back meanwhile this is woken all the same, by what comes or by `takeLate`.
    private func wait(until end: ContinuousClock.Instant) {
      let rest = end - .now
      if rest > .zero { _ = condition.wait(until: Date(timeIntervalSinceNow: rest / .seconds(1))) }
    }

    /// Takes out those whose time has ended while the threads were busy with others.
    package func takeLate() -> [Waiting<Work>] {
      condition.lock()
      defer { condition.unlock() }
      condition.broadcast()
      return Waiting.takeLate(from: &waiting)
    }

    /// Whether it is closed and nothing waits in it: nothing will any more.
    package var isFinished: Bool {
      condition.lock()
      defer { condition.unlock() }
      return isClosed && waiting.isEmpty
    }

    /// Takes no more. What waits is done.
    package func close() {
      condition.lock()
      isClosed = true
      condition.broadcast()
      condition.unlock()
    }

    func threadEnded() {
      condition.lock()
      threads -= 1
      let ended = threads == 0 ? onEnd : []
      condition.unlock()
      for end in ended { end() }
    }

    /// Returns when it is closed, and everything in it was done.
    func ended() async {
      await withCheckedContinuation { continuation in
        condition.lock()
        let isOver = threads == 0
        if !isOver { onEnd.append { continuation.resume() } }
        condition.unlock()
        if isOver { continuation.resume() }
      }
    }
  }

  /// A thread with a connection of its own, which does work as it comes, and connects again when it must.
  ///
  ///     take -> connected? --no--> connect, pause longer each time -> still wanted? --no--> unavailable
  ///               | yes                                                   | yes
  ///               +---------------> run -> lost? -> once more, on a new connection
  ///                                    +-> what is left is taken first the next time
  struct Worker<Work: Sendable>: Sendable {
    let address: String
    let queue: WorkQueue<Work>
    /// Of one kind of work, how much may be done together: asked for each in turn, with what was taken before.
    let batch: @Sendable () -> (Work) -> Bool
    /// Does all of it and answers, but for what it gives back, with its place: that is to be done with what comes next. Or throws
    /// before it has answered any, and is asked again on another connection: so nothing may be harmed when work is done twice.
    let run: @Sendable (Connection, [Work]) throws(DatabaseFailure) -> [(place: Int, work: Work)]
    let fail: @Sendable (Work, StoreFailure) -> Void

    func start(_ name: String) {
      let thread = Thread { self.loop() }
      thread.name = name
      thread.start()
    }

    private func loop() {
      var connection: Connection?
      var left: [Waiting<Work>] = []
      while let taken = queue.take(after: left, while: batch()) {
        var rest = taken
        left = []
        var pause = Pause()
        while !rest.isEmpty {
          for late in Waiting.takeLate(from: &rest) { fail(late.work, .unavailable) }
          guard !rest.isEmpty else { break }
          if connection?.isUsable != true { connection = try? Connection(address) }
          guard let open = connection else {
            pause.wait(atMost: rest.map(\.until).min() ?? .now)
            continue
          }
          do {
            left = try run(open, rest.map(\.work)).map { Waiting(work: $0.work, until: rest[$0.place].until) }
            rest = []
          } catch {
            connection = nil
            pause.wait(atMost: rest.map(\.until).min() ?? .now)
          }
        }
      }
      queue.threadEnded()
    }
  }

  /// Times between attempts: none, then longer and longer, each by chance between nothing and the whole.
  private struct Pause {
    private var longest = 0

    mutating func wait(atMost end: ContinuousClock.Instant) {
      let left = Int((end - ContinuousClock.now) / .milliseconds(1))
      let milliseconds = min(Int.random(in: 0...longest), max(left, 0))
      longest = min(max(longest * 2, FleetLimits.firstPause), FleetLimits.longestPause)
      Thread.sleep(forTimeInterval: Double(milliseconds) / 1_000)
    }
  }
#endif
