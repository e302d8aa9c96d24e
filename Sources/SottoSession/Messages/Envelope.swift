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
    var writer = WireWriter()
    writer.u8((prelude == nil ? Kind.message : .withPrelude).rawValue)
    if let prelude { writer.fixed(prelude) }
    message.write(to: &writer)
    return writer.bytes
  }
}

/// `hdr[80] || COM[32] || sealed`.
package struct RatchetMessage: Sendable {
  package let header: [UInt8]
  package let commitment: [UInt8]
  package let sealed: [UInt8]

  static let headerCount = SealingKey.overhead + RatchetHeader.count
  static let overhead = headerCount + Digest.count + SingleUseKey.overhead

  package init(header: [UInt8], commitment: [UInt8], sealed: [UInt8]) {
    self.header = header
    self.commitment = commitment
    self.sealed = sealed
  }

  init(from reader: inout WireReader) throws(WireError) {
    header = try reader.fixed(Self.headerCount)
    commitment = try reader.fixed(Digest.count)
    sealed = reader.rest()
    guard sealed.count > SingleUseKey.overhead else { throw .truncated }
  }

  func write(to writer: inout WireWriter) {
    writer.fixed(header)
    writer.fixed(commitment)
    writer.fixed(sealed)
  }
}
