#if Fleet
  import Foundation
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoSimulation
  import SottoWire
  import Synchronization
  import Testing

  /// Push jobs and the queue that they lie in. [push.3] [push.4]
  @Suite(.enabled(if: RabbitMQBroker.isInstalled), .serialized) struct PushQueueTests {
    private func job(_ number: Int) -> PushJob {
      PushJob(handle: PushHandle(number: UInt128(number)), sealed: [UInt8](repeating: 5, count: 600))
    }

    /// Whether all of them are safe.
    private func isSafe(_ jobs: [PushJob], in queue: any PushQueue) async -> Bool {
      await queue.put(jobs) == Set(jobs.map(\.handle))
    }

    /// What a gateway gets: as many jobs as there are, and whatever comes until nothing has for five seconds; `carryOut`
    /// decides.
    private func drain(
      _ address: BusAddress, _ count: Int, _ carryOut: @escaping @Sendable (PushJob) -> PushVerdict = { _ in .done }
    ) async throws -> [PushJob] {
      let all = Mutex<[PushJob]>([])
      let last = Mutex(ContinuousClock.now)
      let jobs = RabbitMQPushJobs(address)
      async let end: Void = jobs.run { job in
        all.withLock { $0.append(job) }
        last.withLock { $0 = .now }
        return carryOut(job)
      }
      try await until { all.withLock { $0.count } >= count }
      while ContinuousClock.now < last.withLock({ $0 }) + .seconds(5) { try await Task.sleep(for: .milliseconds(50)) }
      jobs.stop()
      await end
      return all.withLock { $0 }
    }

    /// What was confirmed is there, also after the broker was killed.
    @Test func aConfirmedJobOutlivesTheBroker() async throws {
      let broker = try await onThread { try RabbitMQBroker() }
      let address = try broker.address()
      let queue = try RabbitMQ().pushQueue(address)
      #expect(await isSafe([job(102)], in: queue))
      // RabbitMQ 3.10 writes down a moment later that there is a new queue: one that is killed before has forgotten it.
      try await Task.sleep(for: .seconds(5))
      #expect(await isSafe((0..<100).map(job), in: queue))
      broker.kill()
      #expect(await queue.put([job(100)]).isEmpty, "nobody is there to confirm it")
      try await onThread { try broker.start() }
      try await until { await isSafe([job(101)], in: queue) }
      // They are carried out beside each other, so in any order.
      let found = Set(try await drain(address, 102).map { Int($0.handle.number) })
      let confirmed = Set(0..<100).union([101, 102])
      #expect(found.isSuperset(of: confirmed), "none is lost")
      await queue.close()
      #expect(await queue.put([job(103)]).isEmpty)
    }

    /// A gateway that dies with jobs in its hands leaves them to the next; one that is refused waits, comes again, and is given
    /// up after some rounds; what is no job is given up at once. [push.6]
    @Test func aJobThatIsRefusedComesAgainForSomeTime() async throws {
      let broker = try await onThread { try RabbitMQBroker() }
      let address = try broker.address()
      let queue = try RabbitMQ().pushQueue(address)
      #expect(await isSafe([job(1), job(2)], in: queue))
      try broker.control("set_policy", "soon", "^sotto.push.later$", "{\"message-ttl\":100}", "--apply-to", "queues")
      // Both are on their way to this one, which takes them and ends before it says what became of them.
      let held = Mutex(0)
      let dying = RabbitMQPushJobs(address)
      async let end: Void = dying.run { _ in
        held.withLock { $0 += 1 }
        try? await Task.sleep(for: .seconds(600))
        return .done
      }
      try await until { held.withLock { $0 } == 2 }
      try broker.control("close_all_connections", "dies")
      dying.stop()
      // It may have come back and taken them once more; it waits for them, and ends.
      _ = await end

      let given = Mutex(0)
      let found = try await drain(address, 13) { job in
        guard job.handle.number == 1 else { return .done }
        given.withLock { $0 += 1 }
        return .later
      }
      #expect(found.count { $0.handle.number == 2 } == 1)
      #expect(given.withLock { $0 } == 12)
      #expect(try broker.count(of: "sotto.push") == 0 && broker.count(of: "sotto.push.later") == 0)
      await queue.close()
    }

    /// A gateway that is told to stop ends what it has in hand, and leaves the rest.
    @Test func aGatewayThatStopsEndsWhatItHasInHand() async throws {
      let broker = try await onThread { try RabbitMQBroker() }
      let address = try broker.address()
      let queue = try RabbitMQ().pushQueue(address)
      #expect(await isSafe((0..<300).map(job), in: queue))
      let begun = Mutex(0)
      let ended = Mutex(0)
      let mayEnd = Mutex(false)
      let jobs = RabbitMQPushJobs(address)
      async let end: Void = jobs.run { _ in
        begun.withLock { $0 += 1 }
        while !mayEnd.withLock({ $0 }), (try? await Task.sleep(for: .milliseconds(50))) != nil {}
        ended.withLock { $0 += 1 }
        return .done
      }
      // As many as it may hold, and no more.
      try await until { begun.withLock { $0 } == 256 }
      jobs.stop()
      // It has noticed by then.
      try await Task.sleep(for: .seconds(2))
      mayEnd.withLock { $0 = true }
      await end
      #expect(begun.withLock { $0 } == 256 && ended.withLock { $0 } == 256)
      let rest = try await drain(address, 44).map { Int($0.handle.number) }
      #expect(rest.sorted() == Array(256..<300), "\(rest.count)")
      await queue.close()
    }

    /// What comes again after a connection was lost waits for what is still in hand: a gateway holds so many and no more, and
    /// nobody is woken by two of them at once. [push.6]
    @Test func whatComesAgainWaitsForWhatIsInHand() async throws {
      let broker = try await onThread { try RabbitMQBroker() }
      let address = try broker.address()
      let queue = try RabbitMQ().pushQueue(address)
      #expect(await isSafe((0..<300).map(job), in: queue))
      let begun = Mutex(0)
      let connections = Mutex(0)
      let mayEnd = Mutex(false)
      let jobs = RabbitMQPushJobs(address) { event in
        if case .connected = event { connections.withLock { $0 += 1 } }
      }
      async let end: Void = jobs.run { _ in
        begun.withLock { $0 += 1 }
        while !mayEnd.withLock({ $0 }), !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
        return .done
      }
      try await until { begun.withLock { $0 } == 256 }
      try broker.control("close_all_connections", "flaps")
      try await until { connections.withLock { $0 } == 2 }
      try await Task.sleep(for: .seconds(1))
      #expect(begun.withLock { $0 } == 256)
      mayEnd.withLock { $0 = true }
      try await until { try broker.count(of: "sotto.push") == 0 }
      jobs.stop()
      await end
      await queue.close()
    }

    /// What a push service knows no more is said to relays once, and the job is done with. [push.9]
    @Test func theEndOfASubscriptionIsSaidOnce() async throws {
      let broker = try await onThread { try RabbitMQBroker() }
      let address = try broker.address()
      let queue = try RabbitMQ().pushQueue(address)
      #expect(await queue.ended(limit: 9).isEmpty)
      #expect(await isSafe((0..<5).map(job), in: queue))
      let found = try await drain(address, 5) { $0.handle.number == 2 ? .done : .gone }
      #expect(found.count == 5)
      // In whatever order they were carried out, and as soon as the broker has them all.
      var ended: [UInt128] = []
      try await until {
        let some = await queue.ended(limit: 3).map(\.number)
        #expect(some.count <= 3)
        ended += some
        return ended.count >= 4
      }
      #expect(ended.sorted() == [0, 1, 3, 4])
      #expect(await queue.ended(limit: 3).isEmpty)
      #expect(try broker.count(of: "sotto.push") == 0)
      #expect(await isSafe([job(9)], in: queue), "the same connection goes on")
      // Whose user may not say so is sent away with the job, which comes again: once a second.
      try broker.control("set_permissions", "guest", "^sotto", "^sotto", "^sotto")
      let connections = Mutex(0)
      let refused = RabbitMQPushJobs(address) { event in
        if case .connected = event { connections.withLock { $0 += 1 } }
      }
      async let end: Void = refused.run { _ in .gone }
      try await until { connections.withLock { $0 } >= 2 }
      let start = ContinuousClock.now
      let before = connections.withLock { $0 }
      try await Task.sleep(for: .seconds(3))
      let after = connections.withLock { $0 }
      // A busy machine sleeps longer.
      let seconds = Int((ContinuousClock.now - start).components.seconds)
      #expect(after <= before + seconds + 1)
      refused.stop()
      await end
      await queue.close()
      #expect(await queue.ended(limit: 3).isEmpty)
    }

    /// A queue that is full takes some of a lot and not the rest, and says which: what it has is not put once more.
    @Test func whatAFullQueueRefusesIsNotSafe() async throws {
      let broker = try await onThread { try RabbitMQBroker() }
      let address = try broker.address()
      let queue = try RabbitMQ().pushQueue(address)
      #expect(await isSafe([job(0)], in: queue))
      try broker.control("set_policy", "few", "^sotto.push$", "{\"max-length\":5}", "--apply-to", "queues")
      var safe: Set<PushHandle> = []
      // It notices a little late that it is full.
      for start in stride(from: 1, to: 200, by: 20) {
        safe.formUnion(await queue.put((start..<start + 20).map(job)))
      }
      #expect(safe.count < 200 && safe.count >= 5, "\(safe.count)")
      let found = try await drain(address, safe.count + 1).map(\.handle)
      #expect(Set(found) == safe.union([job(0).handle]) && found.count == safe.count + 1)
      #expect(await isSafe([job(300)], in: queue), "there is room again")
      await queue.close()
    }

    /// One that is short of memory reads no more; the relay does not wait for it, and not when it ends either.
    @Test func aBrokerThatTakesNothingIsNotWaitedFor() async throws {
      let broker = try await onThread { try RabbitMQBroker() }
      let queue = try RabbitMQ().pushQueue(try broker.address())
      #expect(await isSafe([job(0)], in: queue))
      try broker.control("set_vm_memory_high_watermark", "0.0000001")
      let start = ContinuousClock.now
      for lot in 1...3 { #expect(await queue.put((lot * 64..<lot * 64 + 64).map(job)).isEmpty) }
      #expect(ContinuousClock.now - start < .seconds(150), "ten each, and what a busy machine adds")
      try broker.control("set_vm_memory_high_watermark", "0.4")
      try await until { await isSafe([job(999)], in: queue) }
      await queue.close()
    }

    @Test func whereNobodyIsNothingIsPut() async throws {
      let broker = try await RabbitMQBroker.shared()
      let queue = try RabbitMQ().pushQueue(broker.address("amqp://guest@127.0.0.1:1/"))
      #expect(await queue.put([job(1)]).isEmpty)
      await queue.close()
      let wrong = broker.folder + "/wrong-push"
      try "not-the-password\n".write(toFile: wrong, atomically: true, encoding: .utf8)
      let stranger = try RabbitMQ().pushQueue(broker.address(password: wrong))
      #expect(await stranger.put([job(1)]).isEmpty)
      await stranger.close()
      let address = try broker.address(password: "/nonexistent")
      do {
        _ = try RabbitMQ().pushQueue(address)
        Issue.record("no password")
      } catch {
        #expect(error.exitCode == 78 && error.setting == .busPassword)
      }
    }

    /// Two relays, a broker that goes and comes back: one wakeup for each device that sleeps, and none is lost. [push.1]
    @Test(.enabled(if: PostgreSQLCluster.isInstalled)) func aSleepingDeviceIsWokenOnce() async throws {
      try await awayFromMidnight()
      let broker = try await onThread { try RabbitMQBroker() }
      let cluster = try await PostgreSQLCluster.shared()
      let store = cluster.address(try cluster.database())
      var relays: [TestRelay] = []
      for _ in 0..<2 {
        relays.append(
          try await TestRelay.start {
            broker.configuration(&$0)
            $0.store = .postgreSQL(store)
            $0.authorities = []
            $0.push = .bus
            $0.metrics = ListenAddress(host: "127.0.0.1", port: 0)
          })
      }
      let owner = Owner(1)
      let (mailbox, contact) = (owner.mailbox, owner.contact)
      try await owner.register(at: relays[0])
      #expect(
        try await relays[0].owner(owner.key, .put, .push(mailbox), sequence: 10).problem == .requestMalformed, "empty")
      let long = [UInt8](repeating: 1, count: 2_049)
      #expect(
        try await relays[0].owner(owner.key, .put, .push(mailbox), body: long, sequence: 10).problem == .bodyTooLarge)
      let stranger = Owner(2)
      #expect(
        try await relays[0].owner(stranger.key, .put, .push(mailbox), body: [1], sequence: 10).problem
          == .signatureRefused)
      #expect(try await relays[0].owner(owner.key, .put, .push(mailbox), body: [1, 2, 3], sequence: 10).status == 204)
      func put(_ number: Int, at relay: TestRelay) async throws {
        let body = envelope(number)
        #expect(try await relay.sender(.put, .envelope(mailbox, envelopeID(number)), contact, body: body).status == 201)
      }
      for number in 1...5 { try await put(number, at: relays[number & 1]) }
      let address = try broker.address()
      func queued() async throws -> Int {
        let name = "sotto_relay_push_jobs_total{result=\"queued\"}"
        return try await relays[0].metric(name) + relays[1].metric(name)
      }
      try await until { try await queued() > 0 }
      let woken = try await drain(address, 1)
      #expect(woken.map(\.sealed) == [[1, 2, 3]], "five envelopes, one wakeup")
      #expect(try await queued() == 1)

      // It comes, takes everything, and goes; the broker goes too.
      let stream = try await StreamClient.connect(to: relays[0], mailbox)
      let epoch = try await stream.authenticate(owner.key, at: relays[0])
      _ = try await stream.untilCaughtUp(acknowledging: epoch)
      try await until { try await owner.status(at: relays[0]).envelopes == 0 }
      stream.close()
      let database = String(store.split(separator: " ").first { $0.hasPrefix("dbname=") }?.dropFirst(7) ?? "")
      try await until { try cluster.sql("SELECT count(home) FROM mailbox", in: database) == "0\n" }
      broker.kill()
      try await put(6, at: relays[1])
      try await until { try await relays[1].metric("sotto_relay_push_jobs_total{result=\"failed\"}") > 0 }
      try await onThread { try broker.start() }
      try await until { try await queued() > 1 }
      let late = try await drain(address, 1)
      #expect(!late.isEmpty && Set(late) == Set(woken), "an old subscription has its old handle")
      #expect(late.count == 1)

      #expect(try await relays[0].owner(owner.key, .delete, .push(mailbox), sequence: 11).status == 204)
      for relay in relays { try await relay.stop() }
    }
  }

  extension RabbitMQBroker {
    /// Messages of a queue.
    func count(of queue: String) throws -> Int {
      let lines = try control("-q", "list_queues", "--silent", "name", "messages").split(separator: "\n")
      let fields = try #require(lines.first { $0.hasPrefix(queue + "\t") }?.split(separator: "\t"))
      return try #require(Int(fields[1]))
    }
  }
#endif
