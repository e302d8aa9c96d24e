internal import SottoCrypto
package import SottoSession
package import SottoWire

extension Engine {
  /// Takes one envelope from the mailbox: whatever comes of it, afterwards it may be acknowledged.
  ///
  /// Compute, open, commit: until everything has opened nothing is written but that the envelope was seen, and that it
  /// named a prekey that is used up. A failure that no header opens has no effect that anyone could observe, and nothing is sent because of one. [client.1]
  /// [client.6] [client.8] [client.11]
  package mutating func receive(_ id: EnvelopeID, _ bytes: [UInt8]) throws {
    guard try records.load(SeenEnvelope.self, id.bytes) == nil, try !isRemoved() else { return }
    try records.save(SeenEnvelope(id.bytes, at: seconds))
    do {
      let envelope = try Envelope(decoding: bytes)
      if let prelude = envelope.prelude {
        try receive(id, envelope, prelude)
      } else if let row = try recognising(envelope) {
        try open(id, envelope, in: row)
      }
    } catch is Refused {
      // Junk, a repetition, or not for us: nothing has changed, and nobody learns which.
    }
  }

  private mutating func receive(_ id: EnvelopeID, _ envelope: Envelope, _ prelude: Prelude) throws {
    guard let accepted = try records.load(AcceptedPrelude.self, prelude.digest.bytes) else {
      return try accept(id, envelope, prelude)
    }
    // A session that was given up is not opened a second time.
    if let row = try session(accepted.session), !row.candidate.isOver(at: seconds) { try open(id, envelope, in: row) }
  }

  private mutating func open(_ id: EnvelopeID, _ envelope: Envelope, in found: consuming SessionRow) throws {
    var row = found
    let chain = row.session.sendingChain
    let opened: Session.Opened
    do {
      opened = try row.session.open(envelope, now: seconds, from: &entropy)
    } catch {
      if error.makesSuspect, row.archivedAt == nil {
        row.isSuspect = true
        try save(row)
        try expectRepair(of: row.session.info.peerAccount)
      }
      return
    }
    observations?.append(.opened(id, text: opened.content.text, row.session.position))
    let info = row.session.info
    let next = row.session.sendingChain
    row.toldIsHeard = row.told != .zero
    row.isSuspect = false
    try save(row, asNewest: true)
    try keepHouse(info.peerAccount, info.peerDevice)
    try confirmed(info)
    if let next, next != chain { try heard(in: info.sid, upTo: next) }
    guard var contact = try contact(info.peerAccount) else { throw Engine.damaged }
    try take(opened.content, from: &contact, info)
    try records.save(contact)
  }

  /// A first message: opens a session with whoever sent it. One-time keys die in this transaction. [prekeys.8]
  private mutating func accept(_ id: EnvelopeID, _ envelope: Envelope, _ prelude: Prelude) throws {
    let profile = try profile()
    let opening = try prelude.openIDs(try deviceKeys(), of: profile.account)
    let ids = opening.ids
    guard let signed = try signedPrekey(ids.spkID) else { throw Refused(.prekey) }
    let unverified: UnverifiedInitiator
    switch ids.kind {
    case .oneTime:
      guard let oneTime = try oneTimePrekey(ids) else {
        try count { $0.refused(ids, profile.prekeys) }
        throw Refused(.prekey)
      }
      unverified = try opening.respond(signedPrekey: signed, oneTime: oneTime, now: seconds)
    case .lastResort: unverified = try opening.respond(signedPrekey: signed, now: seconds)
    }
    let account = unverified.claimedAccount
    let known = try contact(account)
    // [client.4] [devices.7] In the own name only own devices speak, and only once there are others than this one.
    guard account != profile.account || known != nil else { throw Refused(.account) }
    let guest = try rendezvous()
    if let guest, !guest.isOpen(at: now) { throw Refused(.account) }
    // [client.17] Whatever the blocked begin ends here, without a trace.
    if known?.isBlocked ?? false { throw Refused(.account) }
    let card = try known?.verifiedCard()
    var responded = try unverified.verified(known: card?.list, before: card, now: seconds)
    let opened = try responded.session.open(envelope, now: seconds, from: &entropy)
    let initiator = responded.initiator
    let info = responded.session.info
    if account == profile.account {
      // Lists are signed on one device: to it a newer one is news of a thief.
      let isForeign = try holdsAccountKey() && initiator.card.list.sequence > profile.listHead.sequence
      guard !isForeign, info.peerDevice != profile.device else { throw Refused(.chain) }
    }
    if guest != nil, !opened.content.isOffer { throw Refused(.content) }
    if known == nil, try records.count(.contact, group: Contact.group(isAccepted: false)) >= Limits.requests {
      throw Refused(.account)
    }

    // Everything has opened: commit.
    if ids.kind == .oneTime { try records.delete(.oneTimePrekey, Self.key(ids.id, ids.index)) }
    if observations != nil {
      observations?.append(.began(.responder, usesOneTimePrekey: ids.kind == .oneTime))
      // Looked up: a key that stays must not be drawn as gone.
      if ids.kind == .oneTime, try oneTimePrekey(ids) == nil { observations?.append(.oneTimePrekeyGone) }
      observations?.append(.opened(id, text: opened.content.text, responded.session.position))
    }
    try count { $0.accepted(ids, profile.prekeys) }
    try records.save(AcceptedPrelude(prelude.digest, session: info.sid, keptUntil: signed.keptUntil))
    let address = Address(
      account: account, contactSecret: initiator.replyPath.contactSecret, relay: initiator.replyPath.relay)
    var contact = known ?? Contact(address, name: nil, isAccepted: false)
    if !contact.isAccepted {
      // [client.4] A stranger has one session, however often they begin.
      for candidate in try candidates(of: account) { try deleteSession(candidate.info.sid) }
    }
    // A slow first flight must not bring back a list, or a way to answer, that a newer one has replaced. [client.9]
    if initiator.card.list.sequence >= contact.card?.head.sequence ?? 0 {
      try learn(initiator.card, of: &contact)
      try learn(initiator.replyPath, of: &contact, from: info.peerDevice)
    }
    if let guest { try taken(guest, by: info) }
    try save(SessionRow(responded.takeSession()), asNewest: true)
    try keepHouse(account, info.peerDevice, reset: initiator.reset ? info : nil)
    contact.generations[info.peerDevice] = max(contact.generations[info.peerDevice] ?? 0, info.generation)
    try compare(initiator.seen, of: info.peerDevice, with: profile, &contact)
    try take(opened.content, from: &contact, info)
    try records.save(contact)
  }

  private func signedPrekey(_ id: UInt64) throws -> SignedPrekey? {
    guard let row = try records.get(.signedPrekey, Self.key(id)) else { return nil }
    guard let prekey = try? SignedPrekey(decoding: row) else { throw Engine.damaged }
    return prekey
  }

  private func oneTimePrekey(_ ids: PrekeyIDs) throws -> OneTimePrekey? {
    guard let row = try records.get(.oneTimePrekey, Self.key(ids.id, ids.index)) else { return nil }
    guard let prekey = try? OneTimePrekey(batch: ids.id, index: ids.index, decoding: row) else { throw Engine.damaged }
    return prekey
  }

  /// Does what an authentic message says.
  private mutating func take(_ content: Content, from contact: inout Contact, _ info: SessionInfo) throws {
    for part in content.parts {
      switch part {
      // [client.17] Of the blocked only what keeps their list and their place known.
      case .receipt where contact.isBlocked: break
      case .receipt(let receipt, let ids): try take(receipt, of: ids, from: contact.account, info.peerDevice)
      case .replyPath(let path):
        try learn(path, of: &contact, from: info.peerDevice)
      case .heads(let own, let yours):
        if let known = contact.card?.head {
          // [client.10] Ahead of what we hold: the next send looks for the newer list.
          if own.sequence > known.sequence { contact.cardCheckedAt = 0 }
          if own.sequence == known.sequence, own.hash != known.hash { try keepForkEvidence(&contact) }
        }
        try compare(yours, of: info.peerDevice, with: try profile(), &contact)
      case .link(let message): try take(message, from: &contact, info)
      case .copy(let copy) where contact.role == .own: try take(copy, from: info.peerDevice, of: contact)
      case .text, .attachment, .missing, .answer, .timer, .copy, .ignorable: break
      }
    }
    if contact.isBlocked || contact.role != .person { return }
    if content.isMessage {
      try keep(content, from: contact, info.peerDevice)
    } else if let timer = content.timer {
      try take(timer: timer, from: &contact)
    }
  }

  /// What the peer holds of our list must be one that we signed.
  private mutating func compare(_ head: ListHead, of device: DeviceID, with profile: Profile, _ contact: inout Contact)
    throws
  {
    if head.sequence == profile.listHead.sequence, head.hash != profile.listHead.hash {
      try keepForkEvidence(&contact)
    }
    contact.knowsList[device] = max(contact.knowsList[device] ?? 0, min(head.sequence, profile.listHead.sequence))
    if head.sequence > profile.listHead.sequence, contact.role == .person { try ownListIsOld() }
  }

  /// Takes over where somebody can be answered. What the own devices tell is for the engine to judge. [client.9]
  private mutating func learn(_ path: ReplyPath, of contact: inout Contact, from device: DeviceID) throws {
    guard contact.role != .own else { return try learnOwn(path, of: &contact, from: device) }
    if let list = try contact.verifiedCard()?.list { contact.learn(path, listedIn: list) }
  }

  private mutating func keep(_ content: Content, from contact: Contact, _ device: DeviceID) throws {
    let message = StoredMessage(
      incoming: content, from: contact.account, at: now, isRequest: !contact.isAccepted)
    // [client.8] The same message in another envelope: a repeated first flight.
    guard try records.load(StoredMessage.self, message.key) == nil else { return }
    try keep(message)
    try records.save(Unshown(message))
    try owe(.delivered, for: message, to: contact)
    if try hasNotHeard(device, of: contact) { try copy(message, with: contact) }
  }

  // MARK: showing

  /// A message with what its reader needs to know of its author.
  package struct Shown: Sendable {
    package let message: StoredMessage
    package let from: Contact
  }

  /// Takes messages that have not been shown yet, oldest first, at most `limit`: from now on they count as shown.
  ///
  /// - Parameter account: whose messages; nil: everybody's.
  package mutating func takeUnshown(from account: AccountID? = nil, limit: Int) throws -> [Shown] {
    var taken: [Unshown] = []
    try records.each(.unshown, group: nil, newestFirst: false) { row in
      let unshown: Unshown = try records.decoded(row)
      if account == nil || unshown.account.elementsEqual(account!.bytes) { taken.append(unshown) }
      return taken.count < limit
    }
    return try taken.map { unshown in
      try records.remove(unshown)
      guard var message = try records.load(StoredMessage.self, unshown.message),
        let contact = try contact(message.account)
      else { throw Engine.damaged }
      try startTimer(of: &message)
      try owe(.read, for: message, to: contact)
      return Shown(message: message, from: contact)
    }
  }

  /// Messages of a conversation have been shown.
  package mutating func markShown(_ ids: [MessageID], from contact: Contact) throws {
    for id in ids {
      for direction in [StoredMessage.Direction.incoming, .notice] {
        let key = StoredMessage.key(direction, contact.account, id)
        guard let unshown = try records.load(Unshown.self, key) else { continue }
        try records.remove(unshown)
        guard var message = try records.load(StoredMessage.self, key) else { continue }
        try startTimer(of: &message)
        try owe(.read, for: message, to: contact)
      }
    }
  }

  /// Showing failed: they are shown next time, and nothing has been read.
  package mutating func giveBack(_ shown: [Shown]) throws {
    for entry in shown {
      try records.save(Unshown(entry.message))
      try stopTimer(of: entry.message)
      try withdrawRead(entry.message)
    }
  }
}

extension Refused {
  /// Whether a session that knew the header has lost step with its peer. A repetition is nothing unusual, and content
  /// that this version cannot read was authentic. [client.6]
  fileprivate var makesSuspect: Bool {
    switch stage {
    case .replay, .content, .padding, .encoding, .header: false
    default: true
    }
  }
}
