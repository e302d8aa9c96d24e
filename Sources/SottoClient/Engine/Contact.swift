package import SottoCrypto
package import SottoSession
package import SottoWire

/// Somebody who has been added, or a stranger who has written: a *request*, until it is accepted.
package struct Contact: StoredRecord, Equatable {
  /// A, which never changes.
  package let account: AccountID
  /// What the user calls them.
  package var name: String?
  /// Whether the user has added them or replied: only then is any relay of theirs contacted.
  package var isAccepted: Bool
  /// S, as last heard of.
  package var contactSecret: ContactSecret
  /// The list sequence of the reply path that S, relay and capabilities are of; 0 while they are an address's.
  package var replyPathSequence: UInt64
  /// Where their card is.
  package var relay: RelayAuthority
  /// The newest card of theirs that was verified.
  package var card: KnownCard?
  /// When their card was last fetched: unix seconds.
  package var cardCheckedAt: UnixTime
  /// The right to write to each of their mailboxes, once they have told; until then the address lets us knock.
  package var capabilities: [MailboxID: Capability]
  /// The highest generation of a session with each of their devices.
  package var generations: [DeviceID: UInt32]
  /// Devices with which the next message opens a new session that ends all older ones.
  package var resets: Set<DeviceID>
  /// Whether they hold a device list of ours that we never signed, or we one of theirs: somebody splits the views.
  package var hasForkEvidence: Bool
  /// Whether nothing of theirs is kept or shown, and nothing sent to them. [client.17]
  package var isBlocked = false
  /// When the user compared safety numbers with them: unix seconds; 0: never. [client.18]
  package var verifiedAt: UnixTime = 0
  /// How long messages are kept on both sides, in seconds; 0: until they are deleted. [client.19]
  package var timer: UInt32 = 0
  /// Whose record it is.
  package var role = Role.person
  /// The newest list of ours that each of their devices has said to hold, by its sequence: one that holds an older one
  /// may not write to all of our devices. [devices.9]
  var knowsList: [DeviceID: UInt64] = [:]
  /// When the card was last looked for because a relay took nothing: unix seconds.
  var refusedAt: UnixTime = 0
  /// Devices whose prekeys were of no use, and until when they are left alone: unix seconds.
  var stalled: [DeviceID: UnixTime] = [:]

  package enum Role: UInt8, Sendable {
    /// Somebody else: the only ones who are shown.
    case person = 1
    /// The own account: its other devices are talked to as those of a contact are. [devices.7]
    case own = 2
    /// The throw-away account of a device that is being linked. [devices.1]
    case guest = 3
  }

  package var isVerified: Bool { verifiedAt != 0 }

  /// Whether nothing is sealed for them and nothing leaves: they are blocked [client.17], or there is evidence against
  /// somebody who was verified [client.18].
  package var isHeldBack: Bool { isBlocked || (isVerified && hasForkEvidence) }

  /// A card that was verified, with what sending needs of it at hand: verifying it again costs half a millisecond.
  package struct KnownCard: Equatable, Sendable {
    package let encoded: [UInt8]
    /// When it was verified: unix seconds.
    package let verifiedAt: UnixTime
    package let head: ListHead
    package let devices: [DevicePlace]

    package init(_ card: Card, verifiedAt: UnixTime) {
      encoded = card.encoded()
      self.verifiedAt = verifiedAt
      head = card.list.head
      devices = card.list.devices.map { DevicePlace(id: $0.id, relay: $0.relay, mailbox: $0.mailbox) }
    }
  }

  /// Where a device is written to.
  package struct DevicePlace: Equatable, Sendable {
    package let id: DeviceID
    package let relay: RelayAuthority
    package let mailbox: MailboxID
  }

  /// Someone of whom nothing but the address is known.
  package init(_ address: Address, name: String?, isAccepted: Bool) {
    account = address.account
    self.name = name
    self.isAccepted = isAccepted
    contactSecret = address.contactSecret
    replyPathSequence = 0
    relay = address.relay
    card = nil
    cardCheckedAt = 0
    capabilities = [:]
    generations = [:]
    resets = []
    hasForkEvidence = false
  }

  package var address: Address { Address(account: account, contactSecret: contactSecret, relay: relay) }
  /// What they are called in output.
  package var title: String { name ?? address.text }

  /// Where a device of theirs is, if it is in the newest list.
  package func place(of device: DeviceID) -> DevicePlace? { card?.devices.first { $0.id == device } }

  /// What lets us write to a mailbox of theirs: what they told us, otherwise a knock.
  package func capability(for mailbox: MailboxID) -> Capability {
    capabilities[mailbox] ?? ContactKeys(address).knock(for: mailbox)
  }

  /// Takes over what they told of themselves: only what their own device list confirms, and never what they have
  /// replaced since: messages arrive in any order. [client.9]
  mutating func learn(_ path: ReplyPath, listedIn list: DeviceList) {
    guard list.relays.contains(path.relay), path.sequence >= replyPathSequence else { return }
    let mailboxes = Set(list.devices.map(\.mailbox))
    // One device of theirs may not know yet what another has told.
    let kept = path.sequence == replyPathSequence ? capabilities : [:]
    replyPathSequence = path.sequence
    relay = path.relay
    contactSecret = path.contactSecret
    capabilities = kept.merging(path.capabilities) { $1 }.filter { mailboxes.contains($0.key) }
  }

  /// The newest verified card, decoded again.
  func verifiedCard() throws -> Card? {
    guard let card else { return nil }
    do {
      return try UnverifiedCard(decoding: card.encoded).verified(for: account, foundAt: nil, now: card.verifiedAt)
    } catch {
      throw Engine.damaged
    }
  }
}

extension Contact {
  package static var table: Table { .contact }
  package var key: [UInt8] { account.bytes }
  package static var format: UInt8 { 3 }
  package var group: [UInt8] {
    switch role {
    case .person: isBlocked ? Array("blocked".utf8) : Self.group(isAccepted: isAccepted)
    case .own: Array("own".utf8)
    case .guest: Array("guest".utf8)
    }
  }

  static func group(isAccepted: Bool) -> [UInt8] { Array((isAccepted ? "accepted" : "request").utf8) }

  package func encode(to writer: inout SecretWriter) {
    writer.fixed(account.bytes)
    writer.optional(name) { $0.text($1) }
    writer.flag(isAccepted)
    writer.fixed(contactSecret.bytes)
    writer.u64(replyPathSequence)
    writer.text(relay.text)
    writer.optional(card) { writer, card in
      writer.vector(card.encoded)
      writer.u64(card.verifiedAt)
      writer.head(card.head)
      writer.list(card.devices) { writer, device in
        writer.fixed(device.id.bytes)
        writer.text(device.relay.text)
        writer.fixed(device.mailbox.bytes)
      }
    }
    writer.u64(cardCheckedAt)
    writer.list(capabilities.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }) { writer, entry in
      writer.fixed(entry.key.bytes)
      writer.fixed(entry.value.bytes)
    }
    writer.list(generations.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }) { writer, entry in
      writer.fixed(entry.key.bytes)
      writer.u32(entry.value)
    }
    writer.list(resets.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }) { $0.fixed($1.bytes) }
    writer.flag(hasForkEvidence)
    writer.flag(isBlocked)
    writer.u64(verifiedAt)
    writer.u32(timer)
    writer.u8(role.rawValue)
    writer.u64(refusedAt)
    for numbers in [knowsList, stalled] {
      writer.list(numbers.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }) { writer, entry in
        writer.fixed(entry.key.bytes)
        writer.u64(entry.value)
      }
    }
  }

  package init(from reader: inout SecretReader, format: UInt8) throws {
    account = try reader.account()
    name = try reader.optional { try $0.text() }
    isAccepted = try reader.flag()
    contactSecret = try reader.contactSecret()
    replyPathSequence = try reader.u64()
    relay = try reader.relay()
    card = try reader.optional { reader in
      KnownCard(
        encoded: try reader.vector(), verifiedAt: try reader.u64(), head: try reader.head(),
        devices: try reader.list {
          DevicePlace(id: try $0.device(), relay: try $0.relay(), mailbox: try $0.mailbox())
        })
    }
    cardCheckedAt = try reader.u64()
    capabilities = Dictionary(uniqueKeysWithValues: try reader.list { (try $0.mailbox(), try $0.capability()) })
    generations = Dictionary(uniqueKeysWithValues: try reader.list { (try $0.device(), try $0.u32()) })
    resets = Set(try reader.list { try $0.device() })
    hasForkEvidence = try reader.flag()
    guard format >= 2 else { return }
    isBlocked = try reader.flag()
    verifiedAt = try reader.u64()
    timer = try reader.u32()
    guard format >= 3 else { return }
    guard let role = Role(rawValue: try reader.u8()) else { throw CryptoError.wrongLength }
    self.role = role
    refusedAt = try reader.u64()
    knowsList = Dictionary(uniqueKeysWithValues: try reader.list { (try $0.device(), try $0.u64()) })
    stalled = Dictionary(uniqueKeysWithValues: try reader.list { (try $0.device(), try $0.u64()) })
  }
}

extension Contact.KnownCard {
  fileprivate init(encoded: [UInt8], verifiedAt: UnixTime, head: ListHead, devices: [Contact.DevicePlace]) {
    self.encoded = encoded
    self.verifiedAt = verifiedAt
    self.head = head
    self.devices = devices
  }
}

/// A name that the user gave, leading to the account.
struct ContactName: StoredRecord {
  let name: String
  let account: AccountID

  static var table: Table { .name }
  var key: [UInt8] { Self.key(name) }
  static func key(_ name: String) -> [UInt8] { Array(name.utf8) }

  init(_ name: String, _ account: AccountID) {
    self.name = name
    self.account = account
  }

  func encode(to writer: inout SecretWriter) {
    writer.text(name)
    writer.fixed(account.bytes)
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    name = try reader.text()
    account = try reader.account()
  }
}
