internal import SottoCrypto
internal import SottoSession
package import SottoWire

/// Where the account was before it moved: its mailbox there is read, and its card leads from there to here, until
/// everybody can have heard. [client.21]
struct FormerPlace: StoredRecord {
  let relay: RelayAuthority
  let mailbox: MailboxID
  let cardID: CardID
  /// When it is given up, counted from when contacts were told: unix seconds.
  var until: UnixTime = 0
  /// The sequence of the card there; 0: there is none.
  let listed: UInt64
  /// Of the `contact` capability of that mailbox.
  let contactHash: Digest
  /// Whether the card there leads here, and contacts were told.
  var isTold = false
  /// Whether the card there was withdrawn, with the contact secret that it goes by.
  var isWithdrawn = false
  /// Whether it is being given up.
  var isEnding = false
  /// Of the last owner's request there.
  var sequence: UInt64
  private let mailboxSeed: SecretBox
  private let cardSeed: SecretBox

  init(
    _ profile: Profile, listed: UInt64, mailboxKey: borrowing SigningKey, cardKey: borrowing SigningKey
  ) {
    self.listed = listed
    contactHash = profile.contactCapability.hash
    relay = profile.relay
    mailbox = profile.mailbox
    cardID = ContactKeys(profile.address).cardID
    sequence = profile.sequence
    mailboxSeed = SecretBox(mailboxKey.seed.copy())
    cardSeed = SecretBox(cardKey.seed.copy())
  }

  func mailboxKey() throws -> SigningKey { try SigningKey(seed: mailboxSeed.secret.copy()) }
  func cardKey() throws -> SigningKey { try SigningKey(seed: cardSeed.secret.copy()) }
  var place: MailboxPlace { MailboxPlace(relay: relay, mailbox: mailbox) }

  static var table: Table { .own }
  static let group = Array("former".utf8)
  static func key(_ mailbox: MailboxID) -> [UInt8] { group + mailbox.bytes }
  var key: [UInt8] { Self.key(mailbox) }
  var group: [UInt8] { Self.group }

  func encode(to writer: inout SecretWriter) {
    writer.text(relay.text)
    writer.fixed(mailbox.bytes)
    writer.fixed(cardID.bytes)
    writer.u64(until)
    writer.u64(listed)
    writer.fixed(contactHash.bytes)
    writer.flag(isTold)
    writer.flag(isWithdrawn)
    writer.flag(isEnding)
    writer.u64(sequence)
    writer.secret(mailboxSeed.secret)
    writer.secret(cardSeed.secret)
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    relay = try reader.relay()
    mailbox = try reader.mailbox()
    cardID = try CardID(try reader.fixed(CardID.count))
    until = try reader.u64()
    listed = try reader.u64()
    contactHash = try reader.digest()
    isTold = try reader.flag()
    isWithdrawn = try reader.flag()
    isEnding = try reader.flag()
    sequence = try reader.u64()
    mailboxSeed = SecretBox(try reader.secret(32))
    cardSeed = SecretBox(try reader.secret(32))
  }
}

/// A mailbox of this device, and its relay.
package struct MailboxPlace: Hashable, Sendable {
  package let relay: RelayAuthority
  package let mailbox: MailboxID
}

extension Engine {
  /// Moves the account to another relay: a new mailbox with new prekeys and capabilities, and a card there. The contact
  /// secret stays, so that whoever has the old address finds the new place by the card at the old one. [client.21]
  package mutating func move(to relay: RelayAuthority) throws {
    try checkIsListed()
    try checkHoldsAccountKey()
    var profile = try profile()
    try checkMayMove(profile, to: relay)
    let pending = try records.all(Upload.self).filter { $0.place == nil }
    let former = FormerPlace(
      profile, listed: try listedNow(profile, pending), mailboxKey: try deviceKeys().mailboxKey, cardKey: try cardKey())
    try records.save(former)
    for var upload in pending {
      try records.remove(upload)
      switch upload.action {
      case .deleteCard, .setCapabilities, .push:
        // Whoever was to be cut off there still is, and this device is woken from there as it last said.
        upload.place = former.mailbox
        upload.sequence = 0
        try records.save(upload)
      default: break
      }
    }

    let device = try deviceKeys().moved(from: &entropy)
    try records.put(.own, KeyRow.device, group: [], device.encoded())
    try records.put(.own, KeyRow.card, group: [], SigningKey(from: &entropy).seed)
    profile.relay = relay
    profile.mailbox = device.mailbox
    profile.contactCapability = try Capability(entropy.bytes(Capability.count))
    profile.retiring = []
    profile.prekeys.retire(at: seconds) { _ in false }
    try records.save(Upload(.createMailbox))
    try publishCapabilities(profile)
    try publishPrekeys(&profile, withBatch: true)
    try renewCard(&profile, condition: .absent)
    try endPush()
    try records.save(profile)
  }

  /// The sequence of the card that the relay has, which may be older than ours; 0: none.
  private func listedNow(_ profile: Profile, _ pending: [Upload]) throws -> UInt64 {
    for upload in pending {
      switch upload.action {
      case .putCard(_, _, .replaces(let sequence)): return sequence
      case .putCard(_, _, .absent): return 0
      default: continue
      }
    }
    return try ownCard(profile).list.sequence
  }

  /// When the new relay has everything, and not before, the old card leads there, and contacts are told. [client.21]
  mutating func announceMove() throws {
    for var former in try formerPlaces() where !former.isTold && !former.isEnding {
      guard try !hasUploads() else { return }
      former.isTold = true
      former.until = seconds + ClientLimits.former
      try records.save(former)
      let profile = try profile()
      let card = try ownCard(profile)
      if !former.isWithdrawn {
        let condition: CardCondition = former.listed == 0 ? .absent : .replaces(former.listed)
        try records.save(
          Upload(
            .putCard(former.cardID, listSequence: card.list.sequence, condition), body: seal(card, for: profile),
            cardKey: try former.cardKey(), at: former.mailbox))
      }
      // Their client would look for the list at the old place; so it has it from here.
      try tellContacts([.link(.card(UnverifiedCard(card)))])
    }
  }

  private func checkMayMove(_ profile: Profile, to relay: RelayAuthority) throws {
    let former = try formerPlaces()
    func refuse(_ message: String, next: String) -> ClientError {
      ClientError(.refused, message, meaning: "Nothing was changed.", next: next)
    }
    guard relay != profile.relay else {
      throw refuse("This account is at \(relay.text) already.", next: "Nothing to do.")
    }
    guard try ownCard(profile).list.devices.count == 1 else {
      throw refuse(
        "An account with linked devices cannot move.",
        next: "Remove them with `sotto device revoke NAME`, move, and link them again: they get their history anew.")
    }
    guard former.allSatisfy({ $0.relay != relay }), former.count < Limits.relays - 1 else {
      throw refuse(
        "This account was at \(relay.text), or at too many other relays, in the last \(ClientLimits.former / 86_400) days.",
        next: "Choose another relay, or wait: `sotto doctor` counts former relays.")
    }
  }

  func formerPlaces() throws -> [FormerPlace] { try records.all(FormerPlace.self, group: FormerPlace.group) }

  func formerPlace(_ mailbox: MailboxID) throws -> FormerPlace? {
    try records.load(FormerPlace.self, FormerPlace.key(mailbox))
  }

  /// Mailboxes that are still to be read beside the present one.
  package func formerMailboxes() throws -> [MailboxPlace] { try formerPlaces().map(\.place) }

  /// Gives up places whose time has come, and forgets those that are gone. While the new relay has not taken everything
  /// the old place is the only one. [client.21]
  func endFormerPlaces(_ profile: inout Profile) throws {
    for var former in try formerPlaces() where former.isTold && former.until <= seconds {
      if !former.isEnding {
        former.isEnding = true
        try records.save(former)
        try retire(former)
        profile.wantsNewCard = true
      } else if try !hasUpload(where: { $0.place == former.mailbox }) || former.until + ClientLimits.retiring <= seconds
      {
        // A relay that is not there any more is not asked for ever.
        for upload in try records.all(Upload.self) where upload.place == former.mailbox { try records.remove(upload) }
        try records.remove(former)
      }
    }
  }

  /// Takes card and mailbox away from a relay.
  func retire(_ former: FormerPlace) throws {
    for upload in try records.all(Upload.self) where upload.place == former.mailbox { try records.remove(upload) }
    try records.save(Upload(.deleteCard(former.cardID), cardKey: try former.cardKey(), at: former.mailbox))
    try records.save(Upload(.deleteMailbox, at: former.mailbox))
  }

  /// With the contact secret the old address goes, wherever it leads: card, prekeys and knock. [client.13]
  func withdrawFormerCards() throws {
    for var former in try formerPlaces() where !former.isEnding {
      former.isWithdrawn = true
      try records.save(former)
      let contacts = try CapabilitySet([CapabilitySlot(.contact, former.contactHash)])
      try records.save(Upload(.setCapabilities, body: contacts.encoded, at: former.mailbox))
      try records.save(Upload(.withdrawOneTimeParts, at: former.mailbox))
      for upload in try records.all(Upload.self) where upload.place == former.mailbox && upload.isCard {
        try records.remove(upload)
      }
      try records.save(Upload(.deleteCard(former.cardID), cardKey: try former.cardKey(), at: former.mailbox))
    }
  }
}
