import SottoCrypto
import SottoWire

@Sendable func stream(_: Recorded) throws -> VectorFile {
  let (key, header) = (seq(0x00, 32), seq(0x40, 24))
  let chunks = [Array("Hello".utf8), [], seq(0, 64), Array("end".utf8)]
  func seal(_ chunks: [[UInt8]], marks: [Int: StreamMark] = [:], header other: [UInt8]? = nil) throws -> [[UInt8]] {
    var stream = StreamSealer(StreamKey(Secret(copying: key)), header: try StreamHeader(other ?? header))
    return chunks.enumerated().map { index, chunk in
      stream.seal(chunk, marks[index] ?? (index == chunks.count - 1 ? .last : .chunk))
    }
  }
  func one(_ id: String, _ comment: String, _ chunks: [[UInt8]]) throws -> Case {
    Case(
      id, "primitives.14", comment,
      ["key": .bytes(key), "header": .bytes(header), "chunks": .list(chunks.map(Hex.encode))],
      output: ["sealed": .list(try seal(chunks).map(Hex.encode))])
  }
  let (good, other) = (try seal(chunks), try seal(chunks, header: seq(0x80, 24)))
  func refused(
    _ id: String, _ comment: String, _ sealed: [[UInt8]], key otherKey: [UInt8]? = nil, header other: [UInt8]? = nil
  ) -> Case {
    Case(
      id, "primitives.14", comment,
      [
        "key": .bytes(otherKey ?? key), "header": .bytes(other ?? header), "sealed": .list(sealed.map(Hex.encode)),
      ], refusedAt: "open")
  }
  func bent(_ place: Int, _ change: ([UInt8]) -> [UInt8]) -> [[UInt8]] {
    var sealed = good
    sealed[place] = change(sealed[place])
    return sealed
  }
  // Specs/Primitives.md has its first and last chunk.
  try expectEqual(good[3], hex("12fcb5e20753db73d24f7b28b19cfa682f4b2efd"), "the last chunk")
  let marks = try [(0, StreamMark.push), (1, .rekey), (2, .last), (3, .chunk)].map { place, mark in
    refused("mark-\(place)", "chunk \(place) has the mark \(mark.rawValue)", try seal(chunks, marks: [place: mark]))
  }
  return VectorFile(
    construction: "primitives", operation: "stream",
    description: "crypto_secretstream_xchacha20poly1305 of libsodium, the last chunk marked as such",
    cases: [
      try one("example", "the example in Specs/Primitives.md", chunks),
      try one("one", "one chunk, which is the last", [seq(0, 65)]),
      try one("empty", "one chunk without bytes", [[]]),
      try one("equal", "equal chunks", [seq(1, 16), seq(1, 16), seq(1, 16)]),
      try one("lengths", "every length modulo 16", (0..<17).map { seq(0x60, $0) }),
      refused("altered-mark", "one bit of the sealed mark", bent(1) { $0.flipped(0) }),
      refused("altered-ciphertext", "one bit of the ciphertext", bent(0) { $0.flipped(1) }),
      refused("altered-tag", "one bit of the tag", bent(3) { $0.flipped($0.count - 1) }),
      refused("altered-header", "one bit of the header", good, header: header.flipped(23)),
      refused("other-key", "one bit of the key", good, key: key.flipped(0)),
      refused("other-stream", "a chunk of another stream, in its place", bent(2) { _ in other[2] }),
      refused("cut", "the last byte is missing", bent(3) { Array($0.dropLast()) }),
      refused("long", "a byte more", bent(3) { $0 + [0] }),
      refused("short", "16 bytes", bent(3) { Array($0.prefix(16)) }),
      refused("exchanged", "two chunks are exchanged", [good[1], good[0], good[2], good[3]]),
      refused("repeated", "a chunk comes twice", [good[0], good[0], good[1], good[2], good[3]]),
      refused("removed", "a chunk is missing", [good[0], good[2], good[3]]),
      refused("no-end", "the last chunk is missing", Array(good.prefix(3))),
      refused("after-the-end", "a chunk follows the last one", good + [good[3]]),
    ] + marks)
}

extension StreamSealer {
  /// One chunk with any mark.
  mutating func seal(_ chunk: [UInt8], _ mark: StreamMark) -> [UInt8] {
    var sealed = [UInt8](repeating: 0, count: chunk.count + StreamSealer.overhead)
    var target = sealed.mutableSpan
    seal(chunk.span, mark: mark, into: &target)
    return sealed
  }
}
