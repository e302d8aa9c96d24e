internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import SottoWire

/// A push service and a device's operating system in one, on this machine: it takes a Web Push request (RFC 8030 section 5) and
/// says when one came that was for this device.
enum PushListener {
  /// `http://HOST:PORT/PATH` with a loopback address.
  struct Place {
    let authority: RelayAuthority
    let path: String

    init?(_ endpoint: String) {
      guard endpoint.hasPrefix("http://") else { return nil }
      let rest = endpoint.dropFirst("http://".count)
      guard let slash = rest.firstIndex(of: "/"), let authority = RelayAuthority(rest[..<slash]), authority.isLoopback
      else { return nil }
      (self.authority, path) = (authority, String(rest[slash...]))
    }
  }

  /// Returns when `isForUs` has said so of a body; throws a `CancellationError` when the task is cancelled. Nobody listens
  /// after that.
  static func wait(
    at place: Place, _ onListening: @Sendable () -> Void, _ isForUs: @escaping @Sendable ([UInt8]) -> Bool
  ) async throws {
    let woken = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self)
    let server: any Channel
    do {
      server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
            try pipeline.addHandler(PushRequestHandler(path: place.path, isForUs: isForUs) { woken.succeed() })
          }
        }
        .bind(host: place.authority.host, port: place.authority.port).get()
    } catch {
      woken.fail(error)
      throw ClientError(
        .relayUnavailable, "Cannot listen at \(place.authority.text).", meaning: "Another program has the port.",
        next: "End it, or enable push with another port.")
    }
    onListening()
    do {
      try await withTaskCancellationHandler {
        try await woken.futureResult.get()
      } onCancel: {
        woken.fail(CancellationError())
      }
    } catch {
      try? await server.close()
      throw error
    }
    try? await server.close()
  }
}

/// One connection, of which the first request is answered.
private final class PushRequestHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let path: String
  private let isForUs: ([UInt8]) -> Bool
  private let onWoken: () -> Void
  private var isWanted = false
  private var body: [UInt8] = []

  /// `onWoken` is called when the answer is on its way.
  init(path: String, isForUs: @escaping ([UInt8]) -> Bool, onWoken: @escaping () -> Void) {
    (self.path, self.isForUs, self.onWoken) = (path, isForUs, onWoken)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      // Without TTL a push service must refuse (RFC 8030 section 5.2).
      isWanted =
        head.method == .POST && head.uri == path && head.headers["ttl"].count == 1
        && head.headers["content-encoding"] == ["aes128gcm"]
    case .body(let bytes):
      if body.count + bytes.readableBytes <= 4_096 { body += bytes.readableBytesView } else { isWanted = false }
    case .end:
      let wasWoken = isWanted && isForUs(body)
      let status: HTTPResponseStatus = wasWoken ? .created : .badRequest
      let fields: HTTPHeaders = ["content-length": "0", "connection": "close"]
      let head = HTTPResponseHead(version: .http1_1, status: status, headers: fields)
      context.write(wrapOutboundOut(.head(head)), promise: nil)
      let (channel, onWoken) = (context.channel, onWoken)
      context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
        channel.close(promise: nil)
        if wasWoken { onWoken() }
      }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
