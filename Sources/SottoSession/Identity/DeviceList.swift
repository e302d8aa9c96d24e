public import SottoCrypto
public import SottoWire

/// The name of a device in its account's list: 8 random bytes.
public struct DeviceID: Hashable, Sendable {
  /// The number of bytes of every id.
  public static let count = 8
  /// The 8 bytes.
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) throws(WireError) {
    guard bytes.count == Self.count else { throw .outOfRange }
    self.bytes = bytes
  }

  /// A fresh id.
  public init(from entropy: inout some Entropy) { bytes = entropy.bytes(Self.count) }
}

/// One device as its account's list names it.
public struct Device: Hashable, Sendable {
  /// Its name.
  public let id: DeviceID
  /// The Ed25519 half of the key that signs its prekeys.
  public let signingKey: VerifyingKey
  /// `H("device key"; pkML)`: the ML-DSA half itself travels with the prekeys.
  public let postQuantumKeyHash: Digest
  /// Its X25519 identity key, IK.
  public let identityKey: AgreementPublicKey
  /// Where its mailbox is.
  public let relay: RelayAuthority
  /// Its mailbox.
  public let mailbox: MailboxID
  /// The protocol versions that it speaks, ascending.
  public let versions: [UInt8]

  public init(
    id: DeviceID, signingKey: VerifyingKey, postQuantumKeyHash: Digest, identityKey: AgreementPublicKey,
    relay: RelayAuthority, mailbox: MailboxID, versions: [UInt8]
  ) {
    self.id = id
    self.signingKey = signingKey
    self.postQuantumKeyHash = postQuantumKeyHash
    self.identityKey = identityKey
    self.relay = relay
    self.mailbox = mailbox
    self.versions = versions
  }

  /// `H("device key"; pkML)`.
  public static func keyHash(_ key: MLDSAPublicKey) -> Digest { Digest.of("device key", key.bytes) }

  /// Writes its entry in a list with these relays.
  package func write(to writer: inout WireWriter, _ relays: [RelayAuthority]) {
    writer.fixed(id.bytes)
    writer.fixed(signingKey.bytes)
    writer.fixed(postQuantumKeyHash.bytes)
    writer.fixed(identityKey.bytes)
    writer.u8(UInt8(relays.firstIndex(of: relay)!))
    writer.fixed(mailbox.bytes)
    writer.vector(versions)
  }

  /// Reads its entry in a list with these relays.
  package init(from reader: inout WireReader, _ relays: [RelayAuthority]) throws(WireError) {
    id = try DeviceID(try reader.fixed(DeviceID.count))
    signingKey = try parsed(try reader.fixed(VerifyingKey.count), VerifyingKey.init)
    postQuantumKeyHash = try digest(&reader)
    identityKey = try parsed(try reader.fixed(AgreementPublicKey.count), AgreementPublicKey.init)
    let index = Int(try reader.u8())
    guard index < relays.count else { throw .outOfRange }
    relay = relays[index]
    mailbox = try MailboxID(try reader.fixed(MailboxID.count))
    versions = try reader.vector(limit: Limits.versions)
    guard !versions.isEmpty, zip(versions, versions.dropFirst()).allSatisfy({ $0 < $1 }) else { throw .invalidValue }
  }
}

/// The newest state of a list that someone has seen: `sequence || H("list"; list)`. [list.5]
public struct ListHead: Hashable, Sendable {
  /// The list's sequence; 0 when none was seen.
  public let sequence: UInt64
  /// `H("list"; list)`; zero when none was seen.
  public let hash: Digest

  public init(sequence: UInt64, hash: Digest) {
    self.sequence = sequence
    self.hash = hash
  }

  package func write(to writer: inout WireWriter) {
    writer.u64(sequence)
    writer.fixed(hash.bytes)
  }

  package init(from reader: inout WireReader) throws(WireError) {
    sequence = try reader.u64()
    hash = try digest(&reader)
  }
}

/// The devices of an account: the only certificate there is. A device is valid if and only if it is in the newest
/// known list. [list.1]
public struct DeviceList: Hashable, Sendable {
  /// The protocol version that this implementation speaks.
  public static let version: UInt8 = 1

  /// A.
  public let account: AccountID
  /// Counts up from 1.
  public let sequence: UInt64
  /// `H("list"; the list before)`; zero for the first.
  public let previous: Digest
  /// Valid from, unix seconds.
  public let notBefore: UnixTime
  /// Valid until, unix seconds; at most 30 days later.
  public let notAfter: UnixTime
  /// A of the account key that will follow this one: carried from the first list on. [list.4]
  public let nextAccount: AccountID
  /// The relays that may serve the card; one found elsewhere is refused.
  public let relays: [RelayAuthority]
  /// The devices.
  public let devices: [Device]
  // A list is signed, hashed and sent many times, and encoded once.
  private let content: [UInt8]
  /// `H("list"; list)`.
  public let hash: Digest

  public init(
    account: AccountID, sequence: UInt64, previous: Digest, notBefore: UnixTime, notAfter: UnixTime,
    nextAccount: AccountID, relays: [RelayAuthority], devices: [Device]
  ) {
    self.init(
      account: account, sequence: sequence, previous: previous, notBefore: notBefore, notAfter: notAfter,
      nextAccount: nextAccount, relays: relays, devices: devices,
      content: Self.encode(account, sequence, previous, notBefore, notAfter, nextAccount, relays, devices))
  }

  private init(
    account: AccountID, sequence: UInt64, previous: Digest, notBefore: UnixTime, notAfter: UnixTime,
    nextAccount: AccountID, relays: [RelayAuthority], devices: [Device], content: [UInt8]
  ) {
    self.account = account
    self.sequence = sequence
    self.previous = previous
    self.notBefore = notBefore
    self.notAfter = notAfter
    self.nextAccount = nextAccount
    self.relays = relays
    self.devices = devices
    self.content = content
    hash = Digest.of("list", content)
  }

  private static func encode(
    _ account: AccountID, _ sequence: UInt64, _ previous: Digest, _ notBefore: UnixTime, _ notAfter: UnixTime,
    _ nextAccount: AccountID, _ relays: [RelayAuthority], _ devices: [Device]
  ) -> [UInt8] {
    var writer = WireWriter()
    writer.fixed(account.bytes)
    writer.u64(sequence)
    writer.fixed(previous.bytes)
    writer.u64(notBefore)
    writer.u64(notAfter)
    writer.fixed(nextAccount.bytes)
    writer.list(relays) { $0.vector(Array($1.text.utf8)) }
    writer.list(devices) { $1.write(to: &$0, relays) }
    return writer.bytes
  }

  // The hash stands for all the rest.
  public static func == (one: DeviceList, other: DeviceList) -> Bool { one.hash == other.hash }
  public func hash(into hasher: inout Hasher) { hasher.combine(hash) }

  /// What this list looks like from outside.
  public var head: ListHead { ListHead(sequence: sequence, hash: hash) }

  /// Whether the clock is within the list's dates, or 5 minutes beside them.
  public func isValid(at now: UnixTime) -> Bool {
    now + Limits.clockSkew >= notBefore && now <= notAfter + Limits.clockSkew
  }

  /// The device with this id.
  public func device(_ id: DeviceID) -> Device? { devices.first { $0.id == id } }

  /// The content that the account signs. [list.2]
  public func encoded() -> [UInt8] { content }

  /// Whether this list may follow `known`: either it is the same list, or a newer one that chains to it when it is the
  /// next. [list.6]
  package func check(after known: ListHead) throws(Refused) {
    if sequence == known.sequence {
      guard hash == known.hash else { throw Refused(.chain) }
    } else {
      guard sequence > known.sequence else { throw Refused(.chain) }
      guard sequence != known.sequence + 1 || known.sequence == 0 || previous == known.hash else {
        throw Refused(.chain)
      }
    }
  }

  /// Reads a list; says nothing of who signed it.
  package init(decoding bytes: [UInt8]) throws(Refused) {
    // What was signed is what arrived, and there is one encoding of each list.
    self = try refusing(at: .encoding) { try WireReader.decode(bytes) { try Self.read(&$0, from: bytes) } }
    // [list.7] A list counts from 1 and is valid for at most 30 days; [list.8] only the first follows none.
    guard sequence >= 1, notBefore < notAfter, notAfter - notBefore <= Limits.listValidity else {
      throw Refused(.validity)
    }
    guard (sequence == 1) == (previous == .zero) else { throw Refused(.chain) }
  }

  private static func read(_ reader: inout WireReader, from content: [UInt8]) throws -> DeviceList {
    let account = AccountID(try digest(&reader))
    let sequence = try reader.u64()
    let previous = try digest(&reader)
    let notBefore = try reader.u64()
    let notAfter = try reader.u64()
    let next = AccountID(try digest(&reader))
    let relays = try reader.list(limit: Limits.relays) { reader throws(WireError) in
      try relayAuthority(&reader)
    }
    let devices = try reader.list(limit: Limits.devices) { reader throws(WireError) in
      try Device(from: &reader, relays)
    }
    // [list.3] One name, one device: two entries of one id or one key would let one device speak as another.
    guard !relays.isEmpty, !devices.isEmpty, areDistinct(relays), areDistinct(devices.map(\.id)),
      areDistinct(devices.map(\.mailbox)), areDistinct(devices.map(\.identityKey)),
      areDistinct(devices.map(\.signingKey))
    else { throw WireError.invalidValue }
    return DeviceList(
      account: account, sequence: sequence, previous: previous, notBefore: notBefore, notAfter: notAfter,
      nextAccount: next, relays: relays, devices: devices, content: content)
  }
}

private func areDistinct(_ values: [some Hashable]) -> Bool { values.count < 2 || Set(values).count == values.count }

func digest(_ reader: inout WireReader) throws(WireError) -> Digest {
  let bytes = try reader.fixed(Digest.count)
  return try! Digest(bytes)
}

/// A key that its type refuses is an invalid value of its field.
func parsed<K>(_ bytes: [UInt8], _ make: ([UInt8]) throws(CryptoError) -> K) throws(WireError) -> K {
  do { return try make(bytes) } catch { throw .invalidValue }
}

/// A relay in its one spelling. [address.3]
func relayAuthority(_ reader: inout WireReader) throws(WireError) -> RelayAuthority {
  guard let relay = RelayAuthority(utf8: try reader.vector(limit: WireLimits.authority)) else { throw .invalidValue }
  return relay
}
