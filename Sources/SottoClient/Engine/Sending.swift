internal import SottoCrypto
package import SottoSession
package import SottoWire

/// What the shell has to do at a relay so that a message can go on; the answer is handed to the method of the same name.
package enum Errand: Sendable {
  /// Read the newest card of an account.
  case fetchCard(account: AccountID, CardID, RelayAuthority)
  /// Claim prekeys of a device.
  case claim(account: AccountID, DeviceID, MailboxID, RelayAuthority, Capability)
  /// Put an envelope: exactly these bytes under exactly this id.
  case put(item: [UInt8], MailboxID, EnvelopeID, RelayAuthority, Capability, [UInt8])
  /// Bring a file's blob there; then the engine is told that it was `uploaded`.
  case upload(BlobUpload)
}

extension Engine {
  /// Writes a message and puts it into the outbox. Writing to a stranger accepts them.
  ///
  /// - Parameters:
  ///   - recipient: a name, or an address, which may be new.
  ///   - answered: the id of the message that it answers, or the beginning of it in hexadecimal digits.
  ///   - file: what was sealed for it; its bytes are in the spool.
  package mutating func compose(
    _ text: String, to recipient: String, answering answered: String? = nil, file: SealedFile? = nil
  ) throws -> StoredMessage {
    guard !text.isEmpty || file != nil else {
      throw ClientError(
        .badData, "There is nothing to send.", meaning: "The text is empty. Nothing was changed.",
        next: "Give a text, or `-` to read it from standard input.")
    }
    guard text.utf8.count <= ClientLimits.text else {
      throw ClientError(
        .badData, "The text has \(text.utf8.count) bytes; a message holds at most \(ClientLimits.text).",
        meaning: "Nothing was sent.", next: "Send it in parts.")
    }
    let known = try find(recipient)
    var contact = try known ?? Contact(try Self.address(recipient), name: nil, isAccepted: true)
    guard try contact.account != profile().account else {
      throw ClientError(
        .badData, "This is your own address.", meaning: "Nothing was sent.", next: "Write to somebody else.")
    }
    try checkMayWrite(to: contact)
    var message = StoredMessage(outgoing: MessageID(from: &entropy), text: text, to: contact.account, at: now)
    if let answered {
      let other = try self.message(answered, with: contact.account)
      message.answers = MessageReference(other.direction == .outgoing ? .author : .reader, other.id)
    }
    if !contact.isAccepted || known == nil {
      contact.isAccepted = true
      try records.save(contact)
    }
    message.timer = contact.timer
    if let file { try attach(file, to: &message, for: contact) }
    try keep(message)
    if file == nil { try enqueue(message, to: contact) }
    return message
  }

  /// Puts a message of ours into the outbox, for its recipient and for our other devices.
  mutating func enqueue(_ message: StoredMessage, to contact: Contact) throws {
    try enqueue(message.parts + receiptsAlong(to: message.account), to: contact, id: message.id)
    try copy(message, with: contact)
  }

  /// Ends all sessions with a contact: an empty message opens a new one, in which the other side learns of it.
  package mutating func reset(_ account: AccountID) throws {
    guard var contact = try contact(account) else { return }
    try checkMayWrite(to: contact)
    contact.resets = Set(contact.card?.devices.map(\.id) ?? [])
    contact.isAccepted = true
    try records.save(contact)
    try enqueue([], to: contact, id: MessageID(from: &entropy))
  }

  /// One item for each device, or one without a device while none is known; none for whoever is held back: what the
  /// client says by itself is said again when something is sent.
  package mutating func enqueue(_ parts: [ContentPart], to contact: Contact, id: MessageID) throws {
    guard !contact.isHeldBack else { return }
    let content = Content(id: id, sentAt: now, parts: parts).encoded()
    guard let card = contact.card else {
      try records.save(OutboxItem(id, to: contact.account, device: nil, content: content))
      return
    }
    for device in try recipients(of: card, contact.role) {
      try records.save(OutboxItem(id, to: contact.account, device: device.id, content: content))
    }
    try sealWaiting(contact)
  }

  /// The devices that get what is written to an account: of our own all but this one.
  private func recipients(of card: Contact.KnownCard, _ role: Contact.Role) throws -> [Contact.DevicePlace] {
    guard role == .own else { return card.devices }
    let own = try profile().device
    return card.devices.filter { $0.id != own }
  }

  /// The accounts for which something waits.
  package func accountsToServe() throws -> [AccountID] {
    var accounts: [AccountID] = []
    for item in try records.all(OutboxItem.self) where !accounts.contains(item.account) {
      accounts.append(item.account)
    }
    for transfer in try waitingUploads() {
      let account = try StoredMessage.account(inKey: transfer.message)
      if !accounts.contains(account) { accounts.append(account) }
    }
    if let own = try ownContact(), !accounts.contains(own.account), try wantsOwnCard(own) {
      accounts.append(own.account)
    }
    return accounts
  }

  /// What has to be done next so that the messages for an account go on; nil when nothing can be done now.
  ///
  /// For whoever is not accepted that is nothing [client.3]; a card older than an hour is fetched first. [client.16]
  ///
  /// - Parameter patient: whether to wait out the backoff after failures; a user who just sent something does not.
  package mutating func nextErrand(for account: AccountID, patient: Bool) throws -> Errand? {
    guard var contact = try contact(account), contact.isAccepted, !contact.isHeldBack, try !isRemoved() else {
      return nil
    }
    if contact.role == .own {
      if try wantsOwnCard(contact) {
        return .fetchCard(account: account, ContactKeys(contact.address).cardID, contact.relay)
      }
      // Who signs the lists has the newest.
      contact.cardCheckedAt = seconds
    }
    try repeatFirstFlights(contact)
    let waiting = try records.all(OutboxItem.self, group: account.bytes).filter(\.isPending)
    guard let first = waiting.first, !patient || first.notBefore <= now else {
      return try nextFile(for: contact, patient: patient)
    }
    guard let card = contact.card, seconds < contact.cardCheckedAt + ClientLimits.cardAge else {
      return .fetchCard(account: account, ContactKeys(contact.address).cardID, contact.relay)
    }
    for item in waiting { try address(item, to: card, contact.role) }
    try sealWaiting(contact)
    for item in try records.all(OutboxItem.self, group: account.bytes) {
      guard let device = item.device else { continue }
      if let farewell = try farewell(item) { return farewell }
      guard let place = contact.place(of: device) else { continue }
      let capability = contact.capability(for: place.mailbox)
      switch item.stage {
      case _ where seconds < contact.stalled[device] ?? 0: continue
      case .sealed(_, let envelope, let bytes):
        return .put(item: item.key, place.mailbox, envelope, place.relay, capability, bytes)
      case .waiting: return .claim(account: account, device, place.mailbox, place.relay, capability)
      case .unaddressed, .unconfirmed: continue
      }
    }
    return try nextFile(for: contact, patient: patient)
  }

  /// Gives an item that has no device, or one that is not listed any more, to the devices of the newest list.
  private func address(_ item: OutboxItem, to card: Contact.KnownCard, _ role: Contact.Role) throws {
    if let device = item.device, card.devices.contains(where: { $0.id == device }) { return }
    if role == .own {
      // The others have theirs; what goes to a device that has left is its farewell.
      if try farewell(item) == nil { try records.remove(item) }
      return
    }
    try records.remove(item)
    // The others have it, or have an item of their own.
    if item.isElsewhere { return }
    for device in card.devices {
      let new = OutboxItem(item.message, to: item.account, device: device.id, content: item.content)
      if try records.load(OutboxItem.self, new.key) == nil { try records.save(new) }
    }
  }

  /// Seals what waits for a device that has a session to send on.
  private mutating func sealWaiting(_ contact: Contact) throws {
    for var item in try records.all(OutboxItem.self, group: contact.account.bytes) where item.stage == .waiting {
      guard let device = item.device, !contact.resets.contains(device),
        var row = try sendingSession(contact.account, device)
      else { continue }
      try seal(&item, contact, &row)
    }
  }

  /// Seals one item and stores session, envelope and envelope id together, before anything is sent. [client.1]
  private mutating func seal(_ item: inout OutboxItem, _ contact: Contact, _ row: inout SessionRow) throws {
    guard let base = try? Content(decoding: item.content) else { throw Engine.damaged }
    let profile = try profile()
    let (news, told) = try self.news(profile, contact, row)
    let content = Content(id: base.id, sentAt: base.sentAt, parts: base.parts + news)
    guard let envelope = row.session.seal(content, from: &entropy) else { return try fail(item) }
    row.told = told
    let id = EnvelopeID(from: &entropy)
    observations?.append(
      .sealed(
        id, bytes: envelope.count, hasPrelude: row.session.encodedPrelude != nil, text: content.text,
        row.session.position))
    item.stage = .sealed(session: row.session.info.sid, envelope: id, bytes: envelope)
    try save(row)
    try records.save(item)
  }

  /// What the peer has still to be told in this session: our reply path, and which lists we hold. [client.9] [client.10]
  private func news(
    _ profile: Profile, _ contact: Contact, _ row: borrowing SessionRow
  ) throws -> (parts: [ContentPart], told: Digest) {
    let known = contact.card?.head ?? ListHead(sequence: 0, hash: .zero)
    let parts: [ContentPart] = [
      .replyPath(try replyPath(profile)), .heads(own: profile.listHead, yours: known),
    ]
    let zero = try! MessageID([UInt8](repeating: 0, count: MessageID.count))
    let told = Digest.of("told", Content(id: zero, sentAt: 0, parts: parts).encoded())
    // An unconfirmed handshake of ours carries the same already, unless it has changed since.
    let isInHandshake =
      row.session.info.role == .initiator && !row.session.info.isConfirmed && (row.told == .zero || row.told == told)
    return (isInHandshake || (row.told == told && row.toldIsHeard) ? [] : parts, told)
  }

  /// Repeats first flights that nobody answered, and moves them to a session that somebody did answer. [client.7]
  private mutating func repeatFirstFlights(_ contact: Contact) throws {
    for var item in try records.all(OutboxItem.self, group: contact.account.bytes) {
      guard case .unconfirmed(let sid) = item.stage, let device = item.device else { continue }
      if let other = try sendingSession(contact.account, device), other.session.info.isConfirmed,
        other.session.info.sid != sid
      {
        item.stage = .waiting
        try records.save(item)
      } else if Int(item.repeats) < ClientLimits.repeats.count,
        seconds >= item.firstSentAt + ClientLimits.repeats[Int(item.repeats)],
        try unanswered(contact.account, device) <= ClientLimits.repeats.count
      {
        // All that went out on that session goes out again on the next one.
        try archive(sid)
        item.stage = .waiting
        item.repeats += 1
        try records.save(item)
      } else if try isOver(sid), Int(item.repeats) < ClientLimits.repeats.count {
        item.stage = .waiting
        item.repeats += 1
        try records.save(item)
      }
    }
  }

  /// Sessions that were begun here and that the device has not answered. There are no more than a pair of devices keeps
  /// beside the one in use: an answer to any of them can be read, however many messages wait. [client.7]
  private func unanswered(_ account: AccountID, _ device: DeviceID) throws -> Int {
    try candidates(of: account, device: device).count {
      $0.info.role == .initiator && !$0.info.isConfirmed && !$0.isOver(at: seconds)
    }
  }

  private func isOver(_ sid: Digest) throws -> Bool {
    guard let row = try session(sid) else { return true }
    return row.archivedAt != nil
  }

  // MARK: answers

  /// The newest card of a contact, as the relay served it.
  package mutating func fetched(_ account: AccountID, listSequence: UInt64, sealed: [UInt8]) throws {
    guard var contact = try contact(account) else { return }
    do {
      let card = try verify(sealed, listSequence: listSequence, for: contact.address)
      try learn(card, of: &contact)
      contact.cardCheckedAt = seconds
      try records.save(contact)
    } catch let refused as Refused {
      // With a card that is known a relay that serves something else can only be ignored; it does not stop a message.
      guard try cardUnavailable(account) else { throw Self.cardRefused(contact.title, refused) }
    }
  }

  /// The card could not be had; what is known is used, if it is, and looked for again in 5 minutes.
  ///
  /// - Returns: whether there is one to go on with.
  package mutating func cardUnavailable(_ account: AccountID) throws -> Bool {
    guard var contact = try contact(account), contact.card != nil else { return false }
    contact.cardCheckedAt = max(seconds, ClientLimits.cardAge) - ClientLimits.cardAge + 300
    try records.save(contact)
    return true
  }

  /// Prekeys of a device: opens a session and seals what waits for it.
  package mutating func claimed(_ account: AccountID, _ device: DeviceID, _ prekeys: ClaimedPrekeys) throws {
    try maintain()
    guard var contact = try contact(account), let known = contact.card else { return }
    let profile = try profile()
    do {
      let card = try UnverifiedCard(decoding: known.encoded).verified(for: account, foundAt: nil, now: seconds)
      let bundle = try VerifiedBundle(
        card: card, device: device, spkID: prekeys.signedPart.id, sealedSignedPart: prekeys.signedPart.sealed,
        oneTime: prekeys.oneTime.map { ($0.batch, $0.index, $0.sealed) }, keys: ContactKeys(contact.address),
        now: seconds)
      let older = try candidates(of: account, device: device)
      let generation = max(
        SessionRules.nextGeneration(after: older.map(\.info)) ?? .max, (contact.generations[device] ?? 0) + 1)
      let isReset =
        contact.resets.contains(device) || (profile.replacesDevice && contact.generations[device] == nil)
      let session = try Session.initiate(
        to: bundle, as: try ownCard(profile), device: try deviceKeys(), replyPath: try replyPath(profile),
        generation: generation, reset: isReset, now: seconds, from: &entropy)
      for candidate in older { try archive(candidate.info.sid) }
      contact.generations[device] = generation
      contact.resets.remove(device)
      try records.save(contact)
      let info = session.info
      observations?.append(.began(.initiator, usesOneTimePrekey: bundle.kind == .oneTime))
      try save(SessionRow(session), asNewest: true)
      try keepHouse(account, device, reset: isReset ? info : nil)
    } catch let refused as Refused {
      // Of several devices it is perhaps one that has not heard of a new contact secret.
      guard try leaveAlone(account, device) else { throw Self.prekeysRefused(contact.title, refused) }
      return
    }
    contact.stalled[device] = nil
    try records.save(contact)
    try sealWaiting(contact)
  }

  /// A device has no prekeys at the relay, or useless ones, or takes no knock: the others of its account do not wait.
  ///
  /// - Returns: whether there are others.
  package mutating func leaveAlone(_ account: AccountID, _ device: DeviceID) throws -> Bool {
    guard var contact = try contact(account), let card = contact.card, card.devices.count > 1 else { return false }
    contact.stalled[device] = seconds + ClientLimits.stalled
    try records.save(contact)
    return true
  }

  /// The mailbox of a device takes nothing now: the others of its account do not wait for it.
  ///
  /// - Returns: whether there are others.
  package mutating func leaveAlone(_ errand: Errand, for account: AccountID) throws -> Bool {
    switch errand {
    case .claim(_, let device, _, _, _): return try leaveAlone(account, device)
    case .put(let key, _, _, _, _, _):
      guard let device = try records.load(OutboxItem.self, key)?.device else { return false }
      return try leaveAlone(account, device)
    case .fetchCard, .upload: return false
    }
  }

  /// The relay has stored an envelope.
  package mutating func delivered(_ key: [UInt8]) throws {
    guard var item = try records.load(OutboxItem.self, key), case .sealed(let sid, _, _) = item.stage else { return }
    if let row = try session(sid), row.isUnconfirmed || row.archivedAt == nil {
      if row.isUnconfirmed {
        if item.firstSentAt == 0 { item.firstSentAt = seconds }
        item.stage = .unconfirmed(session: sid)
        item.attempts = 0
        try records.save(item)
      } else {
        try records.remove(item)
        try keepUnheard(item, in: row)
      }
    } else {
      try records.remove(item)
      try sendAgain(item)
    }
    for var other in try records.all(OutboxItem.self, group: item.account.bytes)
    where other.message == item.message && other.isPending && !other.isElsewhere {
      other.isElsewhere = true
      try records.save(other)
    }
    try settle(item.message, item.account)
  }

  /// The session has ended since it was sealed. A device that was removed meanwhile has no business with it. [client.20]
  private func sendAgain(_ item: OutboxItem) throws {
    guard let device = item.device, try contact(item.account)?.place(of: device) != nil, Unheard.isKept(item) else {
      return
    }
    try records.save(item.again(to: device))
  }

  /// The relay declined an envelope or a claim: this capability does not open that mailbox (any more).
  ///
  /// - Returns: whether there is another way, which the next errand tries.
  package mutating func deliveryRefused(_ account: AccountID, _ mailbox: MailboxID) throws -> Bool {
    guard var contact = try contact(account) else { return false }
    if contact.capabilities.removeValue(forKey: mailbox) != nil {
      try records.save(contact)
      return true
    }
    if try contact.role != .own || !holdsAccountKey(), seconds >= contact.cardCheckedAt + 60,
      seconds >= contact.refusedAt + 60
    {
      // Perhaps the device has been replaced: a newer list says so. Once: there may be none to be had.
      contact.cardCheckedAt = 0
      contact.refusedAt = seconds
      try records.save(contact)
      return true
    }
    if contact.role == .own { try endFarewell(at: mailbox) }
    guard let device = contact.card?.devices.first(where: { $0.mailbox == mailbox })?.id else { return false }
    var isStalled = false
    for item in try records.all(OutboxItem.self, group: account.bytes) where item.device == device && item.isPending {
      guard let content = try? Content(decoding: item.content) else { throw Engine.damaged }
      if now < content.sentAt + ClientLimits.stalledLife * 1000 { isStalled = true } else { try fail(item) }
    }
    // Of several devices it is perhaps one that has not heard of a new contact secret: it is tried again, for a while.
    if isStalled, try leaveAlone(account, device) { return true }
    for item in try records.all(OutboxItem.self, group: account.bytes) where item.device == device && item.isPending {
      try fail(item)
    }
    return false
  }

  /// An attempt failed for now: the next one is due after a wait drawn at random below a bound that doubles.
  package mutating func postpone(_ account: AccountID, retryAfter: Int?) throws {
    if let own = try contact(account), own.role == .own, try wantsOwnCard(own) { _ = try cardUnavailable(account) }
    guard var item = try records.all(OutboxItem.self, group: account.bytes).first(where: \.isPending) else { return }
    (item.attempts, item.notBefore) = backoff(after: item.attempts, retryAfter: retryAfter)
    try records.save(item)
  }

  /// Full jitter: how many attempts there have been then, and when the next one may be.
  mutating func backoff(after attempts: UInt32, retryAfter: Int?) -> (attempts: UInt32, notBefore: UInt64) {
    let attempts = min(attempts + 1, 31)
    let bound = min(ClientLimits.backoffBase << UInt64(attempts), ClientLimits.backoffLimit)
    return (attempts, now + max(drawn(below: bound), UInt64(max(retryAfter ?? 0, 0)) * 1000))
  }

  // MARK: states

  /// The peer has opened a session of ours, or we one of theirs: what went out on it has arrived.
  mutating func confirmed(_ info: SessionInfo) throws {
    for item in try records.all(OutboxItem.self, group: info.peerAccount.bytes) {
      guard item.stage == .unconfirmed(session: info.sid) else { continue }
      try records.remove(item)
      if let row = try session(info.sid), row.archivedAt == nil {
        try keepUnheard(item, in: row)
      } else {
        try sendAgain(item)
      }
      try settle(item.message, item.account)
    }
  }

  /// Gives up an item: its message failed, if no other device gets it.
  private func fail(_ item: OutboxItem) throws {
    try records.remove(item)
    try settle(item.message, item.account, otherwise: item.isElsewhere ? .sent : .failed)
  }

  func drop(_ item: OutboxItem) throws { try fail(item) }

  /// Nobody is to be found at an address that nothing else is known of.
  package mutating func giveUp(_ account: AccountID) throws {
    for item in try records.all(OutboxItem.self, group: account.bytes) { try fail(item) }
    try dropUploads(to: account)
  }

  /// A message's state follows from its items.
  private func settle(_ id: MessageID, _ account: AccountID, otherwise: StoredMessage.State = .sent) throws {
    guard var message = try records.load(StoredMessage.self, StoredMessage.key(.outgoing, account, id)) else { return }
    let items = try records.all(OutboxItem.self, group: account.bytes).filter { $0.message == id }
    let state: StoredMessage.State =
      if items.contains(where: { $0.isPending && !$0.isElsewhere }) {
        .queued
      } else if items.contains(where: { !$0.isPending }) {
        .unconfirmed
      } else {
        items.isEmpty ? otherwise : .sent
      }
    // What the recipient has said of it holds, whatever still becomes of a copy.
    if !message.state.isAcknowledged { message.state = state }
    try records.save(message)
    if state == .unconfirmed || state == .sent { try startTimer(of: &message) }
  }

  /// The message as it stands now.
  package func outgoing(_ id: MessageID, _ account: AccountID) throws -> StoredMessage? {
    try records.load(StoredMessage.self, StoredMessage.key(.outgoing, account, id))
  }

  package static func cardRefused(_ who: String, _ refused: Refused) -> ClientError {
    ClientError(
      .cardRefused, "What the relay serves as the card of \(who) is not theirs (\(refused.stage.rawValue)).",
      meaning: "The relay, or somebody on the way, served something else, or something old. Nothing was sent.",
      next: "Try again later; if it stays so, ask them whether their address has changed.")
  }

  private static func prekeysRefused(_ who: String, _ refused: Refused) -> ClientError {
    ClientError(
      .cardRefused, "The keys that the relay serves for \(who) are not theirs (\(refused.stage.rawValue)).",
      meaning: "The relay, or somebody on the way, served something else, or something old. The message is kept.",
      next: "The next send or receive tries again; if it stays so, ask them to run `sotto receive`.")
  }
}

extension SessionRow {
  /// Whether its first flight may never have arrived.
  fileprivate var isUnconfirmed: Bool { session.info.role == .initiator && !session.info.isConfirmed }
}
