internal import SottoCrypto
package import SottoSession
internal import SottoWire

/// Whom the user trusts, whom not, and what they are told of changes.
extension Engine {
  // MARK: blocking

  /// Blocks somebody: nothing of theirs is kept any more and nothing waits for them. Everybody else gets a new right to
  /// write; the old one ends after a week. [client.17]
  package mutating func block(_ account: AccountID) throws {
    guard var contact = try contact(account), !contact.isBlocked else { return }
    try block(&contact)
    try records.save(contact)
    try maintain()
    try tellContacts()
    try tellStanding(of: contact)
  }

  mutating func block(_ contact: inout Contact) throws {
    contact.isBlocked = true
    for item in try records.all(OutboxItem.self, group: contact.account.bytes) { try drop(item) }
    try forgetUnheard(of: contact.account)
    try records.delete(.owed, contact.account.bytes)
    for unshown in try records.all(Unshown.self) where unshown.account.elementsEqual(contact.account.bytes) {
      try records.remove(unshown)
    }
    var profile = try profile()
    try retireCapability(&profile)
    // The sequence of the new list tells the new reply path from the old one. [client.9]
    profile.wantsNewCard = true
    try records.save(profile)
    try publishCapabilities(profile)
  }

  /// Unblocks somebody: they are again what they were before, a contact or a stranger.
  package mutating func unblock(_ account: AccountID) throws {
    guard var contact = try contact(account), contact.isBlocked else { return }
    contact.isBlocked = false
    try records.save(contact)
    try tellStanding(of: contact)
  }

  // MARK: verification

  /// Remembers that the user has compared safety numbers, if `digits` are the right ones; spaces and line ends do not
  /// count. What was shown as evidence against the contact before is settled by it. [client.18]
  ///
  /// - Returns: whether they are.
  package mutating func verify(_ account: AccountID, digits: String) throws -> Bool {
    guard var contact = try contact(account) else { throw Engine.damaged }
    let compared = digits.filter { !$0.isWhitespace }
    guard compared == (try safetyNumber(with: contact)) else { return false }
    contact.verifiedAt = max(seconds, 1)
    contact.hasForkEvidence = false
    try records.save(contact)
    try tellStanding(of: contact)
    return true
  }

  /// Takes the verification back.
  package mutating func unverify(_ account: AccountID) throws {
    guard var contact = try contact(account) else { return }
    contact.verifiedAt = 0
    try records.save(contact)
    try tellStanding(of: contact)
  }

  /// Refuses to write to the blocked [client.17], and to somebody whom the user had verified and against whom there is
  /// evidence since. [client.18]
  func checkMayWrite(to contact: Contact) throws {
    try checkIsListed()
    guard !contact.isBlocked else {
      throw ClientError(
        .refused, "You have blocked \(contact.title).", meaning: "Nothing was sent.",
        next: "Unblock them first: sotto contact unblock NAME")
    }
    guard contact.isHeldBack else { return }
    throw ClientError(
      .refused, "Somebody shows \(contact.title) and you different device lists.",
      meaning: "You had verified this contact, so nothing is sent until you have looked. Nothing was sent.",
      next: "Compare safety numbers again: sotto contact verify NAME --compare DIGITS")
  }

  /// Keeps evidence that somebody splits the views, and tells the user, once. [client.10]
  mutating func keepForkEvidence(_ contact: inout Contact) throws {
    guard !contact.hasForkEvidence else { return }
    contact.hasForkEvidence = true
    try notice("Warning: somebody shows them and you different device lists. Compare safety numbers.", about: contact)
  }

  /// Tells the user which devices a contact has gained or lost.
  mutating func tellDevices(of contact: Contact, from old: DeviceList, to new: DeviceList) throws {
    let before = Set(old.devices.map(\.id))
    let after = Set(new.devices.map(\.id))
    let (gained, lost) = (after.subtracting(before).count, before.subtracting(after).count)
    switch (gained, lost) {
    case (0, 0): return
    case (_, 0): try notice("They have added \(Self.devices(gained)).", about: contact)
    case (0, _): try notice("They have removed \(Self.devices(lost)).", about: contact)
    default: try notice("They have replaced \(Self.devices(lost)) by \(Self.devices(gained)).", about: contact)
    }
  }

  private static func devices(_ count: Int) -> String { count == 1 ? "a device" : "\(count) devices" }

  /// A line of the client's own in the conversation.
  ///
  /// - Parameter isNews: whether it is handed to the user with the next messages, because they did not do it themselves.
  mutating func notice(_ text: String, about contact: Contact, isNews: Bool = true) throws {
    guard contact.role == .person, contact.isAccepted, !contact.isBlocked else { return }
    let notice = StoredMessage(
      notice: text, id: MessageID(from: &entropy), about: contact.account, at: now)
    try records.save(notice)
    if isNews { try records.save(Unshown(notice)) }
  }
}
