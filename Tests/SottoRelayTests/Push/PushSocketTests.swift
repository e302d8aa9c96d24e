import Foundation
import GRDB
import NIOCore
import NIOPosix
import NIOWebSocket
import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

/// A single relay and its gateway, over a real socket. [push.10]
@Suite struct PushSocketTests {
  /// A gateway that says what a test wants of each job.
  private final class TestGateway: Sendable {
    /// What it was given, and whether it has a connection.
    private final class Notes: Sendable {
      let seen = Mutex<[PushJob]>([])
      let isConnected = Mutex(false)
    }

    private let notes = Notes()
    private let jobs: SocketPushJobs
    private let running: Task<Void, Never>

    init(_ path: String, _ carryOut: @escaping @Sendable (PushJob, Int) async -> PushVerdict = { _, _ in .done }) {
      let notes = notes
      let jobs = SocketPushJobs(path: path) { isConnected in notes.isConnected.withLock { $0 = isConnected } }
      self.jobs = jobs
      running = Task {
        await jobs.run { job in
          let count = notes.seen.withLock { seen in
            seen.append(job)
            return seen.count
          }
          return await carryOut(job, count)
        }
      }
    }

    var all: [PushJob] { notes.seen.withLock { $0 } }
    var isConnected: Bool { notes.isConnected.withLock { $0 } }

    /// As on SIGTERM.
    func stop() async {
      jobs.stop()
      await running.value
    }
  }

  private struct Stage: Sendable {
    let relay: TestRelay
    let path: String

    func put(_ number: Int, to seed: UInt8 = 1) async throws {
      let owner = Owner(seed)
      let (mailbox, contact) = (owner.mailbox, owner.contact)
      #expect(
        try await relay.sender(.put, .envelope(mailbox, envelopeID(number)), contact, body: envelope(number)).status
          == 201)
    }

    func subscribe(_ seed: UInt8, _ sealed: [UInt8], _ sequence: UInt64) async throws {
      let owner = Owner(seed)
      let method: SottoWire.HTTPMethod = sealed.isEmpty ? .delete : .put
      #expect(
        try await relay.owner(owner.key, method, .push(owner.mailbox), body: sealed, sequence: sequence).status == 204)
    }

    /// The owner looks, takes what there is, and goes.
    func look(_ seed: UInt8 = 1) async throws -> Int {
      let owner = Owner(seed)
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      let epoch = try await stream.authenticate(owner.key, at: relay)
      let found = try await stream.untilCaughtUp(acknowledging: epoch)
      // The acknowledgement is carried out, or it would wait still.
      try await until { try await owner.status(at: relay).envelopes == 0 }
      stream.close()
      return found.count
    }
  }

  private static func start(in folder: Folder, _ path: String) async throws -> TestRelay {
    try await TestRelay.start(in: folder) {
      $0.push = .socket(path)
      $0.metrics = ListenAddress(host: "127.0.0.1", port: 0)
    }
  }

  /// Two owners, the first of whom wants to be woken.
  private func withStage(_ body: (Stage) async throws -> Void) async throws {
    let folder = Folder()
    let stage = Stage(relay: try await Self.start(in: folder, folder.path + "/s"), path: folder.path + "/s")
    for seed in [1, 2] as [UInt8] { try await Owner(seed).register(at: stage.relay) }
    try await stage.subscribe(1, [5, 5], 9)
    do {
      try await body(stage)
      try await stage.relay.stop()
    } catch {
      try? await stage.relay.stop()
      throw error
    }
    #expect(!FileManager.default.fileExists(atPath: stage.path), "it takes its socket along")
  }

  @Test func oneForAllThatComesUntilTheOwnerLooks() async throws {
    try await withStage { stage in
      let gateway = TestGateway(stage.path)
      try await until { gateway.isConnected }
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      #expect(gateway.all[0].sealed == [5, 5])
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      for number in 2...5 { try await stage.put(number) }
      // Who did not ask is not woken.
      try await stage.put(1, to: 2)
      #expect(try await stage.look() == 5)
      #expect(gateway.all.count == 1)
      try await stage.put(6)
      try await until { gateway.all.count == 2 }
      #expect(gateway.all[1] == gateway.all[0], "the same subscription, the same handle")
      try await stage.subscribe(1, [], 10)
      #expect(try await stage.look() == 1)
      try await stage.put(7)
      try await Task.sleep(for: .milliseconds(300))
      #expect(gateway.all.count == 2)
      await gateway.stop()
      let lines = stage.relay.lines.all.joined()
      #expect(lines.contains("gateway connected"))
      try await until { stage.relay.lines.all.joined().contains("gateway lost") }
    }
  }

  /// What was written to a stream that nobody read waits when it ends.
  @Test func whatWasSentIntoTheVoidWakes() async throws {
    try await withStage { stage in
      let gateway = TestGateway(stage.path)
      let owner = Owner(1)
      let stream = try await StreamClient.connect(to: stage.relay, owner.mailbox)
      try await stream.authenticate(owner.key, at: stage.relay)
      _ = try await stream.untilCaughtUp()
      try await stage.put(1)
      try await until { !(try await stream.isQuiet(for: .milliseconds(5))) }
      #expect(gateway.all.isEmpty)
      stream.close()
      try await until { gateway.all.count == 1 }
      await gateway.stop()
    }
  }

  /// Whoever takes what there is and goes at once is not woken for it, however slow the store is to forget it.
  @Test func whoTookEverythingIsNotWoken() async throws {
    try await withStage { stage in
      let gateway = TestGateway(stage.path)
      try await until { gateway.isConnected }
      let owner = Owner(1)
      for number in 1...8 {
        try await stage.put(number)
        try await until { gateway.all.count == number }
        let stream = try await StreamClient.connect(to: stage.relay, owner.mailbox)
        let epoch = try await stream.authenticate(owner.key, at: stage.relay)
        // The close is on its heels.
        _ = try await stream.untilCaughtUp(acknowledging: epoch)
        stream.send(raw: [0x03, 0xe8], opcode: .connectionClose)
        try await until { try await owner.status(at: stage.relay).envelopes == 0 }
        try await Task.sleep(for: .milliseconds(150))
        #expect(gateway.all.count == number)
      }
      await gateway.stop()
    }
  }

  /// A stream that opens and ends at once leaves its owner to be woken: whichever of the two the store hears of first.
  @Test func aStreamThatDiesAtOnceKeepsNobodyAsleep() async throws {
    try await withStage { stage in
      let gateway = TestGateway(stage.path)
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      for round in 2...20 {
        let owner = Owner(1)
        let stream = try await StreamClient.connect(to: stage.relay, owner.mailbox)
        try await stream.authenticate(owner.key, at: stage.relay)
        stream.close()
        // Sometimes before the relay has read the answer: then there was no stream.
        var tries = 0
        while gateway.all.count < round, tries < 200 {
          tries += 1
          try await Task.sleep(for: .milliseconds(10))
        }
        if gateway.all.count < round {
          let second = try await StreamClient.connect(to: stage.relay, owner.mailbox)
          try await second.authenticate(owner.key, at: stage.relay)
          _ = try await second.next()
          second.close()
          try await until { gateway.all.count >= round }
        }
      }
      await gateway.stop()
    }
  }

  /// The job waits in the store: for a gateway, for the next one, and for the next run of the relay.
  @Test func aJobOutlivesGatewayAndRelay() async throws {
    let folder = Folder()
    let path = folder.path + "/s"
    var relay = try await Self.start(in: folder, path)
    let stage = Stage(relay: relay, path: path)
    for seed in [1, 2] as [UInt8] {
      try await Owner(seed).register(at: relay)
      try await stage.subscribe(seed, [seed], 9)
      try await stage.put(Int(seed), to: seed)
    }
    // One that takes both and dies with them.
    let dying = try await RawGateway.connect(path)
    try await until { dying.requests.count == 2 }
    #expect(Set(dying.requests.map(\.job.sealed)) == [[1], [2]])
    dying.close()
    // One that has both and says of one what became of it.
    let second = try await RawGateway.connect(path)
    try await until { second.requests.count == 2 }
    let first = try #require(second.requests.first { $0.job.sealed == [1] })
    second.send(PushAnswer(number: first.number, .done).encoded)
    try await until { try await relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
    try await relay.stop()
    relay = try await Self.start(in: folder, path)
    let third = TestGateway(path)
    try await until { third.all.count == 1 }
    #expect(third.all[0].sealed == [2])
    try await until { try await relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
    await third.stop()
    // Nothing is due any more.
    let last = TestGateway(path)
    try await until { last.isConnected }
    try await Task.sleep(for: .milliseconds(300))
    #expect(last.all.isEmpty)
    await last.stop()
    try await relay.stop()
  }

  /// A push that had not even become due when the relay was killed is due when it starts.
  @Test func whatTheRelayDidNotGetToIsDueWhenItStarts() async throws {
    let folder = Folder()
    let store = try SQLiteStore(path: folder.path + "/relay.sqlite")
    let contract = try StoreContract { store }
    let mailbox = try await contract.registered(1)
    try await store.setPush(mailbox, [3], by: contract.mutation(1, 3))
    let arrival = Arrival(
      mailbox: mailbox, id: envelopeID(1), capability: Owner(1).contact.hash, bytes: envelope(1))
    #expect(await submit([arrival], to: store) == [.stored])
    try await store.close()
    let relay = try await Self.start(in: folder, folder.path + "/s")
    let gateway = TestGateway(folder.path + "/s")
    try await until { gateway.all.map(\.sealed) == [[3]] }
    await gateway.stop()
    try await relay.stop()
  }

  /// What a push service knows no more is asked for no more; another subscription is. [push.9]
  @Test func aSubscriptionThatIsOverIsTakenAway() async throws {
    try await withStage { stage in
      let gateway = TestGateway(stage.path) { job, _ in job.sealed == [5, 5] ? .gone : .done }
      try await stage.put(1)
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      #expect(try await stage.look() == 1)
      try await stage.put(2)
      try await Task.sleep(for: .milliseconds(300))
      #expect(gateway.all.count == 1)
      try await stage.subscribe(1, [6], 10)
      #expect(try await stage.look() == 1)
      try await stage.put(3)
      try await until { gateway.all.count == 2 }
      #expect(gateway.all[1].sealed == [6])
      await gateway.stop()
    }
  }

  /// One that cannot be carried out now is counted, and does not come back at once.
  @Test func whatCannotBeCarriedOutRests() async throws {
    try await withStage { stage in
      let gateway = TestGateway(stage.path) { _, _ in .later }
      try await stage.put(1)
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"failed\"}") == 1 }
      try await Task.sleep(for: .seconds(RelayLimits.pushSeconds + 1))
      #expect(gateway.all.count == 1)
      await gateway.stop()
    }
  }

  /// A gateway that is told to stop ends what it has in hand, and leaves the rest.
  @Test func aGatewayThatStopsEndsWhatItHasInHand() async throws {
    try await withStage { stage in
      let gateway = TestGateway(stage.path) { _, _ in
        try? await Task.sleep(for: .milliseconds(500))
        return .done
      }
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      await gateway.stop()
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      let next = TestGateway(stage.path)
      try await until { next.isConnected }
      try await Task.sleep(for: .milliseconds(300))
      #expect(next.all.isEmpty)
      await next.stop()
    }
  }

  /// Whoever says nonsense is sent away, what it held comes again, and nobody else notices.
  @Test(
    arguments: [
      [0xff, 0xff, 1], [0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 4], [0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0], [0, 0], [0, 1, 1],
      [0, 10, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
    ] as [[UInt8]]) func nonsenseEndsAConnection(_ bytes: [UInt8]) async throws
  {
    try await withStage { stage in
      let gateway = try await RawGateway.connect(stage.path)
      try await stage.put(1)
      try await until { gateway.requests.count == 1 }
      gateway.send(raw: bytes)
      try await gateway.end()
      let next = TestGateway(stage.path)
      try await until { next.all.count == 1 }
      await next.stop()
    }
  }

  /// An answer about what one does not hold changes nothing.
  @Test func oneAnswersForItselfAlone() async throws {
    try await withStage { stage in
      let holder = try await RawGateway.connect(stage.path)
      try await stage.put(1)
      try await until { holder.requests.count == 1 }
      let number = holder.requests[0].number
      let stranger = try await RawGateway.connect(stage.path)
      for verdict in PushVerdict.allCases { stranger.send(PushAnswer(number: number, verdict).encoded) }
      stranger.send(PushAnswer(number: .max, .gone).encoded)
      stranger.send(PushAnswer(number: 0, .done).encoded)
      try await Task.sleep(for: .milliseconds(300))
      #expect(try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 0)
      holder.close()
      try await until { stranger.requests.count == 1 }
      #expect(stranger.requests[0].number == number)
      stranger.send(PushAnswer(number: number, .done).encoded)
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      stranger.close()
    }
  }

  /// One cannot have more to say than it was told.
  @Test func aFloodOfAnswersEndsAConnection() async throws {
    try await withStage { stage in
      let flood = try await RawGateway.connect(stage.path)
      let answer = PushAnswer(number: 0, .done).encoded
      flood.send(raw: (0..<100_000).flatMap { _ in [0, UInt8(answer.count)] + answer })
      try await flood.end()
      let gateway = TestGateway(stage.path)
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      await gateway.stop()
    }
  }

  /// A gateway that is sent away comes back, and not all the time; and it says so.
  @Test func aGatewayThatIsSentAwayWaits() async throws {
    let folder = Folder()
    let count = Mutex(0)
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        count.withLock { $0 += 1 }
        return channel.close()
      }
      .bind(unixDomainSocketPath: folder.path + "/s").get()
    let gateway = TestGateway(folder.path + "/s")
    try await until { count.withLock { $0 } >= 2 }
    #expect(!gateway.isConnected || count.withLock { $0 } < 4)
    try await Task.sleep(for: .seconds(2))
    #expect(count.withLock { $0 } <= 5, "one a second")
    await gateway.stop()
    try await listener.close()
  }

  /// A disk that is full keeps nobody from reading; that the owner looked is written down later.
  @Test func aStoreThatTakesNothingCanBeRead() async throws {
    try await withStage { stage in
      let gateway = TestGateway(stage.path)
      try await stage.put(1)
      try await until { try await stage.relay.metric("sotto_relay_push_jobs_total{result=\"queued\"}") == 1 }
      // Nobody can write meanwhile, as on a full disk, but the write waits and fails.
      let queue = try DatabaseQueue(path: stage.relay.folder.path + "/relay.sqlite")
      try await queue.write {
        try $0.execute(sql: "CREATE TRIGGER full BEFORE UPDATE ON push BEGIN SELECT RAISE(FAIL, 'full'); END")
      }
      let owner = Owner(1)
      let stream = try await StreamClient.connect(to: stage.relay, owner.mailbox)
      try await stream.authenticate(owner.key, at: stage.relay)
      #expect(try await stream.untilCaughtUp().count == 1)
      try await queue.write { try $0.execute(sql: "DROP TRIGGER full") }
      try queue.close()
      stream.close()
      try await until { gateway.all.count == 2 }
      await gateway.stop()
    }
  }

  @Test func soManyGatewaysAndNoMore() async throws {
    try await withStage { stage in
      var all: [RawGateway] = []
      for _ in 0..<RelayLimits.pushGateways { all.append(try await RawGateway.connect(stage.path)) }
      try await Task.sleep(for: .milliseconds(100))
      let late = try await RawGateway.connect(stage.path)
      try await late.end()
      all.removeLast().close()
      try await until {
        let next = try await RawGateway.connect(stage.path)
        defer { next.close() }
        return try await next.stays()
      }
      for gateway in all { gateway.close() }
    }
  }

  @Test func aSocketThatSomebodyAnswersAtIsNotTaken() async throws {
    try await withStage { stage in
      await #expect(throws: StartFailure.self) { _ = try await Self.start(in: Folder(), stage.path) }
      // It is still there, and works.
      let gateway = TestGateway(stage.path)
      try await stage.put(1)
      try await until { gateway.all.count == 1 }
      await gateway.stop()
    }
    let folder = Folder()
    do {
      _ = try await Self.start(in: folder, folder.path + "/none/s")
      Issue.record("there is no such folder")
    } catch let failure as StartFailure {
      #expect(failure.exitCode == 69 && failure.what.contains(folder.path + "/none/s"))
    }
    // What is no socket is nobody's to remove.
    try "mine".write(toFile: folder.path + "/file", atomically: true, encoding: .utf8)
    await #expect(throws: StartFailure.self) { _ = try await Self.start(in: folder, folder.path + "/file") }
    #expect(try String(contentsOfFile: folder.path + "/file", encoding: .utf8) == "mine")
  }

  /// One that a killed relay left is in nobody's way; and only user and group may connect.
  @Test func aSocketThatWasLeftIsTakenOver() async throws {
    let folder = Folder()
    let path = folder.path + "/s"
    let left = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(unixDomainSocketPath: path).get()
    try await left.close()
    if !FileManager.default.fileExists(atPath: path) {
      // The library may have tidied up.
      let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let bound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      #expect(bound == 0)
      close(socket)
    }
    #expect(FileManager.default.fileExists(atPath: path))
    let relay = try await Self.start(in: folder, path)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o660)
    try await relay.stop()
  }

  @Test func messagesOnTheSocket() throws {
    let job = PushJob(handle: PushHandle(number: 7), sealed: [9])
    let request = PushRequest(number: 258, job: job)
    #expect(request.encoded == [0, 0, 0, 0, 0, 0, 1, 2] + job.encoded)
    #expect(try PushRequest(decoding: request.encoded) == request)
    #expect(PushAnswer(number: 1, .gone).encoded == [0, 0, 0, 0, 0, 0, 0, 1, 2])
    for cut in 0..<request.encoded.count {
      #expect(throws: WireError.self) { try PushRequest(decoding: Array(request.encoded.prefix(cut))) }
    }
    #expect(throws: WireError.trailingBytes) { try PushRequest(decoding: request.encoded + [0]) }
    let longest = PushJob(handle: job.handle, sealed: [UInt8](repeating: 1, count: WireLimits.pushSubscription))
    #expect(PushRequest(number: .max, job: longest).encoded.count <= RelayLimits.pushFrame)
  }
}

/// What another implementation of a gateway, or none, would say.
private final class RawGateway: Sendable {
  private let channel: any Channel
  private let seen: Seen

  private final class Seen: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let bytes = Mutex<[UInt8]>([])
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let new = Array(unwrapInboundIn(data).readableBytesView)
      bytes.withLock { $0 += new }
    }
  }

  private init(_ channel: any Channel, _ seen: Seen) { (self.channel, self.seen) = (channel, seen) }

  static func connect(_ path: String) async throws -> RawGateway {
    let seen = Seen()
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { $0.pipeline.addHandler(seen) }
      .connect(unixDomainSocketPath: path).get()
    return RawGateway(channel, seen)
  }

  var requests: [PushRequest] {
    var rest = seen.bytes.withLock { $0 }[...]
    var found: [PushRequest] = []
    while rest.count >= 2 {
      let length = Int(rest.removeFirst()) << 8 | Int(rest.removeFirst())
      guard rest.count >= length, let one = try? PushRequest(decoding: Array(rest.prefix(length))) else { break }
      found.append(one)
      rest = rest.dropFirst(length)
    }
    return found
  }

  func send(_ message: [UInt8]) { send(raw: [UInt8(message.count >> 8), UInt8(message.count & 255)] + message) }
  func send(raw bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
  func close() { channel.close(promise: nil) }
  func end() async throws { try await channel.closeFuture.get() }

  /// Whether it is not sent away at once.
  func stays() async throws -> Bool {
    try await Task.sleep(for: .milliseconds(100))
    return channel.isActive
  }
}
