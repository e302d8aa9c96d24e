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
    var reader = WireReader(bytes)
    key = try parsed(try reader.fixed(AgreementPublicKey.count), AgreementPublicKey.init)
    previousCount = try reader.u32()
    number = try reader.u32()
    try reader.finish()
  }

  package func encoded() -> [UInt8] {
    var writer = WireWriter()
    writer.fixed(key.bytes)
    writer.u32(previousCount)
    writer.u32(number)
    return writer.bytes
  }
}
