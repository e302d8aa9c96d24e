public import SottoCrypto
package import SottoWire

/// The root of one batch of one-time keys, as a signed part carries it.
public struct BatchRoot: Hashable, Sendable {
  /// Counts up; never reused by a device.
  public let batch: UInt64
  /// d: the batch has 2^d keys.
  public let depth: UInt8
  /// The root of its Merkle tree.
  public let root: Digest

  public init(batch: UInt64, depth: UInt8, root: Digest) {
    self.batch = batch
    self.depth = depth
    self.root = root
  }

  package func write(to writer: inout WireWriter) {
    writer.u64(batch)
    writer.u8(depth)
    writer.fixed(root.bytes)
  }

  package init(from reader: inout WireReader) throws(WireError) {
    batch = try reader.u64()
    depth = try reader.u8()
    root = try digest(&reader)
  }
}

/// The signed part: the rotating keys of a device and the roots of its batches, signed by the device. [prekeys.3]
public struct SignedPart: Hashable, Sendable {
  /// A of the device's account.
  public let account: AccountID
  /// The device.
  public let device: DeviceID
  /// Counts up; every new signed part has a new one.
  public let id: UInt64
  /// SPK.
  public let signedKey: AgreementPublicKey
  /// Names the last-resort KEM key.
  public let lastResortID: UInt64
  /// The KEM key for when no one-time part is left.
  public let lastResortKey: KEMPublicKey
  /// The batches whose keys may be used with it.
  public let batches: [BatchRoot]
  /// Valid from, unix seconds.
  public let notBefore: UnixTime
  /// Valid until, unix seconds.
  public let notAfter: UnixTime
  // A signed part is signed, hashed and stored, and encoded once.
  private let content: [UInt8]
  /// `H("signed part"; content)`: binds all of it into a handshake.
  public let hash: Digest

  package init(
    account: AccountID, device: DeviceID, id: UInt64, signedKey: AgreementPublicKey, lastResortID: UInt64,
    lastResortKey: KEMPublicKey, batches: [BatchRoot], notBefore: UnixTime, notAfter: UnixTime
  ) {
    self.account = account
    self.device = device
    self.id = id
    self.signedKey = signedKey
    self.lastResortID = lastResortID
    self.lastResortKey = lastResortKey
    self.batches = batches
    self.notBefore = notBefore
    self.notAfter = notAfter
    var writer = WireWriter()
    writer.fixed(account.bytes)
    writer.fixed(device.bytes)
    writer.u64(id)
    writer.fixed(signedKey.bytes)
    writer.u64(lastResortID)
    writer.fixed(lastResortKey.bytes)
    writer.list(batches) { $1.write(to: &$0) }
    writer.u64(notBefore)
    writer.u64(notAfter)
    content = writer.bytes
    hash = Digest.of("signed part", content)
  }

  /// The content that the device signs. [prekeys.4]
  public func encoded() -> [UInt8] { content }

  /// What is sealed for the relay: `pkML || lp(content) || signature`.
  public func published(signedBy device: borrowing HybridSigningKey) throws(CryptoError) -> [UInt8] {
    var writer = WireWriter()
    writer.fixed(device.publicKey.postQuantum.bytes)
    writer.vector(encoded())
    writer.fixed(try device.sign("signed part", encoded()).bytes)
    return writer.bytes
  }

  package static func decode(_ bytes: [UInt8]) throws(Refused) -> SignedPart {
    let part = try refusing(at: .encoding) { try WireReader.decode(bytes, read) }
    // [prekeys.10]
    guard part.notBefore < part.notAfter, part.notAfter - part.notBefore <= Limits.signedPartValidity else {
      throw Refused(.validity)
    }
    return part
  }

  private static func read(_ reader: inout WireReader) throws -> SignedPart {
    let account = AccountID(try digest(&reader))
    let device = try DeviceID(try reader.fixed(DeviceID.count))
    let id = try reader.u64()
    let signedKey = try publicKey(&reader)
    let lastResortID = try reader.u64()
    let lastResortKey = try kemKey(&reader)
    let batches = try reader.list(limit: Limits.batches) { reader throws(WireError) in
      try BatchRoot(from: &reader)
    }
    // [prekeys.9] One number, one root.
    guard batches.allSatisfy({ $0.depth <= Limits.batchDepth }), Set(batches.map(\.batch)).count == batches.count
    else { throw WireError.invalidValue }
    return SignedPart(
      account: account, device: device, id: id, signedKey: signedKey, lastResortID: lastResortID,
      lastResortKey: lastResortKey, batches: batches, notBefore: try reader.u64(), notAfter: try reader.u64())
  }
}

/// A one-time part: two keys that are used once, and the way to the root that vouches for them. [prekeys.5]
public struct OneTimeKeys: Hashable, Sendable {
  /// The batch it belongs to.
  public let batch: UInt64
  /// Its place in the batch.
  public let index: UInt32
  /// OPK.
  public let agreementKey: AgreementPublicKey
  /// The one-time KEM key.
  public let kemKey: KEMPublicKey
  /// The siblings from the leaf upward.
  public let path: [Digest]

  package init(
    batch: UInt64, index: UInt32, agreementKey: AgreementPublicKey, kemKey: KEMPublicKey, path: [Digest]
  ) {
    self.batch = batch
    self.index = index
    self.agreementKey = agreementKey
    self.kemKey = kemKey
    self.path = path
  }

  /// The plaintext that is sealed for the relay.
  public func encoded() -> [UInt8] {
    var writer = WireWriter()
    writer.u64(batch)
    writer.u32(index)
    writer.fixed(agreementKey.bytes)
    writer.fixed(kemKey.bytes)
    writer.list(path) { $0.fixed($1.bytes) }
    return writer.bytes
  }

  package static func decode(_ bytes: [UInt8]) throws(Refused) -> OneTimeKeys {
    try refusing(at: .encoding) {
      try WireReader.decode(bytes) { reader in
        OneTimeKeys(
          batch: try reader.u64(), index: try reader.u32(), agreementKey: try publicKey(&reader),
          kemKey: try SottoSession.kemKey(&reader),
          path: try reader.list(limit: Limits.batchDepth) { reader throws(WireError) in try digest(&reader) })
      }
    }
  }

  /// The leaf of a part. [prekeys.1]
  package static func leaf(device: DeviceID, _ part: OneTimeKeys) -> Digest {
    leaf(device: device, batch: part.batch, index: part.index, part.agreementKey, part.kemKey)
  }

  /// `H("prekey leaf"; device, batch, index, OPK, KEM)`. [prekeys.1]
  package static func leaf(
    device: DeviceID, batch: UInt64, index: UInt32, _ agreement: AgreementPublicKey, _ kem: KEMPublicKey
  ) -> Digest {
    var numbers = (WireWriter(), WireWriter())
    numbers.0.u64(batch)
    numbers.1.u32(index)
    return Digest.of(
      "prekey leaf", device.bytes, numbers.0.bytes, numbers.1.bytes, agreement.bytes, kem.bytes)
  }
}

/// Which KEM key a handshake uses.
public enum PrekeyKind: UInt8, Sendable {
  /// A one-time part.
  case oneTime = 1
  /// The last-resort key of the signed part: replayable until it expires, and said so.
  case lastResort = 2
}

/// The prekeys of one device as the relay served them, opened and verified: what a handshake starts from. [prekeys.6]
public struct VerifiedBundle: Sendable {
  /// The card that lists the device.
  public let card: Card
  /// The device.
  public let device: Device
  /// Its rotating keys.
  public let signedPart: SignedPart
  /// The one-time part; nil means last resort.
  public let oneTime: OneTimeKeys?

  /// Which KEM key a handshake will use.
  public var kind: PrekeyKind { oneTime == nil ? .lastResort : .oneTime }

  /// The only way to a bundle. Everything is checked before anything is encapsulated.
  ///
  /// - Parameters:
  ///   - card: the verified card.
  ///   - device: one of its devices.
  ///   - spkID: the id that the relay returned with `sealedSignedPart`.
  ///   - oneTime: batch, index and sealed bytes, if the relay had one.
  ///   - keys: from the address.
  ///   - now: unix seconds.
  public init(
    card: Card, device: DeviceID, spkID: UInt64, sealedSignedPart: [UInt8],
    oneTime: (batch: UInt64, index: UInt32, sealed: [UInt8])?, keys: borrowing ContactKeys, now: UnixTime
  ) throws(Refused) {
    // A card that was verified long ago may have expired since; a device that speaks another version is no peer.
    guard card.list.isValid(at: now) else { throw Refused(.validity) }
    guard let device = card.list.device(device), device.versions.contains(DeviceList.version) else {
      throw Refused(.device)
    }
    let key = keys.cardKey()
    let published = try SealedKind.signedPart(device.mailbox, id: spkID).open(sealedSignedPart, under: key)
    let part = try Self.signedPart(published, of: device, account: card.account, now: now)
    // [prekeys.14] What the relay returned in clear is what stands inside; the same for the one-time part.
    guard part.id == spkID else { throw Refused(.device) }
    var opened: OneTimeKeys?
    if let oneTime {
      let kind = SealedKind.oneTimePart(device.mailbox, batch: oneTime.batch, index: oneTime.index)
      opened = try Self.oneTimePart(try kind.open(oneTime.sealed, under: key), of: device.id, under: part)
      guard opened?.batch == oneTime.batch, opened?.index == oneTime.index else { throw Refused(.proof) }
    }
    self.card = card
    self.device = device
    signedPart = part
    self.oneTime = opened
  }

  /// A signed part from its published plaintext: signed by the listed device, for it, and valid now.
  package static func signedPart(
    _ published: [UInt8], of device: Device, account: AccountID, now: UnixTime
  ) throws(Refused) -> SignedPart {
    let (postQuantum, content, signature) = try refusing(at: .encoding) {
      try WireReader.decode(published) { reader in
        (
          try parsed(try reader.fixed(MLDSAPublicKey.count), MLDSAPublicKey.init),
          try reader.vector(limit: WireLimits.signedPart),
          try parsed(try reader.fixed(HybridSignature.count), HybridSignature.init)
        )
      }
    }
    // [prekeys.11] The ML-DSA half is the one whose hash the list has.
    guard Device.keyHash(postQuantum) == device.postQuantumKeyHash else { throw Refused(.device) }
    let key = HybridPublicKey(classical: device.signingKey, postQuantum: postQuantum)
    guard key.verify(signature, "signed part", over: content) else { throw Refused(.signature) }
    let part = try SignedPart.decode(content)
    // [prekeys.12] For this device of this account, and [prekeys.13] for now.
    guard part.account == account, part.device == device.id else { throw Refused(.device) }
    guard now + Limits.clockSkew >= part.notBefore, now <= part.notAfter + Limits.clockSkew else {
      throw Refused(.validity)
    }
    return part
  }

  /// A one-time part whose path leads to a root of `part`.
  package static func oneTimePart(_ plaintext: [UInt8], of device: DeviceID, under part: SignedPart) throws(Refused)
    -> OneTimeKeys
  {
    let oneTime = try OneTimeKeys.decode(plaintext)
    guard let batch = part.batches.first(where: { $0.batch == oneTime.batch }) else { throw Refused(.proof) }
    let leaf = OneTimeKeys.leaf(device: device, oneTime)
    guard
      MerkleTree.verify(leaf, at: oneTime.index, path: oneTime.path, depth: Int(batch.depth), root: batch.root)
    else { throw Refused(.proof) }
    return oneTime
  }
}

private func publicKey(_ reader: inout WireReader) throws(WireError) -> AgreementPublicKey {
  try parsed(try reader.fixed(AgreementPublicKey.count), AgreementPublicKey.init)
}

private func kemKey(_ reader: inout WireReader) throws(WireError) -> KEMPublicKey {
  try parsed(try reader.fixed(KEMPublicKey.count), KEMPublicKey.init)
}
