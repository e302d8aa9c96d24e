internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// The operations of Specs/Identity.md.
enum IdentityOperations {
  static let all: [String: VectorOperation] = [
    "identity/account": account, "identity/address": address, "identity/contact-keys": contactKeys,
    "identity/device-list": deviceList, "identity/list-chain": listChain, "identity/card": card,
    "identity/sealed": sealed, "identity/safety-number": safetyNumber,
  ]

  private static func account(_ fields: Fields) throws -> [String: VectorValue] {
    let seeds = try fields.secret("seeds")
    let key: HybridSigningKey
    do throws(CryptoError) { key = try HybridSigningKey(seeds: seeds) } catch { throw Refused(stage: "encoding") }
    return ["account": .bytes(AccountID(of: key.publicKey).bytes)]
  }

  private static func address(_ fields: Fields) throws -> [String: VectorValue] {
    if fields.has("address") {
      let address = try parsed(try fields.text("address"))
      return [
        "account": .bytes(address.account.bytes), "contact_secret": .bytes(address.contactSecret.bytes),
        "relay": .text(address.relay.text),
      ]
    }
    let address = Address(
      account: try fields.account(), contactSecret: try fields.contactSecret(),
      relay: try fields.relay(try fields.text("relay")))
    guard try parsed(address.text) == address else { throw BadVector("\(fields.place): reads back as another address") }
    return ["address": .text(address.text)]
  }

  private static func parsed(_ text: String) throws -> Address {
    do throws(AddressError) { return try Address(parsing: text) } catch { throw Refused(stage: "address") }
  }

  private static func contactKeys(_ fields: Fields) throws -> [String: VectorValue] {
    let keys = ContactKeys(account: try fields.account(), secret: try fields.contactSecret())
    let knock = keys.knock(for: try fields.mailbox())
    return [
      "card_id": .bytes(keys.cardID.bytes), "card_key": .bytes(keys.cardKey().bytes().revealed()),
      "knock": .bytes(knock.bytes), "capability_hash": .bytes(knock.hash.bytes),
    ]
  }

  private static func deviceList(_ fields: Fields) throws -> [String: VectorValue] {
    if fields.has("encoded") {
      return ["head": .bytes(try DeviceList(decoding: try fields.bytes("encoded")).head.encoded)]
    }
    let relays = try fields.texts("relays").map(fields.relay)
    let devices = try fields.byteLists("devices").map { bytes in
      try WireReader.decode(bytes) { reader throws(WireError) in try Device(from: &reader, relays) }
    }
    let list = DeviceList(
      account: try fields.account(), sequence: try fields.u64("sequence"), previous: try fields.digest("previous"),
      notBefore: try fields.u64("not_before"), notAfter: try fields.u64("not_after"),
      nextAccount: try fields.account("next_account"), relays: relays, devices: devices)
    guard try DeviceList(decoding: list.encoded()) == list else { throw Refused(stage: "encoding") }
    return ["encoded": .bytes(list.encoded()), "head": .bytes(list.head.encoded)]
  }

  private static func listChain(_ fields: Fields) throws -> [String: VectorValue] {
    try fields.typed("list") { try DeviceList(decoding: $0) }.check(after: try fields.head("known"))
    return [:]
  }

  private static func card(_ fields: Fields) throws -> [String: VectorValue] {
    let (isFound, account) = (fields.has("relay"), try fields.account())
    let relay = isFound ? try fields.relay(try fields.text("relay")) : nil
    let sequence = isFound ? try fields.u64("sequence") : nil
    let (known, now) = (fields.has("known") ? try fields.head("known") : nil, try fields.u64("now"))
    let card = try UnverifiedCard(decoding: try fields.bytes("card")).verified(
      for: account, foundAt: relay, as: sequence, now: now)
    if let known { try card.check(after: known) }
    return [
      "head": .bytes(card.list.head.encoded), "devices": .list(card.list.devices.map { Hex.encode($0.id.bytes) }),
    ]
  }

  private static func sealed(_ fields: Fields) throws -> [String: VectorValue] {
    let kind = try sealedKind(fields)
    let key = SealingKey(try fields.secret("card_key"))
    if fields.has("sealed") { return ["plaintext": .bytes(try kind.open(try fields.bytes("sealed"), under: key))] }
    let plaintext = try fields.bytes("plaintext")
    var nonce = FixedEntropy(try fields.bytes("nonce"))
    let sealed = kind.seal(plaintext, under: key, from: &nonce)
    guard try kind.open(sealed, under: key) == plaintext else { throw Refused(stage: "seal") }
    return ["sealed": .bytes(sealed)]
  }

  private static func sealedKind(_ fields: Fields) throws -> SealedKind {
    var reader = WireReader(try fields.bytes("n"))
    let kind: SealedKind
    switch try fields.number("kind") {
    case 1: kind = .card(try fields.typed("id", CardID.init), sequence: try reader.u64())
    case 2: kind = .signedPart(try fields.mailbox("id"), id: try reader.u64())
    case 3: kind = .oneTimePart(try fields.mailbox("id"), batch: try reader.u64(), index: try reader.u32())
    default: throw BadVector("\(fields.place): no such kind")
    }
    try reader.finish()
    return kind
  }

  private static func safetyNumber(_ fields: Fields) throws -> [String: VectorValue] {
    ["digits": .text(SafetyNumber.between(try fields.account("one"), try fields.account("other")))]
  }
}
