internal import SottoCrypto
package import SottoSession
package import SottoWire

/// The account of a new device that shows its code: made for that, and gone a minute later. [devices.1]
///
/// ```
/// new device   rendezvous --offer opens--> taken --digits agree--> request sent; the rendezvous is deleted
///                                                    \-> final keys, linking --grant, history--> listed
/// first one    offer sent --digits agree--> request arrives --> listed and published, history uploaded --> grant
/// ```
struct Rendezvous: StoredRecord {
  /// Unix milliseconds.
  let madeAt: UInt64
  /// The session of whoever took the code.
  var session: Digest?
  var account: AccountID?

  static var table: Table { .own }
  static let key = Array("rendezvous".utf8)
  var key: [UInt8] { Self.key }

  init(at now: UInt64) { madeAt = now }

  /// Whether somebody may still take it: once, for a minute. [devices.1]
  func isOpen(at now: UInt64) -> Bool { session == nil && now < madeAt + ClientLimits.linkCode * 1000 }

  func encode(to writer: inout SecretWriter) {
    writer.u64(madeAt)
    writer.optional(session) { $0.fixed($1.bytes) }
    writer.optional(account) { $0.fixed($1.bytes) }
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    madeAt = try reader.u64()
    session = try reader.optional { try $0.digest() }
    account = try reader.optional { try $0.account() }
  }
}

/// A link that was begun on the first device.
struct PendingLink: StoredRecord {
  let guest: AccountID
  /// Unix seconds.
  let begunAt: UnixTime
  /// The session whose digits the user has compared; nil before. [devices.4]
  var agreed: Digest?
  /// What came from the other side, and in which session.
  var request: LinkRequest?
  var session: Digest?

  static var table: Table { .own }
  static let key = Array("link".utf8)
  var key: [UInt8] { Self.key }

  init(with guest: AccountID, at now: UnixTime) {
    self.guest = guest
    begunAt = now
  }

  func encode(to writer: inout SecretWriter) {
    writer.fixed(guest.bytes)
    writer.u64(begunAt)
    writer.optional(agreed) { $0.fixed($1.bytes) }
    writer.optional(request) { writer, request in
      var encoded = WireWriter()
      LinkMessage.request(request).write(to: &encoded)
      writer.vector(encoded.bytes)
    }
    writer.optional(session) { $0.fixed($1.bytes) }
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    guest = try reader.account()
    begunAt = try reader.u64()
    agreed = try reader.optional { try $0.digest() }
    request = try reader.optional { reader in
      var encoded = WireReader(try reader.vector())
      guard case .request(let request) = try LinkMessage(from: &encoded) else { throw CryptoError.wrongLength }
      return request
    }
    session = try reader.optional { try $0.digest() }
  }
}

extension Content {
  var isOffer: Bool { parts.contains(.link(.offer)) }
  /// Whether it is for one device alone.
  var isLink: Bool { parts.contains { if case .link = $0 { true } else { false } } }
}

// MARK: - The new device

extension Engine {
  /// Makes the account that shows the code.
  package mutating func createRendezvous(at relay: RelayAuthority) throws {
    try createIdentity(name: "", at: relay)
    try records.save(Rendezvous(at: now))
  }

  func rendezvous() throws -> Rendezvous? { try records.load(Rendezvous.self, Rendezvous.key) }

  /// Somebody has used the code: nobody else can, nor find the card. [devices.1]
  mutating func taken(_ guest: Rendezvous, by info: SessionInfo) throws {
    var guest = guest
    guest.session = info.sid
    guest.account = info.peerAccount
    try records.save(guest)
    let keys = ContactKeys(try profile().address)
    try records.save(Upload(.deleteCard(keys.cardID), cardKey: try cardKey()))
  }

  /// The account that has taken the code: nothing of it is believed before the user has compared the digits.
  package struct LinkInvitation: Sendable {
    let account: AccountID
    let replyPath: ReplyPath
    let card: [UInt8]
    /// What both users compare.
    package let digits: String
  }

  /// Who has taken the code; nil while nobody has.
  package func linkInvitation() throws -> LinkInvitation? {
    guard let guest = try rendezvous(), let sid = guest.session, let account = guest.account,
      let contact = try contact(account), let card = contact.card
    else { return nil }
    let path = ReplyPath(
      relay: contact.relay, contactSecret: contact.contactSecret, sequence: contact.replyPathSequence,
      capabilities: contact.capabilities)
    return LinkInvitation(
      account: account, replyPath: path, card: card.encoded,
      digits: LinkCode.of(account: account, guest: try profile().account, sid: sid))
  }

  /// The user has agreed: asks to be listed. Nothing of the rendezvous is in what is asked for. [devices.3]
  package mutating func ask(_ request: LinkRequest) throws {
    guard let guest = try rendezvous(), let sid = guest.session, let account = guest.account,
      var contact = try contact(account), let device = try session(sid)?.session.info.peerDevice
    else { throw Engine.bug("a link without a rendezvous") }
    contact.isAccepted = true
    contact.cardCheckedAt = seconds
    try records.save(contact)
    // Only that device can grant it; the account's others have no business with this one yet.
    let content = Content(id: MessageID(from: &entropy), sentAt: now, parts: [.link(.request(request))])
    try records.save(OutboxItem(content.id, to: account, device: device, content: content.encoded()))
  }

  /// Makes the keys of a device of an account that has been agreed upon, and its mailbox and prekeys there. It is no
  /// device before the account lists it. [devices.3]
  package mutating func installLinked(_ invitation: LinkInvitation, name: DeviceName) throws -> LinkRequest {
    let device = try DeviceKeys(from: &entropy)
    let card = try UnverifiedCard(decoding: invitation.card)
      .verified(for: invitation.account, foundAt: nil, now: seconds)
    let path = invitation.replyPath
    var profile = Profile(
      name: name.text, account: invitation.account, device: device.id, mailbox: device.mailbox, relay: path.relay,
      contactSecret: path.contactSecret, contactCapability: try Capability(entropy.bytes(Capability.count)),
      card: card, now: seconds, replacesDevice: false)
    try records.put(.own, KeyRow.device, group: [], device.encoded())
    try indexOldMessages()
    try records.save(Upload(.createMailbox))
    try publishCapabilities(profile)
    try publishPrekeys(&profile, withBatch: true)
    profile.cardSignedAt = card.list.notBefore
    try records.save(profile)
    var own = Contact(profile.address, name: nil, isAccepted: true)
    own.role = .own
    own.card = Contact.KnownCard(card, verifiedAt: seconds)
    own.cardCheckedAt = seconds
    own.contactSecret = path.contactSecret
    own.replyPathSequence = path.sequence
    own.capabilities = path.capabilities
    try records.save(own)
    var devices = OwnDevices(.linking, since: card.list.sequence)
    devices.names[device.id] = name
    try records.save(devices)
    return LinkRequest(device: device.listed(at: path.relay), capability: profile.contactCapability, name: name)
  }

  /// Whether this device has asked to be listed, and has not got everything yet.
  package func isLinking() throws -> Bool { try ownDevices()?.state == .linking }

  /// Contacts and messages that wait at the relay for this device; nil while they were not granted.
  package mutating func historyToFetch() throws -> (attachment: Attachment, spool: [UInt8])? {
    guard try isLinking(), let history = try ownDevices()?.history else { return nil }
    let key = StoredMessage.key(.incoming, try profile().account, history.message)
    guard let transfer = try records.load(Transfer.self, key) else { throw Engine.damaged }
    return (history.attachment, transfer.spool)
  }

  /// Contacts and messages are there, whole: from now on it is a device like the others. [devices.6]
  package mutating func finishLink() throws {
    guard var devices = try ownDevices(), let history = devices.history else {
      throw Engine.bug("a link that was not granted")
    }
    try records.delete(.transfer, StoredMessage.key(.incoming, try profile().account, history.message))
    devices.history = nil
    devices.state = .listed
    try records.save(devices)
    // The first device hears that its session has been opened, the others that there is one more.
    try tellOwnDevices()
  }
}

// MARK: - The first device

extension Engine {
  /// Begins to link the device that shows `address`; a link that was begun before is over. [devices.1]
  package mutating func beginLink(_ address: Address, card: Card) throws {
    try checkHoldsAccountKey()
    let profile = try profile()
    guard try ownCard(profile).list.devices.count < Limits.devices else {
      throw ClientError(
        .refused, "This account has \(Limits.devices) devices; that is the most.", meaning: "Nothing was changed.",
        next: "Remove one first: sotto device revoke NAME")
    }
    guard address.account != profile.account, try contact(address.account)?.role ?? .guest == .guest else {
      throw ClientError(
        .badData, "This is the address of an account, and not the code of a new device.",
        meaning: "Nothing was changed.", next: "Use what `sotto device link --relay URL` shows on the new device.")
    }
    try cancelLink()
    var guest = Contact(address, name: nil, isAccepted: true)
    guest.role = .guest
    try learn(card, of: &guest)
    guest.cardCheckedAt = seconds
    try records.save(guest)
    try records.save(PendingLink(with: guest.account, at: seconds))
    try enqueue([.link(.offer)], to: guest, id: MessageID(from: &entropy))
  }

  private func pendingLink() throws -> PendingLink? {
    guard let pending = try records.load(PendingLink.self, PendingLink.key),
      seconds < pending.begunAt + ClientLimits.linkPatience
    else { return nil }
    return pending
  }

  /// What both users compare; nil while there is no session with the new device. [devices.4]
  package func linkDigits() throws -> String? {
    guard let pending = try pendingLink(), let session = try candidates(of: pending.guest).first else { return nil }
    return LinkCode.of(account: try profile().account, guest: pending.guest, sid: session.info.sid)
  }

  /// The user has seen equal digits: what was asked in that session may be granted.
  package mutating func agreeToLink() throws {
    guard var pending = try pendingLink(), let session = try candidates(of: pending.guest).first else {
      throw Self.linkIsOver
    }
    pending.agreed = session.info.sid
    try records.save(pending)
  }

  /// Whether the new device has asked, in the session that the user has agreed to. [devices.5]
  package func isLinkRequested() throws -> Bool {
    guard let pending = try pendingLink() else { throw Self.linkIsOver }
    return pending.request != nil && pending.agreed != nil && pending.session == pending.agreed
  }

  /// Forgets everything of a link but what it has led to.
  ///
  /// - Parameter unlessYoung: whether one that can still be finished stays.
  package mutating func cancelLink(unlessYoung: Bool = false) throws {
    guard let pending = try records.load(PendingLink.self, PendingLink.key) else { return }
    if unlessYoung, try pendingLink() != nil { return }
    for candidate in try candidates(of: pending.guest) { try deleteSession(candidate.info.sid) }
    for item in try records.all(OutboxItem.self, group: pending.guest.bytes) { try records.remove(item) }
    try records.delete(.contact, pending.guest.bytes)
    try records.remove(pending)
  }

  /// Lists the device that has asked, publishes the list, and puts the history on its way to it: one step, after which
  /// it is a device of the account. [devices.5] [devices.6]
  ///
  /// - Parameter history: what `history` has handed out, sealed into the spool.
  package mutating func admit(history file: SealedFile) throws -> OwnDevice {
    guard try isLinkRequested(), let request = try pendingLink()?.request else { throw Self.linkIsOver }
    var profile = try profile()
    let device = request.device
    let listed = try ownCard(profile).list.devices
    let isNew = listed.allSatisfy {
      $0.id != device.id && $0.mailbox != device.mailbox && $0.identityKey != device.identityKey
        && $0.signingKey != device.signingKey
    }
    guard isNew, device.relay == profile.relay, device.versions.contains(DeviceList.version) else {
      try cancelLink()
      throw ClientError(
        .refused, "What the new device asks for cannot be granted.",
        meaning: "It names another relay than the account's, or keys of a device that is listed. Nothing was changed.",
        next: "Begin again with the same version of Sotto on both devices.")
    }
    var devices = try ownDevices() ?? OwnDevices(.listed, since: profile.listHead.sequence)
    devices.since = profile.listHead.sequence + 1
    devices.names[device.id] = request.name
    if devices.names[profile.device] == nil { devices.names[profile.device] = DeviceName(profile.name) }
    let attachment = Attachment(
      blob: BlobID(from: &entropy), relay: device.relay, key: file.key, layout: file.layout, name: file.name,
      mediaType: file.mediaType)
    if let old = devices.history { try records.delete(.transfer, historyKey(old)) }
    devices.history = .init(message: MessageID(from: &entropy), device: device.id, attachment: attachment)
    try records.save(Transfer(key: historyKey(devices.history!), spool: file.spool, isUpload: true))
    try records.save(devices)
    if try ownContact() == nil {
      var own = Contact(profile.address, name: nil, isAccepted: true)
      own.role = .own
      try records.save(own)
    }
    try renewCard(&profile, adding: device)
    try records.save(profile)
    guard var own = try ownContact() else { throw Engine.bug("no record of the own account") }
    own.capabilities[device.mailbox] = request.capability
    try records.save(own)
    try cancelLink()
    try tellContacts()
    return OwnDevice(id: device.id, name: request.name, isThisOne: false, isFirst: false)
  }

  func historyKey(_ history: OwnDevices.History) throws -> [UInt8] {
    StoredMessage.key(.outgoing, try profile().account, history.message)
  }

  /// Whether a file on its way is the history of a device that was admitted here.
  func grant(_ id: MessageID, _ account: AccountID) throws -> Bool {
    try account == profile().account && ownDevices()?.history?.message == id
  }

  func nextHistory(_ transfer: Transfer, _ own: Contact) throws -> Errand? {
    // A mailbox that takes nothing is no more: the device has to be removed, and linked again.
    guard let history = try ownDevices()?.history, let place = own.place(of: history.device),
      let capability = own.capabilities[place.mailbox]
    else { return nil }
    return .upload(
      BlobUpload(
        message: history.message, spool: transfer.spool, parts: history.attachment.blobParts, mailbox: place.mailbox,
        relay: place.relay, capability: capability))
  }

  /// The relay has the history: the new device is told where, and what opens it.
  mutating func sendGrant() throws {
    guard var devices = try ownDevices(), let history = devices.history, let own = try ownContact() else { return }
    try records.delete(.transfer, historyKey(history))
    let names = devices.names.filter { own.place(of: $0.key) != nil }
    let grant = LinkGrant(names: names, history: history.attachment)
    let content = Content(id: history.message, sentAt: now, parts: [.link(.grant(grant))])
    try records.save(OutboxItem(content.id, to: own.account, device: history.device, content: content.encoded()))
    devices.history = nil
    try records.save(devices)
  }

  mutating func renameHistory() throws {
    guard var devices = try ownDevices(), var history = devices.history else { return }
    history.attachment = history.attachment.at(history.attachment.relay, as: BlobID(from: &entropy))
    devices.history = history
    try records.save(devices)
  }

  /// The sealed bytes are gone: the device that waits for them has to be removed and linked again.
  func loseHistory() throws {
    guard var devices = try ownDevices(), let history = devices.history else { return }
    try records.delete(.transfer, historyKey(history))
    devices.history = nil
    try records.save(devices)
  }

  // MARK: both

  /// What the other side of a link says. Of anybody else's it means nothing. [devices.5]
  mutating func take(_ message: LinkMessage, from contact: inout Contact, _ info: SessionInfo) throws {
    switch (message, contact.role) {
    case (.request(let request), .guest):
      guard var pending = try pendingLink(), pending.guest == contact.account, pending.request == nil else { return }
      pending.request = request
      pending.session = info.sid
      try records.save(pending)
    case (.grant(let grant), .own):
      guard var devices = try ownDevices(), devices.state == .linking, devices.history == nil,
        try info.peerDevice == firstDevice()
      else { return }
      let id = MessageID(from: &entropy)
      devices.names.merge(grant.names) { $1 }
      devices.history = .init(message: id, device: try profile().device, attachment: grant.history)
      try records.save(devices)
      try records.save(
        Transfer(key: StoredMessage.key(.incoming, contact.account, id), spool: entropy.bytes(16), isUpload: false))
    case (.card(let unverified), .person):
      // They have moved, and tell where to. [client.21]
      guard let card = try? unverified.verified(for: contact.account, foundAt: nil, now: seconds) else { return }
      if let known = contact.card { guard (try? card.check(after: known.head)) != nil else { return } }
      try learn(card, of: &contact)
    case (.card(let unverified), .own):
      guard try !holdsAccountKey(), info.peerDevice == (try firstDevice()), let known = contact.card,
        let card = try? unverified.verified(for: contact.account, foundAt: nil, now: seconds),
        (try? card.check(after: known.head)) != nil
      else { return }
      try learn(card, of: &contact)
    default: break
    }
  }

  static let linkIsOver = ClientError(
    .refused, "The link was not finished in time.", meaning: "Nothing was handed over.",
    next: "Begin again: sotto device link --relay URL on the new device.")
}
