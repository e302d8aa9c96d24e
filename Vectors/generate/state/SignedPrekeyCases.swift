import SottoCrypto
import SottoSession
import SottoWire

@Sendable func savedSignedPrekey(_ recorded: Recorded) throws -> VectorFile {
  let cases = SavedKeys(rule: "state.7") { encoded in
    let prekey = try SignedPrekey(decoding: Secret(copying: encoded))
    return (["hash": .bytes(prekey.part.hash.bytes)], prekey.encoded().revealed())
  }
  let cast = try Cast(recorded)
  let alice = cast.responder
  let content = alice.signedPrekey.part.encoded()
  func saved(
    key: [UInt8] = seq(0x61, 32), seed: [UInt8] = seq(0x00, 64), prefix: [UInt8]? = nil, _ content: [UInt8]
  ) -> [UInt8] {
    [1] + key + seed + (prefix ?? lengthPrefix(content.count)) + content
  }
  let example = alice.signedPrekey.encoded().revealed()
  try expectEqual(example, saved(content), "the saved signed part")
  let many = alice.signedPart(batches: (0..<65).map { BatchRoot(batch: UInt64($0), depth: 0, root: .zero) })
  return VectorFile(
    construction: "state", operation: "signed-prekey", description: "The private half of a signed part",
    cases: try [
      try cases.accepted("example", "signed part 7 of the example in Specs/Prekeys.md", example),
      try cases.accepted(
        "other", "a part with one batch of one key", cast.initiator.signedPrekey.encoded().revealed()),
      try cases.refused(
        "other-signed-key", "the content has the public key of another SPK", saved(key: seq(0x62, 32), content)),
      try cases.refused(
        "other-last-resort-key", "the content has the public key of another last-resort seed",
        saved(seed: seq(0x01, 64), content)),
      try cases.refused("content-trailing", "a byte more inside the content", saved(content + [0]), rule: "encoding.2"),
      try cases.refused("content-cut", "a byte less inside the content", saved(content.dropLast()), rule: "encoding.1"),
      try cases.refused(
        "longer-length", "the length of the content in four bytes",
        saved(prefix: [0x80, 0, UInt8(content.count >> 8), UInt8(content.count & 0xff)], content), rule: "encoding.3"),
      try cases.refused("too-many-batches", "65 batches", saved(many.encoded()), rule: "encoding.4"),
    ] + cases.refusals(of: example))
}
