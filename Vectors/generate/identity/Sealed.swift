import SottoCrypto
import SottoSession
import SottoWire

@Sendable func sealed(_ recorded: Recorded) throws -> VectorFile {
  let alice = try Cast(recorded).responder
  let mailbox = alice.device.mailbox
  let key = alice.contactKeys.cardKey().bytes().revealed()
  let nonce = seq(0x1d, 24)
  let card = SealedKind.card(alice.contactKeys.cardID, sequence: 1)
  let signedPart = SealedKind.signedPart(mailbox, id: 7)
  let oneTimePart = SealedKind.oneTimePart(mailbox, batch: 5, index: 1)
  // Specs/Identity.md has these three.
  try expectEqual(card.associatedData, hex("9d815aaee9de4d668ba9cec4833bea02 01 0000000000000001"), "the card's data")
  try expectEqual(
    oneTimePart.associatedData, hex("7f7f76de3f406b276e79246e9805bae4 03 0000000000000005 00000001"),
    "the one-time part's data")

  func place(_ kind: SealedKind, _ key: [UInt8]) -> Named {
    let ad = kind.associatedData
    return [
      "card_key": .bytes(key), "kind": .number(Int(ad[16])), "id": .bytes(Array(ad[..<16])),
      "n": .bytes(Array(ad[17...])),
    ]
  }
  func sealing(_ id: String, _ rule: String, _ comment: String, _ kind: SealedKind, _ plaintext: [UInt8]) throws -> Case
  {
    try Case(
      id, rule, comment, place(kind, key) + ["nonce": .bytes(nonce), "plaintext": .bytes(plaintext)]
    ) {
      let sealed = alice.sealed(kind, plaintext)
      try expectEqual(try kind.open(sealed, under: alice.contactKeys.cardKey()), plaintext, "what was sealed")
      return ["sealed": .bytes(sealed)]
    }
  }
  /// `padded` is sealed as it is.
  func raw(_ padded: [UInt8], _ kind: SealedKind) -> [UInt8] {
    nonce + SealingKey(Secret(copying: key)).seal(padded, ad: kind.associatedData, nonce: nonce)
  }
  func opening(_ id: String, _ rule: String, _ comment: String, _ padded: [UInt8]) throws -> Case {
    let sealed = raw(padded, signedPart)
    return try Case(id, rule, comment, place(signedPart, key) + ["sealed": .bytes(sealed)]) {
      ["plaintext": .bytes(try signedPart.open(sealed, under: SealingKey(Secret(copying: key))))]
    }
  }
  func refused(
    _ id: String, _ rule: String, _ comment: String, _ sealed: [UInt8], as kind: SealedKind? = nil,
    under other: [UInt8]? = nil, at stage: RefusalStage = .seal
  ) throws -> Case {
    let (kind, key) = (kind ?? signedPart, other ?? key)
    return try Case(id, rule, comment, place(kind, key) + ["sealed": .bytes(sealed)], refusedAt: stage) {
      _ = try kind.open(sealed, under: SealingKey(Secret(copying: key)))
    }
  }
  let plaintext = seq(0, 100)
  let honest = raw(Padding.pad(plaintext, to: 1_024), signedPart)
  let oneTime = raw(Padding.pad(plaintext, to: 1_024), oneTimePart)
  func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
  return VectorFile(
    construction: "identity", operation: "sealed",
    description: "Card, signed part and one-time part, padded and sealed under card_key",
    cases: [
      try sealing("card", "card.2", "a card, list 1", card, plaintext),
      try sealing("signed-part", "card.2", "signed part 7", signedPart, plaintext),
      try sealing("one-time-part", "card.2", "one-time part 1 of batch 5", oneTimePart, plaintext),
      try sealing(
        "greatest-numbers", "card.2", "numbers of all ones", .oneTimePart(mailbox, batch: .max, index: .max), plaintext),
      try sealing("empty", "card.6", "nothing: the marker alone", signedPart, []),
      try sealing("block-filled", "card.6", "1,023 bytes and the marker are a block", signedPart, seq(0, 1_023)),
      try sealing("block-full", "card.6", "1,024 bytes: the marker needs a second block", signedPart, seq(0, 1_024)),
      try sealing("ends-like-padding", "card.6", "80 and zeros at the end are content", signedPart, [1, 0x80, 0, 0]),
      try opening(
        "more-blocks", "card.6", "a block more than needed is no error", Padding.pad(plaintext, to: 2_048)),
      try refused("altered-nonce", "card.1", "one bit of the nonce", honest.flipped(0)),
      try refused("altered-ciphertext", "card.1", "one bit of the ciphertext", honest.flipped(24)),
      try refused("altered-tag", "card.1", "one bit of the tag", honest.flipped(honest.count - 1)),
      try refused("cut", "card.1", "a byte less", honest.dropLast()),
      try refused("too-short", "card.1", "39 bytes: no room for nonce and tag", Array(honest[..<39])),
      try refused("nothing", "card.1", "no bytes", []),
      try refused("other-key", "card.1", "another card_key", honest, under: key.flipped(31)),
      try refused("other-id", "card.2", "another mailbox", honest, as: .signedPart(MailboxID(seq(0, 16)), id: 7)),
      try refused("other-number", "card.2", "another spk_id", honest, as: .signedPart(mailbox, id: 8)),
      try refused(
        "other-kind", "card.2", "a card in a signed part's place", raw(Padding.pad(plaintext, to: 1_024), card),
        as: .signedPart(MailboxID(alice.contactKeys.cardID.bytes), id: 1)),
      try refused("other-batch", "card.2", "another batch", oneTime, as: .oneTimePart(mailbox, batch: 6, index: 1)),
      try refused("other-index", "card.2", "another index", oneTime, as: .oneTimePart(mailbox, batch: 5, index: 0)),
      try refused("no-padding", "card.6", "nothing, not even a marker", raw([], signedPart), at: .padding),
      try refused("zeros", "card.6", "a block of zeros", raw(zeros(1_024), signedPart), at: .padding),
      try refused(
        "other-marker", "card.6", "the marker is 81", raw(plaintext + [0x81] + zeros(923), signedPart), at: .padding),
      try refused(
        "after-the-marker", "card.6", "a byte that is not zero after the marker",
        raw(plaintext + [0x80] + zeros(922) + [1], signedPart), at: .padding),
    ])
}
