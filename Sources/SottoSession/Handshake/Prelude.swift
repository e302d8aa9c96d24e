public import SottoCrypto
public import SottoWire

/// What an initiator puts before its ratchet messages until it has an authenticated reply:
/// `EK || box0 || ct || lp(box1)`, byte-identical each time. [handshake.1]
public struct Prelude: Hashable, Sendable {
  /// The ephemeral key.
  package let ephemeralKey: AgreementPublicKey
  /// 48 bytes: which private keys, sealed to the identity key.
  package let box0: [UInt8]
  /// 1,568 bytes.
  package let ciphertext: [UInt8]
  /// Who is speaking, sealed.
  package let box1: [UInt8]

  static let box0Count = PrekeyIDs.count + SingleUseKey.overhead

  package init(ephemeralKey: AgreementPublicKey, box0: [UInt8], ciphertext: [UInt8], box1: [UInt8]) {
    self.ephemeralKey = ephemeralKey
    self.box0 = box0
    self.ciphertext = ciphertext
    self.box1 = box1
  }

  init(from reader: inout WireReader) throws(WireError) {
    ephemeralKey = try parsed(try reader.fixed(AgreementPublicKey.count), AgreementPublicKey.init)
    box0 = try reader.fixed(Self.box0Count)
    ciphertext = try reader.fixed(KEMPublicKey.ciphertextCount)
    box1 = try reader.vector(limit: Limits.box1)
    // [handshake.2] Only whole blocks: the size must not tell the number of devices.
    guard box1.count > SingleUseKey.overhead,
      (box1.count - SingleUseKey.overhead).isMultiple(of: Limits.box1Padding)
    else { throw .invalidValue }
  }

  package func write(to writer: inout WireWriter) {
    writer.fixed(ephemeralKey.bytes)
    writer.fixed(box0)
    writer.fixed(ciphertext)
    writer.vector(box1)
  }

  /// `d = H("prelude"; EK, box0, ct, box1)`: known means that session, or drop. [handshake.3]
  public var digest: Digest { Digest.of("prelude", ephemeralKey.bytes, box0, ciphertext, box1) }
}

/// Which private keys of the responder a first message needs. [handshake.4]
public struct PrekeyIDs: Hashable, Sendable {
  /// The signed part.
  public let spkID: UInt64
  /// One-time or last resort.
  public let kind: PrekeyKind
  /// The batch, or the last-resort key's id.
  public let id: UInt64
  /// The place in the batch; 0 for last resort.
  public let index: UInt32

  static let count = 32
  private static let padding = [UInt8](repeating: 0, count: count - 21)

  package func encoded() -> [UInt8] {
    var writer = WireWriter()
    writer.u64(spkID)
    writer.u8(kind.rawValue)
    writer.u64(id)
    writer.u32(index)
    writer.fixed(Self.padding)
    return writer.bytes
  }

  /// For vectors: any numbers.
  package init(spkID: UInt64, kind: PrekeyKind, id: UInt64, index: UInt32) {
    self.spkID = spkID
    self.kind = kind
    self.id = id
    self.index = index
  }

  package init(of bundle: VerifiedBundle) {
    spkID = bundle.signedPart.id
    kind = bundle.kind
    id = bundle.oneTime?.batch ?? bundle.signedPart.lastResortID
    index = bundle.oneTime?.index ?? 0
  }

  package init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    spkID = try reader.u64()
    guard let kind = PrekeyKind(rawValue: try reader.u8()) else { throw .invalidValue }
    self.kind = kind
    id = try reader.u64()
    index = try reader.u32()
    guard try reader.fixed(Self.padding.count) == Self.padding, kind == .oneTime || index == 0 else {
      throw .invalidValue
    }
    try reader.finish()
  }
}

/// Where a peer can be answered: its contact secret, its card's relay, and for each of its devices the mailbox and the
/// right to write to it. [handshake.5]
public struct ReplyPath: Hashable, Sendable {
  /// The relay of the card.
  public let relay: RelayAuthority
  /// S.
  public let contactSecret: ContactSecret
  /// The sequence of the account's list when it was made: a greater one replaces it, however late this arrives.
  public let sequence: UInt64
  /// The `contact` capability of each device's mailbox.
  public let capabilities: [MailboxID: Capability]

  public init(
    relay: RelayAuthority, contactSecret: ContactSecret, sequence: UInt64, capabilities: [MailboxID: Capability]
  ) {
    self.relay = relay
    self.contactSecret = contactSecret
    self.sequence = sequence
    self.capabilities = capabilities
  }

  /// Nothing but a reply path, for vectors.
  package init(decoding bytes: [UInt8]) throws(Refused) {
    self = try refusing(at: .encoding) { try WireReader.decode(bytes, ReplyPath.init(from:)) }
  }

  package func write(to writer: inout WireWriter) {
    writer.vector(Array(relay.text.utf8))
    writer.fixed(contactSecret.bytes)
    writer.u64(sequence)
    let ordered = capabilities.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }
    writer.list(ordered) { writer, entry in
      writer.fixed(entry.key.bytes)
      writer.fixed(entry.value.bytes)
    }
  }

  init(from reader: inout WireReader) throws(WireError) {
    relay = try relayAuthority(&reader)
    contactSecret = try parsed(try reader.fixed(ContactSecret.count), ContactSecret.init)
    sequence = try reader.u64()
    let entries = try reader.list(limit: Limits.devices) { reader throws(WireError) in
      (try MailboxID(try reader.fixed(MailboxID.count)), try Capability(try reader.fixed(Capability.count)))
    }
    // Ascending, so that there is one encoding and no mailbox twice.
    guard zip(entries, entries.dropFirst()).allSatisfy({ $0.0.bytes.lexicographicallyPrecedes($1.0.bytes) }) else {
      throw .invalidValue
    }
    capabilities = Dictionary(uniqueKeysWithValues: entries)
  }
}
