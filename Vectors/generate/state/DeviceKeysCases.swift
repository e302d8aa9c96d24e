import SottoCrypto
import SottoSession
import SottoWire

@Sendable func deviceKeys(_: Recorded) throws -> VectorFile {
  let cases = SavedKeys(rule: "state.6") { encoded in
    let keys = try DeviceKeys(decoding: Secret(copying: encoded))
    return (
      [
        "device": .bytes(keys.id.bytes), "signing_key": .bytes(keys.signing.publicKey.classical.bytes),
        "identity_key": .bytes(keys.identity.publicKey.bytes), "mailbox": .bytes(keys.mailbox.bytes),
      ], keys.encoded().revealed()
    )
  }
  let example = [1] + seq(0xd0, 8) + seq(0x01, 64) + seq(0x41, 32) + seq(0x80, 32)
  return VectorFile(
    construction: "state", operation: "device-keys", description: "The keys of a device, as they are saved",
    cases: try [
      try cases.accepted("example", "the device of the example in Specs/Identity.md", example),
      try cases.accepted(
        "other", "other keys", [1] + seq(0xe0, 8) + seq(0x0b, 64) + seq(0x31, 32) + seq(0x90, 32)),
    ] + cases.refusals(of: example))
}
