import SottoWire

@Sendable func list(_: Recorded) -> VectorFile {
  func one(_ id: String, _ comment: String, _ values: [[UInt8]]) -> Case {
    var writer = WireWriter()
    writer.list(values) { $0.vector($1) }
    return Case(
      id, "encoding.10", comment,
      ["values": .list(values.map(Hex.encode)), "limit": .number(3), "element_limit": .number(70)],
      output: ["encoded": .bytes(writer.bytes)])
  }
  func refused(_ id: String, _ rule: String, _ comment: String, _ encoded: String, _ reason: String) -> Case {
    Case(
      id, rule, comment, ["encoded": .text(encoded), "limit": .number(3), "element_limit": .number(4)],
      refusedAt: "encoding", reason)
  }
  return VectorFile(
    construction: "encoding", operation: "list",
    description: "T values<V>: at most `limit` elements, each opaque<V> of at most `element_limit` bytes",
    cases: [
      one("empty", "no elements", []), one("empty-element", "one empty element", [[]]),
      one("two", "two elements; the length counts bytes, not elements", [[1], [2, 3]]),
      one("long", "130 bytes: a length of two bytes", [seq(0, 64), seq(0, 63)]),
      refused("cut", "encoding.1", "the list is longer than what is there", "050101", "truncated"),
      refused("element-across-the-end", "encoding.1", "the element ends after its list", "020201ff", "truncated"),
      refused("trailing", "encoding.2", "a byte after the list", "020101ff", "trailing"),
      refused("longer-length", "encoding.3", "the length has a shorter form", "40020101", "non-minimal"),
      refused(
        "longer-element-length", "encoding.3", "an element's length has a shorter form", "03400101", "non-minimal"),
      refused("too-many", "encoding.4", "four elements", "0400000000", "out-of-range"),
      refused("long-element", "encoding.4", "an element of five bytes", "06050102030405", "out-of-range"),
    ])
}
