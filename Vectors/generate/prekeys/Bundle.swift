import SottoCrypto
import SottoSession
import SottoWire

/// The inputs of prekeys/bundle, for a device of `player`.
private struct BundleInput {
  let player: Player
  var card: Card
  var device: DeviceID
  var spkID: UInt64
  var signedPart: [UInt8]
  var oneTime: (batch: UInt64, index: UInt32, sealed: [UInt8])?
  var now = Cast.now

  init(_ player: Player) {
    self.player = player
    card = player.card
    device = player.device.id
    spkID = player.signedPrekey.part.id
    signedPart = player.sealedSignedPart()
  }

  /// What was sealed as the signed part.
  func published() throws -> [UInt8] {
    let kind = SealedKind.signedPart(player.device.mailbox, id: spkID)
    return try kind.open(signedPart, under: player.contactKeys.cardKey())
  }

  /// The fields; `signed_part` stands apart because it may be recorded.
  var named: Named {
    var fields: Named = [
      "card": .bytes(card.encoded()), "contact_secret": .bytes(player.contactSecret.bytes),
      "device": .bytes(device.bytes), "spk_id": .number(Int(spkID)),
    ]
    if let oneTime {
      fields =
        fields + [
          "batch": .number(Int(oneTime.batch)), "index": .number(Int(oneTime.index)),
          "one_time_part": .bytes(oneTime.sealed),
        ]
    }
    return fields + ["now": .number(Int(now))]
  }

  func output() throws -> Named {
    let bundle = try VerifiedBundle(
      card: card, device: device, spkID: spkID, sealedSignedPart: signedPart, oneTime: oneTime,
      keys: player.contactKeys, now: now)
    return [
      "kind": .number(Int(bundle.kind.rawValue)), "hash": .bytes(bundle.signedPart.hash.bytes),
      "signed_key": .bytes(bundle.signedPart.signedKey.bytes),
      "one_time_key": .bytes(bundle.oneTime?.agreementKey.bytes ?? []), "kem_key": .bytes(bundle.kemKey.bytes),
    ]
  }

  func with(_ change: (inout BundleInput) -> Void) -> BundleInput {
    var changed = self
    change(&changed)
    return changed
  }

  func accepted(_ id: String, _ rule: String, _ comment: String, isRecorded: Bool = false) throws -> Case {
    let part: Named = ["signed_part": .bytes(signedPart)]
    return try Case(
      id, rule, comment, given: isRecorded ? part : [:], named + (isRecorded ? [:] : part), by: output)
  }

  func refused(
    _ id: String, _ rule: String, _ comment: String, at stage: RefusalStage, isRecorded: Bool = false
  ) throws -> Case {
    let part: Named = ["signed_part": .bytes(signedPart)]
    return try Case(
      id, rule, comment, given: isRecorded ? part : [:], named + (isRecorded ? [:] : part), refusedAt: stage
    ) { _ = try output() }
  }
}

@Sendable func bundle(_ recorded: Recorded) throws -> VectorFile {
  let cast = try Cast(recorded)
  let (alice, other) = (cast.responder, cast.initiator)
  let maker = try BundleMaker(alice, recorded)
  let plain = maker.plain
  let claimed = maker.claimed
  try expectEqual(alice.published.count, 7_041, "the number of bytes of the published part")
  try expectEqual(plain.signedPart.count, 7_208, "the number of bytes of the sealed part")
  let honest = [
    try claimed.accepted("one-time", "prekeys.6", "the parts of the example in Specs/Prekeys.md", isRecorded: true),
    try plain.accepted("last-resort", "prekeys.6", "the relay gave no one-time part"),
    try BundleInput(other).with { $0.oneTime = (2, 0, other.sealedOneTimePart(0)) }.accepted(
      "other-account", "prekeys.1", "a batch of one key: its root is the leaf", isRecorded: true),
  ]
  return VectorFile(
    construction: "prekeys", operation: "bundle",
    description: "What an initiator checks of the prekeys of a device, in the order of [prekeys.6]",
    cases: try honest + maker.dates() + maker.devices() + maker.signedParts(with: other) + maker.oneTimeParts())
}

private struct BundleMaker {
  let recorded: Recorded
  let alice: Player
  /// A part whose dates end after those of the first list.
  let later: BundleInput

  init(_ alice: Player, _ recorded: Recorded) throws {
    (self.alice, self.recorded) = (alice, recorded)
    later = try Self.signed(
      "card-latest", alice.signedPart(id: 8, from: Cast.begin + 20 * Cast.day, until: Cast.begin + 34 * Cast.day),
      alice, recorded)
  }

  /// The parts of the example, without and with a one-time part.
  var plain: BundleInput { BundleInput(alice) }
  var claimed: BundleInput { plain.with { $0.oneTime = (5, 0, alice.sealedOneTimePart(0)) } }

  /// Another part that the device signed, sealed under its own number.
  private static func signed(
    _ id: String, _ part: SignedPart, _ alice: Player, _ recorded: Recorded
  ) throws -> BundleInput {
    let published = try recorded.published(
      id, part.encoded(), id: part.id, by: alice.device, under: alice.contactKeys)
    return BundleInput(alice).with {
      $0.spkID = part.id
      $0.signedPart = alice.sealedSignedPart(published, id: part.id)
    }
  }

  private func card(_ id: String, _ list: DeviceList) throws -> Card {
    try UnverifiedCard(decoding: recorded.card(id, list.encoded(), by: alice.account)).verified(
      for: alice.account.id, foundAt: nil, now: list.notBefore)
  }

  /// Both have to be valid: the card as long as it is used, and the signed part. Where the dates of the two begin
  /// together, one case shows both.
  func dates() throws -> [Case] {
    let (listEnd, partEnd) = (alice.card.list.notAfter, alice.signedPrekey.part.notAfter)
    let second = try LaterLists(of: alice).second
    let secondCard = try card("second-list", second)
    return [
      try plain.with { $0.now = Cast.begin - 300 }.accepted(
        "earliest", "prekeys.13", "300 seconds before not_before of the signed part, and of the list"),
      try plain.with { $0.now = partEnd + 300 }.accepted(
        "part-latest", "prekeys.13", "300 seconds after not_after of the signed part"),
      try later.with { $0.now = listEnd + 300 }.accepted(
        "card-latest", "prekeys.6", "300 seconds after not_after of the list", isRecorded: true),
      try plain.with {
        $0.card = secondCard
        $0.now = second.notBefore - 301
      }.refused("card-early", "prekeys.6", "301 seconds before not_before of the list", at: .validity),
      try later.with { $0.now = listEnd + 301 }.refused(
        "card-late", "prekeys.6", "301 seconds after not_after of the list", at: .validity),
      try later.with { $0.now = Cast.begin + 20 * Cast.day - 301 }.refused(
        "part-early", "prekeys.13", "301 seconds before not_before of the signed part", at: .validity),
      try plain.with { $0.now = partEnd + 301 }.refused(
        "part-late", "prekeys.13", "301 seconds after not_after of the signed part", at: .validity),
    ]
  }

  func devices() throws -> [Case] {
    let third = try LaterLists(of: alice).third
    let otherVersion = try card("other-version", third)
    let unlisted = try DeviceID(seq(0xd1, 8))
    return [
      try plain.with { $0.device = unlisted }.refused(
        "unlisted-device", "prekeys.6", "the device is not in the list", at: .device),
      try later.with {
        $0.card = otherVersion
        $0.now = Cast.begin + 21 * Cast.day
      }.refused("other-version", "handshake.17", "the device speaks version 2 only", at: .device),
    ]
  }

  func signedParts(with other: Player) throws -> [Case] {
    let (content, classical, postQuantum) = signatureHalves(of: alice.published)
    let (_, otherClassical, otherPostQuantum) = try signatureHalves(of: later.published())
    /// A part with this plaintext under the number of the honest one.
    func published(_ bytes: [UInt8]) -> BundleInput { plain.with { $0.signedPart = alice.sealedSignedPart(bytes) } }
    func signed(
      _ id: String, _ rule: String, _ comment: String, _ part: SignedPart, at stage: RefusalStage
    ) throws -> Case {
      try Self.signed(id, part, alice, recorded).refused(id, rule, comment, at: stage, isRecorded: true)
    }
    let part = alice.signedPrekey.part
    let otherKey = other.device.signing.publicKey.postQuantum.bytes
    return [
      try plain.with { $0.spkID = 8 }.refused(
        "part-of-another-number", "card.2", "returned as 8, sealed as 7", at: .seal),
      try plain.with { $0.signedPart = alice.sealedBadly(.signedPart(alice.device.mailbox, id: 7), alice.published) }
        .refused("part-padding", "card.6", "the marker is 81", at: .padding),
      try published(alice.published + [0]).refused(
        "part-trailing", "encoding.2", "a byte after the signature", at: .encoding),
      try published(otherKey + alice.published[1_952...]).refused(
        "exchanged-post-quantum-key", "prekeys.11", "the ML-DSA key is another's", at: .device),
      try published(content + otherClassical + postQuantum).refused(
        "classical-of-another", "prekeys.6", "the Ed25519 half of another part", at: .signature),
      try published(content + classical + otherPostQuantum).refused(
        "post-quantum-of-another", "prekeys.6", "the ML-DSA half of another part", at: .signature),
      try signed(
        "doubled-batch", "prekeys.9", "one batch with two roots",
        alice.signedPart(batches: part.batches + [BatchRoot(batch: 5, depth: 0, root: .zero)]), at: .encoding),
      try signed(
        "long-validity", "prekeys.10", "valid for 14 days and a second", alice.signedPart(until: part.notAfter + 1),
        at: .validity),
      try signed(
        "part-of-another-account", "prekeys.12", "signed by the device, for another account",
        alice.signedPart(account: other.account.id), at: .device),
      try signed(
        "part-of-another-device", "prekeys.12", "signed by the device, for another device",
        alice.signedPart(device: other.device.id), at: .device),
      try plain.with {
        $0.spkID = 8
        $0.signedPart = alice.sealedSignedPart(id: 8)
      }.refused("other-spk-id", "prekeys.14", "returned and sealed as 8, inside it is 7", at: .device),
    ]
  }

  func oneTimeParts() throws -> [Case] {
    let first = alice.batch.parts[0].encoded()
    /// A one-time part with this plaintext, returned and sealed under these numbers.
    func oneTime(_ bytes: [UInt8], batch: UInt64 = 5, index: UInt32 = 0) -> BundleInput {
      plain.with { $0.oneTime = (batch, index, alice.sealedOneTimePart(index, bytes, batch: batch)) }
    }
    let unknown = OneTimeKeys(
      batch: 6, index: 0, agreementKey: alice.batch.parts[0].agreementKey, kemKey: alice.batch.parts[0].kemKey,
      path: alice.batch.parts[0].path)
    return [
      try claimed.with { $0.oneTime?.index = 1 }.refused(
        "one-time-of-another-number", "card.2", "returned as index 1, sealed as 0", at: .seal),
      try claimed.with {
        $0.oneTime?.sealed = alice.sealedBadly(.oneTimePart(alice.device.mailbox, batch: 5, index: 0), first)
      }.refused("one-time-padding", "card.6", "the marker is 81", at: .padding),
      try oneTime(first + [0]).refused("one-time-trailing", "encoding.2", "a byte after the path", at: .encoding),
      try oneTime(unknown.encoded(), batch: 6).refused(
        "unknown-batch", "prekeys.6", "the signed part has no root for the batch", at: .proof),
      try oneTime(first.flipped(first.count - 1)).refused(
        "other-sibling", "prekeys.2", "one bit of the path", at: .proof),
      try oneTime(first, batch: 6).refused(
        "other-batch", "prekeys.14", "returned and sealed as of batch 6, inside it is 5", at: .proof),
      try oneTime(first, index: 1).refused(
        "other-index", "prekeys.14", "returned and sealed as index 1, inside it is 0", at: .proof),
    ]
  }
}
