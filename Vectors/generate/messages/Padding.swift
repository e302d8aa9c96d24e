import SottoSession
import SottoWire

@Sendable func padding(_: Recorded) throws -> VectorFile {
  func written(_ id: String, _ comment: String, _ content: [UInt8], _ count: Int) throws -> Case {
    try Case(id, "messages.1", comment, ["content": .bytes(content), "count": .number(count)]) {
      let padded = SottoSession.Padding.pad(content, to: count)
      try expectEqual(try SottoSession.Padding.unpad(padded), content, "the content")
      return ["padded": .bytes(padded)]
    }
  }
  func read(_ id: String, _ comment: String, _ padded: [UInt8]) throws -> Case {
    try Case(id, "messages.2", comment, ["padded": .bytes(padded)]) {
      ["content": .bytes(try SottoSession.Padding.unpad(padded))]
    }
  }
  func refused(_ id: String, _ comment: String, _ padded: [UInt8]) throws -> Case {
    try Case(id, "messages.2", comment, ["padded": .bytes(padded)], refusedAt: .padding) {
      _ = try SottoSession.Padding.unpad(padded)
    }
  }
  let example = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff0000019b76daa80007010548656c6c6f")
  return VectorFile(
    construction: "messages", operation: "padding", description: "ISO/IEC 7816-4: 80, then zeros",
    cases: [
      try written("example", "the example in Specs/Messages.md", example, 383),
      try written("marker-alone", "the marker and no zeros", example, 33),
      try written("nothing", "nothing: the marker alone", [], 1),
      try written("ends-with-zeros", "content that ends with zeros", [1, 0, 0], 8),
      try written("ends-with-marker", "content that ends like padding", [1, 0x80], 8),
      try written("zeros", "content of zeros", [0, 0, 0], 4),
      try read("two-markers", "the last marker goes, the one before is content", [1, 0x80, 0x80, 0]),
      try read("long", "padding longer than needed", [1, 0x80] + [UInt8](repeating: 0, count: 600)),
      try refused("empty", "no bytes", []),
      try refused("zero", "one zero", [0]),
      try refused("all-zeros", "zeros without a marker", [UInt8](repeating: 0, count: 383)),
      try refused("no-marker", "content without a marker", example),
      try refused("no-marker-but-zeros", "content and zeros without a marker", example + [0, 0]),
      try refused("other-marker", "the marker is 81", example + [0x81, 0, 0]),
      try refused("marker-shifted", "the marker is 40", example + [0x40, 0, 0]),
      try refused("after-the-marker", "80, then 01", example + [0x80, 0, 1]),
      try refused("after-the-zeros", "a byte that is not zero at the end", example + [0x80, 0, 0xff]),
    ])
}
