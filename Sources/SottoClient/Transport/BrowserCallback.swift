internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import SottoCrypto
internal import Synchronization

/// A loopback address that a browser is sent back to, once (RFC 8252 section 7.3).
enum BrowserCallback {
  static let path = "/callback"
  /// A browser asks for an icon, and opens connections that it then does not use; none comes close to this.
  static let connectionLimit = 100
  /// Longer than a code and an issuer can be.
  static let targetLimit = 8 * 1024

  /// The fields of the one request that has `state`, and the redirect URI that it came to. Everything else on this machine
  /// that calls is refused, and waited on.
  static func wait(
    port: Int, timeout: Duration, state: String, issuer: String, onListening: (String) -> Void
  ) async throws -> (fields: [String: String], redirect: String) {
    let came = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: [String: String].self)
    let accepted = Mutex(0)
    let server: any Channel
    do {
      server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { channel in
          let count = accepted.withLock { count in
            count += 1
            return count
          }
          guard count <= connectionLimit else {
            came.fail(SignInFailure.flooded)
            return channel.eventLoop.makeFailedFuture(SignInFailure.flooded)
          }
          came.futureResult.whenComplete { _ in channel.close(promise: nil) }
          return channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false, withErrorHandling: true)
            try pipeline.addHandler(CallbackHandler(state: state) { came.succeed($0) })
          }
        }
        .bind(host: "127.0.0.1", port: port).get()
    } catch {
      came.fail(error)
      throw SignInFailure.cannotListen(port: port, reason: Connections.reason(error))
    }
    let redirect = "http://127.0.0.1:\(server.localAddress?.port ?? port)\(path)"
    let end = came.futureResult.eventLoop.scheduleTask(in: .init(timeout)) { came.fail(SignInFailure.expired(issuer)) }
    onListening(redirect)
    defer {
      end.cancel()
      server.close(promise: nil)
    }
    let fields = try await withTaskCancellationHandler {
      try await came.futureResult.get()
    } onCancel: {
      came.fail(CancellationError())
    }
    return (fields, redirect)
  }
}

/// One connection, of which the first request is answered. Nothing of it is repeated in the answer.
private final class CallbackHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let state: [UInt8]
  private let onCome: ([String: String]) -> Void
  private var isAnswered = false

  private static let page = """
    <!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Sotto</title></head>\
    <body><p>You can close this window and go back to the terminal.</p></body></html>

    """

  /// `onCome` is called when the answer is on its way.
  init(state: String, onCome: @escaping ([String: String]) -> Void) {
    (self.state, self.onCome) = (Array(state.utf8), onCome)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(let request) = unwrapInboundIn(data), !isAnswered else { return }
    isAnswered = true
    let path = request.uri.prefix { $0 != "?" }
    guard path == BrowserCallback.path else { return answer(context, .notFound) }
    guard request.method == .GET, request.uri.utf8.count <= BrowserCallback.targetLimit,
      let fields = Form.fields(request.uri.dropFirst(path.count + 1)), let said = fields["state"],
      constantTimeEqual(Array(said.utf8), state)
    else { return answer(context, .badRequest) }
    answer(context, .ok, fields)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func answer(
    _ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ fields: [String: String]? = nil
  ) {
    let body = fields == nil ? "" : Self.page
    // The browser's address has a code in it: no cache, no frame and no other site is to learn that.
    let headers: HTTPHeaders = [
      "content-type": "text/html; charset=utf-8", "content-length": "\(body.utf8.count)", "connection": "close",
      "cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ]
    let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
    let (channel, onCome) = (context.channel, onCome)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
      channel.close(promise: nil)
      if let fields { onCome(fields) }
    }
  }
}
