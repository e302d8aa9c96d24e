import SottoCrypto
import SottoWire

@Sendable func hash(_: Recorded) -> VectorFile {
  func one(_ id: String, _ rule: String, _ comment: String, _ label: String, _ parts: [[UInt8]]) -> Case {
    let digest =
      switch parts.count {
      case 0: Digest.of(Label(text: label))
      case 1: Digest.of(Label(text: label), parts[0])
      case 2: Digest.of(Label(text: label), parts[0], parts[1])
      default: Digest.of(Label(text: label), parts[0], parts[1], parts[2])
      }
    return Case(
      id, rule, comment, ["label": .text(label), "parts": .list(parts.map(Hex.encode))],
      output: ["digest": .bytes(digest.bytes)])
  }
  let longest = String(repeating: "0123456789", count: 5) + "01234"
  return VectorFile(
    construction: "primitives", operation: "hash", description: "H(label; parts..)",
    cases: [
      one("label-only", "primitives.1", "no parts", "example", []),
      one("one-part", "primitives.1", "one part", "example", [Array("abc".utf8)]),
      one("empty-part", "primitives.1", "an empty part is not the same as no part", "example", [[]]),
      one("two-parts", "primitives.1", "an empty part, then three bytes", "example", [[], Array("abc".utf8)]),
      one("two-parts-swapped", "primitives.1", "three bytes, then an empty part", "example", [Array("abc".utf8), []]),
      one(
        "three-parts", "primitives.1", "parts of 63 and 64 bytes: lengths of one and of two bytes", "example",
        [seq(0, 63), seq(0, 64), [0xff]]),
      one(
        "label-and-part-move", "primitives.11", "label \"examp\" and the part \"le\" are not the label \"example\"",
        "examp", [Array("le".utf8)]),
      one("longest-label", "primitives.11", "a label of 55 bytes", longest, []),
      Case(
        "label-too-long", "primitives.11", "a label of 56 bytes", ["label": .text(longest + "5"), "parts": .list([])],
        refusedAt: "encoding"),
    ])
}
