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

/// A gateway that says what a test wants of each job.
final class TestGateway: Sendable {
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

/// A relay that wakes by a gateway, and what its owners do.
struct PushStage: Sendable {
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

  static func start(in folder: Folder, _ path: String) async throws -> TestRelay {
    try await TestRelay.start(in: folder) {
      $0.push = .socket(path)
      $0.metrics = ListenAddress(host: "127.0.0.1", port: 0)
    }
  }

  /// Two owners, the first of whom wants to be woken.
  static func with(_ body: (PushStage) async throws -> Void) async throws {
    let folder = Folder()
    let stage = PushStage(relay: try await start(in: folder, folder.path + "/s"), path: folder.path + "/s")
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
}

/// What another implementation of a gateway, or none, would say.
final class RawGateway: Sendable {
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
  var isOpen: Bool { channel.isActive }

  /// Whether it is not sent away at once.
  func stays() async throws -> Bool {
    try await Task.sleep(for: .milliseconds(100))
    return isOpen
  }
}
