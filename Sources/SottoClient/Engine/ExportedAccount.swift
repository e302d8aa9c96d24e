package import SottoCrypto
package import SottoSession
internal import SottoWire

/// What moves an account to another device: its seeds, contact secret, relay and card key. No key of a session and no
/// mailbox is in it: the other device makes its own, and no ratchet state ever leaves a device. [client.14]
package struct ExportedAccount: Sendable {
  let name: String
  let relay: RelayAuthority
  let contactSecret: ContactSecret
  let head: ListHead
  /// The card with that list; nil in what was exported by a version that did not know of other devices.
  let card: [UInt8]?
  let accountKeys: SecretBox
  let cardKey: SecretBox

  private static let format: UInt8 = 2

  init(
    name: String, relay: RelayAuthority, contactSecret: ContactSecret, head: ListHead, card: [UInt8],
    accountKeys: consuming Secret, cardKey: consuming Secret
  ) {
    self.name = name
    self.relay = relay
    self.contactSecret = contactSecret
    self.head = head
    self.card = card
    self.accountKeys = SecretBox(accountKeys)
    self.cardKey = SecretBox(cardKey)
  }

  /// The bytes to be sealed.
  package func encoded() -> Secret {
    var writer = SecretWriter()
    writer.u8(Self.format)
    writer.text(name)
    writer.text(relay.text)
    writer.fixed(contactSecret.bytes)
    writer.head(head)
    writer.vector(card ?? [])
    writer.secret(accountKeys.secret)
    writer.secret(cardKey.secret)
    return writer.finish()
  }

  package init(decoding bytes: consuming Secret) throws {
    var reader = SecretReader(bytes)
    let format = try reader.u8()
    guard (1...Self.format).contains(format) else { throw CryptoError.wrongLength }
    name = try reader.text()
    relay = try reader.relay()
    contactSecret = try reader.contactSecret()
    head = try reader.head()
    card = format >= 2 ? try reader.vector() : nil
    accountKeys = SecretBox(try reader.secret(AccountKeys.encodedCount))
    cardKey = SecretBox(try reader.secret(32))
    try reader.finish()
  }

  package func address() throws -> Address {
    Address(account: try AccountKeys(decoding: accountKeys.secret).id, contactSecret: contactSecret, relay: relay)
  }
}

extension Engine {
  /// What `importIdentity` needs.
  package func exportAccount() throws -> ExportedAccount {
    let profile = try profile()
    return ExportedAccount(
      name: profile.name, relay: profile.relay, contactSecret: profile.contactSecret, head: profile.listHead,
      card: profile.card, accountKeys: try accountKeys().encoded(), cardKey: try cardKey().seed.copy())
  }

  /// Makes a new device that replaces the account's first one: a new list, new prekeys, and sessions that begin with a
  /// reset. Devices that were linked stay. [devices.13]
  ///
  /// - Parameter card: the card that the relay has now, if it has one: sealed, and its list sequence.
  package mutating func importIdentity(_ account: ExportedAccount, card: (sequence: UInt64, sealed: [UInt8])?) throws {
    let keys = try AccountKeys(decoding: account.accountKeys.secret)
    let place = listPlace(of: account, address: try account.address(), card)
    try install(
      name: account.name, account: keys, relay: account.relay,
      cardKey: try SigningKey(seed: account.cardKey.secret.copy()), secret: account.contactSecret, after: place)
  }

  /// A list that follows all others of the account. Nobody here knows them all: the device that is replaced may have told
  /// its contacts of lists that the relay never got, or left the place that an old file names. Whoever holds such a list
  /// would refuse another one in its place, or right behind it. So the number is the time, which is ahead of all that
  /// was counted up from an earlier time. [client.15]
  private func listPlace(
    of account: ExportedAccount, address: Address, _ card: (sequence: UInt64, sealed: [UInt8])?
  ) -> ListPlace {
    let served = card.flatMap { self.served($0, at: address) }?.list
    // One that has run out, or is older than the file, says nothing of today's devices.
    let current = served.flatMap { $0.isValid(at: seconds) && $0.sequence >= account.head.sequence ? $0 : nil }
    let known = max(account.head.sequence, served?.sequence ?? 0)
    return ListPlace(
      sequence: max(seconds, known + ClientLimits.listMargin), previous: current?.hash ?? account.head.hash,
      condition: card.map { .replaces($0.sequence) } ?? .absent,
      others: Array((current ?? exported(account)?.list)?.devices.dropFirst() ?? []))
  }

  /// The card that the relay has, though it may have run out. The number beside it alone is only the relay's word.
  private func served(_ card: (sequence: UInt64, sealed: [UInt8]), at address: Address) -> Card? {
    guard let unverified = try? unverifiedCard(card.sealed, listSequence: card.sequence, for: address) else {
      return nil
    }
    return try? unverified.verified(
      for: address.account, foundAt: address.relay, as: card.sequence, now: unverified.claimedList.notBefore)
  }

  /// The list that the account had when it was exported, though it may have run out meanwhile.
  private func exported(_ account: ExportedAccount) -> Card? {
    guard let id = try? account.address().account, let encoded = account.card,
      let card = try? UnverifiedCard(decoding: encoded)
    else { return nil }
    return try? card.verified(for: id, foundAt: nil, now: card.claimedList.notBefore)
  }
}
