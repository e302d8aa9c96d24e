import SottoCrypto
import SottoWire

/// What a relay carries, taken apart: `type || [prelude] || hdr || COM || sealed`. [envelope.2]
public struct Envelope: Sendable {
  /// What an initiator adds until it has an authenticated reply.
  public let prelude: Prelude?
  package let message: RatchetMessage

  /// Bytes of an envelope without prelude that are not padded content: 1 + 80 + 32 + 16.
  package static let overhead = 1 + RatchetMessage.overhead

  private enum Kind: UInt8 {
    case message = 1
    case withPrelude = 2
  }

  /// Reads an envelope: exactly one of the eight sizes, one of two types. [envelope.3]
  public init(decoding bytes: [UInt8]) throws(Refused) {
    guard SizeClass(rawValue: bytes.count) != nil else { throw Refused(.encoding) }
    let (prelude, message) = try refusing(at: .encoding) {
      try WireReader.decode(bytes) { reader throws(WireError) in
        guard let kind = Kind(rawValue: try reader.u8()) else { throw .invalidValue }
        let prelude = kind == .withPrelude ? try Prelude(from: &reader) : nil
        return (prelude, try RatchetMessage(from: &reader))
      }
    }
    self.prelude = prelude
    self.message = message
  }

  /// How many bytes of padded content make the smallest envelope that holds `content`; nil when none does.
  package static func paddedCount(for content: Int, preludeCount: Int) -> Int? {
    let fixed = overhead + preludeCount
    guard let size = SizeClass(holding: fixed + content + 1) else { return nil }
    return size.rawValue - fixed
  }

  package static func encode(prelude: [UInt8]?, message: RatchetMessage) -> [UInt8] {
    build(prelude: prelude, messageCount: message.bytes.count) { $0.write(message.bytes.span, at: 0) }
  }

  /// An envelope of which `write` makes the message, in place.
  static func build(
    prelude: [UInt8]?, messageCount: Int, _ write: (inout MutableSpan<UInt8>) -> Void
  ) -> [UInt8] {
    let front = 1 + (prelude?.count ?? 0)
    var bytes = [UInt8](repeating: 0, count: front + messageCount)
    bytes[0] = (prelude == nil ? Kind.message : .withPrelude).rawValue
    if let prelude { bytes.replaceSubrange(1..<front, with: prelude) }
    var whole = bytes.mutableSpan
    whole.withPart(front..<front + messageCount) { write(&$0) }
    return bytes
  }
}

/// `hdr[80] || COM[32] || sealed`, where it stands in the bytes that arrived.
package struct RatchetMessage: Sendable {
  package let bytes: ArraySlice<UInt8>

  static let headerCount = SealingKey.overhead + RatchetHeader.count
  static let headerRange = 0..<headerCount
  static let commitmentRange = headerCount..<headerCount + Digest.count
  static let overhead = commitmentRange.upperBound + SingleUseKey.overhead

  init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

  /// For vectors; header and commitment have 80 and 32 bytes.
  package init(header: [UInt8], commitment: [UInt8], sealed: [UInt8]) { self.init(header + commitment + sealed) }

  init(from reader: inout WireReader) throws(WireError) {
    bytes = reader.restSlice()
    guard bytes.count > Self.overhead else { throw .truncated }
  }

  package var header: [UInt8] { part(Self.headerRange) }
  package var commitment: [UInt8] { part(Self.commitmentRange) }
  package var sealed: [UInt8] { part(Self.commitmentRange.upperBound..<bytes.count) }

  private func part(_ range: Range<Int>) -> [UInt8] {
    Array(bytes[bytes.startIndex + range.lowerBound..<bytes.startIndex + range.upperBound])
  }

  /// How long the padded content is.
  var paddedCount: Int { bytes.count - Self.overhead }
}
