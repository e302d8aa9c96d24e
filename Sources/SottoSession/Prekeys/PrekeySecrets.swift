public import SottoCrypto
import SottoWire

/// The private half of a signed part, kept until it expired and 30 days more. [prekeys.7]
public struct SignedPrekey: ~Copyable, Sendable {
  /// What was signed: handshakes bind its hash.
  public let part: SignedPart
  /// SPK.
  public let signedKey: AgreementPrivateKey
  /// The last-resort KEM key.
  public let lastResort: KEMPrivateKey

  /// A fresh signed part for `device` of `account`, valid from `now` for 14 days, that vouches for `batches`.
  public init(
    id: UInt64, account: AccountID, device: DeviceID, batches: [BatchRoot], now: UnixTime,
    from entropy: inout some Entropy
  ) throws(CryptoError) {
    let signedKey = AgreementPrivateKey(from: &entropy)
    let lastResort = try KEMPrivateKey(from: &entropy)
    part = SignedPart(
      account: account, device: device, id: id, signedKey: signedKey.publicKey, lastResortID: id,
      lastResortKey: lastResort.publicKey, batches: batches, notBefore: now, notAfter: now + Limits.signedPartValidity)
    self.signedKey = signedKey
    self.lastResort = lastResort
  }

  /// Until when the private keys are kept.
  public var keptUntil: UnixTime {
    // The end of time stays the end of time.
    part.notAfter > .max - Limits.signedPartGrace ? .max : part.notAfter + Limits.signedPartGrace
  }

  /// SPK, the KEM seed, then the signed content. [state.7]
  public func encoded() -> Secret {
    var writer = SecretWriter()
    writer.u8(SavedState.version)
    writer.secret(signedKey.secret)
    writer.secret(lastResort.seed)
    writer.vector(part.encoded())
    return writer.finish()
  }

  /// A stored one.
  public init(decoding bytes: consuming Secret) throws {
    var reader = SecretReader(bytes)
    guard try reader.u8() == SavedState.version else { throw CryptoError.wrongLength }
    let signedKey = try AgreementPrivateKey(try reader.secret(32))
    let lastResort = try KEMPrivateKey(seed: try reader.secret(64))
    let part = try SignedPart.decode(try reader.vector())
    try reader.finish()
    guard part.signedKey == signedKey.publicKey, part.lastResortKey == lastResort.publicKey else {
      throw CryptoError.invalidKey
    }
    self.part = part
    self.signedKey = signedKey
    self.lastResort = lastResort
  }
}

/// The private half of a one-time part; it dies in the transaction that accepts the message. [prekeys.8]
public struct OneTimePrekey: ~Copyable, Sendable {
  /// The batch.
  public let batch: UInt64
  /// The place in it.
  public let index: UInt32
  /// OPK.
  public let agreementKey: AgreementPrivateKey
  /// The one-time KEM key.
  public let kemKey: KEMPrivateKey

  init(batch: UInt64, index: UInt32, from entropy: inout some Entropy) throws(CryptoError) {
    let agreementKey = AgreementPrivateKey(from: &entropy)
    let kemKey = try KEMPrivateKey(from: &entropy)
    self.batch = batch
    self.index = index
    self.agreementKey = agreementKey
    self.kemKey = kemKey
  }

  /// The version, OPK and the KEM seed: 97 bytes. [state.8] Batch and index are the key of the row.
  public func encoded() -> Secret {
    var writer = SecretWriter()
    writer.u8(SavedState.version)
    writer.secret(agreementKey.secret)
    writer.secret(kemKey.seed)
    return writer.finish()
  }

  /// A stored one.
  public init(batch: UInt64, index: UInt32, decoding bytes: borrowing Secret) throws(CryptoError) {
    guard bytes.count == 97, SavedState.isCurrent(bytes) else { throw .wrongLength }
    let agreementKey = try AgreementPrivateKey(bytes.slice(1..<33))
    let kemKey = try KEMPrivateKey(seed: bytes.slice(33..<97))
    self.batch = batch
    self.index = index
    self.agreementKey = agreementKey
    self.kemKey = kemKey
  }
}

/// A fresh batch of 2^depth one-time keys.
public struct OneTimeBatch {
  /// What the next signed part carries.
  public let root: BatchRoot
  /// The public parts, to be sealed and uploaded.
  public let parts: [OneTimeKeys]
  /// The private parts, encoded as `OneTimePrekey.encoded()`, in the same order, to be stored before the upload.
  public let secrets: [SecretBox]

  public init(batch: UInt64, depth: Int, device: DeviceID, from entropy: inout some Entropy) throws(CryptoError) {
    precondition((0...Limits.batchDepth).contains(depth))
    var secrets: [SecretBox] = []
    var keys: [(AgreementPublicKey, KEMPublicKey)] = []
    for index in 0..<UInt32(1 << depth) {
      let key = try OneTimePrekey(batch: batch, index: index, from: &entropy)
      keys.append((key.agreementKey.publicKey, key.kemKey.publicKey))
      secrets.append(SecretBox(key.encoded()))
    }
    let tree = MerkleTree(
      leaves: keys.enumerated().map { index, pair in
        OneTimeKeys.leaf(device: device, batch: batch, index: UInt32(index), pair.0, pair.1)
      })
    self.secrets = secrets
    root = BatchRoot(batch: batch, depth: UInt8(depth), root: tree.root)
    parts = keys.enumerated().map { index, pair in
      OneTimeKeys(
        batch: batch, index: UInt32(index), agreementKey: pair.0, kemKey: pair.1, path: tree.path(to: index))
    }
  }
}
