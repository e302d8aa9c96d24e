package import NIOCore

/// The client's side of a protocol under load: what it says and what it makes of what it hears, without a socket.
package protocol LoadConversation: Sendable {
  /// Whether the server has nothing to say before it may be spoken to.
  var isReadyAtOnce: Bool { get }
  /// What it says when the connection is there.
  mutating func begin(_ out: inout ByteBuffer)
  /// Takes what is complete off the front of `input`, and may answer at once. Throws a `StartFailure` when the server
  /// says what it must not.
  mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress
  /// Says one more thing that will be answered.
  mutating func say(_ out: inout ByteBuffer)
}

extension LoadConversation {
  package var isReadyAtOnce: Bool { false }
  package mutating func say(_ out: inout ByteBuffer) {}
}

/// What came of some bytes.
package struct LoadProgress: Sendable {
  /// From now on it may be spoken to.
  package var isReady = false
  /// How many of the things that were said were answered, or how many of those that were expected came.
  package var done = 0

  package init() {}
}

/// One connection of a generator: it says what it is asked to say, a number of things ahead of the answers.
final class LoadHandler<Conversation: LoadConversation>: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private(set) var conversation: Conversation
  private let ready: EventLoopPromise<Void>
  /// What arrived and is not complete.
  private var rest: ByteBuffer?
  private var unsaid = 0
  private var unanswered = 0
  private var turn: EventLoopPromise<Void>?
  private var context: ChannelHandlerContext?

  init(_ conversation: Conversation, ready: EventLoopPromise<Void>) {
    self.conversation = conversation
    self.ready = ready
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelActive(context: ChannelHandlerContext) {
    var out = context.channel.allocator.buffer(capacity: 512)
    conversation.begin(&out)
    if conversation.isReadyAtOnce { ready.succeed() }
    context.writeAndFlush(wrapOutboundOut(out), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var input = unwrapInboundIn(data)
    if var rest {
      rest.writeBuffer(&input)
      input = rest
    }
    var out = ByteBuffer()
    do {
      let progress = try conversation.take(&input, &out)
      rest = input.readableBytes == 0 ? nil : input
      if progress.isReady { ready.succeed() }
      unanswered -= progress.done
      let more = min(progress.done, unsaid)
      unsaid -= more
      for _ in 0..<more { conversation.say(&out) }
      if out.readableBytes > 0 { context.writeAndFlush(wrapOutboundOut(out), promise: nil) }
      if unanswered <= 0 { finishTurn() }
    } catch {
      errorCaught(context: context, error: error)
    }
  }

  func channelInactive(context: ChannelHandlerContext) { fail(StartFailure.loadConnectionEnded) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    fail(error as? StartFailure ?? .loadConnectionEnded)
    context.close(promise: nil)
  }

  private func fail(_ failure: StartFailure) {
    ready.fail(failure)
    turn?.fail(failure)
    turn = nil
  }

  /// Has `count` things said, or expects that many to come if `inFlight` is 0; done when all of them are answered.
  func turn(_ count: Int, inFlight: Int) -> EventLoopFuture<Void> {
    guard let context, context.channel.isActive || inFlight == 0 else {
      return ready.futureResult.eventLoop.makeFailedFuture(StartFailure.loadConnectionEnded)
    }
    let promise = context.eventLoop.makePromise(of: Void.self)
    turn = promise
    unanswered = count
    unsaid = inFlight == 0 ? 0 : max(count - inFlight, 0)
    say(min(count, inFlight))
    return promise.futureResult
  }

  /// Says `count` things now.
  func say(_ count: Int) {
    guard let context, count > 0 else { return }
    var out = context.channel.allocator.buffer(capacity: 2_048 * count)
    for _ in 0..<count { conversation.say(&out) }
    context.writeAndFlush(wrapOutboundOut(out), promise: nil)
  }

  private func finishTurn() {
    turn?.succeed()
    turn = nil
  }
}
