import SottoSession
import SottoWire

@Sendable func size(_: Recorded) throws -> VectorFile {
  func one(_ id: String, _ comment: String, _ content: Int, prelude: Int = 0) throws -> Case {
    try Case(
      id, "envelope.2", comment, ["content_count": .number(content), "prelude_count": .number(prelude)]
    ) {
      let padded = SottoSession.Envelope.paddedCount(for: content, preludeCount: prelude)
      let envelope = padded.map { $0 + prelude + SottoSession.Envelope.overhead }
      return ["envelope_count": .number(envelope ?? 0), "padded_count": .number(padded ?? 0)]
    }
  }
  // The table in Specs/Messages.md.
  let largest = [
    (512, 382), (1_024, 894), (2_048, 1_918), (4_096, 3_966), (8_192, 8_062), (16_384, 16_254), (32_768, 32_638),
    (65_536, 65_406),
  ]
  for (size, content) in largest {
    let padded = SottoSession.Envelope.paddedCount(for: content, preludeCount: 0)
    try expectEqual(padded, size - 129, "what fits \(size) bytes")
  }
  let classes = try largest.map { size, content in
    try one("fills-\(size)", "the largest content of an envelope of \(size) bytes", content)
  }
  let beyond = try largest.map { size, content in
    try one("beyond-\(size)", "a byte more than an envelope of \(size) bytes holds", content + 1)
  }
  return VectorFile(
    construction: "messages", operation: "size", description: "How much padding content gets, and the envelope's size",
    cases: classes + beyond + [
      try one("nothing", "no content", 0), try one("example", "the example in Specs/Messages.md", 32),
      try one("first-message", "with the prelude of an initiator with one device", 508, prelude: 7_554),
      try one("first-message-beyond", "a byte more", 509, prelude: 7_554),
      try one("three-devices", "with the prelude of an initiator with three devices", 252, prelude: 7_810),
      try one("three-devices-beyond", "a byte more", 253, prelude: 7_810),
      try one("greatest-prelude", "with the greatest box1 there is", 14_842, prelude: 50_564),
      try one("greatest-prelude-beyond", "a byte more than an envelope of 65,536 bytes holds", 14_843, prelude: 50_564),
    ])
}
