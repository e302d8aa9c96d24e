import SottoWire

@Sendable func relaySignedPart(_: Recorded) throws -> VectorFile {
  let structure = RelayStructure(encode: \.encoded) { try SignedPartUpload(decoding: $0) }
  func one(_ id: String, _ comment: String, _ number: Int, _ sealed: [UInt8]) throws -> Case {
    try structure.one(
      id, "relay.15", comment, ["id": .number(number), "sealed": .bytes(sealed)],
      SignedPartUpload(id: UInt64(number), sealed: sealed))
  }
  func part(_ id: UInt64, _ sealed: [UInt8]) -> [UInt8] {
    wire { writer in
      writer.u64(id)
      writer.vector(sealed)
    }
  }
  let good = part(3, [1, 2, 3])
  return VectorFile(
    construction: "relay", operation: "signed-part", description: "A sealed signed part, a PUT's body",
    cases: [
      try one("spec-example", "the part in Specs/Relay.md", 3, [1, 2, 3]),
      try one("shortest", "the id 0 and one byte", 0, [0xff]),
      try one("longest", "16,384 bytes", 1, seq(0, 16_384)),
      try structure.accepted("greatest-id", "relay.6", "2^63 - 1", part(greatest, [1])),
      try structure.refused("id-2-63", "relay.6", "2^63", part(tooLarge, [1]), "out-of-range"),
      try structure.refused("no-bytes", "relay.15", "nothing sealed", part(3, []), "out-of-range"),
      try structure.refused("too-long", "relay.15", "16,385 bytes", part(3, seq(0, 16_385)), "out-of-range"),
      try structure.refused("nothing", "encoding.1", "no bytes", [], "truncated"),
      try structure.refused("id-cut", "encoding.1", "seven bytes", Array(good.prefix(7)), "truncated"),
      try structure.refused("no-length", "encoding.1", "nothing after the id", Array(good.prefix(8)), "truncated"),
      try structure.refused("cut", "encoding.1", "the last byte is missing", good.dropLast(), "truncated"),
      try structure.refused("trailing", "encoding.2", "a byte more", good + [0], "trailing"),
      try structure.refused(
        "longer-length", "encoding.3", "the length has a shorter form", good.prefix(8) + hex("4003010203"),
        "non-minimal"),
    ])
}
