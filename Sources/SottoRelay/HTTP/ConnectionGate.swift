internal import NIOCore
internal import NIOHTTP1
internal import SottoWire

/// Stands between the HTTP decoder and everything else of a connection.
///
/// - NIO considers an upgrade on the first request only, and drops a request whose upgrade is declined. So the gate takes
///   the `Upgrade` header off everything but a well-formed request for a socket: what reaches the upgrader is accepted.
/// - The decoder reads nothing more after a request with that header. So such a connection ends with its answer.
/// - A request that cannot be parsed gets one answer at most, and nothing behind it is read or answered: where a request
///   ends is just what could not be said. [relay.9]
/// - Nothing else ends a client that is slow on purpose: `Patience` says when the gate does. [limits.5]
final class ConnectionGate: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let services: RelayServices
  private let connection: ClientConnection
  private var sawHead = false
  /// Between a request's head and its end.
  private var isReading = false
  private var requestsInProgress = 0
  private var isLast = false
  /// What was read last cannot be parsed; what was asked before it is still to be answered.
  private var isBroken = false
  /// The relay stops: what was asked is still answered, and nothing more.
  private var isDraining = false
  /// Nothing more is read or written.
  private var isOver = false
  private var patience: Patience
  private var alarm: (due: Int64, task: Scheduled<Void>)?
  private var stall: Scheduled<Void>?
  /// Of the request that was read last.
  private var path = ""

  init(_ services: RelayServices, _ connection: ClientConnection) {
    (self.services, self.connection) = (services, connection)
    patience = Patience(stallSeconds: services.settings.transferSeconds)
  }

  func handlerAdded(context: ChannelHandlerContext) { set(patience.connected(now: Self.now), context) }

  func handlerRemoved(context: ChannelHandlerContext) { stop() }

  func channelInactive(context: ChannelHandlerContext) {
    stop()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isOver else { return }
    switch unwrapInboundIn(data) {
    case .head(let head):
      set(patience.head(now: Self.now), context)
      isReading = true
      do throws(Refusal) {
        let head = try admitted(head, context)
        requestsInProgress += 1
        path = head.uri
        sawHead = true
        context.fireChannelRead(wrapInboundOut(.head(head)))
      } catch {
        services.audit.write(error, services.now())
        refuse(Reply(error), RouteName(Route(path: head.uri)), context)
        finish(context)
      }
    case .body(let bytes):
      patience.body(bytes.readableBytes, now: Self.now)
      context.fireChannelRead(data)
    case .end:
      isReading = false
      set(patience.end(), context)
      // A refusal may have come before all of the body.
      if requestsInProgress == 0 { set(patience.answered(now: Self.now), context) }
      context.fireChannelRead(data)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if let deadline = patience.readComplete(now: Self.now) { set(deadline, context) }
    context.fireChannelReadComplete()
  }

  /// The head as the rest may see it.
  private func admitted(
    _ head: HTTPRequestHead, _ context: ChannelHandlerContext
  ) throws(Refusal) -> HTTPRequestHead {
    if !sawHead, SocketRequest(head, services) != nil {
      try holdSocket(head, context)
      return head
    }
    var head = head
    if head.headers.contains(name: "upgrade") || head.method == .CONNECT {
      isLast = true
      head.headers.remove(name: "upgrade")
      head.headers.replaceOrAdd(name: "connection", value: "close")
    }
    // An absolute URI is none of our paths, whatever follows its authority.
    if !head.uri.hasPrefix("/") { head.uri = "*" }
    return head
  }

  /// A socket that a trusted proxy opens is its client's, who may have enough of them. [limits.4]
  private func holdSocket(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) throws(Refusal) {
    guard connection.isProxy else { return }
    let client = connection.client { head.headers[$0] }
    try services.clients.openSocket(client)
    context.channel.closeFuture.whenComplete { [clients = services.clients] _ in clients.closeSocket(client) }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard !isOver else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    switch unwrapOutboundIn(data) {
    case .head(var head) where isLast || isBroken || isDraining:
      head.headers.replaceOrAdd(name: "connection", value: "close")
      return context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .end: requestsInProgress -= 1
    default: return context.write(data, promise: promise)
    }
    context.write(data, promise: promise)
    guard requestsInProgress == 0 else { return }
    if isBroken || isDraining { return finish(context) }
    set(patience.answered(now: Self.now), context)
  }

  /// A client that does not read its answers is closed; until then at most one of them is in memory. [limits.5]
  func channelWritabilityChanged(context: ChannelHandlerContext) {
    stall?.cancel()
    stall = nil
    if !context.channel.isWritable { awaitReader(context, taken: TakenBytes.count(context.channel)) }
    context.fireChannelWritabilityChanged()
  }

  /// A slow reader is waited for as long as it reads: a large answer takes as long as it takes. [blob.11]
  private func awaitReader(_ context: ChannelHandlerContext, taken: Int64) {
    let seconds = services.settings.transferSeconds
    stall = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(seconds)) {
      let now = TakenBytes.count(context.channel)
      guard now - taken >= seconds * RelayLimits.bodyRate else { return context.close(promise: nil) }
      self.awaitReader(context, taken: now)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
    // A connection on which nothing is being answered has nothing to finish.
    if requestsInProgress == 0 || isTransfer { return context.close(promise: nil) }
    isDraining = true
  }

  /// Whether what was asked last may take long, and can be taken up again. [blob.11]
  private var isTransfer: Bool {
    guard requestsInProgress > 0 else { return false }
    return switch Route(path: path) {
    case .upload, .blob: true
    default: false
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard !isOver else { return }
    if let error = error as? HTTPParserError {
      isBroken = true
      if requestsInProgress == 0 {
        // A request that was answered before all of it was read has had its answer.
        if !isReading { refuse(Reply(error == .headerOverflow ? .headersTooLarge : .requestMalformed), .none, context) }
        finish(context)
      }
    }
    context.fireErrorCaught(error)
  }

  private func refuse(_ reply: Reply, _ route: RouteName, _ context: ChannelHandlerContext) {
    services.metrics.answered(route, reply)
    var reply = reply
    reply.fields.append(HeaderField("connection", "close"))
    for part in reply.parts { context.write(wrapOutboundOut(part), promise: nil) }
  }

  /// Ends the connection so that the last answer arrives: closing with bytes unread would take it back.
  private func finish(_ context: ChannelHandlerContext) {
    isOver = true
    context.flush()
    context.close(mode: .output, promise: nil)
    context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(RelayLimits.closeSeconds)) {
      context.close(promise: nil)
    }
  }

  // MARK: Patience

  /// Microseconds.
  private static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000) }

  /// Sees to it that the alarm goes off by then. One that goes off too early asks again: it is set seldom, not with
  /// every request.
  private func set(_ deadline: Int64?, _ context: ChannelHandlerContext) {
    guard let deadline, alarm.map({ $0.due > deadline }) ?? true else { return }
    alarm?.task.cancel()
    let wait = TimeAmount.microseconds(max(deadline - Self.now, 0))
    let task = context.eventLoop.assumeIsolated().scheduleTask(in: wait) {
      self.alarm = nil
      switch self.patience.alarm(now: Self.now) {
      case .over: context.close(promise: nil)
      case .until(let deadline): self.set(deadline, context)
      }
    }
    alarm = (deadline, task)
  }

  private func stop() {
    alarm?.task.cancel()
    stall?.cancel()
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
      services.lifecycle.isReady, !services.isCutOff
    else { return nil }
    switch Route(path: head.uri) {
    case .stream(let mailbox)?: self = .stream(mailbox, authority)
    case .send?: self = .send
    default: return nil
    }
  }
}
