#if Fleet
  import Foundation
  import SottoRelay
  import SottoRelayFleet
  import SottoSimulation
  import SottoWire
  import Testing

  /// The adapter for RabbitMQ: the contract, and what is its own.
  @Suite(.enabled(if: RabbitMQBroker.isInstalled), .serialized) struct RabbitMQTests {
    @Test(arguments: BusContract.all.map(\.name)) func contract(_ name: String) async throws {
      let broker = try await RabbitMQBroker.shared()
      let clause = try #require(BusContract.all.first { $0.name == name })
      try await clause.run(BusContract { try RabbitMQ().bus(broker.address(), as: $0) })
    }

    // MARK: Who is let in, and who is believed

    /// Files that cannot be read are a reason not to start.
    @Test func whatIsMissingIsNamed() async throws {
      let broker = try await RabbitMQBroker.shared()
      for (address, setting) in [
        (try broker.address(password: "/nonexistent"), Setting.busPassword),
        (try broker.address("amqps://guest@localhost/", authorities: "/nonexistent"), .busCA),
      ] {
        do {
          _ = try RabbitMQ().bus(address, as: NodeID(number: 1))
          Issue.record("\(setting)")
        } catch {
          #expect(error.exitCode == 78 && error.setting == setting)
        }
      }
    }

    private func isConnected(_ address: BusAddress) async throws -> Bool {
      let ears = BusContract.Ears()
      let bus = try RabbitMQ().bus(address, as: NodeID(number: 1))
      bus.start { ears.hear($0) }
      try await until { !ears.all.isEmpty }
      let isConnected = ears.isConnected
      if !isConnected {
        #expect(!bus.tell(NodeID(number: 2), Notice(.arrived, [SocketHandle(number: 3)])))
        // It tries again, and says so once.
        try await Task.sleep(for: .milliseconds(200))
        #expect(ears.all == [.disconnected])
      }
      await bus.close()
      return isConnected
    }

    /// What cannot be reached, or does not let the relay in, is no reason not to start; but it is said.
    @Test func aBrokerThatIsNotThereIsDown() async throws {
      let broker = try await RabbitMQBroker.shared()
      let wrong = broker.folder + "/wrong"
      try "not-the-password\n".write(toFile: wrong, atomically: true, encoding: .utf8)
      #expect(try await isConnected(broker.address()))
      #expect(try await !isConnected(broker.address(password: wrong)))
      #expect(try await !isConnected(broker.address("amqp://guest@127.0.0.1:1/")))
      #expect(try await !isConnected(broker.address("amqp://guest@127.0.0.1:\(broker.port)/nowhere")))
      #expect(try await isConnected(broker.address("amqp://guest@127.0.0.1:1,127.0.0.1:\(broker.port)/")))
    }

    /// What the doctor asks. [operation.8]
    @Test func whetherARelayIsLetInIsSaidAtOnce() async throws {
      let broker = try await RabbitMQBroker.shared()
      let wrong = broker.folder + "/wrong-too"
      try "not-the-password\n".write(toFile: wrong, atomically: true, encoding: .utf8)
      func exitCode(_ address: BusAddress) async throws -> Int32? {
        try await onThread { () -> Int32? in
          do throws(StartFailure) {
            try RabbitMQ().reach(address)
            return nil
          } catch {
            return error.exitCode
          }
        }
      }
      #expect(try await exitCode(broker.address()) == nil)
      #expect(try await exitCode(broker.address("amqp://guest@127.0.0.1:1,127.0.0.1:\(broker.port)/")) == nil)
      #expect(try await exitCode(broker.address(password: wrong)) == 69)
      #expect(try await exitCode(broker.address("amqp://guest@127.0.0.1:1/")) == 69)
      #expect(try await exitCode(broker.address("amqp://guest@127.0.0.1:\(broker.port)/nowhere")) == 69)
      #expect(try await exitCode(broker.address(password: "/nonexistent")) == 78)
    }

    /// The certificate has to be for the name that was asked for, and of an authority that is trusted.
    @Test func aBrokerHasToProveWhoItIs() async throws {
      let broker = try await RabbitMQBroker.shared()
      let authority = broker.certificate.authority
      let other = try SelfSignedCertificate(hosts: ["localhost"], now: Int64(Date.now.timeIntervalSince1970))
      let folder = Folder()
      let stranger = try other.write(to: folder.path).authority
      func address(_ host: String, _ authorities: String?) throws -> BusAddress {
        try broker.address("amqps://guest@\(host):\(broker.encryptedPort)/", authorities: authorities)
      }
      #expect(try await isConnected(address("localhost", authority)))
      #expect(try await !isConnected(address("127.0.0.1", authority)), "it is for localhost")
      #expect(try await !isConnected(address("localhost", stranger)))
      #expect(try await !isConnected(address("localhost", nil)), "this machine does not trust it")
      #expect(try await !isConnected(broker.address("amqps://guest@localhost:\(broker.port)/", authorities: authority)))
    }

    /// What `Deploy/README.md` has an operator allow is enough, for relays and for the gateway. [operation.14] [operation.16]
    @Test func whatTheManualAllowsIsEnough() async throws {
      let broker = try await RabbitMQBroker.shared()
      let manual = try String(
        contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../Deploy/README.md"),
        encoding: .utf8)
      let commands = manual.matches(of: /rabbitmqctl set_permissions (\S+) '([^']*)' '([^']*)' '([^']*)'/)
      #expect(commands.map { String($0.1) } == ["sotto", "sotto-push"])
      try broker.control("add_vhost", "manual")
      for command in commands {
        let (user, rights) = (String(command.1), [command.2, command.3, command.4].map(String.init))
        try broker.control("add_user", user, user)
        try broker.control("set_permissions", "-p", "manual", user, rights[0], rights[1], rights[2])
        try user.write(toFile: broker.folder + "/" + user, atomically: true, encoding: .utf8)
      }
      func address(_ user: String) throws -> BusAddress {
        try broker.address("amqp://\(user)@127.0.0.1:\(broker.port)/manual", password: broker.folder + "/" + user)
      }
      let (ears, node) = (BusContract.Ears(), NodeID(number: 9))
      let bus = try RabbitMQ().bus(address("sotto"), as: node)
      bus.start { ears.hear($0) }
      try await until { ears.isConnected }
      #expect(bus.tell(node, Notice(.arrived, [BusContract.socket(1)])))
      try await until { ears.sockets(.arrived) == [BusContract.socket(1)] }
      await bus.close()

      let queue = try RabbitMQ().pushQueue(address("sotto"))
      let job = PushJob(handle: PushHandle(number: 7), sealed: [1])
      #expect(await queue.put([job]) == Set([job.handle]))
      let jobs = RabbitMQPushJobs(try address("sotto-push"))
      async let end: Void = jobs.run { _ in .gone }
      var ended: [PushHandle] = []
      try await until {
        ended += await queue.ended(limit: 9)
        return !ended.isEmpty
      }
      #expect(ended == [job.handle])
      jobs.stop()
      await end
      await queue.close()
    }

    // MARK: A broker that takes nothing

    /// One that is short of memory reads nothing more of whoever tells it something, and goes on giving signs of life.
    @Test func aBrokerThatTakesNothingIsGivenUp() async throws {
      let broker = try await onThread { try RabbitMQBroker() }
      let ears = BusContract.Ears()
      let bus = try RabbitMQ(stall: .seconds(1)).bus(broker.address(), as: NodeID(number: 1))
      bus.start { ears.hear($0) }
      try await until { ears.isConnected }
      try broker.control("set_vm_memory_high_watermark", "0.0000001")
      /// Until the thread takes no more: what waits is bounded.
      func fill() async throws {
        var node = 0 as UInt128
        try await until {
          node += 1
          let sockets = (0..<RelayLimits.noticeSockets).map { SocketHandle(number: UInt128($0)) }
          return !bus.tell(NodeID(number: node), Notice(.arrived, sockets))
        }
      }
      try await fill()
      try await until {
        bus.check()
        return ears.all.contains(.disconnected)
      }
      #expect(ears.all.contains { if case .dropped = $0 { true } else { false } })
      // And when the relay ends meanwhile, it ends.
      try await until { ears.isConnected }
      try await fill()
      await bus.close()
      #expect(ears.all.last == .disconnected)
    }
  }
#endif
