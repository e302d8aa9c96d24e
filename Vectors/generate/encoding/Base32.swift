import SottoWire

@Sendable func base32(_: Recorded) -> VectorFile {
  func one(_ id: String, _ comment: String, _ bytes: [UInt8]) -> Case {
    Case(id, "encoding.7", comment, ["bytes": .bytes(bytes)], output: ["text": .text(SottoWire.Base32.encode(bytes))])
  }
  func refused(_ id: String, _ comment: String, _ text: String) -> Case {
    Case(id, "encoding.7", comment, ["text": .text(text)], refusedAt: "encoding")
  }
  let figures = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map {
    one("rfc4648-\($0.count)", "RFC 4648 section 10, in lower case and without padding", Array($0.utf8))
  }
  return VectorFile(
    construction: "encoding", operation: "base32", description: "Lower-case base32 without padding",
    cases: figures + [
      one("ones", "55 bytes, as in an address", [UInt8](repeating: 0xff, count: 55)),
      refused("upper", "upper case", "MZXQ"), refused("padding", "padding", "my======"),
      refused("zero", "0 is not in the alphabet", "m0"), refused("one", "1 is not in the alphabet", "m1"),
      refused("eight", "8 is not in the alphabet", "m8"), refused("space", "white space", "my "),
      refused("spare-bits", "spare bits that are not zero: a second spelling of \"f\"", "mz"),
      refused("length-1", "one character holds no byte", "m"),
      refused("length-3", "three characters hold one byte and seven bits", "mya"),
      refused("length-6", "six characters hold three bytes and six bits", "mzxw6a"),
    ])
}
