internal import NIOCore
internal import NIOHTTP1
internal import SottoWire

/// Stands between the HTTP decoder and everything else of a connection.
///
/// - NIO considers an upgrade on the first request only, and drops a request whose upgrade is declined. So the gate takes
///   the `Upgrade` header off everything but a well-formed request for a socket: what reaches the upgrader is accepted.
/// - The decoder reads nothing more after a request with that header. So such a connection ends with its answer.
/// - A request that cannot be parsed is answered with a problem document; the decoder then closes.
/// - Nothing else times out before the first head: the gate does.
final class ConnectionGate: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let services: RelayServices
  private var sawHead = false
  private var requestsInProgress = 0
  private var isLast = false
  private var deadline: Scheduled<Void>?

  init(_ services: RelayServices) { self.services = services }

  func handlerAdded(context: ChannelHandlerContext) {
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(RelayLimits.headSeconds)) {
      context.close(promise: nil)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
    requestsInProgress += 1
    if sawHead || SocketRequest(head, services) == nil {
      if head.headers.contains(name: "upgrade") || head.method == .CONNECT {
        isLast = true
        head.headers.remove(name: "upgrade")
        head.headers.replaceOrAdd(name: "connection", value: "close")
      }
      // An absolute URI is none of our paths, whatever follows its authority.
      if !head.uri.hasPrefix("/") { head.uri = "*" }
    }
    sawHead = true
    deadline?.cancel()
    context.fireChannelRead(wrapInboundOut(.head(head)))
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head) where isLast:
      head.headers.replaceOrAdd(name: "connection", value: "close")
      return context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .end: requestsInProgress -= 1
    default: break
    }
    context.write(data, promise: promise)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // A connection on which nothing was asked has nothing to finish.
    if event is ChannelShouldQuiesceEvent, !sawHead { return context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let error = error as? HTTPParserError, requestsInProgress == 0 {
      let reply = Reply(error == .headerOverflow ? .headersTooLarge : .requestMalformed)
      services.metrics.answered(.none, reply.status)
      var headers = HTTPHeaders(reply.allFields.map { ($0.name, $0.value) })
      headers.add(name: "connection", value: "close")
      let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: reply.status), headers: headers)
      context.write(wrapOutboundOut(.head(head)), promise: nil)
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: reply.body)))), promise: nil)
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
    context.fireErrorCaught(error)
  }
}

/// A request whose upgrade NIO will not decline, and what it asks for.
enum SocketRequest {
  /// An owner's stream, by the name that the relay was called.
  case stream(MailboxID, RelayAuthority)
  /// The senders' socket.
  case send

  init?(_ head: HTTPRequestHead, _ services: RelayServices) {
    func single(_ name: String) -> String? {
      let values = head.headers[name]
      return values.count == 1 ? values[0] : nil
    }
    guard head.method == .GET, head.version == .http1_1,
      let authority = single("host").flatMap({ RelayAuthority($0) }),
      services.authorities.isEmpty || services.authorities.contains(authority),
      single("upgrade")?.lowercased() == "websocket", single("sec-websocket-version") == "13",
      let key = single("sec-websocket-key"), Base64.decode(key)?.count == 16,
      head.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" }),
      head.headers["content-length"].allSatisfy({ $0 == "0" }), head.headers["transfer-encoding"].isEmpty,
      services.lifecycle.isReady
    else { return nil }
    switch Route(path: head.uri) {
    case .stream(let mailbox)?: self = .stream(mailbox, authority)
    case .send?: self = .send
    default: return nil
    }
  }
}
