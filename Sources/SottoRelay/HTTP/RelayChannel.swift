internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import NIOWebSocket
internal import SottoWire

/// One connection: HTTP/1.1 requests answered by Hummingbird's loop, or, if the first of them asks for it, a stream.
struct RelayChannel: HTTPChannelHandler {
  /// What became of a connection once its first request was read.
  enum Kind: Sendable {
    case requests(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
    /// A plain handler serves it: no task, no buffers of sequences.
    case stream
  }

  struct Value: ServerChildChannelValue {
    let channel: any Channel
    let kind: EventLoopFuture<Kind>
  }

  let services: RelayServices
  let responder: Responder

  init(_ services: RelayServices) {
    self.services = services
    let responder = RelayResponder(services: services)
    self.responder = { try await responder.respond($0, $1, $2) }
  }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      var limits = NIOHTTPDecoderLimitConfiguration()
      limits.maxHeaderFieldSize = RelayLimits.headerBytes
      limits.maxHeaderListSize = RelayLimits.headerBytes
      limits.maxHeaderFieldCount = RelayLimits.headerCount
      let encoder = HTTPResponseEncoder()
      let decoder = ByteToMessageHandler(
        HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
      let gate = ConnectionGate(services)
      let upgrader = NIOTypedHTTPServerUpgradeHandler(
        httpEncoder: encoder, extraHTTPHandlers: [decoder, gate],
        upgradeConfiguration: .init(upgraders: [streamUpgrader()]) { self.serveRequests($0, logger) })
      try channel.pipeline.syncOperations.addHandlers([encoder, decoder, gate, upgrader])
      return Value(channel: channel, kind: upgrader.upgradeResultFuture)
    }
  }

  func handle(value: Value, logger: Logger) async {
    guard case .requests(let channel) = try? await value.kind.get() else { return }
    await handleHTTP(asyncChannel: channel, logger: logger)
  }

  private func serveRequests(_ channel: any Channel, _ logger: Logger) -> EventLoopFuture<Kind> {
    channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.addHandlers([
        HTTP1ToHTTPServerCodec(secure: false),
        HTTPConnectionStateHandler(idleTimeout: .seconds(RelayLimits.idleSeconds), logger: logger),
      ])
      return .requests(
        try NIOAsyncChannel(
          wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)))
    }
  }

  private func streamUpgrader() -> NIOTypedWebSocketServerUpgrader<Kind> {
    NIOTypedWebSocketServerUpgrader(maxFrameSize: RelayLimits.clientFrame) { channel, _ in
      channel.eventLoop.makeSucceededFuture([:])
    } upgradePipelineHandler: { [services] channel, head in
      channel.eventLoop.makeCompletedFuture {
        // The gate lets nothing else through.
        guard let (mailbox, authority) = ConnectionGate.streamRequest(head, services) else {
          throw ChannelError.operationUnsupported
        }
        try channel.pipeline.syncOperations.addHandler(
          StreamHandler(services, mailbox: mailbox, authority: authority))
        return .stream
      }
    }
  }
}
