import SottoWire

@Sendable func hexadecimal(_: Recorded) -> VectorFile {
  func one(_ id: String, _ comment: String, _ bytes: [UInt8]) -> Case {
    Case(id, "encoding.6", comment, ["bytes": .bytes(bytes)], output: ["text": .text(Hex.encode(bytes))])
  }
  func refused(_ id: String, _ comment: String, _ text: String) -> Case {
    Case(id, "encoding.6", comment, ["text": .text(text)], refusedAt: "encoding")
  }
  return VectorFile(
    construction: "encoding", operation: "hex", description: "Lower-case hexadecimal",
    cases: [
      one("empty", "no bytes", []), one("digits", "every digit", hex("0123456789abcdef")),
      refused("odd", "an odd number of digits", "abc"), refused("upper", "upper case", "AB"),
      refused("mixed", "mixed case", "aB"), refused("letter", "a letter past f", "0g"),
      refused("space", "white space", "00 11"), refused("prefix", "a prefix", "0x00"),
      refused("other-digits", "digits of another script", "\u{661}\u{661}"),
    ])
}
