internal import NIOCore
internal import NIOWebSocket

/// The answers to the pings of one socket. One at a time waits for the socket to take it; of the pings that come
/// meanwhile the last is answered, as RFC 6455 allows. That the channel is writable says too little: it takes many
/// thousands of pongs, each of which costs far more than its bytes. And when the peer ends its side, NIO reads all that
/// the system holds, asked or not.
final class Pongs {
  /// Whether the socket has not taken the last one: until it has, nothing more should be read.
  private(set) var isWaiting = false
  /// What is to be answered after it.
  private var next: ByteBuffer?
  private var isOver = false

  /// `taken` is called when the socket has taken the answer.
  func answer(_ ping: ByteBuffer, _ context: ChannelHandlerContext, taken: @escaping () -> Void) {
    guard !isOver else { return }
    guard !isWaiting else {
      next = ping
      return
    }
    isWaiting = true
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { _ in
      self.isWaiting = false
      let next = self.next
      self.next = nil
      guard context.channel.isActive, !self.isOver else { return }
      if let next { self.answer(next, context, taken: taken) }
      taken()
    }
    context.writeAndFlush(NIOAny(WebSocketFrame(fin: true, opcode: .pong, data: ping)), promise: written)
  }

  /// A close frame is the last that is sent.
  func end() { isOver = true }
}
