package import NIOCore
internal import SottoCrypto
package import SottoWire

/// An owner on its stream: signs the challenge, counts envelopes, and acknowledges them 32 at a time.
package struct StreamLoad: LoadConversation {
  /// Envelopes that one ack covers.
  private static let acknowledged: UInt64 = 32

  private var socket: LoadWebSocket
  private let authority: RelayAuthority
  private let mailbox: LoadMailbox
  private let isStamped: Bool
  private var isOpen = false
  private var epoch: UInt64 = 0
  private var lastIndex: UInt64 = 0
  private var lastAcknowledged: UInt64 = 0
  /// Nanoseconds that stamped envelopes took.
  package private(set) var delays: [UInt64] = []
  package private(set) var received = 0

  package init(_ mailbox: LoadMailbox, at authority: RelayAuthority, stamped: Bool = false) {
    var entropy = SplitMix64()
    self.mailbox = mailbox
    self.authority = authority
    isStamped = stamped
    socket = LoadWebSocket(.stream(mailbox.id), at: authority, from: &entropy)
  }

  package mutating func begin(_ out: inout ByteBuffer) { socket.begin(&out) }

  package mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    if !isOpen { isOpen = try socket.opened(&input) }
    guard isOpen else { return progress }
    var isCaughtUp = false
    while let message = try socket.message(&input) {
      let start = message.readerIndex
      // An envelope's bytes are not copied out, as a client that stores them would not either.
      if message.getInteger(at: start, as: UInt8.self) == 0x02,
        let index: UInt64 = message.getInteger(at: start + 1), let stamp: UInt64 = message.getInteger(at: start + 9)
      {
        lastIndex = index
        received += 1
        progress.done += 1
        if isStamped { delays.append(NIODeadline.now().uptimeNanoseconds &- stamp) }
        if lastIndex - lastAcknowledged >= Self.acknowledged { acknowledge(&out) }
        continue
      }
      switch try? ServerFrame(decoding: Array(message.readableBytesView)) {
      case .challenge(let challenge)?:
        epoch = challenge.restoreEpoch
        socket.write(mailbox.answer(challenge, authority), &out)
      case .caughtUp?:
        progress.isReady = true
        isCaughtUp = true
      default: throw StartFailure.loadConnectionEnded
      }
    }
    if isCaughtUp || isStamped, lastIndex > lastAcknowledged { acknowledge(&out) }
    return progress
  }

  private mutating func acknowledge(_ out: inout ByteBuffer) {
    lastAcknowledged = lastIndex
    socket.write(ClientFrame.ack(index: lastIndex, restoreEpoch: epoch).encoded, &out)
  }
}
