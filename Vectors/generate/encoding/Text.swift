import SottoWire

@Sendable func text(_: Recorded) -> VectorFile {
  func one(_ id: String, _ comment: String, _ value: String) -> Case {
    var writer = WireWriter()
    writer.vector(Array(value.utf8))
    return Case(
      id, "encoding.5", comment, ["value": .text(value), "limit": .number(20)],
      output: ["encoded": .bytes(writer.bytes)])
  }
  func refused(_ id: String, _ comment: String, _ encoded: String) -> Case {
    Case(
      id, "encoding.5", comment, ["encoded": .text(encoded), "limit": .number(20)], refusedAt: "encoding",
      "invalid-value")
  }
  return VectorFile(
    construction: "encoding", operation: "text", description: "UTF-8 text in opaque<V> of at most `limit` bytes",
    cases: [
      one("empty", "no text", ""), one("ascii", "ASCII", "sotto voce"),
      one("two-bytes", "two bytes a character", "più"),
      one("four-bytes", "four bytes a character", "\u{1f92b}"),
      one("zero", "a zero byte is a character", "a\u{0}b"),
      one("decomposed", "text is not normalised", "piu\u{300}"),
      refused("continuation", "a continuation byte alone", "0180"),
      refused("overlong", "an overlong form of \"/\"", "02c0af"),
      refused("surrogate", "a surrogate", "03eda080"),
      refused("too-great", "past U+10FFFF", "04f4908080"),
      refused("cut", "a sequence cut short", "02e282"),
      refused("latin-1", "not UTF-8", "04706975f9"),
    ])
}
