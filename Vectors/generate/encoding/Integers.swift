import SottoWire

@Sendable func integers(_: Recorded) -> VectorFile {
  func one(_ id: String, _ comment: String, _ a: UInt8, _ b: UInt16, _ c: UInt32, _ d: UInt64) -> Case {
    var writer = WireWriter()
    writer.u8(a)
    writer.u16(b)
    writer.u32(c)
    writer.u64(d)
    return Case(
      id, "encoding.9", comment,
      ["u8": .text("\(a)"), "u16": .text("\(b)"), "u32": .text("\(c)"), "u64": .text("\(d)")],
      output: ["encoded": .bytes(writer.bytes)])
  }
  func refused(_ id: String, _ rule: String, _ comment: String, _ bytes: [UInt8], _ reason: String) -> Case {
    Case(id, rule, comment, ["encoded": .bytes(bytes)], refusedAt: "encoding", reason)
  }
  return VectorFile(
    construction: "encoding", operation: "integers",
    description: "struct { u8; u16; u32; u64 }, values as decimal text",
    cases: [
      one("counting", "big-endian", 0x01, 0x0203, 0x0405_0607, 0x0809_0a0b_0c0d_0e0f),
      one("zeros", "the least values", 0, 0, 0, 0), one("ones", "the greatest values", .max, .max, .max, .max),
      refused("empty", "encoding.1", "no bytes", [], "truncated"),
      refused("cut", "encoding.1", "the last byte is missing", seq(1, 14), "truncated"),
      refused("trailing", "encoding.2", "a byte more", seq(1, 16), "trailing"),
    ])
}
