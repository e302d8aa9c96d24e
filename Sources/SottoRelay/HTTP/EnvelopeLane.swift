internal import NIOCore
internal import NIOHTTP1
internal import SottoWire

/// Answers what a relay is asked most, `PUT` of an envelope, on the connection's event loop, and lets everything else
/// pass: tasks and asynchronous sequences cost more than all that is done with an envelope.
///
///     passing --(head of a plain PUT)--> reading --(its end)--> storing --(durable, or refused)--> passing
///
/// It takes only requests of which no rule but the store's has anything to say (`PlainPut`). What differs in the least
/// goes the way of all others and has its answer from there, so there is no second grammar, and no refusal that stands
/// in two places. Answers keep their order: nothing is taken while something that passed is not answered, and what comes
/// in while an envelope is stored waits in line.
final class EnvelopeLane: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private enum State {
    case passing
    /// `refusal` is what the client will be told whatever the store thinks.
    case reading(PlainPut, [UInt8], refusal: Refusal?)
    case storing
  }

  /// What came in behind an envelope that is being stored.
  private enum Waiting {
    case part(HTTPServerRequestPart)
    case error(any Error)
    case event(Any)
  }

  private let services: RelayServices
  private let connection: ClientConnection
  private var state = State.passing
  /// Requests that passed and are not answered.
  private var passed = 0
  private var waiting: [Waiting] = []
  /// The channel asked for more while there was enough.
  private var owesRead = false
  private var inbox: LoopInbox?

  init(_ services: RelayServices, _ connection: ClientConnection) {
    (self.services, self.connection) = (services, connection)
  }

  func handlerAdded(context: ChannelHandlerContext) { inbox = services.inboxes.of(context.eventLoop) }

  // MARK: In

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { take(.part(unwrapInboundIn(data)), context) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { take(.error(error), context) }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) { take(.event(event), context) }

  /// Backpressure: a client that asks ahead has one read of it in memory. As long as it does not, reading goes on, because
  /// to stop and begin again costs two calls of the system.
  func read(context: ChannelHandlerContext) {
    if waiting.isEmpty { context.read() } else { owesRead = true }
  }

  private func take(_ item: Waiting, _ context: ChannelHandlerContext) {
    switch (state, item) {
    case (.storing, _): waiting.append(item)
    case (.passing, .part(.head(let head))):
      if passed == 0, let put = PlainPut(head, services) {
        state = .reading(put, [], refusal: refusal(head))
      } else {
        passed += 1
        pass(item, context)
      }
    case (.passing, _): pass(item, context)
    case (.reading(let put, var bytes, let refusal), .part(.body(let part))):
      // Otherwise the array is copied.
      state = .storing
      if bytes.isEmpty { bytes.reserveCapacity(put.size.rawValue) }
      bytes += part.readableBytesView
      state = .reading(put, bytes, refusal: refusal)
    case (.reading(let put, let bytes, let refusal), .part):
      state = .storing
      if let refusal { answer(Reply(refusal), context) } else { store(put, bytes, context) }
    // The gate saw it too, and ends the connection with this answer.
    case (.reading, .error(is HTTPParserError)): answer(Reply(.requestMalformed), context)
    case (.reading, .error), (.reading, .event): pass(item, context)
    }
  }

  private func pass(_ item: Waiting, _ context: ChannelHandlerContext) {
    switch item {
    case .part(let part): context.fireChannelRead(wrapInboundOut(part))
    case .error(let error): context.fireErrorCaught(error)
    case .event(let event): context.fireUserInboundEventTriggered(event)
    }
  }

  /// An envelope is a request that nobody signed. [limits.2]
  private func refusal(_ head: HTTPRequestHead) -> Refusal? {
    do throws(Refusal) {
      try services.clients.admit(.requests, connection.client { head.headers[$0] })
      return nil
    } catch {
      services.audit.write(error, services.now())
      return error
    }
  }

  private func store(_ put: PlainPut, _ bytes: [UInt8], _ context: ChannelHandlerContext) {
    guard let inbox else { return }
    let arrival = Arrival(mailbox: put.mailbox, id: put.envelope, capability: put.capability.hash, bytes: bytes[...])
    let shell = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    services.put([arrival]) { outcomes in
      inbox.post {
        let (handler, context) = shell.value
        handler.answer(handler.services.reply(outcomes[0]), context)
      }
    }
  }

  // MARK: Out

  private func answer(_ reply: Reply, _ context: ChannelHandlerContext) {
    state = .passing
    guard context.channel.isActive else {
      waiting = []
      return
    }
    services.metrics.answered(.envelope, reply)
    for part in reply.parts { context.write(wrapOutboundOut(part), promise: nil) }
    context.flush()
    let items = waiting
    waiting = []
    for item in items { take(item, context) }
    guard owesRead, waiting.isEmpty else { return }
    owesRead = false
    context.read()
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) { passed -= 1 }
    context.write(data, promise: promise)
  }
}

/// A request for which there is nothing to decide but what the store decides: the one spelling of everything, and no header
/// that changes how it is read.
private struct PlainPut {
  let mailbox: MailboxID
  let envelope: EnvelopeID
  let capability: Capability
  let size: SizeClass

  /// Headers that mean nothing here, whatever they say: those of ordinary clients, and of proxies, which the limits read.
  private static let others = [
    "accept", "accept-encoding", "content-type", "forwarded", "user-agent", "x-forwarded-for", "x-forwarded-proto",
    "x-real-ip",
  ]

  init?(_ head: HTTPRequestHead, _ services: RelayServices) {
    guard head.method == .PUT, head.version == .http1_1,
      case .envelope(let mailbox, let envelope)? = Route(path: head.uri)
    else { return nil }
    var host: RelayAuthority?
    var capability: Capability?
    var size: SizeClass?
    for (name, value) in head.headers {
      switch name {
      case _ where name.isHeader("host") && host == nil:
        host = services.authority(value)
        guard host != nil else { return nil }
      case _ where name.isHeader("content-length") && size == nil:
        size = DecimalNumber.decode(value).flatMap { SizeClass(rawValue: Int(clamping: $0)) }
        guard size != nil else { return nil }
      case _ where name.isHeader(HeaderName.capability) && capability == nil:
        capability = Hex.decode(value).flatMap { try? Capability($0) }
        guard capability != nil else { return nil }
      default:
        guard Self.others.contains(where: name.isHeader) else { return nil }
      }
    }
    guard let host, let capability, let size, services.authorities.isEmpty || services.authorities.contains(host)
    else { return nil }
    (self.mailbox, self.envelope, self.capability, self.size) = (mailbox, envelope, capability, size)
  }
}

extension String {
  /// Whether it is this name of a header, which is in lower case.
  fileprivate func isHeader(_ name: String) -> Bool {
    if self == name { return true }
    return utf8.count == name.utf8.count
      && zip(utf8, name.utf8).allSatisfy { $0 == $1 || ($0 | 0x20 == $1 && 0x61...0x7A ~= $1) }
  }
}
