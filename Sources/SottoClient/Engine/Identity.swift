internal import SottoCrypto
package import SottoSession
package import SottoWire

extension Engine {
  /// Makes an account with its first device, and everything the relay has to be given, as uploads.
  package mutating func createIdentity(name: String, at relay: RelayAuthority) throws {
    let account = try AccountKeys(from: &entropy)
    let list = firstList(of: account)
    try install(name: name, account: account, relay: relay, cardKey: nil, secret: nil, after: list)
  }

  /// What a new device list follows.
  struct ListPlace {
    let sequence: UInt64
    let previous: Digest
    /// Whether the relay has a card that is to be replaced.
    let condition: CardCondition
    /// The account's other devices, which stay in it.
    var others: [Device] = []
  }

  private func firstList(of account: borrowing AccountKeys) -> ListPlace {
    ListPlace(sequence: 1, previous: .zero, condition: .absent)
  }

  /// Writes the keys and the profile of a device that is the account's first from now on.
  mutating func install(
    name: String, account: borrowing AccountKeys, relay: RelayAuthority, cardKey: consuming SigningKey?,
    secret: ContactSecret?, after place: ListPlace
  ) throws {
    let device = try DeviceKeys(from: &entropy)
    let cardKey = cardKey ?? SigningKey(from: &entropy)
    let secret = secret ?? ContactSecret(from: &entropy)
    let card = try sign(list: place, of: account, devices: [device.listed(at: relay)] + place.others)
    let capability = try Capability(entropy.bytes(Capability.count))
    var profile = Profile(
      name: name, account: account.id, device: device.id, mailbox: device.mailbox, relay: relay,
      contactSecret: secret, contactCapability: capability, card: card, now: seconds,
      replacesDevice: place.sequence > 1)
    try records.put(.own, KeyRow.account, group: [], account.encoded())
    try records.put(.own, KeyRow.device, group: [], device.encoded())
    try records.put(.own, KeyRow.card, group: [], cardKey.seed)
    // A new store has nothing to index, and a command that only opens it must not change it.
    try indexOldMessages()
    try records.save(Upload(.createMailbox))
    try publishCapabilities(profile)
    try publishPrekeys(&profile, withBatch: true)
    try publishCard(profile, card, condition: place.condition)
    try records.save(profile)
    guard !place.others.isEmpty else { return }
    try records.save(OwnDevices(.listed, since: place.sequence))
    var own = Contact(profile.address, name: nil, isAccepted: true)
    own.role = .own
    try learn(card, of: &own)
    own.replyPathSequence = place.sequence
    try records.save(own)
    try tellOwnDevices()
  }

  /// - Parameter devices: the first of them is the one that signs. [devices.2]
  private func sign(list place: ListPlace, of account: borrowing AccountKeys, devices: [Device]) throws -> Card {
    let former = try formerPlaces().filter { !$0.isEnding }.map(\.relay)
    let others = (devices.map(\.relay) + former).filter { $0 != devices[0].relay }
    let relays = [devices[0].relay] + Set(others).sorted { $0.text < $1.text }
    let list = DeviceList(
      account: account.id, sequence: place.sequence, previous: place.previous, notBefore: seconds,
      notAfter: seconds + Limits.listValidity, nextAccount: account.nextID, relays: relays, devices: devices)
    return try Card(list, signedBy: account)
  }

  // MARK: what the relay is given

  func publishCapabilities(_ profile: Profile) throws {
    let knock = ContactKeys(profile.address).knock(for: profile.mailbox)
    let set = try CapabilitySet(
      [CapabilitySlot(.knock, knock.hash), CapabilitySlot(.contact, profile.contactCapability.hash)]
        + profile.retiring.map { CapabilitySlot(.retiring, $0.hash, expires: $0.until) })
    try records.save(Upload(.setCapabilities, body: set.encoded))
  }

  private mutating func publishCard(_ profile: Profile, _ card: Card, condition: CardCondition) throws {
    let id = ContactKeys(profile.address).cardID
    try records.save(
      Upload(
        .putCard(id, listSequence: card.list.sequence, condition), body: seal(card, for: profile),
        cardKey: try cardKey()))
  }

  mutating func seal(_ card: Card, for profile: Profile) -> [UInt8] {
    let keys = ContactKeys(profile.address)
    return SealedKind.card(keys.cardID, sequence: card.list.sequence)
      .seal(card.encoded(), under: keys.cardKey(), from: &entropy)
  }

  /// A new signed part, and if asked a batch of one-time keys that it vouches for. Private keys are stored here, before
  /// any upload; the signed part goes first, so that no batch is handed out without the root that vouches for it.
  mutating func publishPrekeys(_ profile: inout Profile, withBatch: Bool) throws {
    let device = try deviceKeys()
    let keys = ContactKeys(profile.address)
    // Batches that are used up, and the oldest beyond what a signed part may root, are vouched for no more.
    let newest = profile.prekeys.batches.suffix(Limits.batches - 1)
    try profile.prekeys.retire(at: seconds) { batch in
      try newest.contains(batch) && records.count(.oneTimePrekey, group: Self.key(batch.root.batch)) > 0
    }
    var batch: OneTimeBatch?
    if withBatch {
      profile.prekeys.lastBatch += 1
      batch = try OneTimeBatch(
        batch: profile.prekeys.lastBatch, depth: ClientLimits.batchDepth, device: profile.device, from: &entropy)
      profile.prekeys.batches.append(.init(root: batch!.root, createdAt: seconds))
    }
    profile.prekeys.lastSignedID += 1
    profile.prekeys.signedAt = seconds
    let signed = try SignedPrekey(
      id: profile.prekeys.lastSignedID, account: profile.account, device: profile.device,
      batches: profile.prekeys.batches.map(\.root), now: seconds, from: &entropy)
    try records.put(.signedPrekey, Self.key(signed.part.id), group: [], signed.encoded())
    let sealed = SealedKind.signedPart(profile.mailbox, id: signed.part.id)
      .seal(try signed.part.published(signedBy: device.signing), under: keys.cardKey(), from: &entropy)
    try records.save(
      Upload(.signedPart(signed.part.id), body: SignedPartUpload(id: signed.part.id, sealed: sealed).encoded))
    if let batch { try publish(batch, of: profile, under: keys.cardKey()) }
  }

  private mutating func publish(_ batch: OneTimeBatch, of profile: Profile, under key: borrowing SealingKey) throws {
    let number = batch.root.batch
    for (part, secret) in zip(batch.parts, batch.secrets) {
      try records.put(
        .oneTimePrekey, Self.key(number, part.index), group: Self.key(number), secret.secret)
    }
    var sealed: [SottoWire.OneTimePart] = []
    for part in batch.parts {
      let kind = SealedKind.oneTimePart(profile.mailbox, batch: number, index: part.index)
      sealed.append(.init(index: part.index, sealed: kind.seal(part.encoded(), under: key, from: &entropy)))
    }
    try records.save(Upload(.batch(number), body: try OneTimeUpload(sealed).encoded))
  }

  static func key(_ number: UInt64, _ index: UInt32? = nil) -> [UInt8] {
    var writer = WireWriter()
    writer.u64(number)
    if let index { writer.u32(index) }
    return writer.bytes
  }

  // MARK: upkeep

  /// Makes what has become due: a device list signed anew, a rotated signed part. Nothing is due twice. [client.12]
  package mutating func maintain() throws {
    try deleteExpired()
    if try isRemoved() { return }
    try repairInBackground()
    var profile = try profile()
    let before = profile
    try endFormerPlaces(&profile)
    if profile.wantsNewCard || seconds >= profile.cardSignedAt + ClientLimits.listAge,
      try !hasUpload(where: { $0.isCard && $0.place == nil }), try holdsAccountKey()
    {
      try renewCard(&profile)
    }
    if profile.retiring.contains(where: { $0.until < seconds }) {
      profile.retiring.removeAll { $0.until < seconds }
      try publishCapabilities(profile)
    }
    if seconds >= profile.prekeys.signedAt + ClientLimits.signedPartAge {
      try publishPrekeys(&profile, withBatch: false)
    }
    try payLease(at: profile.relay)
    if seconds >= profile.tidiedAt + ClientLimits.tidyAge {
      try forget(&profile)
      profile.tidiedAt = seconds
    }
    // Most times nothing is due, and what does not change need not be synced.
    if profile != before { try records.save(profile) }
  }

  /// Whether the relay should be asked how many one-time parts are left.
  package func wantsStatus() throws -> Bool {
    try seconds >= profile().prekeys.statusAt + ClientLimits.statusAge
  }

  /// The relay has told how many one-time parts are left: refills when they are few.
  package mutating func statusArrived(_ status: MailboxStatus) throws {
    var profile = try profile()
    profile.prekeys.statusAt = seconds
    if status.oneTimeParts < ClientLimits.oneTimeKeysLow, try !hasUpload(where: \.isBatch) {
      try publishPrekeys(&profile, withBatch: true)
    }
    try records.save(profile)
  }

  /// The read that asks for the status; reads have no sequence.
  package func statusRequest() throws -> (relay: RelayAuthority, route: Route, headers: [HeaderField]) {
    let profile = try profile()
    let route = Route.mailbox(profile.mailbox)
    let request = OwnerRequest(.get, route, at: profile.relay)
    return (profile.relay, route, request.headers(signedBy: try deviceKeys().mailboxKey, created: Int64(seconds)))
  }

  /// The answer to a stream's challenge.
  ///
  /// - Parameter mailbox: a former one of this device, or its present one.
  package func answer(_ challenge: StreamChallenge, for mailbox: MailboxID) throws -> ClientFrame {
    if let former = try formerPlace(mailbox) {
      return challenge.answer(authority: former.relay, signedBy: try former.mailboxKey())
    }
    return challenge.answer(authority: try profile().relay, signedBy: try deviceKeys().mailboxKey)
  }

  /// The next list, with the same devices but those that come and go.
  @discardableResult
  mutating func renewCard(
    _ profile: inout Profile, condition: CardCondition? = nil, adding new: Device? = nil, removing gone: DeviceID? = nil
  ) throws -> Card {
    let old = try ownCard(profile).list
    let place = ListPlace(
      sequence: old.sequence + 1, previous: old.hash, condition: condition ?? .replaces(old.sequence))
    let this = try deviceKeys().listed(at: profile.relay)
    let devices = old.devices.filter { $0.id != gone }.map { $0.id == this.id ? this : $0 } + (new.map { [$0] } ?? [])
    let card = try sign(list: place, of: try accountKeys(), devices: devices)
    profile.card = card.encoded()
    profile.cardSignedAt = seconds
    profile.listHead = card.list.head
    profile.wantsNewCard = false
    try publishCard(profile, card, condition: place.condition)
    if let gone { try bidFarewell(to: gone, with: card) }
    if var own = try ownContact() {
      try learn(card, of: &own)
      own.contactSecret = profile.contactSecret
      own.replyPathSequence = card.list.sequence
      try records.save(own)
    }
    return card
  }

  /// Deletes private prekeys and archives whose time has come, and what only served to recognise repetitions.
  private mutating func forget(_ profile: inout Profile) throws {
    try deleteOldArchives()
    try cancelLink(unlessYoung: true)
    // A bundle claimed just before may be used until its signed part expires, and arrive 30 days later.
    let kept = Limits.signedPartValidity + Limits.signedPartGrace
    for batch in profile.prekeys.retired where batch.at + kept < seconds {
      for index in 0..<UInt32(1 << batch.depth) { try records.delete(.oneTimePrekey, Self.key(batch.number, index)) }
    }
    profile.prekeys.retired.removeAll { $0.at + kept < seconds }
    var old: [[UInt8]] = []
    try records.each(.signedPrekey, group: nil, newestFirst: false) { row in
      guard let prekey = try? SignedPrekey(decoding: row) else { throw Engine.damaged }
      guard prekey.keptUntil < seconds else { return false }
      old.append(Self.key(prekey.part.id))
      return true
    }
    for key in old { try records.delete(.signedPrekey, key) }
    for prelude in try records.all(AcceptedPrelude.self) where prelude.keptUntil < seconds {
      try records.remove(prelude)
    }
    // Oldest first: most days nothing is old enough, and one row is read.
    for seen in try records.first(SeenEnvelope.self, while: { $0.at + ClientLimits.seenAge < seconds }) {
      try records.remove(seen)
    }
  }

  // MARK: contact secret

  /// Draws a new S: a new address, under which old knocks and the old card are worthless. A and safety numbers stay;
  /// contacts are told in their sessions. [client.13]
  package mutating func rotateContactSecret() throws { try rotateContactSecret(removing: nil) }

  /// - Parameter gone: a device that is no longer one: whatever let it write goes too. [devices.12]
  mutating func rotateContactSecret(removing gone: DeviceID?) throws {
    try checkHoldsAccountKey()
    var profile = try profile()
    let old = ContactKeys(profile.address)
    let oldCardKey = try cardKey()
    try records.put(.own, KeyRow.card, group: [], SigningKey(from: &entropy).seed)
    if gone != nil { try retireCapability(&profile) }
    try move(&profile, to: ContactSecret(from: &entropy))
    // A new list with it: its sequence is what tells a reply path of before from one of after.
    try renewCard(&profile, condition: .absent, removing: gone)
    try records.save(Upload(.deleteCard(old.cardID), cardKey: oldCardKey))
    try withdrawFormerCards()
    try records.save(profile)
    try tellContacts()
    try tellOwnDevices()
  }

  /// Gives this device's mailbox the knock and the prekeys of another contact secret.
  mutating func move(_ profile: inout Profile, to secret: ContactSecret) throws {
    profile.contactSecret = secret
    // What was sealed under the old card key is unreadable at the new address: it is withdrawn, not left to run out.
    for upload in try records.all(Upload.self) where upload.isSealed && upload.place == nil {
      try records.remove(upload)
    }
    profile.prekeys.retire(at: seconds) { _ in false }
    try records.save(Upload(.withdrawOneTimeParts))
    try publishPrekeys(&profile, withBatch: true)
    try publishCapabilities(profile)
  }

  /// Draws a new right to write here; the former one opens the mailbox for a while. [client.17]
  mutating func retireCapability(_ profile: inout Profile) throws {
    let former = Profile.Retiring(hash: profile.contactCapability.hash, until: seconds + ClientLimits.retiring)
    profile.retiring = (profile.retiring + [former]).suffix(ClientLimits.retired)
    profile.contactCapability = try Capability(entropy.bytes(Capability.count))
  }

  /// An empty message to everyone who is accepted: it carries what is new about us.
  package mutating func tellContacts(_ parts: [ContentPart] = []) throws {
    for contact in try records.all(Contact.self, group: Contact.group(isAccepted: true)) {
      try enqueue(parts, to: contact, id: MessageID(from: &entropy))
    }
  }

  /// Takes the card and the mailbox away from the relay; afterwards the home can be wiped.
  package mutating func retire() throws {
    let profile = try profile()
    for former in try formerPlaces() { try retire(former) }
    if try holdsAccountKey() {
      try records.save(Upload(.retireCard(ContactKeys(profile.address).cardID), cardKey: try cardKey()))
    }
    try records.save(Upload(.deleteMailbox))
  }
}

extension Upload {
  var isCard: Bool { if case .putCard = action { true } else { false } }
  fileprivate var isBatch: Bool { if case .batch = action { true } else { false } }
  /// Whether its body was sealed under the card key.
  fileprivate var isSealed: Bool {
    switch action {
    case .signedPart, .batch, .putCard: true
    case .createMailbox, .setCapabilities, .withdrawOneTimeParts, .deleteCard, .retireCard, .deleteMailbox, .push: false
    }
  }
}

/// That a prelude was accepted, by its digest: a repetition belongs to that session.
struct AcceptedPrelude: StoredRecord {
  let digest: Digest
  let session: Digest
  /// As long as the private keys it was opened with could still be there: unix seconds.
  let keptUntil: UnixTime

  static var table: Table { .prelude }
  var key: [UInt8] { digest.bytes }

  init(_ digest: Digest, session: Digest, keptUntil: UnixTime) {
    self.digest = digest
    self.session = session
    self.keptUntil = keptUntil
  }

  func encode(to writer: inout SecretWriter) {
    writer.fixed(digest.bytes)
    writer.fixed(session.bytes)
    writer.u64(keptUntil)
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    digest = try reader.digest()
    session = try reader.digest()
    keptUntil = try reader.u64()
  }
}
