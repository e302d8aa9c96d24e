public import SottoCrypto

/// One capability as the owner registers it: the relay never sees the capability before a sender shows it. [relay.14]
public struct CapabilitySlot: Hashable, Sendable {
  public let kind: CapabilityClass
  /// `H("capability"; capability)`.
  public let hash: Digest
  /// Unix seconds after which it is refused. Only a retiring one has it, and must.
  public let expires: UInt64?

  public init(_ kind: CapabilityClass, _ hash: Digest, expires: UInt64? = nil) {
    self.kind = kind
    self.hash = hash
    self.expires = expires
  }
}

/// All capabilities of a mailbox: a PUT replaces the whole set. [relay.14]
public struct CapabilitySet: Hashable, Sendable {
  public let slots: [CapabilitySlot]

  /// Throws when there are too many, when a hash occurs twice, or when an expiry stands where none may.
  public init(_ slots: [CapabilitySlot]) throws(WireError) {
    guard slots.count <= WireLimits.capabilitySlots else { throw .outOfRange }
    guard Set(slots.map(\.hash)).count == slots.count,
      slots.allSatisfy({ ($0.kind == .retiring) == ($0.expires != nil) && $0.expires != 0 })
    else { throw .invalidValue }
    self.slots = slots
  }

  public var encoded: [UInt8] {
    var writer = WireWriter()
    writer.list(slots) { writer, slot in
      writer.u8(slot.kind.rawValue)
      writer.fixed(slot.hash.bytes)
      writer.u64(slot.expires ?? 0)
    }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    let slots = try reader.list(limit: WireLimits.capabilitySlots) { reader throws(WireError) in
      guard let kind = CapabilityClass(rawValue: try reader.u8()) else { throw .invalidValue }
      guard let hash = try? Digest(try reader.fixed(Digest.count)) else { throw .truncated }
      let expires = try reader.number()
      return CapabilitySlot(kind, hash, expires: expires == 0 ? nil : expires)
    }
    try reader.finish()
    try self.init(slots)
  }
}

/// What the owner of a mailbox is told about it. [relay.13]
public struct MailboxStatus: Hashable, Sendable {
  /// The sequence of the last mutation.
  public var sequence: UInt64
  /// Raised whenever the relay was restored from a backup.
  public var restoreEpoch: UInt64
  /// The id of the signed part; nil when there is none.
  public var signedPart: UInt64?
  /// One-time parts not yet handed out.
  public var oneTimeParts: UInt32
  /// Claims since the last signed part that found no one-time part left.
  public var lastResortClaims: UInt64
  /// Envelopes that wait, of all classes.
  public var envelopes: UInt32
  /// Their bytes.
  public var envelopeBytes: UInt64
  /// The classes of the registered capabilities, ascending; one may occur several times.
  public var capabilities: [CapabilityClass]

  public init(
    sequence: UInt64, restoreEpoch: UInt64, signedPart: UInt64?, oneTimeParts: UInt32, lastResortClaims: UInt64,
    envelopes: UInt32, envelopeBytes: UInt64, capabilities: [CapabilityClass]
  ) {
    self.sequence = sequence
    self.restoreEpoch = restoreEpoch
    self.signedPart = signedPart
    self.oneTimeParts = oneTimeParts
    self.lastResortClaims = lastResortClaims
    self.envelopes = envelopes
    self.envelopeBytes = envelopeBytes
    self.capabilities = capabilities
  }

  public var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u64(sequence)
    writer.u64(restoreEpoch)
    writer.u8(signedPart == nil ? 0 : 1)
    if let signedPart { writer.u64(signedPart) }
    writer.u32(oneTimeParts)
    writer.u64(lastResortClaims)
    writer.u32(envelopes)
    writer.u64(envelopeBytes)
    writer.list(capabilities) { $0.u8($1.rawValue) }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    sequence = try reader.number()
    restoreEpoch = try reader.number()
    signedPart = try reader.isPresent() ? reader.number() : nil
    oneTimeParts = try reader.u32()
    lastResortClaims = try reader.number()
    envelopes = try reader.u32()
    envelopeBytes = try reader.number()
    capabilities = try reader.list(limit: WireLimits.capabilitySlots) { reader throws(WireError) in
      guard let kind = CapabilityClass(rawValue: try reader.u8()) else { throw .invalidValue }
      return kind
    }
    guard zip(capabilities, capabilities.dropFirst()).allSatisfy({ $0.rawValue <= $1.rawValue }) else {
      throw .invalidValue
    }
    try reader.finish()
  }
}

extension WireReader {
  /// The presence byte of an `optional<T>` (RFC 9420 section 2.1.1): 0 or 1. [encoding.11]
  mutating func isPresent() throws(WireError) -> Bool {
    switch try u8() {
    case 0: false
    case 1: true
    default: throw .invalidValue
    }
  }
}
