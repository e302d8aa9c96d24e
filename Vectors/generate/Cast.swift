import SottoCrypto
import SottoSession
import SottoWire

/// The people of the vectors from identity/ on. What they sign stands under `given` of identity/card and prekeys/bundle:
/// the generators of these two come before all others that need a card or a signed part.
struct Cast {
  /// 2026-01-01: when lists and signed parts begin to be valid.
  static let begin: UnixTime = 1_767_225_600
  /// A day later, within the dates of everything here.
  static let now = begin + day
  static let day: UInt64 = 86_400

  /// Account, device and prekeys of the examples in Specs/.
  let responder: Player
  /// The second account of the examples: it has the device of the handshake's.
  let initiator: Player

  init(_ recorded: Recorded) throws {
    responder = try Player(
      Player.Keys(
        account: seq(0x00, 64), next: seq(0x40, 64), device: seq(0xd0, 8), signing: seq(0x01, 64),
        identity: seq(0x41, 32), mailbox: seq(0x80, 32), contactSecret: seq(0xa0, 16), capability: seq(0x07, 32)),
      Player.Prekeys(
        id: 7, signedKey: seq(0x61, 32), lastResort: seq(0x00, 64), batch: 5,
        oneTime: [seq(0x10, 32) + seq(0x40, 64), seq(0x30, 32) + seq(0x80, 64)]),
      relay: "relay.example", recordedAs: (card: "example", signedPart: "one-time"), recorded)
    initiator = try Player(
      Player.Keys(
        account: seq(0xc0, 64), next: seq(0x05, 64), device: seq(0xe0, 8), signing: seq(0x0b, 64),
        identity: seq(0x31, 32), mailbox: seq(0x90, 32), contactSecret: seq(0xb0, 16), capability: seq(0x17, 32)),
      Player.Prekeys(
        id: 3, signedKey: seq(0x71, 32), lastResort: seq(0x0c, 64), batch: 2,
        oneTime: [seq(0x51, 32) + seq(0x6d, 64)]),
      relay: "other.example:8443", recordedAs: (card: "other-account", signedPart: "other-account"), recorded)
  }
}

/// An account with one device, its card, and the prekeys of the device with their private halves.
final class Player {
  struct Keys {
    let account, next, device, signing, identity, mailbox, contactSecret, capability: [UInt8]
  }

  struct Prekeys {
    let id: UInt64
    let signedKey: [UInt8]
    let lastResort: [UInt8]
    let batch: UInt64
    /// For each index the private key and the KEM seed.
    let oneTime: [[UInt8]]
  }

  let account: AccountKeys
  let device: DeviceKeys
  let contactSecret: ContactSecret
  /// The contact capability of the device's mailbox.
  let capability: Capability
  let relay: RelayAuthority
  /// The first list, valid for 30 days from `Cast.begin`, and signed.
  let card: Card
  /// Valid for 14 days from `Cast.begin`, with the one batch.
  let signedPrekey: SignedPrekey
  /// `signedPrekey.part` as it is published, before sealing.
  let published: [UInt8]
  let batch: OneTimeBatch

  init(
    _ keys: Keys, _ prekeys: Prekeys, relay: String, recordedAs places: (card: String, signedPart: String),
    _ recorded: Recorded
  ) throws {
    let account = try AccountKeys(decoding: Secret(copying: [1] + keys.account + keys.next))
    let device = try DeviceKeys(
      decoding: Secret(copying: [1] + keys.device + keys.signing + keys.identity + keys.mailbox))
    let relay = RelayAuthority(relay)!
    let list = DeviceList(
      account: account.id, sequence: 1, previous: .zero, notBefore: Cast.begin, notAfter: Cast.begin + 30 * Cast.day,
      nextAccount: account.nextID, relays: [relay], devices: [device.listed(at: relay)])
    let bytes = try recorded.card(places.card, list.encoded(), by: account)
    let contactSecret = try ContactSecret(keys.contactSecret)
    var drawn = FixedEntropy(prekeys.oneTime.flatMap { $0 })
    let batch = try OneTimeBatch(
      batch: prekeys.batch, depth: prekeys.oneTime.count.trailingZeroBitCount, device: device.id, from: &drawn)
    drawn = FixedEntropy(prekeys.signedKey + prekeys.lastResort)
    let signedPrekey = try SignedPrekey(
      id: prekeys.id, account: account.id, device: device.id, batches: [batch.root], now: Cast.begin, from: &drawn)
    card = try UnverifiedCard(decoding: bytes).verified(for: account.id, foundAt: relay, now: Cast.now)
    published = try recorded.published(
      places.signedPart, signedPrekey.part.encoded(), id: prekeys.id, by: device,
      under: ContactKeys(account: account.id, secret: contactSecret))
    self.account = account
    self.device = device
    self.contactSecret = contactSecret
    capability = try Capability(keys.capability)
    self.relay = relay
    self.signedPrekey = signedPrekey
    self.batch = batch
  }

  var address: Address { Address(account: account.id, contactSecret: contactSecret, relay: relay) }
  var contactKeys: ContactKeys { ContactKeys(address) }

  /// Where it can be answered.
  var replyPath: ReplyPath {
    ReplyPath(
      relay: relay, contactSecret: contactSecret, sequence: card.list.sequence,
      capabilities: [device.mailbox: capability])
  }

  /// `published`, or other bytes, as a relay has them under the number `id`.
  func sealedSignedPart(_ published: [UInt8]? = nil, id: UInt64? = nil) -> [UInt8] {
    sealed(.signedPart(device.mailbox, id: id ?? signedPrekey.part.id), published ?? self.published)
  }

  /// The one-time part of that index, or other bytes, as a relay has them under these numbers.
  func sealedOneTimePart(_ index: UInt32, _ plaintext: [UInt8]? = nil, batch: UInt64? = nil) -> [UInt8] {
    sealed(
      .oneTimePart(device.mailbox, batch: batch ?? self.batch.root.batch, index: index),
      plaintext ?? self.batch.parts[Int(index)].encoded())
  }

  /// Padded and sealed as `kind`; the nonce is always `seq(0x1d, 24)`.
  func sealed(_ kind: SealedKind, _ plaintext: [UInt8]) -> [UInt8] {
    var nonce = FixedEntropy(seq(0x1d, 24))
    return kind.seal(plaintext, under: contactKeys.cardKey(), from: &nonce)
  }

  /// What someone who wants to begin a session has verified; without `oneTime` for the last-resort key.
  func bundle(oneTime index: UInt32?, now: UnixTime = Cast.now) throws -> VerifiedBundle {
    try VerifiedBundle(
      card: card, device: device.id, spkID: signedPrekey.part.id, sealedSignedPart: sealedSignedPart(),
      oneTime: index.map { (batch.root.batch, $0, sealedOneTimePart($0)) }, keys: contactKeys, now: now)
  }
}

/// What ends with a hybrid signature, in three: what stands before it, and its two halves.
func signatureHalves(of signed: [UInt8]) -> (rest: [UInt8], classical: [UInt8], postQuantum: [UInt8]) {
  let end = signed.count - HybridSignature.count
  return (Array(signed[..<end]), Array(signed[end..<end + 64]), Array(signed[(end + 64)...]))
}
