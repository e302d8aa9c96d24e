#if Fleet
  import Foundation
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoWire
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

    /// What a gateway gets until nothing has come for so long; `carryOut` decides.
    private func drain(
      _ address: BusAddress, quiet milliseconds: Int = 5_000, _ carryOut: (PushJob) -> PushJobs.Verdict = { _ in .done }
    ) throws -> [PushJob] {
      var place: PushJobs?
      // A queue that has just come back may let nobody take from it for a moment.
      for _ in 0..<20 where place == nil {
        place = PushJobs(address)
        if place == nil { usleep(500_000) }
      }
      guard let jobs = place else {
        Issue.record("no broker")
        return []
      }
      var all: [PushJob] = []
      while true {
        var isQuiet = true
        let isThere = jobs.next(within: milliseconds) { job in
          isQuiet = false
          all.append(job)
          return carryOut(job)
        }
        guard isThere, !isQuiet else { return all }
      }
    }

    /// What was confirmed is there, also after the broker was killed.
    @Test func aConfirmedJobOutlivesTheBroker() async throws {
      let broker = try RabbitMQBroker()
      let address = try broker.address()
      let queue = try RabbitMQ().pushQueue(address)
      #expect(await isSafe([job(102)], in: queue))
      // RabbitMQ 3.10 writes down a moment later that there is a new queue: one that is killed before has forgotten it.
      try await Task.sleep(for: .seconds(5))
      #expect(await isSafe((0..<100).map(job), in: queue))
      broker.kill()
      #expect(await queue.put([job(100)]).isEmpty, "nobody is there to confirm it")
      try broker.start()
      try await until(within: 60) { await isSafe([job(101)], in: queue) }
      let found = try drain(address).map(\.handle.bytes[15])
      #expect(Array(found.prefix(101)) == [102] + Array(0..<100), "in order")
      #expect(found.contains(101))
      await queue.close()
      #expect(await queue.put([job(103)]).isEmpty)
    }

    /// A gateway that dies with jobs in its hands leaves them to the next; one that refuses a job gets it again, up to a limit;
    /// then it is put aside, and so is what is no job.
    @Test func aJobComesAgainUntilItIsPutAside() async throws {
      let broker = try RabbitMQBroker()
      let address = try broker.address()
      let queue = try RabbitMQ().pushQueue(address)
      #expect(await isSafe([job(1), job(2)], in: queue))
      // Both are on their way to this one, which ends without a word.
      let wasThere = PushJobs(address) != nil
      #expect(wasThere)
      var given = 0
      let found = try drain(address) { job in
        guard job.handle.number == 1 else { return .done }
        given += 1
        return .later
      }
      #expect(found.count { $0.handle.number == 2 } == 1)
      #expect(given == 20 || given == 21, "\(given): the dying one may have counted")
      #expect(try drain(address).isEmpty, "it is not given again")
      try await until { try broker.count(of: "sotto.push.aside") == 1 }
      #expect(try broker.count(of: "sotto.push") == 0)
      await queue.close()
    }

    /// A queue that is full takes some of a lot and not the rest, and says which: what it has is not put once more.
    @Test func whatAFullQueueRefusesIsNotSafe() async throws {
      let broker = try RabbitMQBroker()
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
      let found = try drain(address).map(\.handle)
      #expect(Set(found) == safe.union([job(0).handle]) && found.count == safe.count + 1)
      #expect(await isSafe([job(300)], in: queue), "there is room again")
      await queue.close()
    }

    /// One that is short of memory reads no more; the relay does not wait for it, and not when it ends either.
    @Test func aBrokerThatTakesNothingIsNotWaitedFor() async throws {
      let broker = try RabbitMQBroker()
      let queue = try RabbitMQ().pushQueue(try broker.address())
      #expect(await isSafe([job(0)], in: queue))
      try broker.control("set_vm_memory_high_watermark", "0.0000001")
      let start = ContinuousClock.now
      for lot in 1...3 { #expect(await queue.put((lot * 64..<lot * 64 + 64).map(job)).isEmpty) }
      #expect(ContinuousClock.now - start < .seconds(90), "ten each, and what a busy machine adds")
      try broker.control("set_vm_memory_high_watermark", "0.4")
      try await until(within: 60) { await isSafe([job(999)], in: queue) }
      await queue.close()
    }

    @Test func whereNobodyIsNothingIsPut() async throws {
      let broker = try RabbitMQBroker.shared()
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
      let broker = try RabbitMQBroker()
      let cluster = try PostgreSQLCluster.shared()
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
      let woken = try drain(address)
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
      try broker.start()
      try await until(within: 60) { try await queued() > 1 }
      let late = try drain(address)
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
