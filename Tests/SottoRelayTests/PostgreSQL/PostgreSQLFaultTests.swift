#if Fleet
  import Foundation
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoSimulation
  import SottoWire
  import Synchronization
  import Testing

  /// A database that dies, stops and comes back. A server of its own, which nobody else's tests miss.
  @Suite(.enabled(if: PostgreSQLCluster.isInstalled), .serialized) struct PostgreSQLFaultTests {
    private static let now: Int64 = 1_700_000_000

    /// SIGKILL for every process of the server while envelopes are taken in: what was acknowledged is there, once, and in
    /// its place, and what was not can be sent again. [relay.26] [stream.4]
    @Test func nothingThatWasAcknowledgedIsLostWhenTheServerIsKilled() async throws {
      let cluster = try await onThread { try PostgreSQLCluster() }
      let address = cluster.address(try cluster.database())
      let lostConnections = FailingLedger.Counter()
      let store = try PostgreSQLStore(address: address) {
        if case .failed = $0 { lostConnections.add() }
      }
      let mailbox = try await StoreContract { store }.registered(1)
      let total = 3_000
      let sender = PersistentSender(store, mailbox, total: total)
      sender.start(lanes: 6)
      // On a thread of its own: where other tests keep all others busy, everything would be over before it is killed.
      try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
        Thread.detachNewThread {
          done.resume(
            with: Result {
              for moment in [total / 6, total / 2] {
                while sender.acknowledged.count < moment { usleep(1_000) }
                cluster.kill()
                try cluster.start()
              }
            })
        }
      }
      sender.end()
      while sender.acknowledged.count < total { try await Task.sleep(for: .milliseconds(5)) }
      #expect(sender.wrong.isEmpty, "never a wrong answer: \(sender.wrong)")
      #expect(lostConnections.value > 0, "it was killed in the middle")
      let again = try PostgreSQLStore(address: address)
      let found = try await again.envelopes(mailbox, after: 0, room: Room(count: 9_999, bytes: .max), now: Self.now)
      let lost = sender.acknowledged.filter { number in !found.contains { $0.id == envelopeID(number) } }
      print(
        "FIGURE PostgreSQL killed twice: \(found.count) acknowledged, \(lost.count) lost, \(sender.failures) batches sent again"
      )
      #expect(lost.isEmpty && found.map(\.index) == Array(1...UInt64(total)))
      #expect(try await again.status(mailbox)?.envelopes == UInt32(total))
      try await store.close()
      try await again.close()
    }

    /// One that does not reach the database for longer than a lease hears of nothing, so it keeps nobody: it ends its streams
    /// one after the other, and says no at once, so that others are asked. [operation.14]
    @Test func aRelayThatIsCutOffSendsEverybodyAway() async throws {
      let cluster = try await onThread { try PostgreSQLCluster() }
      let relay = try await TestRelay.start {
        $0.store = .postgreSQL(cluster.address(try! cluster.database()))
      }
      let owner = Owner(1)
      try await owner.register(at: relay)
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      try await stream.authenticate(owner.key, at: relay)
      _ = try await stream.untilCaughtUp()
      var others: [StreamClient] = []
      for seed in 2...241 as ClosedRange<UInt8> {
        let other = Owner(seed)
        #expect(try await relay.owner(other.key, .put, .mailbox(other.mailbox), sequence: 1).status == 204)
        let one = try await StreamClient.connect(to: relay, other.mailbox)
        try await one.authenticate(other.key, at: relay)
        _ = try await one.untilCaughtUp()
        others.append(one)
      }
      let sender = try await SendClient.connect(to: relay, route: .send)
      let start = ContinuousClock.now
      cluster.stop()
      try await until { !(try await stream.isQuiet(for: .milliseconds(50))) }
      let lasted = ContinuousClock.now - start
      let end = try await stream.next()
      #expect(end == .frame(.closing(.restarting)))
      // The last answer was to a beat or a look, which may have been a while before; a busy machine makes it longer.
      let least = RelayLimits.leaseSeconds - 2 * RelayLimits.beatSeconds
      #expect(lasted > .seconds(least), "a short outage ends nothing")
      for other in others { #expect(try await other.next() == .frame(.closing(.restarting))) }
      // When the last of them is ended, and no earlier, however late a busy machine ends it.
      let cut = try #require(relay.lines.moment(of: "cut off from the store"))
      #expect(ContinuousClock.now >= cut + .microseconds(RelayLimits.drainStep * Int64(others.count)))

      // Whoever waits for the database waits for five seconds.
      var number = 0 as UInt32
      try await soon(.seconds(5)) {
        let put = try await relay.sender(
          .put, .envelope(owner.mailbox, envelopeID(1)), owner.contact, body: envelope(1))
        #expect(put.status == 503)
        #expect(try await relay.send("GET", "/v1/cards/" + String(repeating: "ab", count: 16)).status == 503)
        #expect(try await relay.send("GET", "/livez").status == 200)
        number += 1
        sender.put(number, envelopeID(2), to: owner.mailbox, owner.contact, envelope(2))
        let answer = try await sender.next()
        #expect(answer == .frame(.answers([PutAnswer(number: number, problem: .unavailable)])))
        await #expect(throws: (any Error).self) { _ = try await StreamClient.connect(to: relay, owner.mailbox) }
      }
      try await onThread { try cluster.start() }
      try await until { try await relay.send("GET", "/readyz").status == 200 }
      try await until {
        try await relay.sender(.put, .envelope(owner.mailbox, envelopeID(1)), owner.contact, body: envelope(1)).status
          == 201
      }
      let log = relay.lines.all.joined(separator: "\n")
      #expect(log.contains("cut off from the store") && log.contains("store reached again"))
      sender.close()
      try await relay.stop()
    }

    /// Nobody wakes an owner who counts as one who listens. So a stream that ends while the database is away is left
    /// when it is back. [push.2]
    @Test func whoWentDuringAnOutageIsWokenAfterIt() async throws {
      let cluster = try await onThread { try PostgreSQLCluster() }
      let address = cluster.address(try cluster.database())
      let relay = try await TestRelay.start { $0.store = .postgreSQL(address) }
      let owner = Owner(1)
      try await owner.register(at: relay)
      let (mailbox, contact) = (owner.mailbox, owner.contact)
      let ledger = try PostgreSQLStore(address: address)
      try await ledger.setPush(mailbox, [7], by: StoreContract.mutation(1, 9))
      let stream = try await StreamClient.connect(to: relay, mailbox)
      try await stream.authenticate(owner.key, at: relay)
      _ = try await stream.untilCaughtUp()
      cluster.stop()
      stream.close()
      // Longer than the relay waits for an answer, and shorter than a lease.
      try await Task.sleep(for: .seconds(7))
      try await onThread { try cluster.start() }
      try await until {
        try await relay.sender(.put, .envelope(mailbox, envelopeID(1)), contact, body: envelope(1)).status == 201
      }
      try await until {
        (try? await ledger.takePushes(limit: 1, by: NodeID(number: 9)))?.map(\.mailbox) == [mailbox]
      }
      try await ledger.close()
      try await relay.stop()
    }

    /// Whoever waits behind a database that is connected and says nothing is told in time, and not when the connection is given
    /// up. [operation.12]
    @Test func whoeverWaitsBehindASilentDatabaseIsTold() async throws {
      let cluster = try await onThread { try PostgreSQLCluster() }
      let database = try cluster.database()
      let store = try PostgreSQLStore(address: cluster.address(database))
      let mailbox = try await StoreContract { store }.registered(1)
      // Each thread has a connection of its own.
      let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database)'"
      try await until {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<64 { group.addTask { _ = try await store.status(mailbox) } }
          try await group.waitForAll()
        }
        return try cluster.sql(connections, in: "postgres") == "4\n"
      }
      cluster.signal(SIGSTOP)
      var (told, answered) = (0, 0)
      await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<12 { group.addTask { (try? await store.status(mailbox)) != nil } }
        for await isAnswered in group {
          if isAnswered { answered += 1 } else { told += 1 }
          if told == 8 { cluster.signal(SIGCONT) }
        }
      }
      cluster.signal(SIGCONT)
      #expect(told == 8 && answered == 4, "those that a thread had waited for the database")
      try await store.close()
    }

    /// While the database is away the relay says so, soon; when it is back it is used again, without a restart.
    @Test func theRelayFollowsTheDatabase() async throws {
      let cluster = try await onThread { try PostgreSQLCluster() }
      let relay = try await TestRelay.start {
        $0.store = .postgreSQL(cluster.address(try! cluster.database()))
      }
      let owner = Owner(1)
      try await owner.register(at: relay)
      let (mailbox, contact) = (owner.mailbox, owner.contact)
      @Sendable func put(_ number: Int) async throws -> Int {
        try await relay.sender(.put, .envelope(mailbox, envelopeID(number)), contact, body: envelope(number)).status
      }
      #expect(try await relay.send("GET", "/readyz").status == 200)
      #expect(try await put(1) == 201)
      let end = ContinuousClock.now
      cluster.stop()
      // A probe is not kept waiting.
      try await soon(.seconds(4)) {
        let status = try await relay.send("GET", "/readyz").status
        #expect(status == 503)
      }
      #expect(try await put(2) == 503)
      // What comes shortly before the database does is not turned away, unless that was away for about a lease.
      async let early = put(3)
      try await Task.sleep(for: .milliseconds(200))
      let start = ContinuousClock.now
      try await onThread { try cluster.start() }
      let isShortly = .now - start < .seconds(1)
      let isReached = .now - end < .seconds(RelayLimits.leaseSeconds - RelayLimits.beatSeconds)
      #expect(try await early == 201 || !isShortly || !isReached)
      try await until { try await put(3) == 201 }
      #expect(try await relay.send("GET", "/readyz").status == 200)
      // Connections that have not been used meanwhile are dead, and nobody is told.
      for number in 4..<12 { #expect(try await put(number) == 201) }
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      let epoch = try await stream.authenticate(owner.key, at: relay)
      let found = try await stream.untilCaughtUp(acknowledging: epoch).map(\.bytes)
      #expect(found == ([1] + Array(3..<12)).map { envelope($0) })
      stream.close()
      try await relay.stop()
      let log = relay.lines.all.joined(separator: "\n")
      #expect(!log.contains(cluster.folder) && !log.contains(owner.mailbox.text))
    }
  }

  /// Sends numbered envelopes in batches, several at a time, and every batch again until all of it was acknowledged; the last
  /// again and again until it is told to end, so that there is always one on its way.
  private final class PersistentSender: Sendable {
    private struct State {
      var next = 0
      var isEnding = false
      var acknowledged: Set<Int> = []
      var failures = 0
      var wrong: [Acceptance] = []
    }

    private static let batch = 20
    private let store: any RelayStore
    private let mailbox: MailboxID
    private let total: Int
    private let state = Mutex(State())

    init(_ store: any RelayStore, _ mailbox: MailboxID, total: Int) {
      (self.store, self.mailbox, self.total) = (store, mailbox, total)
    }

    var acknowledged: Set<Int> { state.withLock { $0.acknowledged } }
    var failures: Int { state.withLock { $0.failures } }
    /// Answers that are neither yes nor "not now".
    var wrong: [Acceptance] { state.withLock { $0.wrong } }

    func start(lanes: Int) {
      for _ in 0..<lanes { sendNext() }
    }

    /// Nothing is sent again that was acknowledged.
    func end() { state.withLock { $0.isEnding = true } }

    private func sendNext() {
      let start = state.withLock { state -> Int? in
        guard state.next < total else { return state.isEnding ? nil : total - Self.batch }
        defer { state.next += Self.batch }
        return state.next
      }
      if let start { send(Array(start..<start + Self.batch)) }
    }

    private func send(_ numbers: [Int]) {
      let arrivals = numbers.map {
        Arrival(mailbox: mailbox, id: envelopeID($0), capability: Owner(1).contact.hash, bytes: envelope($0))
      }
      store.submit(arrivals, now: 1_700_000_000) { _, _ in
      } done: { outcomes in
        let isOver = self.state.withLock { state in
          for (number, outcome) in zip(numbers, outcomes) {
            switch outcome {
            case .stored, .repeated: state.acknowledged.insert(number)
            case .failed(.unavailable): break
            default: state.wrong.append(outcome)
            }
          }
          let isOver = state.acknowledged.isSuperset(of: numbers)
          if !isOver { state.failures += 1 }
          return isOver
        }
        if isOver { self.sendNext() } else { self.send(numbers) }
      }
    }
  }
#endif
