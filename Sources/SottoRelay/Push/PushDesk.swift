internal import SottoWire

/// Sees to it that devices which do not listen are woken. [push.2]
protocol PushDesk: Sendable {
  /// What the owner's device is woken with; nil: it is not woken any more.
  func set(_ mailbox: MailboxID, _ sealed: [UInt8]?, by mutation: Mutation) async throws
  /// Before anything is served. Throws a `StartFailure`.
  func prepare() async throws
  /// Until the task is cancelled.
  func run() async
  func close() async

  /// Something may wait, and nobody here listens: an envelope was stored, or a stream has ended.
  func mayWait(_ mailbox: MailboxID)
  /// The owner listens, and what waits is not read before this returns.
  func listens(_ mailbox: MailboxID) async throws
}

/// Where a store knows of streams by itself, nobody has to tell.
extension PushDesk {
  func prepare() {}
  func mayWait(_ mailbox: MailboxID) {}
  func listens(_ mailbox: MailboxID) {}
}

/// Says that there is something to do; how often it was rung since does not matter.
final class Bell: Sendable {
  let rings: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() { (rings, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

  func ring() { continuation.yield() }
}
