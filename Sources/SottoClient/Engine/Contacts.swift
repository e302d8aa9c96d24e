internal import SottoCrypto
package import SottoSession
internal import SottoWire

extension Engine {
  /// Contacts and strangers, oldest first.
  package func contacts() throws -> [Contact] { try records.all(Contact.self).filter { $0.role == .person } }

  package func contact(_ account: AccountID) throws -> Contact? { try records.load(Contact.self, account.bytes) }

  /// Whom a name or an address means: somebody known, or nil for an address that is new here.
  package func find(_ nameOrAddress: String) throws -> Contact? {
    if nameOrAddress.hasPrefix("sotto:") {
      let contact = try contact(try Self.address(nameOrAddress).account)
      return contact?.role == .person ? contact : nil
    }
    guard let name = try records.load(ContactName.self, ContactName.key(nameOrAddress)) else {
      throw ClientError(
        .unknownContact, "There is no contact called “\(nameOrAddress)”.", meaning: "Nothing was changed.",
        next: "See `sotto contact list`, or add one: sotto contact add ADDRESS --name NAME")
    }
    return try contact(name.account)
  }

  /// The same, when it must be somebody known.
  package func known(_ nameOrAddress: String) throws -> Contact {
    if let contact = try find(nameOrAddress) { return contact }
    throw ClientError(
      .unknownContact, "Nobody with this address is known here.", meaning: "Nothing was changed.",
      next: "See `sotto contact list`, or add them: sotto contact add ADDRESS --name NAME")
  }

  /// The address that `text` is, or what is wrong with it.
  package static func address(_ text: String) throws -> Address {
    do { return try Address(parsing: text) } catch {
      throw ClientError(
        .addressMistyped, "This is not a Sotto address: \(words(for: error)).",
        meaning: "Nobody was contacted and nothing was changed.",
        next: "Copy the whole address again; it looks like sotto:…@relay.")
    }
  }

  private static func words(for error: AddressError) -> String {
    switch error {
    case .noScheme: "it does not begin with “sotto:”"
    case .noRelay: "the “@” and the relay are missing"
    case .badCharacter(let character): "“\(character)” does not occur in addresses"
    case .wrongLength(let count): "the part before the “@” has \(count) characters instead of 88"
    case .badRelay: "what follows the “@” is not the name of a relay"
    case .mistyped: "its checksum does not agree, so a character is wrong"
    }
  }

  /// Refuses names that would be taken for something else.
  package static func check(name: String) throws {
    let isPlain = name.unicodeScalars.allSatisfy { !$0.properties.isWhitespace || $0 == " " }
    let hasControls = name.unicodeScalars.contains { $0.properties.generalCategory == .control }
    guard !name.isEmpty, name.utf8.count <= ClientLimits.name, isPlain, !hasControls, !name.hasPrefix("sotto:"),
      !name.hasPrefix("-"), name.first != " ", name.last != " "
    else {
      throw ClientError(
        .usage, "“\(name)” cannot be a contact's name.",
        meaning: "A name is one line of 1 to \(ClientLimits.name) bytes and begins with neither “-” nor “sotto:”.",
        next: "Choose another name.")
    }
  }

  /// Whether `name` can be given to `account`: nobody else has it.
  package func checkFree(name: String, for account: AccountID) throws {
    guard let taken = try records.load(ContactName.self, ContactName.key(name)), taken.account != account else {
      return
    }
    throw ClientError(
      .cannotCreate, "Another contact is called “\(name)” already.", meaning: "Nothing was changed.",
      next: "Choose another name, or remove the other one: sotto contact remove \(name)")
  }

  /// Adds a contact, or changes the name of one; accepts a stranger's request.
  package mutating func add(_ address: Address, name: String?, card: Card) throws -> Contact {
    guard try address.account != profile().account else {
      throw ClientError(
        .badData, "This is your own address.", meaning: "Nothing was changed.",
        next: "Give it to somebody else, and add theirs.")
    }
    if let name { try checkFree(name: name, for: address.account) }
    var contact = try contact(address.account) ?? Contact(address, name: nil, isAccepted: true)
    contact.isAccepted = true
    contact.isBlocked = false
    contact.contactSecret = address.contactSecret
    contact.relay = address.relay
    if let name, name != contact.name {
      if let old = contact.name { try records.delete(.name, ContactName.key(old)) }
      contact.name = name
      try records.save(ContactName(name, contact.account))
    }
    try learn(card, of: &contact)
    contact.cardCheckedAt = seconds
    try records.save(contact)
    try tellStanding(of: contact)
    return contact
  }

  /// Makes a contact a stranger again: the name goes, and what waits in the outbox; sessions stay, so that whatever
  /// they still send arrives as a request and is not lost.
  package mutating func remove(_ account: AccountID) throws {
    guard var contact = try contact(account) else { return }
    try remove(&contact)
    try records.save(contact)
    try tellStanding(of: contact)
  }

  mutating func remove(_ contact: inout Contact) throws {
    if let name = contact.name { try records.delete(.name, ContactName.key(name)) }
    contact.name = nil
    contact.isAccepted = false
    for item in try records.all(OutboxItem.self, group: contact.account.bytes) { try drop(item) }
    try forgetUnheard(of: contact.account)
    try dropUploads(to: contact.account)
    try records.delete(.owed, contact.account.bytes)
  }

  /// What a relay served as the card of `address`: opened, verified, and not older than what is known. [card.4]
  package func verify(_ sealed: [UInt8], listSequence: UInt64, for address: Address) throws(Refused) -> Card {
    let card = try unverifiedCard(sealed, listSequence: listSequence, for: address)
      .verified(for: address.account, foundAt: address.relay, as: listSequence, now: seconds)
    if let known = try? contact(address.account)?.card { try card.check(after: known.head) }
    return card
  }

  /// What a relay served as the card of `address`, opened and decoded.
  func unverifiedCard(
    _ sealed: [UInt8], listSequence: UInt64, for address: Address
  ) throws(Refused) -> UnverifiedCard {
    let keys = ContactKeys(address)
    let plaintext = try SealedKind.card(keys.cardID, sequence: listSequence).open(sealed, under: keys.cardKey())
    return try UnverifiedCard(decoding: plaintext)
  }

  /// Keeps a verified card if it is news. What is not in the newest list is no device: its sessions end. [client.5]
  mutating func learn(_ card: Card, of contact: inout Contact) throws {
    guard card.list.sequence >= contact.card?.head.sequence ?? 0 else { return }
    let previous = try contact.verifiedCard()?.list
    if let previous { try tellDevices(of: contact, from: previous, to: card.list) }
    contact.card = Contact.KnownCard(card, verifiedAt: seconds)
    let mailboxes = Set(card.list.devices.map(\.mailbox))
    contact.capabilities = contact.capabilities.filter { mailboxes.contains($0.key) }
    contact.knowsList = contact.knowsList.filter { card.list.device($0.key) != nil }
    contact.stalled = contact.stalled.filter { card.list.device($0.key) != nil }
    let come = try previous.map { try self.come(since: $0, in: card.list) } ?? []
    try give(whatWaitsFor: contact, to: come)
    // A device that is gone, or has another identity key under its old name, has no session any more. [client.5]
    for candidate in try candidates(of: contact.account) {
      let device = candidate.info.peerDevice
      let key = card.list.device(device)?.identityKey
      let before = previous?.device(device)?.identityKey
      guard key == nil || (before != nil && before != key) else { continue }
      try replace(candidate.info.sid, with: come)
      try deleteSession(candidate.info.sid)
    }
    if contact.role == .own { try adopt(card) }
  }

  /// What waits goes to devices that have come as well. For own ones it is what this device has written, and not what is
  /// meant for one of them alone.
  private func give(whatWaitsFor contact: Contact, to come: [DeviceID]) throws {
    guard !come.isEmpty else { return }
    for item in try records.all(OutboxItem.self, group: contact.account.bytes) where item.isPending {
      if contact.role == .own {
        guard let content = try? Content(decoding: item.content) else { throw Engine.damaged }
        if content.isLink { continue }
      }
      for device in come {
        var new = OutboxItem(item.message, to: item.account, device: device, content: item.content)
        new.isElsewhere = item.isElsewhere
        try records.save(new)
      }
    }
  }

  /// Devices that have come, but for this one.
  private func come(since old: DeviceList, in new: DeviceList) throws -> [DeviceID] {
    let own = try profile().device
    return new.devices.map(\.id).filter { old.device($0) == nil && $0 != own }
  }

  /// What was not heard on a session with a device that has gone goes to those that have come: one that was replaced has
  /// not read it. [client.20]
  private func replace(_ session: Digest, with come: [DeviceID]) throws {
    for unheard in try records.all(Unheard.self, group: session.bytes) {
      guard let content = try? Content(decoding: unheard.content) else { throw Engine.damaged }
      for device in come where !content.isLink { try records.save(unheard.again(to: device)) }
    }
  }

  /// Sixty digits, equal on both sides.
  package func safetyNumber(with contact: Contact) throws -> String {
    SafetyNumber.between(try profile().account, contact.account)
  }

  /// What a user may know of a session.
  package struct SessionSummary: Sendable {
    package let contact: Contact
    package let info: SessionInfo
    package let isArchived: Bool
    package let isSuspect: Bool
    package let isSending: Bool
  }

  /// All sessions, oldest first.
  package func sessions() throws -> [SessionSummary] {
    var found: [SessionSummary] = []
    for contact in try contacts() {
      let all = try candidates(of: contact.account)
      for candidate in all {
        let device = all.filter { $0.info.peerDevice == candidate.info.peerDevice }
        found.append(
          SessionSummary(
            contact: contact, info: candidate.info, isArchived: candidate.archivedAt != nil,
            isSuspect: try isSuspect(candidate.info.sid),
            isSending: SessionRules.sending(among: device)?.sid == candidate.info.sid))
      }
    }
    return found
  }

  private func isSuspect(_ sid: Digest) throws -> Bool {
    guard let row = try session(sid) else { return false }
    return row.isSuspect
  }
}
