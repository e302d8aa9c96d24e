import SottoCrypto
import SottoSession

@Sendable func attachmentOpen(_: Recorded) throws -> VectorFile {
  let (key, header, file) = (seq(0x20, 32), seq(0x40, 24), Array("Hello".utf8))
  func input(_ blob: [UInt8], length: Int = 5, key other: [UInt8]? = nil) -> Named {
    ["key": .bytes(other ?? key), "length": .number(length), "blob": .bytes(blob)]
  }
  func refused(
    _ id: String, _ rule: String, _ comment: String, _ blob: [UInt8], length: Int = 5, key other: [UInt8]? = nil,
    at stage: RefusalStage
  ) throws -> Case {
    try Case(id, rule, comment, input(blob, length: length, key: other), refusedAt: stage) {
      _ = try openedBlob(blob, key: other ?? key, length: UInt64(length))
    }
  }
  /// A blob whose author does not keep the rules.
  func forged(_ length: Int, _ chunks: [(plaintext: [UInt8], mark: StreamMark)]) throws -> [UInt8] {
    let lengthBytes = (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    let derived = PRF.derive(Secret(copying: key), "attachment", lengthBytes, header)
    var stream = StreamSealer(StreamKey(derived.a()), header: try StreamHeader(header))
    return header + derived.b().revealed() + chunks.flatMap { stream.seal($0.plaintext, $0.mark) }
  }
  let zeros = [UInt8](repeating: 0, count: 65_536)
  let good = try sealedBlob(file, key: key, header: header)
  let padded = file + zeros.prefix(65_458)
  try expectEqual(try forged(5, [(padded, .last)]), good, "the forged blob without a fault")
  let two = try sealedBlob(seq(0, 65_464), key: key, header: header)
  let (first, second) = (two[56..<56 + 65_553], two[(56 + 65_553)...])
  return VectorFile(
    construction: "attachments", operation: "open", description: "A blob that a relay handed over",
    cases: [
      try Case("example", "attachments.6", "the example in Specs/Attachments.md", input(good)) {
        ["file": .bytes(try openedBlob(good, key: key, length: 5))]
      },
      try refused("header", "attachments.5", "one bit of the header", good.flipped(0), at: .commitment),
      try refused("commitment", "attachments.5", "one bit of the commitment", good.flipped(55), at: .commitment),
      try refused("other-key", "attachments.5", "one bit of the key", good, key: key.flipped(31), at: .commitment),
      try refused("other-length", "attachments.5", "a zero more of the same blob", good, length: 6, at: .commitment),
      try refused("front-alone", "attachments.6", "56 bytes", Array(good.prefix(56)), at: .attachment),
      try refused("chunk", "attachments.6", "one bit of the chunk", good.flipped(60), at: .attachment),
      try refused("cut", "attachments.6", "the last byte is missing", good.dropLast(), at: .attachment),
      try refused("trailing", "attachments.6", "a byte after the last chunk", good + [0], at: .attachment),
      try refused(
        "not-marked", "attachments.6", "the last chunk is not marked as such", forged(5, [(padded, .chunk)]),
        at: .attachment),
      try refused(
        "ends-early", "attachments.6", "the first of two chunks is marked as the last",
        forged(65_464, [(seq(0, 65_536), .last)]), length: 65_464, at: .attachment),
      try refused(
        "exchanged", "attachments.6", "the two chunks are exchanged", Array(two[..<56] + second + first),
        length: 65_464, at: .attachment),
      try refused(
        "padding", "attachments.3", "the last byte behind the file is no zero",
        forged(5, [(padded.dropLast() + [1], .last)]), at: .padding),
    ])
}
