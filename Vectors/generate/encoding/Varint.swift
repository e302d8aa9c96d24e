import SottoCrypto

@Sendable func varint(_: Recorded) -> VectorFile {
  let values = [
    0, 1, 37, 63, 64, 15_293, 16_383, 16_384, 494_878_333, 1_073_741_823, 1_073_741_824, 151_288_809_941_952_652,
    4_611_686_018_427_387_903,
  ]
  func refused(_ id: String, _ rule: String, _ comment: String, _ encoded: String, _ reason: String) -> Case {
    Case(id, rule, comment, ["encoded": .text(encoded)], refusedAt: "encoding", reason)
  }
  let positive = values.map { value in
    Case(
      "value-\(value)", "encoding.3", "\(lengthPrefix(value).count) bytes", ["value": .text(String(value))],
      output: ["encoded": .bytes(lengthPrefix(value))])
  }
  let longer = ["4000", "403f", "80000000", "80003fff", "c000000000000000", "c00000003fffffff"].map {
    refused("longer-\($0)", "encoding.3", "a shorter form exists", $0, "non-minimal")
  }
  return VectorFile(
    construction: "encoding", operation: "varint", description: "A variable-length integer, as decimal text",
    cases: positive + longer + [
      refused("empty", "encoding.1", "no bytes", "", "truncated"),
      refused("cut-2", "encoding.1", "one byte of two", "40", "truncated"),
      refused("cut-4", "encoding.1", "three bytes of four", "800040", "truncated"),
      refused("cut-8", "encoding.1", "seven bytes of eight", "c0000000400000", "truncated"),
      refused("trailing", "encoding.2", "a byte more", "2500", "trailing"),
    ])
}
