import SottoCrypto
import SottoSession

@Sendable func accountKeys(_: Recorded) throws -> VectorFile {
  let cases = SavedKeys(rule: "state.5") { encoded in
    let keys = try AccountKeys(decoding: Secret(copying: encoded))
    return (
      ["account": .bytes(keys.id.bytes), "next_account": .bytes(keys.nextID.bytes)], keys.encoded().revealed()
    )
  }
  let example = [1] + seq(0x00, 128)
  return VectorFile(
    construction: "state", operation: "account-keys", description: "The keys of an account, as they are saved",
    cases: try [
      try cases.accepted("example", "the account of the example in Specs/Identity.md", example),
      try cases.accepted("other", "other seeds", [1] + seq(0xc0, 64) + seq(0x05, 64)),
    ] + cases.refusals(of: example))
}
