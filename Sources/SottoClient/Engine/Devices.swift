internal import SottoCrypto
package import SottoSession
internal import SottoWire

/// What this device knows of the account's devices besides the list. There is none while an account has never had
/// another device than this one.
///
/// ```
/// first device   (none) --admits one--> listed
/// linked device  linking --grant and history--> listed --a list without it--> removed
/// ```
struct OwnDevices: StoredRecord, Equatable {
  enum State: UInt8 {
    /// It has asked to be listed, and has not got everything yet.
    case linking = 1
    case listed = 2
    /// It is in the list no more: it reads what it has, and nothing else. [devices.11]
    case removed = 3
  }

  var state: State
  var names: [DeviceID: DeviceName]
  /// The sequence of the list with which a device came last. [devices.9]
  var since: UInt64
  /// The history on its way to a device that was admitted, or to this one.
  var history: History?
  /// Where a device that was removed is told so. [devices.12]
  var leaving: Leaving?

  struct History: Equatable {
    let message: MessageID
    let device: DeviceID
    var attachment: Attachment
  }

  struct Leaving: Equatable {
    let device: DeviceID
    let relay: RelayAuthority
    let mailbox: MailboxID
    let capability: Capability
  }

  static var table: Table { .own }
  static let key = Array("own devices".utf8)
  var key: [UInt8] { Self.key }

  init(_ state: State, since: UInt64) {
    self.state = state
    self.since = since
    names = [:]
  }

  func encode(to writer: inout SecretWriter) {
    writer.u8(state.rawValue)
    writer.list(names.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }) { writer, entry in
      writer.fixed(entry.key.bytes)
      writer.text(entry.value.text)
    }
    writer.u64(since)
    writer.optional(history) { writer, history in
      writer.fixed(history.message.bytes)
      writer.fixed(history.device.bytes)
      var encoded = WireWriter()
      history.attachment.write(to: &encoded)
      writer.vector(encoded.bytes)
    }
    writer.optional(leaving) { writer, leaving in
      writer.fixed(leaving.device.bytes)
      writer.text(leaving.relay.text)
      writer.fixed(leaving.mailbox.bytes)
      writer.fixed(leaving.capability.bytes)
    }
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    guard let state = State(rawValue: try reader.u8()) else { throw CryptoError.wrongLength }
    self.state = state
    names = Dictionary(
      uniqueKeysWithValues: try reader.list { reader in
        let device = try reader.device()
        guard let name = DeviceName(try reader.text()) else { throw CryptoError.wrongLength }
        return (device, name)
      })
    since = try reader.u64()
    history = try reader.optional { reader in
      History(
        message: try reader.messageID(), device: try reader.device(),
        attachment: try Attachment(decoding: try reader.vector()))
    }
    leaving = try reader.optional { reader in
      Leaving(
        device: try reader.device(), relay: try reader.relay(), mailbox: try reader.mailbox(),
        capability: try reader.capability())
    }
  }
}

/// The account's other devices: talked to as those of a contact are, over sessions of the account with itself.
extension Engine {
  func ownDevices() throws -> OwnDevices? { try records.load(OwnDevices.self, OwnDevices.key) }

  /// The device with the account key: the first in the list. [devices.2]
  func firstDevice() throws -> DeviceID { try ownCard(profile()).list.devices[0].id }

  /// The record of the own account, if it has, or has had, other devices.
  func ownContact() throws -> Contact? {
    guard try ownDevices() != nil else { return nil }
    return try contact(try profile().account)
  }

  /// Where this account can be answered: at every device, as far as its capability is known here. [handshake.5]
  func replyPath(_ profile: Profile) throws -> ReplyPath {
    var capabilities = try ownContact()?.capabilities ?? [:]
    capabilities[profile.mailbox] = profile.contactCapability
    return ReplyPath(
      relay: profile.relay, contactSecret: profile.contactSecret, sequence: profile.listHead.sequence,
      capabilities: capabilities)
  }

  // MARK: news of our own

  /// What one of our devices says of where we can be answered. It speaks for its own mailbox; for the contact secret
  /// speaks the device that signs the lists. [devices.7]
  mutating func learnOwn(_ path: ReplyPath, of own: inout Contact, from device: DeviceID) throws {
    guard let place = own.place(of: device) else { return }
    let isFirst = device == own.card?.devices.first?.id
    for listed in own.card?.devices ?? [] {
      guard let told = path.capabilities[listed.mailbox], told != own.capabilities[listed.mailbox] else { continue }
      guard listed.mailbox == place.mailbox || (isFirst && own.capabilities[listed.mailbox] == nil) else { continue }
      own.capabilities[listed.mailbox] = told
      guard try holdsAccountKey() else { continue }
      // Contacts tell the new reply path from the old one by the sequence of a new list. [client.9]
      var profile = try profile()
      profile.wantsNewCard = true
      try records.save(profile)
    }
    guard isFirst, path.sequence > own.replyPathSequence else { return }
    own.replyPathSequence = path.sequence
    guard path.contactSecret != own.contactSecret else { return }
    own.contactSecret = path.contactSecret
    own.cardCheckedAt = 0
    var profile = try profile()
    // Perhaps because a device was removed: it knew the right to write here too.
    try retireCapability(&profile)
    try move(&profile, to: path.contactSecret)
    try records.save(profile)
    try tellOwnDevices()
  }

  /// A newer card of our own, verified. The device that signs them knows it already. [devices.10]
  mutating func adopt(_ card: Card) throws {
    var profile = try profile()
    guard try !holdsAccountKey(), card.list.sequence >= profile.listHead.sequence, var devices = try ownDevices() else {
      return
    }
    let before = Set(try ownCard(profile).list.devices.map(\.id))
    profile.card = card.encoded()
    profile.cardSignedAt = card.list.notBefore
    profile.listHead = card.list.head
    try records.save(profile)
    if card.list.devices.contains(where: { !before.contains($0.id) }) { devices.since = card.list.sequence }
    let isListed = try card.list.device(profile.device)?.identityKey == deviceKeys().identity.publicKey
    if !isListed, devices.state == .listed || before.contains(profile.device) { devices.state = .removed }
    try records.save(devices)
  }

  /// Somebody holds a newer list of ours than this device: looks for it with the next errand, not too often. [devices.10]
  mutating func ownListIsOld() throws {
    guard var own = try ownContact(), try !holdsAccountKey(), seconds >= own.cardCheckedAt + ClientLimits.ownCardPause
    else { return }
    own.cardCheckedAt = 0
    try records.save(own)
  }

  /// Whether the own card is to be fetched: hourly, on a device that does not sign it. [devices.10]
  func wantsOwnCard(_ own: Contact) throws -> Bool {
    try seconds >= own.cardCheckedAt + ClientLimits.cardAge && !holdsAccountKey() && !isRemoved()
  }

  /// An empty message to our other devices: it carries what is new about this one.
  mutating func tellOwnDevices() throws {
    guard let own = try otherDevices() else { return }
    try enqueue([], to: own, id: MessageID(from: &entropy))
  }

  /// The own account, if there are others of its devices to be told something.
  func otherDevices() throws -> Contact? {
    guard let own = try ownContact(), let devices = try ownDevices(), devices.state == .listed,
      own.card?.devices.count ?? 0 > 1
    else { return nil }
    return own
  }

  // MARK: removed

  /// Whether this device was one of the account's and is no more.
  package func isRemoved() throws -> Bool { try ownDevices()?.state == .removed }

  /// Refuses what a device that was removed cannot do. [devices.11]
  package func checkIsListed() throws {
    if try isLinking() {
      throw ClientError(
        .noIdentity, "This device is not linked yet.", meaning: "The first device has not admitted it.",
        next: "Go on with the same command: sotto device link --relay URL")
    }
    guard try isRemoved() else { return }
    throw ClientError(
      .refused, "This device was removed from its account.",
      meaning: "It sends and receives nothing any more; the history on it can still be read.",
      next: "To use the account here again: sotto identity delete, then link it anew with sotto device link.")
  }

  /// Removes one of the account's devices. Everything that let it write, knock or read cards and prekeys is replaced,
  /// and contacts and the other devices are told. [devices.12]
  package mutating func revoke(_ device: DeviceID) throws {
    try checkHoldsAccountKey()
    guard device != (try profile().device) else {
      throw ClientError(
        .refused, "This is the device that you are using.", meaning: "Nothing was changed.",
        next: "To end the whole account: sotto identity delete")
    }
    try rotateContactSecret(removing: device)
  }

  /// Seals the list without it for a device that goes: it cannot fetch that any more. Only courtesy: it has the list no
  /// sooner than whoever took the device lets it. [devices.12]
  mutating func bidFarewell(to gone: DeviceID, with card: Card) throws {
    guard let own = try ownContact(), var devices = try ownDevices(), let place = own.place(of: gone) else {
      throw Engine.bug("a device to be removed is not listed")
    }
    devices.names[gone] = nil
    if let history = devices.history, history.device == gone {
      try records.delete(.transfer, historyKey(history))
      devices.history = nil
    }
    for item in try records.all(OutboxItem.self, group: own.account.bytes) where item.device == gone {
      try records.remove(item)
    }
    if var row = try sendingSession(own.account, gone) {
      devices.leaving = .init(
        device: gone, relay: place.relay, mailbox: place.mailbox, capability: own.capability(for: place.mailbox))
      let content = Content(
        id: MessageID(from: &entropy), sentAt: now, parts: [.link(.card(UnverifiedCard(card)))])
      var item = OutboxItem(content.id, to: own.account, device: gone, content: content.encoded())
      if let envelope = row.session.seal(content, from: &entropy) {
        item.stage = .sealed(session: row.session.info.sid, envelope: EnvelopeID(from: &entropy), bytes: envelope)
        try records.save(item)
      }
    }
    try records.save(devices)
  }

  /// What is still to be brought to a device that was removed.
  func farewell(_ item: OutboxItem) throws -> Errand? {
    guard let leaving = try ownDevices()?.leaving, item.device == leaving.device,
      item.account == (try profile().account), case .sealed(_, let envelope, let bytes) = item.stage
    else { return nil }
    return .put(item: item.key, leaving.mailbox, envelope, leaving.relay, leaving.capability, bytes)
  }

  /// Its mailbox takes nothing any more.
  func endFarewell(at mailbox: MailboxID) throws {
    guard let leaving = try ownDevices()?.leaving, leaving.mailbox == mailbox else { return }
    for item in try records.all(OutboxItem.self, group: try profile().account.bytes)
    where item.device == leaving.device { try records.remove(item) }
  }

  // MARK: the list

  /// A device of the account, as its user sees it.
  package struct OwnDevice: Sendable {
    package let id: DeviceID
    package let name: DeviceName?
    package let isThisOne: Bool
    /// Whether it is the one with the account key.
    package let isFirst: Bool
  }

  /// The account's devices, in the order of the list.
  package func deviceList() throws -> [OwnDevice] {
    let profile = try profile()
    let devices = try ownDevices()
    let listed = try ownCard(profile).list.devices
    return listed.map { device in
      OwnDevice(
        id: device.id, name: devices?.names[device.id], isThisOne: device.id == profile.device,
        isFirst: device.id == listed[0].id)
    }
  }

  /// The device that a name, an id or the beginning of one means.
  package func device(_ nameOrID: String) throws -> OwnDevice {
    let devices = try deviceList()
    let named = devices.filter { $0.name?.text == nameOrID }
    let found =
      !named.isEmpty || nameOrID.utf8.count < 4
      ? named : devices.filter { Hex.encode($0.id.bytes).hasPrefix(nameOrID.lowercased()) }
    guard let device = found.first, found.count == 1 else {
      throw ClientError(
        .badData, "\(found.isEmpty ? "No device" : "More than one device") of this account is called “\(nameOrID)”.",
        meaning: "Nothing was changed.", next: "See them with `sotto device list`; an id is good as well as a name.")
    }
    return device
  }
}
