public import SottoCrypto
public import SottoWire

/// What is sealed under `card_key` and handed to the relay; the kind is part of the associated data. [card.1]
public enum SealedKind: Sendable {
  /// A card: its list's sequence.
  case card(CardID, sequence: UInt64)
  /// A signed part: its mailbox and spk_id.
  case signedPart(MailboxID, id: UInt64)
  /// A one-time part: its mailbox, batch and index.
  case oneTimePart(MailboxID, batch: UInt64, index: UInt32)

  /// `id || kind || n`, so that nothing can be served in another's place. [card.2]
  public var associatedData: [UInt8] {
    var writer = WireWriter()
    switch self {
    case .card(let id, let sequence):
      writer.fixed(id.bytes)
      writer.u8(1)
      writer.u64(sequence)
    case .signedPart(let mailbox, let id):
      writer.fixed(mailbox.bytes)
      writer.u8(2)
      writer.u64(id)
    case .oneTimePart(let mailbox, let batch, let index):
      writer.fixed(mailbox.bytes)
      writer.u8(3)
      writer.u64(batch)
      writer.u32(index)
    }
    return writer.bytes
  }

  /// Pads, then seals with XChaCha20-Poly1305 under a random nonce. [card.6]
  public func seal(_ plaintext: [UInt8], under key: borrowing SealingKey, from entropy: inout some Entropy) -> [UInt8] {
    let blocks = plaintext.count / Limits.sealedPadding + 1
    return key.seal(Padding.pad(plaintext, to: blocks * Limits.sealedPadding), ad: associatedData, from: &entropy)
  }

  /// The plaintext, if it was sealed as this.
  public func open(_ sealed: [UInt8], under key: borrowing SealingKey) throws(Refused) -> [UInt8] {
    try Padding.unpad(refusing(at: .seal) { try key.open(sealed, ad: associatedData) })
  }
}
