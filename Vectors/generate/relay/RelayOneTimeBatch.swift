import SottoWire

@Sendable func relayOneTimeBatch(_: Recorded) throws -> VectorFile {
  let structure = RelayStructure(encode: \.encoded) { try OneTimeUpload(decoding: $0) }
  func one(_ id: String, _ comment: String, _ parts: [(UInt32, [UInt8])]) throws -> Case {
    try structure.one(
      id, "relay.16", comment,
      ["indexes": .list(parts.map { String($0.0) }), "sealed": .list(parts.map { Hex.encode($0.1) })],
      try OneTimeUpload(parts.map { OneTimePart(index: $0.0, sealed: $0.1) }))
  }
  func batch(_ parts: (UInt32, [UInt8])...) -> [UInt8] { batch(parts) }
  func batch(_ parts: [(UInt32, [UInt8])]) -> [UInt8] {
    wire { writer in
      writer.list(parts) { writer, part in
        writer.u32(part.0)
        writer.vector(part.1)
      }
    }
  }
  let good = batch((0, [1]), (1, [2, 3]))
  return VectorFile(
    construction: "relay", operation: "one-time-batch", description: "A batch of sealed one-time parts, a PUT's body",
    cases: [
      try one("spec-example", "the batch in Specs/Relay.md", [(0, [1]), (1, [2, 3])]),
      try one("one", "one part", [(0, [1])]),
      try one("gaps", "indexes that do not begin with 0 and leave some out", [(5, [1]), (7, [2]), (.max, [3])]),
      try one("full", "256 parts", (0..<256).map { ($0, [UInt8(truncatingIfNeeded: $0)]) }),
      try one("longest", "a part of 4,096 bytes", [(0, seq(0, 4_096))]),
      try structure.refused("no-parts", "relay.16", "no parts", batch(), "out-of-range"),
      try structure.refused(
        "too-many", "relay.16", "257 parts", batch((0..<257).map { ($0, [1]) }), "out-of-range"),
      try structure.refused("same-index", "relay.16", "an index twice", batch((1, [1]), (1, [2])), "invalid-value"),
      try structure.refused(
        "descending", "relay.16", "indexes that descend", batch((1, [1]), (0, [2])), "invalid-value"),
      try structure.refused(
        "descending-at-the-end", "relay.16", "the last index is not the greatest",
        batch((0, [1]), (2, [2]), (1, [3])), "invalid-value"),
      try structure.refused("no-bytes", "relay.16", "nothing sealed", batch((0, [1]), (1, [])), "out-of-range"),
      try structure.refused("too-long", "relay.16", "a part of 4,097 bytes", batch((0, seq(0, 4_097))), "out-of-range"),
      try structure.refused("nothing", "encoding.1", "no bytes", [], "truncated"),
      try structure.refused("cut", "encoding.1", "the last byte is missing", good.dropLast(), "truncated"),
      try structure.refused(
        "part-across-the-end", "encoding.1", "the last part ends after its list", hex("0b000000000101000000010203"),
        "truncated"),
      try structure.refused("trailing", "encoding.2", "a byte more", good + [0], "trailing"),
      try structure.refused(
        "longer-length", "encoding.3", "the length has a shorter form", hex("400d") + good.dropFirst(), "non-minimal"),
      try structure.refused(
        "longer-part-length", "encoding.3", "a part's length has a shorter form", hex("0700000000400101"),
        "non-minimal"),
    ])
}
