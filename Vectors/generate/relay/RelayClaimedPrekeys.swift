import SottoWire

@Sendable func relayClaimedPrekeys(_: Recorded) throws -> VectorFile {
  let structure = RelayStructure(encode: \.encoded) { try SottoWire.ClaimedPrekeys(decoding: $0) }
  typealias OneTime = SottoWire.ClaimedPrekeys.OneTime
  func one(_ id: String, _ comment: String, _ part: SignedPartUpload, _ oneTime: OneTime?) throws -> Case {
    let fields: Named =
      oneTime.map {
        [
          "batch": .number(Int($0.batch)), "index": .number(Int($0.index)), "one_time_part": .bytes($0.sealed),
        ]
      } ?? [:]
    return try structure.one(
      id, "relay.18", comment, ["signed_part_id": .number(Int(part.id)), "signed_part": .bytes(part.sealed)] + fields,
      SottoWire.ClaimedPrekeys(signedPart: part, oneTime: oneTime))
  }
  /// The example with one thing changed.
  func claimed(
    id: UInt64 = 3, sealed: [UInt8] = [1, 2, 3], presence: UInt8? = 1, batch: UInt64? = 2, index: UInt32 = 1,
    part: [UInt8] = [2, 3]
  ) -> [UInt8] {
    wire { writer in
      writer.u64(id)
      writer.vector(sealed)
      if let presence { writer.u8(presence) }
      if let batch {
        writer.u64(batch)
        writer.u32(index)
        writer.vector(part)
      }
    }
  }
  func outOfRange(_ id: String, _ rule: String, _ comment: String, _ bytes: [UInt8]) throws -> Case {
    try structure.refused(id, rule, comment, bytes, "out-of-range")
  }
  let example = SignedPartUpload(id: 3, sealed: [1, 2, 3])
  return VectorFile(
    construction: "relay", operation: "claimed-prekeys", description: "The answer to a claim of prekeys",
    cases: [
      try one("spec-example", "the answer in Specs/Relay.md", example, OneTime(batch: 2, index: 1, sealed: [2, 3])),
      try one("last-resort", "no one-time part was left", example, nil),
      try one(
        "longest", "parts of 16,384 and 4,096 bytes", SignedPartUpload(id: 1, sealed: seq(0, 16_384)),
        OneTime(batch: 0, index: .max, sealed: seq(1, 4_096))),
      try structure.accepted(
        "greatest-numbers", "relay.6", "2^63 - 1 and 2^32 - 1", claimed(id: greatest, batch: greatest, index: .max)),
      try outOfRange("id-2-63", "relay.6", "2^63", claimed(id: tooLarge)),
      try outOfRange("batch-2-63", "relay.6", "2^63", claimed(batch: tooLarge)),
      try outOfRange("no-signed-part", "relay.15", "nothing sealed", claimed(sealed: [])),
      try outOfRange("no-one-time-part", "relay.16", "nothing sealed", claimed(part: [])),
      try outOfRange("signed-part-too-long", "relay.15", "16,385 bytes", claimed(sealed: seq(0, 16_385))),
      try outOfRange("one-time-part-too-long", "relay.16", "4,097 bytes", claimed(part: seq(0, 4_097))),
      try structure.refused(
        "presence-2", "encoding.11", "neither absent nor present", claimed(presence: 2), "invalid-value"),
      try structure.refused("nothing", "encoding.1", "no bytes", [], "truncated"),
      try structure.refused(
        "no-presence", "encoding.1", "nothing after the signed part", claimed(presence: nil, batch: nil), "truncated"),
      try structure.refused(
        "present-and-missing", "encoding.1", "a one-time part is announced and not there", claimed(batch: nil),
        "truncated"),
      try structure.refused("cut", "encoding.1", "the last byte is missing", claimed().dropLast(), "truncated"),
      try structure.refused("trailing", "encoding.2", "a byte more", claimed() + [0], "trailing"),
      try structure.refused(
        "absent-and-there", "encoding.2", "a one-time part that is said to be absent", claimed(presence: 0), "trailing"),
      try structure.refused(
        "longer-length", "encoding.3", "the signed part's length has a shorter form",
        claimed().prefix(8) + hex("4003") + claimed().dropFirst(9), "non-minimal"),
      try structure.refused(
        "longer-part-length", "encoding.3", "the one-time part's length has a shorter form",
        claimed().dropLast(3) + hex("40020203"), "non-minimal"),
    ])
}
