package import NIOCore
internal import SottoCrypto
package import SottoWire

/// A sender on the send socket: each thing said is an envelope for one of the mailboxes, each answer must be a 201.
package struct SendLoad: LoadConversation {
  /// Where things stand in a put frame. [send.1]
  private enum Offset {
    static let number = 1
    static let mailbox = number + 4
    static let id = mailbox + MailboxID.count
  }

  private var socket: LoadWebSocket
  private let mailboxes: [LoadMailbox]
  /// A whole frame, masked; number, mailbox and name are written over it.
  private let template: [UInt8]
  private var entropy: SplitMix64
  private var number: UInt32 = 0
  /// The names say when they were said: what arrives under them tells how long it took.
  private let isStamped: Bool

  /// Puts envelopes of `size` bytes, each into one of `mailboxes`, whichever.
  package init(
    to mailboxes: [LoadMailbox], at authority: RelayAuthority, size: SizeClass = .k1, stamped: Bool = false
  ) {
    self.mailboxes = mailboxes
    isStamped = stamped
    var entropy = SplitMix64()
    socket = LoadWebSocket(.send, at: authority, from: &entropy)
    // Never zeros, which anything that compresses would make nothing of.
    let bytes = (0..<size.rawValue).map { _ in UInt8(truncatingIfNeeded: entropy.next()) }
    self.entropy = entropy
    template = Self.template(mailboxes[0].id, bytes, socket.mask)
  }

  private static func template(_ mailbox: MailboxID, _ bytes: [UInt8], _ mask: [UInt8]) -> [UInt8] {
    guard let id = try? EnvelopeID([UInt8](repeating: 0, count: EnvelopeID.count)) else { return [] }
    var blank = PutFrame(number: 0, mailbox: mailbox, id: id, capability: LoadMailbox.capability, bytes: bytes).encoded
    // What is written over it later is put in with its mask.
    blank.replaceSubrange(Offset.number..<Offset.id + EnvelopeID.count, with: [UInt8](repeating: 0, count: 36))
    return blank.enumerated().map { $1 ^ mask[$0 & 3] }
  }

  package mutating func begin(_ out: inout ByteBuffer) { socket.begin(&out) }

  package mutating func say(_ out: inout ByteBuffer) {
    let mailbox = mailboxes[mailboxes.count == 1 ? 0 : Int(entropy.next() % UInt64(mailboxes.count))]
    socket.writeHead(template.count, &out)
    let start = out.writerIndex
    out.writeBytes(template)
    number &+= 1
    let name = (isStamped ? NIODeadline.now().uptimeNanoseconds : entropy.next(), entropy.next())
    out.setInteger(number ^ word(Offset.number), at: start + Offset.number)
    let (first, second) = mailbox.words
    out.setInteger(first ^ words(Offset.mailbox), at: start + Offset.mailbox)
    out.setInteger(second ^ words(Offset.mailbox), at: start + Offset.mailbox + 8)
    out.setInteger(name.0 ^ words(Offset.id), at: start + Offset.id)
    out.setInteger(name.1 ^ words(Offset.id), at: start + Offset.id + 8)
  }

  /// The mask as it falls on four bytes at this offset.
  private func word(_ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 << 8 | UInt32(socket.mask[(offset + $1) & 3]) }
  }

  private func words(_ offset: Int) -> UInt64 { UInt64(word(offset)) << 32 | UInt64(word(offset)) }

  package mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    guard try openIfNeeded(&input, &progress) else { return progress }
    while let message = try socket.message(&input) {
      guard case .answers(let answers)? = try? SendFrame(decoding: Array(message.readableBytesView)) else {
        throw StartFailure.loadConnectionEnded
      }
      for case let problem? in answers.map(\.problem) { throw StartFailure.loadRefused(problem.status) }
      progress.done += answers.count
    }
    return progress
  }

  private var isReady = false

  private mutating func openIfNeeded(_ input: inout ByteBuffer, _ progress: inout LoadProgress) throws -> Bool {
    guard !isReady else { return true }
    isReady = try socket.opened(&input)
    progress.isReady = isReady
    return isReady
  }
}
