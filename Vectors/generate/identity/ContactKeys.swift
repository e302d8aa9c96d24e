import SottoCrypto
import SottoSession
import SottoWire

@Sendable func contactKeys(_ recorded: Recorded) throws -> VectorFile {
  let cast = try Cast(recorded)
  let (alice, bob) = (cast.responder, cast.initiator)
  func one(
    _ id: String, _ rule: String, _ comment: String, _ account: AccountID, _ secret: ContactSecret, _ mailbox: MailboxID
  ) throws -> Case {
    try Case(
      id, rule, comment,
      ["account": .bytes(account.bytes), "contact_secret": .bytes(secret.bytes), "mailbox": .bytes(mailbox.bytes)]
    ) {
      let keys = SottoSession.ContactKeys(account: account, secret: secret)
      let knock = keys.knock(for: mailbox)
      return [
        "card_id": .bytes(keys.cardID.bytes), "card_key": .bytes(keys.cardKey().bytes().revealed()),
        "knock": .bytes(knock.bytes), "capability_hash": .bytes(knock.hash.bytes),
      ]
    }
  }
  let keys = alice.contactKeys
  try expectEqual(keys.cardID.bytes, hex("9d815aaee9de4d668ba9cec4833bea02"), "card_id")
  try expectEqual(
    keys.knock(for: alice.device.mailbox).hash.bytes,
    hex("eaaf140b660ca57f65364606c21ab3a60d75be39a58a702ba8ba3110c8873f34"), "the hash of knock")
  return VectorFile(
    construction: "identity", operation: "contact-keys",
    description: "What follows from A and S: where the card is, its key, the right to knock",
    cases: [
      try one(
        "example", "address.6", "the example in Specs/Identity.md", alice.account.id, alice.contactSecret,
        alice.device.mailbox),
      try one(
        "other-mailbox", "address.7", "another device: only knock differs", alice.account.id, alice.contactSecret,
        bob.device.mailbox),
      try one(
        "rotated", "address.2", "another S: everything differs", alice.account.id, bob.contactSecret,
        alice.device.mailbox),
      try one(
        "other-account", "address.6", "another account with the same S", bob.account.id, alice.contactSecret,
        alice.device.mailbox),
    ])
}
