import SottoCrypto
import SottoSession

@Sendable func handshakeKeySchedule(_ recorded: Recorded) throws -> VectorFile {
  let cast = try Cast(recorded)
  func one(_ id: String, _ comment: String, _ input: ScheduleInput) throws -> Case {
    let output = input.run()
    return Case(
      id, "handshake.6", comment,
      [
        "account": .bytes(input.account.bytes), "device": .bytes(input.device.bytes),
        "identity_key": .bytes(input.identityKey.bytes), "ephemeral_key": .bytes(input.ephemeralKey.bytes),
        "prekey_ids": .bytes(input.ids), "content": .bytes(input.part.encoded()),
        "kind": .number(Int(input.kind.rawValue)), "one_time_key": .bytes(input.oneTimeKey?.bytes ?? []),
        "kem_key": .bytes(input.kemKey.bytes), "ciphertext": .bytes(input.ciphertext),
        "kem_secret": .bytes(input.kemSecret), "dh1": .bytes(input.agreements[0]),
        "dh2": .bytes(input.agreements[1]), "dh3": .bytes(input.agreements[2]), "dh4": .bytes(input.agreements[3]),
        "box1_plaintext": .bytes(input.claims), "initiator_account": .bytes(input.initiatorAccount.bytes),
        "initiator_list_hash": .bytes(input.listHash.bytes),
        "initiator_device": .bytes(input.initiatorDevice.bytes),
        "initiator_identity_key": .bytes(input.initiatorIdentityKey.bytes),
      ],
      output: [
        "c0": .bytes(output.c0.bytes), "ck0": .bytes(output.ck0), "k0": .bytes(output.k0),
        "box0": .bytes(output.prelude.box0), "c1": .bytes(output.c1.bytes), "ck2": .bytes(output.ck2),
        "ck3": .bytes(output.ck3), "k1": .bytes(output.k1), "box1": .bytes(output.prelude.box1),
        "c2": .bytes(output.sid.bytes), "root": .bytes(output.root),
        "initiator_header_key": .bytes(output.initiatorHeader),
        "responder_header_key": .bytes(output.responderHeader),
        "prelude_digest": .bytes(output.prelude.digest.bytes),
      ])
  }
  return VectorFile(
    construction: "handshake", operation: "key-schedule",
    description: "The keys of a handshake from its agreements, its KEM secret and its transcript",
    cases: [
      try one("example-one-time", "the example of Specs/Handshake.md, with a one-time part", .example(cast)),
      try one(
        "example-last-resort", "the same with the last-resort key: OPK and dh4 are empty",
        .example(cast, .lastResort)),
    ])
}
