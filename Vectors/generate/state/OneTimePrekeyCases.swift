import SottoCrypto
import SottoSession

@Sendable func savedOneTimePrekey(_: Recorded) throws -> VectorFile {
  let cases = SavedKeys(rule: "state.8") { encoded in
    let prekey = try OneTimePrekey(batch: 0, index: 0, decoding: Secret(copying: encoded))
    return (
      [
        "agreement_key": .bytes(prekey.agreementKey.publicKey.bytes),
        "kem_key": .bytes(prekey.kemKey.publicKey.bytes),
      ], prekey.encoded().revealed()
    )
  }
  let example = [1] + seq(0x10, 32) + seq(0x40, 64)
  return VectorFile(
    construction: "state", operation: "one-time-prekey", description: "The private half of a one-time part",
    cases: try [
      try cases.accepted("example", "one-time part 0 of the example in Specs/Prekeys.md", example),
      try cases.accepted("other", "one-time part 1 of the example", [1] + seq(0x30, 32) + seq(0x80, 64)),
    ] + cases.refusals(of: example))
}
