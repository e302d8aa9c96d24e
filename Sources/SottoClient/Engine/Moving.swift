internal import SottoCrypto
internal import SottoSession
package import SottoWire

/// Where the account was before it moved: its mailbox there is read, and its card leads from there to here, until
/// everybody can have heard. [client.21]
struct FormerPlace: StoredRecord {
  let relay: RelayAuthority
  let mailbox: MailboxID
  let cardID: CardID
  /// When it is given up: unix seconds.
  let until: UnixTime
  /// Whether it is being given up.
  var isEnding = false
  /// Of the last owner's request there.
  var sequence: UInt64
  private let mailboxSeed: SecretBox
  private let cardSeed: SecretBox

  init(_ profile: Profile, mailboxKey: borrowing SigningKey, cardKey: borrowing SigningKey, until: UnixTime) {
    relay = profile.relay
    mailbox = profile.mailbox
    cardID = ContactKeys(profile.address).cardID
    self.until = until
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
    // What the old relay has still to be told, of prekeys and capabilities, is of no use any more.
    for upload in try records.all(Upload.self) where upload.place == nil { try records.remove(upload) }
    let listed = try ownCard(profile).list.sequence
    let former = FormerPlace(
      profile, mailboxKey: try deviceKeys().mailboxKey, cardKey: try cardKey(), until: seconds + ClientLimits.former)
    try records.save(former)

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
    let card = try renewCard(&profile, condition: .absent)
    try records.save(profile)
    try records.save(
      Upload(
        .putCard(former.cardID, listSequence: card.list.sequence, .replaces(listed)),
        body: seal(card, for: profile), cardKey: try former.cardKey(), at: former.mailbox))
    // Their client would look for the list at the old place; so it has it from here.
    try tellContacts([.link(.card(UnverifiedCard(card)))])
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

  /// Gives up places whose time has come, and forgets those that are gone. [client.21]
  func endFormerPlaces(_ profile: inout Profile) throws {
    for var former in try formerPlaces() where former.until <= seconds {
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

  /// With the contact secret the old address goes, wherever it leads. [client.13]
  func withdrawFormerCards() throws {
    for former in try formerPlaces() {
      for upload in try records.all(Upload.self) where upload.place == former.mailbox && upload.isCard {
        try records.remove(upload)
      }
      try records.save(Upload(.deleteCard(former.cardID), cardKey: try former.cardKey(), at: former.mailbox))
    }
  }
}
