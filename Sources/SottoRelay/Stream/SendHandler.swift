internal import NIOCore
internal import NIOWebSocket
internal import SottoWire

/// The shell around a `SendMachine`: frames in and out, timers, and the writer's answers back on the event loop.
///
/// What one read brought is one submission, and what becomes of it is one message back.
final class SendHandler: ChannelDuplexHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  private let services: RelayServices
  /// Who sends; nil is not limited.
  private let client: ClientLimits.Client?
  private var machine = SendMachine()
  private var inbox: LoopInbox?
  private var isClosing = false
  /// The channel asked for more while nothing was to be read.
  private var owesRead = false
  private let pongs = Pongs()
  /// What turns our frames into bytes.
  private var encoder: ChannelHandlerContext?
  private var stall: Scheduled<Void>?
  /// When the relay stops, and it is this socket's turn.
  private var turn: Scheduled<Void>?
  private var ping: Scheduled<Void>?

  init(_ services: RelayServices, _ client: ClientLimits.Client?) { (self.services, self.client) = (services, client) }

  func handlerAdded(context: ChannelHandlerContext) {
    encoder = try? context.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self)
    inbox = services.inboxes.of(context.eventLoop)
    services.lifecycle.socketOpened()
    services.metrics.sendSocketOpened()
    schedulePing(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    services.lifecycle.socketClosed()
    services.metrics.sendSocketEnded()
    encoder = nil
    stop()
  }

  func channelInactive(context: ChannelHandlerContext) {
    stop()
    context.fireChannelInactive()
  }

  private func stop() {
    stall?.cancel()
    turn?.cancel()
    ping?.cancel()
  }

  // MARK: In

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    guard !isClosing || frame.opcode == .connectionClose else { return }
    // A client masks its frames, sends a message in one of them, and speaks no text and no extension. [send.1]
    guard let key = frame.maskKey, frame.fin, !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
      return perform(machine.end(.protocolError), context)
    }
    switch frame.opcode {
    case .binary: perform(machine.received(Unmasked.bytes(frame.data, key)), context)
    case .pong: machine.ponged()
    case .ping: pongs.answer(frame.unmaskedData, context) { self.readOn(context) }
    case .connectionClose:
      // What was read before it is stored, also if nobody hears the answer.
      perform(machine.readComplete(), context)
      if !isClosing { write(.connectionClose, frame.unmaskedData, context) }
      context.close(promise: nil)
    default: perform(machine.end(.protocolError), context)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    perform(machine.readComplete(), context)
    context.fireChannelReadComplete()
  }

  /// Backpressure: bytes that are not read stay with the sender. [send.5]
  func read(context: ChannelHandlerContext) {
    if isReading { context.read() } else { owesRead = true }
  }

  /// At the end everything is read, so that the peer's close is seen.
  private var isReading: Bool { isClosing || !pongs.isWaiting && machine.isReading }

  private func readOn(_ context: ChannelHandlerContext) {
    guard owesRead, isReading else { return }
    owesRead = false
    context.read()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    let isWritable = context.channel.isWritable
    stall?.cancel()
    if !isWritable {
      // A sender that takes no answers is closed; until then nothing more is read from it. [send.5]
      stall = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(RelayLimits.stallSeconds)) {
        self.perform(self.machine.end(.slow), context)
      }
    }
    machine.writable(isWritable)
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
      self.perform(self.machine.stop(), context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func schedulePing(_ context: ChannelHandlerContext) {
    ping = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(RelayLimits.pingSeconds)) {
      self.perform(self.machine.pingDue(), context)
      if context.channel.isActive { self.schedulePing(context) }
    }
  }

  // MARK: Out

  private func perform(_ actions: [SendMachine.Action], _ context: ChannelHandlerContext) {
    for action in actions {
      switch action {
      case .submit(let puts): submit(puts, context)
      case .send(let frame): write(frame, context)
      case .close(let reason): close(reason, context)
      case .ping: write(.ping, ByteBuffer(), context)
      case .hangUp: context.close(promise: nil)
      }
    }
  }

  /// The same rules as for a PUT, and the same code. [send.2]
  private func submit(_ puts: [PutFrame], _ context: ChannelHandlerContext) {
    var arrivals: [Arrival] = []
    var numbers: [UInt32] = []
    var refused: [PutAnswer] = []
    for put in puts {
      do throws(Refusal) {
        // Each envelope is a request that nobody signed. [limits.2]
        try services.clients.admit(.requests, client)
        arrivals.append(
          try RelayServices.arrival(put.id, of: put.bytes, to: put.mailbox, showing: put.capability))
        numbers.append(put.number)
      } catch {
        services.metrics.refused(error.problem)
        services.audit.write(error, services.now())
        refused.append(PutAnswer(number: put.number, .refused(error)))
      }
    }
    let bytes = arrivals.reduce(0) { $0 + $1.bytes.count }
    if !refused.isEmpty {
      let all = puts.reduce(0) { $0 + $1.bytes.count }
      perform(machine.settled(refused, bytes: all - bytes), context)
    }
    guard !arrivals.isEmpty, let inbox else { return }
    let shell = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    services.put(arrivals) { [numbers] outcomes in
      inbox.post {
        shell.value.handler.settled(zip(numbers, outcomes).map(PutAnswer.init), outcomes, bytes, shell.value.context)
      }
    }
  }

  private func settled(
    _ answers: [PutAnswer], _ outcomes: [Acceptance], _ bytes: Int, _ context: ChannelHandlerContext
  ) {
    for case .failed(.failed(let code)) in outcomes.prefix(1) { services.log.write(.storeFailed(code: code)) }
    guard context.channel.isActive else { return }
    perform(machine.settled(answers, bytes: bytes), context)
    readOn(context)
  }

  private func close(_ reason: CloseReason, _ context: ChannelHandlerContext) {
    isClosing = true
    pongs.end()
    stop()
    var code = ByteBuffer()
    code.write(webSocketErrorCode: WebSocketErrorCode(codeNumber: Int(reason.rawValue)))
    write(.connectionClose, code, context)
    context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(RelayLimits.closeSeconds)) {
      context.close(promise: nil)
    }
    readOn(context)
  }

  /// A whole frame in one buffer, put in behind NIO's encoder, which would write its header for itself: one buffer is one
  /// write to the socket and one TLS record, and answers are most of what the relay writes here.
  private func write(_ frame: SendFrame, _ context: ChannelHandlerContext) {
    let bytes = frame.encoded
    guard let encoder, bytes.count <= UInt16.max else { return write(.binary, ByteBuffer(bytes: bytes), context) }
    var buffer = context.channel.allocator.buffer(capacity: 4 + bytes.count)
    buffer.writeInteger(0x82 as UInt8)
    if bytes.count < 126 {
      buffer.writeInteger(UInt8(bytes.count))
    } else {
      buffer.writeInteger(126 as UInt8)
      buffer.writeInteger(UInt16(bytes.count))
    }
    buffer.writeBytes(bytes)
    encoder.writeAndFlush(NIOAny(buffer), promise: nil)
  }

  private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: data)), promise: nil)
  }
}

extension PutAnswer {
  /// What the sender is told. [send.3]
  init(number: UInt32, _ outcome: Acceptance) {
    switch outcome {
    case .stored, .repeated: self.init(number: number)
    case .refused(let refusal):
      self.init(number: number, problem: refusal.problem, retryAfter: UInt16(clamping: refusal.retryAfter ?? 0))
    case .failed(.full): self.init(number: number, problem: .storageFull)
    case .failed(.unavailable): self.init(number: number, problem: .unavailable)
    case .failed: self.init(number: number, problem: .internalError)
    }
  }
}

/// NIO takes the mask off byte by byte, which costs more than everything else that is done with a frame.
private enum Unmasked {
  static func bytes(_ data: ByteBuffer, _ key: WebSocketMaskingKey) -> [UInt8] {
    var bytes = Array(data.readableBytesView)
    let mask = key.reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
    let wide = (UInt64(mask) << 32 | UInt64(mask)).littleEndian
    unsafe bytes.withUnsafeMutableBytes { bytes in
      let whole = bytes.count & ~7
      for offset in stride(from: 0, to: whole, by: 8) {
        let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        unsafe bytes.storeBytes(of: word ^ wide, toByteOffset: offset, as: UInt64.self)
      }
      for offset in whole..<bytes.count {
        unsafe bytes[offset] ^= UInt8(truncatingIfNeeded: mask >> (8 * (offset & 3)))
      }
    }
    return bytes
  }
}
