internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// What the devices of an account tell each other, so that each shows the same conversations. [devices.8]
extension Engine {
  /// Copies a message to our other devices: one that was written here, or one whose author has not written to all.
  mutating func copy(_ message: StoredMessage, with contact: Contact) throws {
    guard let own = try otherDevices(), message.direction != .notice else { return }
    let content = Content(id: message.id, sentAt: message.sentAt, parts: message.parts)
    let author = message.direction == .outgoing ? ConversationCopy.Author.account : .contact
    try tell(contact, .init(author, content), to: own)
  }

  /// Tells our other devices how we stand with somebody now.
  mutating func tellStanding(of contact: Contact) throws {
    guard let own = try otherDevices(), contact.role == .person else { return }
    try tell(contact, nil, to: own)
  }

  private mutating func tell(_ contact: Contact, _ message: ConversationCopy.Message?, to own: Contact) throws {
    let copy = ConversationCopy(
      address: contact.address, name: contact.name.flatMap(DeviceName.init),
      standing: contact.isBlocked ? .blocked : contact.isAccepted ? .accepted : .stranger,
      verifiedAt: contact.verifiedAt, timer: contact.timer, message: message)
    try enqueue([.copy(copy)], to: own, id: MessageID(from: &entropy))
  }

  /// Whether a device does not hold the list with which the last device of ours came, so that it has not written to
  /// all. [devices.9]
  func hasNotHeard(_ device: DeviceID, of contact: Contact) throws -> Bool {
    guard let devices = try ownDevices() else { return false }
    return contact.knowsList[device] ?? 0 < devices.since
  }

  /// What another of our devices has told.
  mutating func take(_ copy: ConversationCopy, from device: DeviceID, of own: Contact) throws {
    let account = copy.address.account
    let known = try contact(account)
    guard account != (try profile().account), known?.role ?? .person == .person else { return }
    var contact = known ?? Contact(copy.address, name: nil, isAccepted: false)
    if known == nil || copy.message == nil { try apply(copy, to: &contact) }
    // Writing to a stranger accepts them, wherever it was done. What is known already says nothing about today.
    if let message = copy.message, message.author == .account,
      try records.load(StoredMessage.self, StoredMessage.key(.outgoing, account, message.content.id)) == nil
    {
      contact.isAccepted = true
    }
    try records.save(contact)
    // One device, which knows of all others first, passes on what one that has not heard of the last has told. [devices.9]
    let isPassedOn = try holdsAccountKey() && hasNotHeard(device, of: own)
    guard let message = copy.message else {
      if isPassedOn { try tellStanding(of: contact) }
      return
    }
    if !contact.isBlocked { try keep(message, with: contact, isPassedOn: isPassedOn) }
  }

  private mutating func apply(_ copy: ConversationCopy, to contact: inout Contact) throws {
    if copy.standing == .blocked, !contact.isBlocked { try block(&contact) }
    if copy.standing != .blocked { contact.isBlocked = false }
    switch copy.standing {
    case .stranger: try remove(&contact)
    case .accepted: contact.isAccepted = true
    case .blocked: break
    }
    if contact.replyPathSequence == 0 {
      contact.contactSecret = copy.address.contactSecret
      contact.relay = copy.address.relay
    }
    try rename(&contact, copy.name?.text)
    // Only a comparison that was made since ends the evidence. [client.18]
    if copy.verifiedAt > contact.verifiedAt { contact.hasForkEvidence = false }
    contact.verifiedAt = copy.verifiedAt
    guard contact.timer != copy.timer else { return }
    contact.timer = copy.timer
    try notice("You have decided: \(Self.words(forTimer: copy.timer)).", about: contact, isNews: false)
  }

  /// A name that is another's here stays that one's.
  private func rename(_ contact: inout Contact, _ name: String?) throws {
    guard name != contact.name else { return }
    if let name {
      let isGood = (try? Self.check(name: name)) != nil && (try? checkFree(name: name, for: contact.account)) != nil
      guard isGood else { return }
      try records.save(ContactName(name, contact.account))
    }
    if let old = contact.name { try records.delete(.name, ContactName.key(old)) }
    contact.name = name
  }

  private mutating func keep(_ copied: ConversationCopy.Message, with contact: Contact, isPassedOn: Bool) throws {
    let direction: StoredMessage.Direction = copied.author == .account ? .outgoing : .incoming
    let message = StoredMessage(direction, copied: copied.content, with: contact.account, at: now)
    // [client.8] It came in another copy, or from its author.
    guard try records.load(StoredMessage.self, message.key) == nil else { return }
    try keep(message)
    if isPassedOn { try self.copy(message, with: contact) }
    guard direction == .outgoing else { return try records.save(Unshown(message)) }
    // [client.19] Its time runs from when it was sent.
    guard var kept = try records.load(StoredMessage.self, message.key) else { throw Engine.damaged }
    try startTimer(of: &kept)
  }
}
