import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import SottoCrypto
import SottoWire
import Synchronization
import Testing

/// What a relay sends on a WebSocket.
protocol RelayFrame: Equatable, Sendable {
  init(decoding bytes: [UInt8]) throws(WireError)
}

extension ServerFrame: RelayFrame {}
extension SendFrame: RelayFrame {}

/// An owner's WebSocket.
typealias StreamClient = SocketClient<ServerFrame>
/// A sender's.
typealias SendClient = SocketClient<SendFrame>

/// A WebSocket as another implementation would write it: NIO's own client, and the frames of SottoWire.
final class SocketClient<In: RelayFrame>: Sendable {
  typealias Socket = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>
  /// What arrives, one after the other.
  enum Event: Equatable {
    case frame(In)
    case closed(code: Int?)
  }

  private let socket: Socket
  private let events = Queue()
  private let reader: Task<Void, any Error>
  private let writes: AsyncStream<WebSocketFrame>.Continuation

  static func connect(
    to relay: TestRelay, route: Route, host: String? = nil
  ) async throws -> SocketClient {
    let upgraded = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: relay.authority.host, port: relay.authority.port) { channel in
        channel.eventLoop.makeCompletedFuture {
          let upgrader = NIOTypedWebSocketClientUpgrader<Socket?>(maxFrameSize: 1 << 17) { channel, _ in
            channel.eventLoop.makeCompletedFuture { try Socket(wrappingChannelSynchronously: channel) }
          }
          let headers: HTTPHeaders = ["host": host ?? relay.authority.text, "content-length": "0"]
          let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: route.path, headers: headers)
          let upgrade = NIOTypedHTTPClientUpgradeConfiguration(upgradeRequestHead: head, upgraders: [upgrader]) {
            $0.close().map { nil }
          }
          var configuration = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: upgrade)
          // The challenge often comes together with the answer to the upgrade.
          configuration.leftOverBytesStrategy = .forwardBytes
          return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
            configuration: configuration)
        }
      }
    guard let socket = try await upgraded.get() else { throw Unexpected() }
    return SocketClient(socket)
  }

  private init(_ socket: Socket) {
    self.socket = socket
    let (writes, write) = AsyncStream.makeStream(of: WebSocketFrame.self)
    let events = events
    self.writes = write
    reader = Task {
      try await socket.executeThenClose { inbound, outbound in
        await withThrowingTaskGroup { group in
          group.addTask { for await frame in writes { try await outbound.write(frame) } }
          do {
            for try await frame in inbound {
              switch frame.opcode {
              case .binary:
                events.add(.frame(try In(decoding: Array(frame.data.readableBytesView))))
              case .connectionClose:
                var data = frame.data
                events.add(.closed(code: data.readInteger(as: UInt16.self).map(Int.init)))
              default: break
              }
            }
          } catch {}
          events.add(.closed(code: nil))
          group.cancelAll()
        }
      }
    }
  }

  deinit {
    reader.cancel()
    socket.channel.close(promise: nil)
  }

  /// What has arrived and was not asked for yet. It is looked at, not waited for: cancelling a wait would end a stream.
  private final class Queue: Sendable {
    private let events = Mutex<[Event]>([])
    func add(_ event: Event) { events.withLock { $0.append(event) } }
    func take() -> Event? { events.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
    var isEmpty: Bool { events.withLock(\.isEmpty) }
  }

  /// The next thing that happens; fails the test after three minutes.
  func next(_ location: SourceLocation = #_sourceLocation) async throws -> Event {
    for _ in 0..<36_000 {
      if let event = events.take() { return event }
      try await Task.sleep(for: .milliseconds(5))
    }
    return try #require(nil as Event?, "nothing arrived for three minutes", sourceLocation: location)
  }

  /// Whether nothing arrives for a while.
  func isQuiet(for duration: Duration = .milliseconds(300)) async throws -> Bool {
    try await Task.sleep(for: duration)
    return events.isEmpty
  }

  func send(raw bytes: [UInt8], opcode: WebSocketOpcode = .binary, fin: Bool = true, masked: Bool = true) {
    let key = masked ? WebSocketMaskingKey([1, 2, 3, 4]) : nil
    writes.yield(WebSocketFrame(fin: fin, opcode: opcode, maskKey: key, data: ByteBuffer(bytes: bytes)))
  }

  func close() { socket.channel.close(promise: nil) }

}

struct Unexpected: Error {}

extension SocketClient<ServerFrame> {
  static func connect(
    to relay: TestRelay, _ mailbox: MailboxID, host: String? = nil
  ) async throws -> StreamClient {
    try await connect(to: relay, route: .stream(mailbox), host: host)
  }

  func send(_ frame: ClientFrame) { send(raw: frame.encoded) }

  func challenge(_ location: SourceLocation = #_sourceLocation) async throws -> StreamChallenge {
    guard case .frame(.challenge(let challenge)) = try await next(location) else {
      throw Unexpected()
    }
    return challenge
  }

  /// Answers the challenge; the epoch that acks must carry.
  @discardableResult
  func authenticate(_ key: borrowing SigningKey, at relay: TestRelay) async throws -> UInt64 {
    let challenge = try await challenge()
    send(challenge.answer(authority: relay.authority, signedBy: key))
    return challenge.restoreEpoch
  }

  /// The envelopes up to `caught-up`, acknowledging as asked.
  func untilCaughtUp(acknowledging epoch: UInt64? = nil) async throws -> [(
    index: UInt64, id: EnvelopeID, bytes: [UInt8]
  )] {
    var found: [(index: UInt64, id: EnvelopeID, bytes: [UInt8])] = []
    while true {
      switch try await next() {
      case .frame(.envelope(let index, let id, let bytes)):
        found.append((index, id, bytes))
        if let epoch { send(.ack(index: index, restoreEpoch: epoch)) }
      case .frame(.caughtUp): return found
      default: throw Unexpected()
      }
    }
  }
}

extension SocketClient<SendFrame> {
  func put(
    _ number: UInt32, _ id: EnvelopeID, to mailbox: MailboxID, _ capability: Capability, _ bytes: [UInt8]
  ) {
    send(raw: PutFrame(number: number, mailbox: mailbox, id: id, capability: capability, bytes: bytes).encoded)
  }

  /// The next answers, until there are as many, by their numbers.
  func answers(_ count: Int, _ location: SourceLocation = #_sourceLocation) async throws -> [UInt32: PutAnswer] {
    var found: [UInt32: PutAnswer] = [:]
    while found.count < count {
      guard case .frame(.answers(let answers)) = try await next(location) else { throw Unexpected() }
      for answer in answers {
        #expect(found.updateValue(answer, forKey: answer.number) == nil, "one answer each", sourceLocation: location)
      }
    }
    return found
  }
}
