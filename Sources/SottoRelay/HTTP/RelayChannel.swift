internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import NIOSSL
internal import NIOWebSocket
internal import SottoWire

/// One connection: HTTP/1.1 requests answered by Hummingbird's loop and, for envelopes, before it; or, if the first of them
/// asks for it, a WebSocket.
struct RelayChannel: HTTPChannelHandler {
  /// What became of a connection once its first request was read.
  enum Kind: Sendable {
    case requests(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
    /// A plain handler serves it: no task, no buffers of sequences.
    case socket
  }

  struct Value: ServerChildChannelValue {
    let channel: any Channel
    let kind: EventLoopFuture<Kind>
    /// nil when there were enough connections: it is closed.
    let connection: ClientConnection?
  }

  private struct TooMany: Error {}

  let services: RelayServices
  let responder: Responder

  init(_ services: RelayServices, _ connection: ClientConnection? = nil) {
    self.services = services
    let responder = RelayResponder(services: services, connection: connection)
    self.responder = { try await responder.respond($0, $1, $2) }
  }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    guard let connection = services.clients.open(from: channel.remoteAddress) else {
      // Not an error: that would be the listener's. Nothing is said: with TLS there is nobody to say it to yet. [limits.3]
      services.audit.write(Refusal(.tooManyRequests), services.now())
      channel.close(promise: nil)
      return channel.eventLoop.makeSucceededFuture(
        Value(channel: channel, kind: channel.eventLoop.makeFailedFuture(TooMany()), connection: nil))
    }
    channel.closeFuture.whenComplete { [clients = services.clients] _ in clients.close(connection) }
    return channel.eventLoop.makeCompletedFuture {
      var limits = NIOHTTPDecoderLimitConfiguration()
      limits.maxHeaderFieldSize = RelayLimits.headerBytes
      limits.maxHeaderListSize = RelayLimits.headerBytes
      limits.maxHeaderFieldCount = RelayLimits.headerCount
      // A connection keeps memory for its next read. Little is enough until it turns out to be one that sends much.
      try channel.syncOptions?.setOption(
        .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: RelayLimits.firstRead))
      let encoder = HTTPResponseEncoder()
      let decoder = ByteToMessageHandler(
        HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
      let gate = ConnectionGate(services, connection)
      let upgrader = NIOTypedHTTPServerUpgradeHandler(
        httpEncoder: encoder, extraHTTPHandlers: [decoder, gate],
        upgradeConfiguration: .init(upgraders: [SocketUpgrader(services, connection)]) {
          self.serveRequests($0, connection)
        })
      // Not Hummingbird's TLS channel: that one keeps the certificate that it began with. [operation.3]
      if let tls = services.settings.tls {
        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls.context))
      }
      try channel.pipeline.syncOperations.addHandlers([encoder, decoder, gate, upgrader])
      return Value(channel: channel, kind: upgrader.upgradeResultFuture, connection: connection)
    }
  }

  func handle(value: Value, logger: Logger) async {
    guard case .requests(let channel) = try? await value.kind.get() else { return }
    // On the connection's own thread: a request that changes threads at every step waits for each of them to wake up.
    await withTaskExecutorPreference(LoopExecutor(channel.channel.eventLoop)) {
      await RelayChannel(services, value.connection).handleHTTP(asyncChannel: channel, logger: logger)
    }
  }

  private func serveRequests(_ channel: any Channel, _ connection: ClientConnection) -> EventLoopFuture<Kind> {
    channel.eventLoop.makeCompletedFuture {
      try channel.syncOptions?.setOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator())
      // Idling, and stopping when the relay does, is the gate's.
      try channel.pipeline.syncOperations.addHandler(EnvelopeLane(services, connection))
      try channel.pipeline.syncOperations.addHandler(HTTP1ToHTTPServerCodec(secure: false))
      return .requests(
        try NIOAsyncChannel(
          wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)))
    }
  }
}

/// Runs what is asynchronous on an event loop.
private final class LoopExecutor: TaskExecutor {
  private let loop: any EventLoop

  init(_ loop: any EventLoop) { self.loop = loop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

/// Makes a WebSocket of a connection. NIO knows one upgrader a protocol, and ours differ in the longest frame they take.
private struct SocketUpgrader: NIOTypedHTTPServerProtocolUpgrader {
  let supportedProtocol = "websocket"
  let requiredUpgradeHeaders: [String] = []
  private let services: RelayServices
  private let stream: NIOTypedWebSocketServerUpgrader<RelayChannel.Kind>
  private let send: NIOTypedWebSocketServerUpgrader<RelayChannel.Kind>

  init(_ services: RelayServices, _ connection: ClientConnection) {
    self.services = services
    stream = Self.upgrader(services, connection, RelayLimits.clientFrame)
    send = Self.upgrader(services, connection, PutFrame.limit)
  }

  func buildUpgradeResponse(
    channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
  ) -> EventLoopFuture<HTTPHeaders> {
    send.buildUpgradeResponse(
      channel: channel, upgradeRequest: upgradeRequest, initialResponseHeaders: initialResponseHeaders)
  }

  func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<RelayChannel.Kind> {
    let upgrader = upgradeRequest.uri == Route.send.path ? send : stream
    return upgrader.upgrade(channel: channel, upgradeRequest: upgradeRequest)
  }

  private static func upgrader(
    _ services: RelayServices, _ connection: ClientConnection, _ longestFrame: Int
  ) -> NIOTypedWebSocketServerUpgrader<RelayChannel.Kind> {
    NIOTypedWebSocketServerUpgrader(maxFrameSize: longestFrame) { channel, _ in
      channel.eventLoop.makeSucceededFuture([:])
    } upgradePipelineHandler: { channel, head in
      channel.eventLoop.makeCompletedFuture {
        switch SocketRequest(head, services) {
        case .stream(let mailbox, let authority)?:
          services.metrics.upgraded(.stream)
          try channel.pipeline.syncOperations.addHandler(
            StreamHandler(services, mailbox: mailbox, authority: authority))
        case .send?:
          services.metrics.upgraded(.send)
          try channel.syncOptions?.setOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator())
          try channel.pipeline.syncOperations.addHandler(
            SendHandler(services, connection.client { head.headers[$0] }))
        // The gate lets nothing else through.
        case nil: throw ChannelError.operationUnsupported
        }
        return .socket
      }
    }
  }
}
