/// The body of `PUT .../prekeys/signed-part`: sealed, so the relay learns its id and its length. [relay.15]
public struct SignedPartUpload: Hashable, Sendable {
  /// Greater than the id of the part that it replaces.
  public let id: UInt64
  /// Opaque to the relay.
  public let sealed: [UInt8]

  public init(id: UInt64, sealed: [UInt8]) {
    self.id = id
    self.sealed = sealed
  }

  public var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u64(id)
    writer.vector(sealed)
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    id = try reader.number()
    sealed = try reader.sealed(limit: WireLimits.signedPart)
    try reader.finish()
  }
}

/// One sealed one-time part of a batch. [relay.16]
public struct OneTimePart: Hashable, Sendable {
  /// Its leaf in the batch's tree.
  public let index: UInt32
  /// Opaque to the relay.
  public let sealed: [UInt8]

  public init(index: UInt32, sealed: [UInt8]) {
    self.index = index
    self.sealed = sealed
  }
}

/// The body of `PUT .../prekeys/one-time/{batch}`: 1 to 256 parts in strictly ascending order of index. [relay.16]
public struct OneTimeUpload: Hashable, Sendable {
  public let parts: [OneTimePart]

  public init(_ parts: [OneTimePart]) throws(WireError) {
    guard 1...WireLimits.oneTimeParts ~= parts.count else { throw .outOfRange }
    guard zip(parts, parts.dropFirst()).allSatisfy({ $0.index < $1.index }) else { throw .invalidValue }
    self.parts = parts
  }

  public var encoded: [UInt8] {
    var writer = WireWriter()
    writer.list(parts) { writer, part in
      writer.u32(part.index)
      writer.vector(part.sealed)
    }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    let parts = try reader.list(limit: WireLimits.oneTimeParts) { reader throws(WireError) in
      OneTimePart(index: try reader.u32(), sealed: try reader.sealed(limit: WireLimits.oneTimePart))
    }
    try reader.finish()
    try self.init(parts)
  }
}

/// The answer to a claim: the signed part, and a one-time part that nobody else gets, if one was left. [relay.18]
public struct ClaimedPrekeys: Hashable, Sendable {
  /// A one-time part with the clear values that its seal is bound to.
  public struct OneTime: Hashable, Sendable {
    public let batch: UInt64
    public let index: UInt32
    public let sealed: [UInt8]

    public init(batch: UInt64, index: UInt32, sealed: [UInt8]) {
      self.batch = batch
      self.index = index
      self.sealed = sealed
    }
  }

  public let signedPart: SignedPartUpload
  /// nil: use the last-resort key of the signed part.
  public let oneTime: OneTime?

  public init(signedPart: SignedPartUpload, oneTime: OneTime?) {
    self.signedPart = signedPart
    self.oneTime = oneTime
  }

  public var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u64(signedPart.id)
    writer.vector(signedPart.sealed)
    writer.u8(oneTime == nil ? 0 : 1)
    if let oneTime {
      writer.u64(oneTime.batch)
      writer.u32(oneTime.index)
      writer.vector(oneTime.sealed)
    }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    signedPart = SignedPartUpload(id: try reader.number(), sealed: try reader.sealed(limit: WireLimits.signedPart))
    if try reader.isPresent() {
      oneTime = OneTime(
        batch: try reader.number(), index: try reader.u32(),
        sealed: try reader.sealed(limit: WireLimits.oneTimePart))
    } else {
      oneTime = nil
    }
    try reader.finish()
  }
}

extension WireReader {
  /// `opaque sealed<1..limit>`.
  mutating func sealed(limit: Int) throws(WireError) -> [UInt8] {
    let bytes = try vector(limit: limit)
    guard !bytes.isEmpty else { throw .outOfRange }
    return bytes
  }
}
