public import SottoCrypto
public import SottoWire

/// What an account is: its hybrid key and the one that will follow it, as seeds. [account.1]
public struct AccountKeys: ~Copyable, Sendable {
  /// Signs device lists.
  public let signing: HybridSigningKey
  /// The seeds of the next account key, whose hash every list carries.
  private let nextSeeds: Secret
  /// A of the next account key.
  public let nextID: AccountID
  /// A.
  public let id: AccountID

  /// A fresh account.
  public init(from entropy: inout some Entropy) throws(CryptoError) {
    try self.init(seeds: Secret(count: 64, from: &entropy), nextSeeds: Secret(count: 64, from: &entropy))
  }

  /// A stored account: both pairs of seeds.
  public init(decoding bytes: borrowing Secret) throws(CryptoError) {
    guard bytes.count == Self.encodedCount, SavedState.isCurrent(bytes) else { throw .wrongLength }
    try self.init(seeds: bytes.slice(1..<65), nextSeeds: bytes.slice(65..<129))
  }

  private init(seeds: consuming Secret, nextSeeds: consuming Secret) throws(CryptoError) {
    let signing = try HybridSigningKey(seeds: seeds)
    let next = try HybridSigningKey(seeds: nextSeeds)
    id = AccountID(of: signing.publicKey)
    nextID = AccountID(of: next.publicKey)
    self.signing = signing
    self.nextSeeds = nextSeeds
  }

  /// The number of bytes of `encoded()`.
  public static let encodedCount = 129

  /// The version, then both pairs of seeds. [state.5]
  public func encoded() -> Secret {
    var writer = SecretWriter()
    writer.u8(SavedState.version)
    writer.secret(signing.seeds())
    writer.secret(nextSeeds)
    return writer.finish()
  }
}

/// What a device is: its name, the key that signs its prekeys, its identity key and the key of its mailbox. [account.2]
public struct DeviceKeys: ~Copyable, Sendable {
  /// Its name in the list.
  public let id: DeviceID
  /// Signs prekeys.
  public let signing: HybridSigningKey
  /// IK.
  public let identity: AgreementPrivateKey
  /// Signs the owner's requests at the relay.
  public let mailboxKey: SigningKey

  /// A fresh device.
  public init(from entropy: inout some Entropy) throws(CryptoError) {
    let signing = try HybridSigningKey(from: &entropy)
    self.init(
      id: DeviceID(from: &entropy), signing: signing, identity: AgreementPrivateKey(from: &entropy),
      mailboxKey: SigningKey(from: &entropy))
  }

  /// A stored device.
  public init(decoding bytes: borrowing Secret) throws(CryptoError) {
    guard bytes.count == 137, SavedState.isCurrent(bytes) else { throw .wrongLength }
    guard let id = try? DeviceID(bytes.slice(1..<9).revealed()) else { throw .wrongLength }
    let signing = try HybridSigningKey(seeds: bytes.slice(9..<73))
    let identity = try AgreementPrivateKey(bytes.slice(73..<105))
    let mailboxKey = try SigningKey(seed: bytes.slice(105..<137))
    self.init(id: id, signing: signing, identity: identity, mailboxKey: mailboxKey)
  }

  private init(
    id: DeviceID, signing: consuming HybridSigningKey, identity: consuming AgreementPrivateKey,
    mailboxKey: consuming SigningKey
  ) {
    self.id = id
    self.signing = signing
    self.identity = identity
    self.mailboxKey = mailboxKey
  }

  /// The same device with another mailbox, for another relay.
  public func moved(from entropy: inout some Entropy) throws(CryptoError) -> DeviceKeys {
    DeviceKeys(
      id: id, signing: try HybridSigningKey(seeds: signing.seeds()),
      identity: try AgreementPrivateKey(identity.secret.copy()), mailboxKey: SigningKey(from: &entropy))
  }

  /// The mailbox.
  public var mailbox: MailboxID { MailboxID(owner: mailboxKey.publicKey) }

  /// The entry of this device in its account's list.
  public func listed(at relay: RelayAuthority) -> Device {
    Device(
      id: id, signingKey: signing.publicKey.classical,
      postQuantumKeyHash: Device.keyHash(signing.publicKey.postQuantum), identityKey: identity.publicKey, relay: relay,
      mailbox: mailbox, versions: [DeviceList.version])
  }

  /// The version, the id, then every seed and key: 137 bytes. [state.6]
  public func encoded() -> Secret {
    var writer = SecretWriter()
    writer.u8(SavedState.version)
    writer.fixed(id.bytes)
    writer.secret(signing.seeds())
    writer.secret(identity.secret)
    writer.secret(mailboxKey.seed)
    return writer.finish()
  }
}
