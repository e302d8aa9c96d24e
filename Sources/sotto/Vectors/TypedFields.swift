internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// Fields of a case as what they are. A field that cannot be what its operation says is no refusal: the case is wrong.
extension Fields {
  func digest(_ name: String) throws -> Digest { try typed(name, Digest.init) }

  func account(_ name: String = "account") throws -> AccountID { AccountID(try digest(name)) }

  func device(_ name: String = "device") throws -> DeviceID { try typed(name, DeviceID.init) }

  func contactSecret() throws -> ContactSecret { try typed("contact_secret", ContactSecret.init) }

  func mailbox(_ name: String = "mailbox") throws -> MailboxID { try typed(name, MailboxID.init) }

  func relay(_ text: String) throws -> RelayAuthority {
    guard let relay = RelayAuthority(text) else { throw BadVector("\(place): \"\(text)\" is no relay") }
    return relay
  }

  func head(_ name: String) throws -> ListHead {
    try typed(name) { bytes in try WireReader.decode(bytes) { reader throws(WireError) in try ListHead(from: &reader) }
    }
  }

  /// A number of 64 bits; as an integer a file can hold those below 2^53.
  func u64(_ name: String) throws -> UInt64 { try exact(name) }

  func u32(_ name: String) throws -> UInt32 { try exact(name) }

  /// A card that the case says was verified before: it is verified at the beginning of its dates.
  func verifiedCard(_ name: String = "card") throws -> Card {
    try typed(name) { bytes in
      let card = try UnverifiedCard(decoding: bytes)
      return try card.verified(for: card.claimedAccount, foundAt: nil, now: card.claimedList.notBefore)
    }
  }

  private func exact<T: FixedWidthInteger>(_ name: String) throws -> T {
    guard let number = T(exactly: try number(name)) else { throw BadVector("\(place).\(name) is out of range") }
    return number
  }

  func typed<T>(_ name: String, _ make: ([UInt8]) throws -> T) throws -> T {
    let bytes = try bytes(name)
    do { return try make(bytes) } catch { throw BadVector("\(place).\(name) is not what it should be: \(error)") }
  }
}

extension ListHead {
  /// The 40 bytes.
  var encoded: [UInt8] {
    var writer = WireWriter()
    write(to: &writer)
    return writer.bytes
  }
}
