package import SottoCrypto
package import SottoWire

/// What the header says: the sender's current key, how long its last chain was, and this message's number.
package struct RatchetHeader {
  package let key: AgreementPublicKey
  package let previousCount: UInt32
  package let number: UInt32

  static let count = AgreementPublicKey.count + 8

  package init(key: AgreementPublicKey, previousCount: UInt32, number: UInt32) {
    self.key = key
    self.previousCount = previousCount
    self.number = number
  }

  package init(decoding bytes: [UInt8]) throws(WireError) {
    guard bytes.count == Self.count else { throw bytes.count < Self.count ? .truncated : .trailingBytes }
    try self.init(Plaintext { bytes[$0] }, known: nil)
  }

  /// What is sealed, inline: headers are made and tried too often to allocate.
  typealias Plaintext = InlineArray<40, UInt8>

  /// `known` is the key that is expected: where it stands, it is taken as it is.
  init(_ plaintext: Plaintext, known: AgreementPublicKey?) throws(WireError) {
    if let known, known.bytes.indices.allSatisfy({ known.bytes[$0] == plaintext[$0] }) {
      key = known
    } else {
      key = try parsed((0..<AgreementPublicKey.count).map { plaintext[$0] }, AgreementPublicKey.init)
    }
    previousCount = Self.number(plaintext, at: AgreementPublicKey.count)
    number = Self.number(plaintext, at: AgreementPublicKey.count + 4)
  }

  private static func number(_ plaintext: Plaintext, at offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 << 8 | UInt32(plaintext[offset + $1]) }
  }

  package func encoded() -> [UInt8] { plaintext.indices.map { plaintext[$0] } }

  var plaintext: Plaintext {
    var plaintext = Plaintext(repeating: 0)
    var bytes = plaintext.mutableSpan
    bytes.write(key.bytes.span, at: 0)
    for index in 0..<4 {
      let shift = UInt32(24 - 8 * index)
      bytes[AgreementPublicKey.count + index] = UInt8(truncatingIfNeeded: previousCount >> shift)
      bytes[AgreementPublicKey.count + 4 + index] = UInt8(truncatingIfNeeded: number >> shift)
    }
    return plaintext
  }
}
