#if Fleet
  import AsyncHTTPClient
  import Foundation
  import NIOCore
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoSimulation
  import SottoWire
  import Synchronization
  import Testing

  /// Two relays with one database.
  @Suite(.enabled(if: PostgreSQLCluster.isInstalled), .serialized) struct TwoRelayTests {
    private static let now: Int64 = 1_700_000_000

    /// `bus` sets what the relays tell each other with.
    private func withTwoRelays(
      bus: (inout RelayConfiguration) -> Void = { _ in }, connector: (any BusConnector)? = nil,
      _ body: ([TestRelay], String) async throws -> Void
    ) async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let address = cluster.address(try cluster.database())
      var relays: [TestRelay] = []
      for _ in 0..<2 {
        relays.append(
          try await TestRelay.start(bus: connector) {
            $0.store = .postgreSQL(address)
            $0.authorities = []
            $0.metrics = ListenAddress(host: "127.0.0.1", port: 0)
            bus(&$0)
          })
      }
      do {
        try await body(relays, address)
      } catch {
        for relay in relays { try? await relay.stop() }
        throw error
      }
      for relay in relays { try await relay.stop() }
    }

    /// What relays tell each other and the gateway, as bytes.
    private final class Seen: Sendable {
      private let bytes = Mutex<[[UInt8]]>([])
      var all: [[UInt8]] { bytes.withLock { $0 } }
      func add(_ more: [UInt8]) { bytes.withLock { $0.append(more) } }
    }

    private func withSeenBus(_ body: ([TestRelay], Seen) async throws -> Void) async throws {
      let seen = Seen()
      try await withTwoRelays(bus: Self.pushes, connector: SeenBus { seen.add($0) }) { relays, _ in
        try await body(relays, seen)
      }
    }

    private static func pushes(_ configuration: inout RelayConfiguration) {
      configuration.busLocation = BusAddress.Location("amqp://nobody@127.0.0.1/")
      configuration.busPassword = "/nonexistent"
      configuration.push = .bus
    }

    private func put(_ number: Int, to owner: borrowing Owner, at relay: TestRelay) async throws {
      let (mailbox, contact) = (owner.mailbox, owner.contact)
      #expect(
        try await relay.sender(.put, .envelope(mailbox, envelopeID(number)), contact, body: envelope(number)).status
          == 201)
    }

    private func listen(_ owner: borrowing Owner, at relay: TestRelay) async throws -> StreamClient {
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      try await stream.authenticate(owner.key, at: relay)
      #expect(try await stream.next() == .frame(.caughtUp(index: 0)))
      return stream
    }

    private func isEnvelope(_ event: StreamClient.Event, _ number: Int) -> Bool {
      if case .frame(.envelope(_, let id, let bytes)) = event {
        id == envelopeID(number) && bytes == envelope(number)
      } else {
        false
      }
    }

    /// Without a bus the store is asked every two seconds. [operation.14]
    @Test func whatNobodyTellsIsFound() async throws {
      try await withTwoRelays { relays, address in
        let owner = Owner(1)
        try await owner.register(at: relays[0])
        let stream = try await listen(owner, at: relays[1])
        try await put(1, to: owner, at: relays[0])
        #expect(isEnvelope(try await stream.next(), 1))
        // What is here is told at once.
        try await put(2, to: owner, at: relays[1])
        #expect(isEnvelope(try await stream.next(), 2))
        // A program that tells nobody, because it is of another version, or because it died in between.
        let other = try PostgreSQLStore(address: address)
        let arrival = Arrival(
          mailbox: owner.mailbox, id: envelopeID(3), capability: owner.contact.hash, bytes: envelope(3))
        #expect(await submit([arrival], to: other) == [.stored])
        #expect(isEnvelope(try await stream.next(), 3))
        try await other.close()
      }
    }

    /// One folder: whichever relay took bytes in, the other goes on with them, hands them out and removes them.
    /// [operation.19]
    @Test func attachmentsAreEverywhere() async throws {
      let folder = Folder()
      func share(_ configuration: inout RelayConfiguration) { configuration.attachments = folder.path }
      try await withTwoRelays(bus: share) { relays, _ in
        let owner = Owner(1)
        try await owner.register(at: relays[0])
        let bytes = blobBytes(3 << 20)
        #expect(try await relays[0].claimUpload(owner, blobID(1), bytes.count).offset == 0)
        let half = try await relays[0].append(owner, blobID(1), Array(bytes[..<1_000_000]), at: 0)
        #expect(half.status == 204 && half.offset == 1_000_000)
        #expect(try await relays[1].claimUpload(owner, blobID(1), bytes.count).offset == 1_000_000)
        #expect(try await relays[1].append(owner, blobID(1), Array(bytes[1_000_000...]), at: 1_000_000).status == 201)
        for relay in relays { #expect(try await relay.read(blobID(1)).body == bytes) }
        try await relays[1].stop()
        #expect(try await relays[0].read(blobID(1)).body == bytes)
        #expect(try await relays[0].owner(owner.key, .delete, .uploads(owner.mailbox), sequence: 3).status == 204)
        try await until { BlobFolder.contents(folder.path).isEmpty }
        for relay in relays { #expect(relay.blobFiles("").isEmpty, "nothing in its own folder") }
      }
    }

    /// The newest socket wins, wherever it is, and a mailbox that is gone is gone everywhere. [stream.8]
    @Test func aSocketHereEndsOneThere() async throws {
      try await withTwoRelays { relays, _ in
        let owner = Owner(1)
        try await owner.register(at: relays[0])
        let first = try await listen(owner, at: relays[0])
        let second = try await listen(owner, at: relays[1])
        #expect(try await first.next() == .frame(.closing(.displaced)))
        let third = try await listen(owner, at: relays[0])
        #expect(try await second.next() == .frame(.closing(.displaced)))
        try await put(1, to: owner, at: relays[1])
        #expect(isEnvelope(try await third.next(), 1), "it has not been left with those that ended")
        #expect(try await relays[1].owner(owner.key, .delete, .mailbox(owner.mailbox), sequence: 9).status == 204)
        #expect(try await third.next() == .frame(.closing(.gone)))
      }
    }

    /// A database that has lost a claim does not cost its owner the stream: it is told to come back.
    @Test func aClaimThatIsForgottenIsMadeAgain() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      try await withTwoRelays { relays, address in
        let owner = Owner(1)
        try await owner.register(at: relays[0])
        let first = try await listen(owner, at: relays[0])
        let database = address.split(separator: " ").first { $0.hasPrefix("dbname=") }?.dropFirst(7) ?? ""
        try cluster.sql("UPDATE mailbox SET home = NULL, socket = NULL, claim = 0", in: String(database))
        #expect(try await first.next() == .frame(.closing(.restarting)))
        let second = try await listen(owner, at: relays[0])
        try await put(1, to: owner, at: relays[1])
        #expect(isEnvelope(try await second.next(), 1))
      }
    }

    /// A database that has lost what was delivered gives its index again, to another envelope. A stream whose claim it still has
    /// would pass it by: so its owner is told to come back. [operation.14]
    @Test func whatIsGivenAnIndexAgainIsDelivered() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      try await withTwoRelays { relays, address in
        let owner = Owner(1)
        try await owner.register(at: relays[0])
        let first = try await StreamClient.connect(to: relays[0], owner.mailbox)
        let epoch = try await first.authenticate(owner.key, at: relays[0])
        #expect(try await first.next() == .frame(.caughtUp(index: 0)))
        try await put(1, to: owner, at: relays[0])
        #expect(isEnvelope(try await first.next(), 1))
        first.send(.ack(index: 1, restoreEpoch: epoch))
        let database = address.split(separator: " ").first { $0.hasPrefix("dbname=") }?.dropFirst(7) ?? ""
        func sql(_ text: String) throws -> String { try cluster.sql(text, in: String(database)) }
        try await until { try sql("SELECT acknowledged FROM mailbox") == "1\n" }
        _ = try sql("UPDATE mailbox SET last_index = 0, acknowledged = 0; DELETE FROM name")
        try await put(2, to: owner, at: relays[1])
        #expect(try await first.next() == .frame(.closing(.restarting)))
        let second = try await StreamClient.connect(to: relays[0], owner.mailbox)
        try await second.authenticate(owner.key, at: relays[0])
        #expect(isEnvelope(try await second.next(), 2))
      }
    }

    /// A socket that is closed is no longer anybody's, nor is one of a relay that ends.
    @Test func whatHasEndedIsLeft() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      try await withTwoRelays { relays, address in
        let owner = Owner(1)
        try await owner.register(at: relays[0])
        func homes() throws -> String {
          let database = address.split(separator: " ").first { $0.hasPrefix("dbname=") }?.dropFirst(7) ?? ""
          return try cluster.sql(
            "SELECT (SELECT count(home) FROM mailbox), (SELECT count(*) FROM node)", in: String(database))
        }
        let first = try await listen(owner, at: relays[0])
        try await until { try homes() == "1|2\n" }
        first.close()
        try await until { try homes() == "0|2\n" }
        let second = try await listen(owner, at: relays[1])
        #expect(try homes() == "1|2\n")
        try await relays[1].stop()
        #expect(try await second.next() == .frame(.closing(.restarting)))
        #expect(try homes() == "0|1\n")
        try await relays[0].stop()
        #expect(try homes() == "0|0\n")
      }
    }

    /// What goes over the bus has no name in it, and no two of it can be told to be of one mailbox. [leakage.6]
    @Test func theBusCarriesNoName() async throws {
      try await withSeenBus { relays, seen in
        let owner = Owner(1)
        try await owner.register(at: relays[0])
        var streams = [try await listen(owner, at: relays[1])]
        try await put(1, to: owner, at: relays[0])
        #expect(isEnvelope(try await streams[0].next(), 1))
        // Taken over, written to, taken over again, deleted.
        for (number, relay) in [(2, 0), (3, 1)] {
          let stream = try await StreamClient.connect(to: relays[relay], owner.mailbox)
          let epoch = try await stream.authenticate(owner.key, at: relays[relay])
          _ = try await stream.untilCaughtUp(acknowledging: epoch)
          #expect(try await streams.removeLast().next() == .frame(.closing(.displaced)))
          try await put(number, to: owner, at: relays[1 - relay])
          #expect(isEnvelope(try await stream.next(), number))
          streams.append(stream)
        }
        #expect(try await relays[0].owner(owner.key, .delete, .mailbox(owner.mailbox), sequence: 9).status == 204)
        #expect(try await streams[0].next() == .frame(.closing(.gone)))
        let all = seen.all
        let kinds = Set(all.compactMap(\.first))
        #expect(kinds == [1, 2] && all.allSatisfy { $0.count == 17 })
        let names =
          [owner.mailbox.bytes, owner.key.publicKey.bytes, owner.contact.hash.bytes, owner.contact.bytes]
          + (1...3).map { envelopeID($0).bytes }
        for bytes in all {
          for name in names { #expect(!bytes.contains(name.prefix(8))) }
        }
        // Three sockets, and each has its own.
        #expect(Set(all.map { $0.dropFirst() }).count == 3)
      }
    }

    /// A push job has no name in it either, and what the device has sealed goes through as it is. [leakage.7]
    @Test func aPushJobCarriesNoName() async throws {
      try await withSeenBus { relays, seen in
        let owner = Owner(1)
        try await owner.register(at: relays[0])
        let sealed = [UInt8](repeating: 0xa5, count: 40)
        #expect(
          try await relays[0].owner(owner.key, .put, .push(owner.mailbox), body: sealed, sequence: 9).status == 204)
        try await put(1, to: owner, at: relays[1])
        try await until { !seen.all.isEmpty }
        let all = seen.all
        #expect(all.count == 1)
        for bytes in all {
          #expect(try PushJob(decoding: bytes).sealed == sealed && bytes.count == 1 + 16 + 1 + 40)
          for name in [
            owner.mailbox.bytes, owner.key.publicKey.bytes, owner.contact.hash.bytes, owner.contact.bytes,
            envelopeID(1).bytes, Array(envelope(1).prefix(8)),
          ] { #expect(!bytes.contains(name.prefix(8))) }
        }
      }
    }

    /// What is due too often stays due in the database, and is asked for later; nobody else waits for it. [push.12]
    @Test func whatIsDueTooOftenWaitsInTheDatabase() async throws {
      let seen = Seen()
      let cluster = try await PostgreSQLCluster.shared()
      let address = cluster.address(try cluster.database())
      let relay = try await TestRelay.start(bus: SeenBus { seen.add($0) }) {
        $0.store = .postgreSQL(address)
        Self.pushes(&$0)
      }
      // A job that is put once more is the same.
      func jobs() throws -> Set<[UInt8]> { Set(try seen.all.map { try PushJob(decoding: $0).sealed }) }
      let owner = Owner(1)
      let other = Owner(2)
      try await owner.register(at: relay)
      try await other.register(at: relay)
      func subscribe(_ owner: borrowing Owner, _ number: Int) async throws {
        let answer = try await relay.owner(
          owner.key, .put, .push(owner.mailbox), body: [UInt8(number)], sequence: 9 + UInt64(number))
        #expect(answer.status == 204)
      }
      let most = Int(RelayLimits.wakeups.burst)
      for number in 1...most {
        try await subscribe(owner, number)
        try await put(number, to: owner, at: relay)
        try await until { try jobs().count == number }
      }
      try await subscribe(owner, most + 1)
      try await put(most + 1, to: owner, at: relay)
      try await subscribe(other, 100)
      try await put(1, to: other, at: relay)
      try await until { try jobs().contains([100]) }
      let early = try jobs()
      #expect(early.count == most + 1 && !early.contains([UInt8(most + 1)]))
      relay.clock.advance(RelayLimits.wakeups.interval)
      try await until { try jobs().contains([UInt8(most + 1)]) }
      try await relay.stop()
    }

    /// What the queue does not take is put again, by this relay or by one that reaches more. [push.4]
    @Test func whatOneRelayCannotPutAnotherPuts() async throws {
      let (refused, taken) = (Seen(), Seen())
      let cluster = try await PostgreSQLCluster.shared()
      let address = cluster.address(try cluster.database())
      func start(_ bus: SeenBus) async throws -> TestRelay {
        try await TestRelay.start(bus: bus) {
          $0.store = .postgreSQL(address)
          Self.pushes(&$0)
        }
      }
      let first = try await start(SeenBus(see: { refused.add($0) }, takes: false))
      let owner = Owner(1)
      try await owner.register(at: first)
      let answer = try await first.owner(owner.key, .put, .push(owner.mailbox), body: [7], sequence: 9)
      #expect(answer.status == 204)
      try await put(1, to: owner, at: first)
      try await until { refused.all.count > 1 }
      let second = try await start(SeenBus { taken.add($0) })
      try await until { !taken.all.isEmpty }
      let sealed = try taken.all.map { try PushJob(decoding: $0).sealed }
      #expect(Set(sealed) == [[7]])
      for relay in [first, second] { try await relay.stop() }
    }

    /// With RabbitMQ others are told; while it is away nothing is refused, and the store is asked; when it is back it is used
    /// again. [operation.14]
    @Test(.enabled(if: RabbitMQBroker.isInstalled)) func theBusMayComeAndGo() async throws {
      let broker = try await onThread { try RabbitMQBroker() }
      try await withTwoRelays(bus: broker.configuration) { relays, _ in
        let owner = Owner(1)
        try await owner.register(at: relays[0])
        let stream = try await listen(owner, at: relays[1])
        func woken(_ path: String) async throws -> Int {
          try await relays[1].metric("sotto_relay_wakeups_total{path=\"\(path)\"}")
        }
        func isDown(_ value: Int) async throws -> Bool {
          for relay in relays where try await relay.metric("sotto_relay_bus_down") != value { return false }
          return true
        }
        try await until { try await isDown(0) }
        // A look may be the first, but not each time.
        var number = 0
        while try await woken("bus") == 0, number < 20 {
          number += 1
          try await put(number, to: owner, at: relays[0])
          #expect(isEnvelope(try await stream.next(), number))
        }
        #expect(try await woken("bus") > 0)
        try await until { try await relays[0].metric("sotto_relay_notices_total{what=\"told\"}") >= number }
        #expect(try await woken("local") == 0)
        broker.kill()
        try await until { try await isDown(1) }
        let looks = try await woken("look")
        try await put(100, to: owner, at: relays[0])
        #expect(isEnvelope(try await stream.next(), 100))
        // Counted just after it was done, when the envelope may have come already.
        try await until { try await woken("look") == looks + 1 }
        try await until { try await relays[0].metric("sotto_relay_notices_total{what=\"dropped\"}") == 1 }
        try await onThread { try broker.start() }
        try await until { try await isDown(0) }
        let told = try await woken("bus")
        number = 200
        while try await woken("bus") == told, number < 220 {
          number += 1
          try await put(number, to: owner, at: relays[0])
          #expect(isEnvelope(try await stream.next(), number))
        }
        #expect(try await woken("bus") > told)
        let log = relays.flatMap(\.lines.all).joined(separator: "\n")
        #expect(log.contains("bus connected") && log.contains("bus lost"))
        #expect(!log.contains("\(broker.port)") && !log.contains(owner.mailbox.text))
      }
    }
  }
#endif
