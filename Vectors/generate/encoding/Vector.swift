import SottoWire

@Sendable func vector(_: Recorded) -> VectorFile {
  func one(_ id: String, _ comment: String, _ value: [UInt8]) -> Case {
    var writer = WireWriter()
    writer.vector(value)
    return Case(
      id, "encoding.10", comment, ["value": .bytes(value), "limit": .number(100)],
      output: ["encoded": .bytes(writer.bytes)])
  }
  func refused(_ id: String, _ rule: String, _ comment: String, _ encoded: String, _ reason: String) -> Case {
    Case(id, rule, comment, ["encoded": .text(encoded), "limit": .number(4)], refusedAt: "encoding", reason)
  }
  return VectorFile(
    construction: "encoding", operation: "vector", description: "opaque value<V> of at most `limit` bytes",
    cases: [
      one("empty", "no bytes", []), one("one", "one byte", [0xff]),
      one("63", "63 bytes: a length of one byte", seq(0, 63)),
      one("64", "64 bytes: a length of two bytes", seq(0, 64)), one("limit", "as many as the limit", seq(0, 100)),
      refused("cut", "encoding.1", "three bytes of four", "04010203", "truncated"),
      refused("no-length", "encoding.1", "no bytes", "", "truncated"),
      refused("trailing", "encoding.2", "a byte more", "020102ff", "trailing"),
      refused("longer-length", "encoding.3", "the length has a shorter form", "40020102", "non-minimal"),
      refused("over-limit", "encoding.4", "five bytes", "050102030405", "out-of-range"),
      refused(
        "over-limit-and-cut", "encoding.4", "2^62 - 1 bytes that are not there", "ffffffffffffffff", "out-of-range"),
    ])
}
