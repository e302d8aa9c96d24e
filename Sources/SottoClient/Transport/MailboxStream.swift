internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import NIOWebSocket
internal import SottoCrypto
internal import SottoWire

/// The owner's end of a mailbox stream: frames in, frames out.
struct MailboxStream {
  /// Frames that arrived together stay together, so that one transaction can take them.
  private typealias Socket = NIOAsyncChannel<[WebSocketFrame], WebSocketFrame>

  let relay: RelayAuthority
  private let socket: Socket

  /// An envelope and what frames it; the relay sends nothing longer.
  private static let frameLimit = SizeClass.k64.rawValue + 64
  /// A relay that says nothing for so long, not even a ping, is gone.
  static let silenceLimit = TimeAmount.seconds(120)

  private enum Upgrade {
    case accepted(Socket)
    case declined
  }

  /// Connects and upgrades; nothing has been signed yet.
  init(to mailbox: MailboxID, at relay: RelayAuthority, tls: TLSConfiguration) async throws(RelayFailure) {
    self.relay = relay
    do {
      let context = relay.isLoopback ? nil : try NIOSSLContext(configuration: tls)
      let upgrade = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(Connections.connectTimeout)
        .connect(host: relay.host, port: relay.port) { channel in
          channel.eventLoop.makeCompletedFuture {
            try Self.configure(channel, mailbox, relay, context)
          }
        }
      switch try await Self.inTime(upgrade) {
      case .accepted(let socket): self.socket = socket
      case .declined: throw RelayFailure.nonsense(relay, what: "it did not open a stream")
      }
    } catch let failure as RelayFailure {
      throw failure
    } catch let error as HTTPParserError {
      throw .nonsense(relay, what: "its answer is no HTTP (\(error))")
    } catch {
      throw .unreachable(relay, reason: Connections.reason(error))
    }
  }

  private static func configure(
    _ channel: any Channel, _ mailbox: MailboxID, _ relay: RelayAuthority, _ context: NIOSSLContext?
  ) throws -> EventLoopFuture<Upgrade> {
    if let context {
      let isName = (try? SocketAddress(ipAddress: relay.host, port: 0)) == nil
      try channel.pipeline.syncOperations.addHandler(
        NIOSSLClientHandler(context: context, serverHostname: isName ? relay.host : nil))
    }
    let upgrader = NIOTypedWebSocketClientUpgrader<Upgrade>(maxFrameSize: frameLimit) { channel, _ in
      channel.eventLoop.makeCompletedFuture {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(IdleStateHandler(readTimeout: silenceLimit))
        try pipeline.addHandler(
          NIOWebSocketFrameAggregator(
            minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 64, maxAccumulatedFrameSize: frameLimit))
        try pipeline.addHandler(FramesTogether())
        return .accepted(try Socket(wrappingChannelSynchronously: channel))
      }
    }
    var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: Route.stream(mailbox).path)
    head.headers.add(name: "host", value: relay.text)
    var configuration = NIOUpgradableHTTPClientPipelineConfiguration(
      upgradeConfiguration: .init(
        upgradeRequestHead: head, upgraders: [upgrader],
        notUpgradingCompletionHandler: { $0.eventLoop.makeSucceededFuture(Upgrade.declined) }))
    // The challenge often comes in one segment with the answer to the upgrade; the default drops it.
    configuration.leftOverBytesStrategy = .forwardBytes
    return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(configuration: configuration)
  }

  /// A server that accepts the connection and never answers is not waited for.
  private static func inTime(_ upgrade: EventLoopFuture<Upgrade>) async throws -> Upgrade {
    let promise = upgrade.eventLoop.makePromise(of: Upgrade.self)
    let timer = upgrade.eventLoop.scheduleTask(in: Connections.exchangeTimeout) {
      promise.fail(ChannelError.connectTimeout(Connections.exchangeTimeout))
    }
    upgrade.cascade(to: promise)
    defer { timer.cancel() }
    return try await promise.futureResult.get()
  }
}

extension MailboxStream {
  /// What the owner writes to.
  struct Writer {
    fileprivate let outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>

    func send(_ frame: ClientFrame) async throws {
      try await send(.binary, ByteBuffer(bytes: frame.encoded))
    }

    fileprivate func close() async throws {
      var code = ByteBuffer()
      code.write(webSocketErrorCode: .normalClosure)
      try await send(.connectionClose, code)
    }

    fileprivate func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer) async throws {
      try await outbound.write(WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data))
    }
  }

  /// Hands `body` the frames as they arrive, some at a time, until it answers false or the relay closes.
  ///
  /// Pings are answered here. What `body` throws ends the stream and is thrown on; a lost connection is a
  /// `RelayFailure`.
  func run(
    isolation: isolated (any Actor)? = #isolation, _ body: ([ServerFrame], Writer) async throws -> Bool
  ) async throws {
    do {
      try await socket.executeThenClose(isolation: isolation) { inbound, outbound in
        let writer = Writer(outbound: outbound)
        var batches = inbound.makeAsyncIterator()
        while let frames = try await batches.next(isolation: isolation) {
          let (decoded, closed) = try await decode(frames, writer)
          let goesOn = try await body(decoded, writer)
          if closed { throw RelayFailure.unreachable(relay, reason: "the connection was closed") }
          guard goesOn else { return await end(isolation: isolation, &batches, writer) }
        }
        throw RelayFailure.unreachable(relay, reason: "the connection was closed")
      }
    } catch let error as NIOWebSocketError {
      throw RelayFailure.nonsense(relay, what: "its stream is no WebSocket (\(error))")
    } catch let error as any Error & RelayTrouble {
      throw RelayFailure.unreachable(relay, reason: Connections.reason(error))
    }
  }

  /// Says goodbye and waits a little for the answer: a connection that is torn down with unread bytes takes the last
  /// acknowledgement with it.
  private func end(
    isolation: isolated (any Actor)?, _ batches: inout NIOAsyncChannelInboundStream<[WebSocketFrame]>.AsyncIterator,
    _ writer: Writer
  ) async {
    let channel = socket.channel
    let limit = channel.eventLoop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
    defer { limit.cancel() }
    do {
      try await writer.close()
      while let frames = try await batches.next(isolation: isolation) {
        if frames.contains(where: { $0.opcode == .connectionClose }) { return }
      }
    } catch {
      // It is over either way.
    }
  }

  private func decode(
    isolation: isolated (any Actor)? = #isolation, _ frames: [WebSocketFrame], _ writer: Writer
  ) async throws -> ([ServerFrame], closed: Bool) {
    var decoded: [ServerFrame] = []
    for frame in frames {
      switch frame.opcode {
      case .binary:
        do {
          decoded.append(try ServerFrame(decoding: [UInt8](buffer: frame.unmaskedData)))
        } catch {
          throw RelayFailure.nonsense(relay, what: "a frame of its stream cannot be decoded")
        }
      case .ping: try await writer.send(.pong, frame.unmaskedData)
      case .pong: break
      case .connectionClose: return (decoded, true)
      default: throw RelayFailure.nonsense(relay, what: "a frame of its stream has a type of its own")
      }
    }
    return (decoded, false)
  }
}

/// What the network layer throws when a connection is lost.
private protocol RelayTrouble {}
extension IOError: RelayTrouble {}
extension ChannelError: RelayTrouble {}
extension NIOSSLError: RelayTrouble {}

/// Collects the frames of one read, and closes a connection on which nothing arrives any more.
///
/// They are handed on at the end of the event loop's tick and not with `channelReadComplete`: none follows the bytes
/// that came together with the answer to the upgrade.
private final class FramesTogether: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias InboundOut = [WebSocketFrame]

  private var frames: [WebSocketFrame] = []

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if frames.isEmpty {
      context.eventLoop.assumeIsolated().execute { self.handOn(context) }
    }
    frames.append(unwrapInboundIn(data))
  }

  func channelInactive(context: ChannelHandlerContext) {
    handOn(context)
    context.fireChannelInactive()
  }

  private func handOn(_ context: ChannelHandlerContext) {
    guard !frames.isEmpty else { return }
    let batch = frames
    frames = []
    context.fireChannelRead(wrapInboundOut(batch))
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is IdleStateHandler.IdleStateEvent {
      context.close(promise: nil)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }
}
