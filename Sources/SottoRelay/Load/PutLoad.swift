package import NIOCore
internal import SottoCrypto
package import SottoWire

/// Envelopes for any of the mailboxes, one PUT after the other on one connection, each of which must be answered with a
/// 2xx.
package struct PutLoad: LoadConversation {
  private static let path = "PUT /v1/mailboxes/".utf8.count
  private static let name = path + 32 + "/envelopes/".utf8.count

  private let mailboxes: [LoadMailbox]
  /// A whole request; the ids are written over it.
  private let template: [UInt8]
  private var entropy: SplitMix64
  /// The names say when they were said: what arrives under them tells how long it took.
  private let isStamped: Bool

  package init(to mailboxes: [LoadMailbox], at authority: RelayAuthority, stamped: Bool = false) {
    self.mailboxes = mailboxes
    isStamped = stamped
    var entropy = SplitMix64()
    let bytes = (0..<SizeClass.k1.rawValue).map { _ in UInt8(truncatingIfNeeded: entropy.next()) }
    let blank = String(repeating: "0", count: 32)
    let head = """
      PUT /v1/mailboxes/\(blank)/envelopes/\(blank) HTTP/1.1\r\nhost: \(authority.text)\r\n\
      sotto-capability: \(LoadMailbox.capability.text)\r\ncontent-length: \(bytes.count)\r\n\r\n
      """
    template = Array(head.utf8) + bytes
    self.entropy = entropy
  }

  package mutating func begin(_ out: inout ByteBuffer) {}

  /// An HTTP server says nothing first.
  package var isReadyAtOnce: Bool { true }

  package mutating func say(_ out: inout ByteBuffer) {
    let (first, second) = mailboxes[Int(entropy.next() % UInt64(mailboxes.count))].words
    let start = out.writerIndex
    out.writeBytes(template)
    Self.write(first, at: start + Self.path, &out)
    Self.write(second, at: start + Self.path + 16, &out)
    Self.write(isStamped ? NIODeadline.now().uptimeNanoseconds : entropy.next(), at: start + Self.name, &out)
    Self.write(entropy.next(), at: start + Self.name + 16, &out)
  }

  /// Sixteen digits, eight at a time.
  private static func write(_ word: UInt64, at index: Int, _ out: inout ByteBuffer) {
    out.setInteger(digits(UInt32(word >> 32)), at: index)
    out.setInteger(digits(UInt32(truncatingIfNeeded: word)), at: index + 8)
  }

  private static func digits(_ word: UInt32) -> UInt64 {
    var digits: UInt64 = 0
    for place in 0..<8 {
      let value = UInt64(word >> UInt32(28 - 4 * place) & 15)
      digits = digits << 8 | (value < 10 ? 0x30 + value : 0x57 + value)
    }
    return digits
  }

  package mutating func take(_ input: inout ByteBuffer, _ out: inout ByteBuffer) throws -> LoadProgress {
    var progress = LoadProgress()
    while let answer = try HTTPAnswer(&input) {
      guard 200..<300 ~= answer.status else { throw StartFailure.loadRefused(answer.status) }
      progress.done += 1
    }
    return progress
  }
}
