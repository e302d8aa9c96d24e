internal import NIOCore
internal import NIOWebSocket
internal import SottoCrypto
internal import SottoWire

/// The shell around a `DeliveryMachine`: frames in and out, timers, and the store's answers back on the event loop.
final class StreamHandler: ChannelDuplexHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  private let services: RelayServices
  private let mailbox: MailboxID
  private var machine: DeliveryMachine
  private var ticket: StreamHub.Ticket?
  private var isClosing = false
  /// The channel asked for more while the peer took nothing.
  private var owesRead = false
  private let pongs = Pongs()
  private var deadline: Scheduled<Void>?
  private var stall: Scheduled<Void>?
  /// When the relay stops, and it is this socket's turn.
  private var turn: Scheduled<Void>?
  private var ping: NIOScheduledCallback?

  init(_ services: RelayServices, mailbox: MailboxID, authority: RelayAuthority) {
    self.services = services
    self.mailbox = mailbox
    var entropy = SystemEntropy()
    let challenge = StreamChallenge(restoreEpoch: services.store.restoreEpoch, from: &entropy)
    machine = DeliveryMachine(challenge: challenge, authority: authority, mailbox: mailbox)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    services.lifecycle.socketOpened()
    let loop = context.eventLoop.assumeIsolated()
    deadline = loop.scheduleTask(in: .seconds(RelayLimits.authenticationSeconds)) {
      if !self.machine.isAuthenticated { self.perform(self.machine.end(.refused), context) }
    }
    schedulePing(context)
    perform(machine.start(), context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    services.lifecycle.socketClosed()
    stop()
  }

  func channelInactive(context: ChannelHandlerContext) {
    stop()
    context.fireChannelInactive()
  }

  private func stop() {
    deadline?.cancel()
    stall?.cancel()
    turn?.cancel()
    ping?.cancel()
    guard let ticket else { return }
    services.hub.signOff(ticket)
    services.homes?.ended(mailbox, ticket: ticket.number)
    // Who acknowledged everything and went is not to be woken for it: what waits is known when that is done.
    if !machine.isDeleting { services.pushes?.mayWait(mailbox) }
    services.metrics.streamEnded()
    self.ticket = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    guard !isClosing || frame.opcode == .connectionClose else { return }
    // A client masks its frames, sends a message in one of them, and speaks no text. No extension was agreed upon, so
    // none of the reserved bits means anything: a compressed frame would be read as what it is not. [stream.1]
    guard frame.maskKey != nil, frame.fin, !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
      return perform(machine.end(.protocolError), context)
    }
    switch frame.opcode {
    case .binary: received(Array(frame.unmaskedData.readableBytesView), context)
    case .pong: machine.ponged()
    case .ping: pongs.answer(frame.unmaskedData, context) { self.readOn(context) }
    case .connectionClose:
      if !isClosing { write(.connectionClose, frame.unmaskedData, context) }
      context.close(promise: nil)
    default: perform(machine.end(.protocolError), context)
    }
  }

  private func received(_ message: [UInt8], _ context: ChannelHandlerContext) {
    let actions = machine.received(message)
    // Who says nothing until the time is over is refused too, and has tried no key. [operation.17]
    if actions.contains(.close(.refused)) { services.audit.write(Refusal(.signatureRefused), services.now()) }
    perform(actions, context)
  }

  /// Backpressure: what is not read stays with whoever takes no answers. An owner who acknowledges takes what is sent,
  /// so its acks come in.
  func read(context: ChannelHandlerContext) {
    if isReading(context) { context.read() } else { owesRead = true }
  }

  /// At the end everything is read, so that the peer's close is seen.
  private func isReading(_ context: ChannelHandlerContext) -> Bool {
    isClosing || !pongs.isWaiting && context.channel.isWritable
  }

  private func readOn(_ context: ChannelHandlerContext) {
    guard owesRead, isReading(context) else { return }
    owesRead = false
    context.read()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    let isWritable = context.channel.isWritable
    stall?.cancel()
    if !isWritable {
      // A reader that takes nothing is closed; until then nothing more is read from the store for it. [stream.9]
      stall = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(RelayLimits.stallSeconds)) {
        self.perform(self.machine.end(.slow), context)
      }
    }
    perform(machine.writable(isWritable), context)
    readOn(context)
    context.fireChannelWritabilityChanged()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is ChannelShouldQuiesceEvent: awaitTurn(context)
    case ChannelEvent.inputClosed: context.close(promise: nil)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  /// The relay stops. [operation.18]
  private func awaitTurn(_ context: ChannelHandlerContext) {
    let wait = TimeAmount.microseconds(services.lifecycle.untilClose())
    turn = context.eventLoop.assumeIsolated().scheduleTask(in: wait) {
      self.perform(self.machine.end(.restarting), context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func schedulePing(_ context: ChannelHandlerContext) {
    // Every idle stream has one: a callback is a fifth of a task with its promise.
    let shell = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    ping = try? context.eventLoop.scheduleCallback(
      in: .seconds(RelayLimits.pingSeconds), handler: Alarm { shell.value.handler.pingDue(shell.value.context) })
  }

  private func pingDue(_ context: ChannelHandlerContext) {
    perform(machine.pingDue(), context)
    if context.channel.isActive { schedulePing(context) }
  }

  private func perform(_ actions: [DeliveryMachine.Action], _ context: ChannelHandlerContext) {
    for action in actions {
      switch action {
      case .send(let frame): write(.binary, ByteBuffer(bytes: frame.encoded), context, flush: false)
      case .open: open(context)
      case .fetch(let index, let room):
        ask(context) { [services, mailbox] in
          try await services.store.envelopes(mailbox, after: index, room: room, now: services.now())
        } then: {
          self.services.metrics.delivered($0)
          return self.machine.fetched($0)
        }
      case .acknowledge(let taken): acknowledge(taken, context)
      case .close(let reason): close(reason, context)
      case .ping: write(.ping, ByteBuffer(), context)
      case .hangUp: context.close(promise: nil)
      }
    }
    if !actions.isEmpty { context.flush() }
  }

  private func open(_ context: ChannelHandlerContext) {
    deadline?.cancel()
    deadline = nil
    let shell = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    let loop = context.eventLoop
    // Taken over first, asked second: an envelope that is stored in between is told, not missed.
    let ticket = services.hub.takeOver(mailbox) { signal in
      loop.execute { shell.value.handler.told(signal, shell.value.context) }
    }
    self.ticket = ticket
    let opening = services.homes?.opened(mailbox, ticket: ticket.number)
    services.metrics.streamOpened()
    ask(context) { [services, mailbox] in
      try await services.claim(mailbox, opening)
    } then: {
      self.machine.opened(lastIndex: $0?.lastWaiting, reached: $0?.lastIndex ?? 0)
    }
  }

  /// An ack that came while another was carried out is carried out too, whether the socket is still there or not. [stream.6]
  private func acknowledge(_ taken: Acknowledgement, _ context: ChannelHandlerContext) {
    context.eventLoop.makeFutureWithTask { [services, mailbox] in
      try await services.store.acknowledge(mailbox, taken)
    }.assumeIsolated().whenComplete { result in
      let isActive = context.channel.isActive
      if case .failure = result { self.machine.deletionFailed() }
      switch result {
      case .success where isActive:
        if let ticket = self.ticket {
          self.services.homes?.acknowledged(self.mailbox, ticket: ticket.number, upTo: taken.index)
        }
        self.perform(self.machine.acknowledged(), context)
      case .success: for case .acknowledge(let next) in self.machine.acknowledged() { self.acknowledge(next, context) }
      // What this stream has passed by may be new: the next one begins at what is there.
      case .failure(StoreFailure.fellBack) where isActive: self.perform(self.machine.end(.restarting), context)
      case .failure where isActive: self.perform(self.machine.end(.unavailable), context)
      case .failure: break
      }
      // The stream has ended meanwhile, whether the socket is still there or not.
      if self.ticket == nil, !self.machine.isDeleting { self.services.pushes?.mayWait(self.mailbox) }
    }
  }

  private func told(_ signal: StreamHub.Signal, _ context: ChannelHandlerContext) {
    switch signal {
    case .arrived: perform(machine.arrived(), context)
    case .reached(let index):
      let actions = machine.reached(index)
      if !actions.isEmpty { services.metrics.woken(.look) }
      perform(actions, context)
    case .ended(let reason): perform(machine.end(reason), context)
    }
  }

  /// Runs `work` off the loop and `then` on it; a store that fails ends the stream.
  private func ask<T: Sendable>(
    _ context: ChannelHandlerContext, _ work: @escaping @Sendable () async throws -> T,
    then: @escaping (T) -> [DeliveryMachine.Action]
  ) {
    context.eventLoop.makeFutureWithTask(work).assumeIsolated().whenComplete { result in
      guard context.channel.isActive else { return }
      switch result {
      case .success(let value): self.perform(then(value), context)
      // Another has taken its place, which says so itself.
      case .failure(let error) where error is CancellationError: break
      case .failure: self.perform(self.machine.end(.unavailable), context)
      }
    }
  }

  private func close(_ reason: CloseReason, _ context: ChannelHandlerContext) {
    isClosing = true
    pongs.end()
    services.metrics.closed(reason)
    stop()
    var code = ByteBuffer()
    code.write(webSocketErrorCode: WebSocketErrorCode(codeNumber: Int(reason.rawValue)))
    write(.connectionClose, code, context)
    context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(RelayLimits.closeSeconds)) {
      context.close(promise: nil)
    }
    readOn(context)
  }

  private func write(
    _ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext, flush: Bool = true
  ) {
    context.write(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: data)), promise: nil)
    if flush { context.flush() }
  }
}

/// What is done when a time has come.
private struct Alarm: NIOScheduledCallbackHandler, Sendable {
  let due: @Sendable () -> Void
  func handleScheduledCallback(eventLoop: some EventLoop) { due() }
}
