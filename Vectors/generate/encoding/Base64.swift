import SottoWire

@Sendable func base64(_: Recorded) -> VectorFile {
  func one(_ id: String, _ comment: String, _ bytes: [UInt8]) -> Case {
    Case(id, "encoding.8", comment, ["bytes": .bytes(bytes)], output: ["text": .text(SottoWire.Base64.encode(bytes))])
  }
  func refused(_ id: String, _ comment: String, _ text: String) -> Case {
    Case(id, "encoding.8", comment, ["text": .text(text)], refusedAt: "encoding")
  }
  let figures = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map {
    one("rfc4648-\($0.count)", "RFC 4648 section 10", Array($0.utf8))
  }
  return VectorFile(
    construction: "encoding", operation: "base64", description: "Base64 with padding",
    cases: figures + [
      one("plus-and-slash", "the last two characters of the alphabet", hex("fbefbeffffff")),
      refused("no-padding", "padding is missing", "Zg"), refused("little-padding", "padding is cut", "Zg="),
      refused("much-padding", "padding is too long", "Zg==="), refused("inner-padding", "padding inside", "Zg==Zg=="),
      refused("only-padding", "padding of nothing", "===="),
      refused("spare-bits", "spare bits that are not zero: a second spelling of \"f\"", "Zh=="),
      refused("url", "the URL alphabet", "-_-_"), refused("line-break", "white space", "Zm9v\n"),
    ])
}
