internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// The operations of Specs/Prekeys.md.
enum PrekeyOperations {
  static let all: [String: VectorOperation] = [
    "prekeys/batch": batch, "prekeys/signed-part": signedPart, "prekeys/path": path, "prekeys/bundle": bundle,
  ]

  private static func batch(_ fields: Fields) throws -> [String: VectorValue] {
    let keys = zip(try fields.byteLists("agreement_keys"), try fields.byteLists("kem_seeds")).map { $0 + $1 }
    guard keys.count.nonzeroBitCount == 1, keys.allSatisfy({ $0.count == 96 }) else {
      throw BadVector("\(fields.place): a batch has 2^d pairs of keys")
    }
    var drawn = FixedEntropy(keys.flatMap { $0 })
    let batch = try OneTimeBatch(
      batch: try fields.u64("batch"), depth: keys.count.trailingZeroBitCount, device: try fields.device(), from: &drawn)
    return ["root": .bytes(batch.root.root.bytes), "parts": .list(batch.parts.map { Hex.encode($0.encoded()) })]
  }

  private static func signedPart(_ fields: Fields) throws -> [String: VectorValue] {
    if fields.has("content") {
      return ["hash": .bytes(try SignedPart.decode(try fields.bytes("content")).hash.bytes)]
    }
    let batches = try fields.byteLists("batches").map { bytes in
      try WireReader.decode(bytes) { reader throws(WireError) in try BatchRoot(from: &reader) }
    }
    let signedKey = try AgreementPrivateKey(try fields.secret("signed_key"))
    let lastResort = try KEMPrivateKey(seed: try fields.secret("last_resort_seed"))
    let part = SignedPart(
      account: try fields.account(), device: try fields.device(), id: try fields.u64("spk_id"),
      signedKey: signedKey.publicKey, lastResortID: try fields.u64("last_resort_id"),
      lastResortKey: lastResort.publicKey, batches: batches, notBefore: try fields.u64("not_before"),
      notAfter: try fields.u64("not_after"))
    guard try SignedPart.decode(part.encoded()) == part else { throw Refused(stage: "encoding") }
    return ["content": .bytes(part.encoded()), "hash": .bytes(part.hash.bytes)]
  }

  private static func path(_ fields: Fields) throws -> [String: VectorValue] {
    let (device, plaintext) = (try fields.device(), try fields.bytes("part"))
    let signed = try fields.typed("content", SignedPart.decode)
    let part = try VerifiedBundle.oneTimePart(plaintext, of: device, under: signed)
    return ["leaf": .bytes(OneTimeKeys.leaf(device: device, part).bytes)]
  }

  private static func bundle(_ fields: Fields) throws -> [String: VectorValue] {
    let bundle = try verifiedBundle(fields)
    return [
      "kind": .number(Int(bundle.kind.rawValue)), "hash": .bytes(bundle.signedPart.hash.bytes),
      "signed_key": .bytes(bundle.signedPart.signedKey.bytes),
      "one_time_key": .bytes(bundle.oneTime?.agreementKey.bytes ?? []), "kem_key": .bytes(bundle.kemKey.bytes),
    ]
  }

  /// The inputs of prekeys/bundle, which are also those of an initiator.
  static func verifiedBundle(_ fields: Fields) throws -> VerifiedBundle {
    let card = try fields.verifiedCard()
    var oneTime: (batch: UInt64, index: UInt32, sealed: [UInt8])?
    if fields.has("one_time_part") {
      oneTime = (try fields.u64("batch"), try fields.u32("index"), try fields.bytes("one_time_part"))
    }
    return try VerifiedBundle(
      card: card, device: try fields.device(), spkID: try fields.u64("spk_id"),
      sealedSignedPart: try fields.bytes("signed_part"), oneTime: oneTime,
      keys: ContactKeys(account: card.account, secret: try fields.contactSecret()), now: try fields.u64("now"))
  }
}
