package import SottoCrypto
package import SottoSession
package import SottoWire

/// Who this device is, apart from its keys.
package struct Profile: StoredRecord, Equatable {
  /// What the user calls this identity; nobody else sees it.
  package var name: String
  package let account: AccountID
  package let device: DeviceID
  package var mailbox: MailboxID
  package var relay: RelayAuthority
  /// S: what the address lets its holder do.
  package var contactSecret: ContactSecret
  /// The right to write here that all contacts share.
  package var contactCapability: Capability
  /// The newest card, encoded, and when it was signed: unix seconds.
  package var card: [UInt8]
  package var cardSignedAt: UnixTime
  package var listHead: ListHead
  /// The sequence of the last owner's request.
  package var sequence: UInt64
  package var prekeys: Prekeys
  /// Whether sessions are opened with `reset`: this device replaced one whose sessions are lost.
  package var replacesDevice: Bool
  /// Former contact capabilities that still open the mailbox for a while. [client.17]
  var retiring: [Retiring] = []
  /// Whether the card is to be signed anew as soon as the relay has the one before.
  var wantsNewCard = false
  /// When old keys, archives and names of envelopes were last looked through: unix seconds.
  var tidiedAt: UnixTime = 0

  struct Retiring: Sendable, Equatable {
    let hash: Digest
    /// Unix seconds.
    let until: UnixTime
  }

  /// The ids that were given out, and what the current signed part vouches for.
  package struct Prekeys: Sendable, Equatable {
    var lastSignedID: UInt64 = 0
    var lastBatch: UInt64 = 0
    var signedAt: UnixTime = 0
    var batches: [Batch] = []
    /// Batches that no signed part vouches for any more, with the time when that ended.
    var retired: [RetiredBatch] = []
    /// When the relay was last asked how many one-time parts are left: unix seconds.
    var statusAt: UnixTime = 0

    struct Batch: Sendable, Equatable {
      let root: BatchRoot
      let createdAt: UnixTime
    }

    struct RetiredBatch: Sendable, Equatable {
      let number: UInt64
      let depth: UInt8
      let at: UnixTime
    }

    /// Keeps only the batches that `isKept` accepts; the others retire now.
    mutating func retire(at now: UnixTime, unless isKept: (Batch) throws -> Bool) rethrows {
      for batch in batches where try !isKept(batch) {
        retired.append(RetiredBatch(number: batch.root.batch, depth: batch.root.depth, at: now))
      }
      batches.removeAll { batch in retired.contains { $0.number == batch.root.batch } }
    }
  }

  package var place: MailboxPlace { MailboxPlace(relay: relay, mailbox: mailbox) }
  package var address: Address { Address(account: account, contactSecret: contactSecret, relay: relay) }

  package static var table: Table { .own }
  package static var format: UInt8 { 2 }
  package static let key = Array("profile".utf8)
  package var key: [UInt8] { Self.key }

  init(
    name: String, account: AccountID, device: DeviceID, mailbox: MailboxID, relay: RelayAuthority,
    contactSecret: ContactSecret, contactCapability: Capability, card: Card, now: UnixTime, replacesDevice: Bool
  ) {
    self.name = name
    self.account = account
    self.device = device
    self.mailbox = mailbox
    self.relay = relay
    self.contactSecret = contactSecret
    self.contactCapability = contactCapability
    self.card = card.encoded()
    cardSignedAt = now
    listHead = card.list.head
    sequence = 0
    prekeys = Prekeys()
    self.replacesDevice = replacesDevice
  }

  package func encode(to writer: inout SecretWriter) {
    writer.text(name)
    writer.fixed(account.bytes)
    writer.fixed(device.bytes)
    writer.fixed(mailbox.bytes)
    writer.text(relay.text)
    writer.fixed(contactSecret.bytes)
    writer.fixed(contactCapability.bytes)
    writer.vector(card)
    writer.u64(cardSignedAt)
    writer.head(listHead)
    writer.u64(sequence)
    writer.u64(prekeys.lastSignedID)
    writer.u64(prekeys.lastBatch)
    writer.u64(prekeys.signedAt)
    writer.list(prekeys.batches) { writer, batch in
      writer.u64(batch.root.batch)
      writer.u8(batch.root.depth)
      writer.fixed(batch.root.root.bytes)
      writer.u64(batch.createdAt)
    }
    writer.list(prekeys.retired) { writer, batch in
      writer.u64(batch.number)
      writer.u8(batch.depth)
      writer.u64(batch.at)
    }
    writer.u64(prekeys.statusAt)
    writer.flag(replacesDevice)
    writer.list(retiring) {
      $0.fixed($1.hash.bytes)
      $0.u64($1.until)
    }
    writer.flag(wantsNewCard)
    writer.u64(tidiedAt)
  }

  package init(from reader: inout SecretReader, format: UInt8) throws {
    name = try reader.text()
    account = try reader.account()
    device = try reader.device()
    mailbox = try reader.mailbox()
    relay = try reader.relay()
    contactSecret = try reader.contactSecret()
    contactCapability = try reader.capability()
    card = try reader.vector()
    cardSignedAt = try reader.u64()
    listHead = try reader.head()
    sequence = try reader.u64()
    prekeys = Prekeys()
    prekeys.lastSignedID = try reader.u64()
    prekeys.lastBatch = try reader.u64()
    prekeys.signedAt = try reader.u64()
    prekeys.batches = try reader.list { reader in
      Prekeys.Batch(
        root: BatchRoot(batch: try reader.u64(), depth: try reader.u8(), root: try reader.digest()),
        createdAt: try reader.u64())
    }
    prekeys.retired = try reader.list {
      Prekeys.RetiredBatch(number: try $0.u64(), depth: try $0.u8(), at: try $0.u64())
    }
    prekeys.statusAt = try reader.u64()
    replacesDevice = try reader.flag()
    guard format >= 2 else { return }
    retiring = try reader.list { Retiring(hash: try $0.digest(), until: try $0.u64()) }
    wantsNewCard = try reader.flag()
    tidiedAt = try reader.u64()
  }
}

/// The long-lived private keys, each in a row of its own.
enum KeyRow {
  static let account = Array("account keys".utf8)
  static let device = Array("device keys".utf8)
  static let card = Array("card key".utf8)
}

extension Engine {
  /// Whether the store holds an identity.
  package func hasProfile() throws -> Bool { try records.load(Profile.self, Profile.key) != nil }

  package func profile() throws -> Profile {
    guard let profile = try records.load(Profile.self, Profile.key) else { throw Engine.damaged }
    return profile
  }

  /// What says who this is: the public keys of account and device, A and S. A relay must never have any of it.
  package func identifyingBytes() throws -> [(String, [UInt8])] {
    let profile = try profile()
    let account = try ownCard(profile).accountKey
    let device = try deviceKeys()
    return [
      ("A", profile.account.bytes), ("S", profile.contactSecret.bytes),
      ("an account's Ed25519 key", account.classical.bytes), ("an account's ML-DSA key", account.postQuantum.bytes),
      ("a device's id", profile.device.bytes),
      ("a device's Ed25519 key", device.signing.publicKey.classical.bytes),
      ("a device's ML-DSA key", device.signing.publicKey.postQuantum.bytes),
      ("a device's X25519 key", device.identity.publicKey.bytes),
    ]
  }

  /// Whether this device is the one that signs the account's lists. [devices.2]
  package func holdsAccountKey() throws -> Bool { try records.get(.own, KeyRow.account) != nil }

  func checkHoldsAccountKey() throws {
    if try holdsAccountKey() { return }
    throw ClientError(
      .refused, "Only the account's first device can do this.",
      meaning: "It alone holds the account key; this one was linked. Nothing was changed.",
      next: "Run the command on the first device.")
  }

  func accountKeys() throws -> AccountKeys {
    try checkHoldsAccountKey()
    do { return try AccountKeys(decoding: try keyRow(KeyRow.account)) } catch is CryptoError { throw Engine.damaged }
  }

  func deviceKeys() throws -> DeviceKeys {
    do { return try DeviceKeys(decoding: try keyRow(KeyRow.device)) } catch is CryptoError { throw Engine.damaged }
  }

  func cardKey() throws -> SigningKey {
    do { return try SigningKey(seed: try keyRow(KeyRow.card)) } catch is CryptoError { throw Engine.damaged }
  }

  private func keyRow(_ key: [UInt8]) throws -> Secret {
    guard let row = try records.get(.own, key) else { throw Engine.damaged }
    return row
  }

  /// Our own card: verified when it was signed.
  func ownCard(_ profile: Profile) throws -> Card {
    do {
      return try UnverifiedCard(decoding: profile.card)
        .verified(for: profile.account, foundAt: nil, now: profile.cardSignedAt)
    } catch {
      throw Engine.damaged
    }
  }
}
