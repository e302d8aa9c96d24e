import SottoSession

@Sendable func attachmentSize(_: Recorded) throws -> VectorFile {
  func one(_ id: String, _ comment: String, _ length: UInt64, _ blob: UInt64, _ chunks: UInt64) throws -> Case {
    try Case(id, "attachments.3", comment, ["length": .number(Int(length))]) {
      let layout = AttachmentLayout(length: length)
      try expectEqual(layout?.blobLength, blob, id)
      try expectEqual(layout?.chunkCount, chunks, id)
      return ["blob_length": .number(Int(blob)), "chunk_count": .number(Int(chunks))]
    }
  }
  func refused(_ id: String, _ comment: String, _ length: UInt64) throws -> Case {
    try expectEqual(AttachmentLayout(length: length), nil, id)
    return Case(id, "attachments.1", comment, ["length": .number(Int(length))], refusedAt: "encoding")
  }
  return VectorFile(
    construction: "attachments", operation: "size", description: "How long the blob of a file is",
    cases: [
      try one("nothing", "an empty file", 0, 65_536, 1),
      try one("one", "one byte", 1, 65_536, 1),
      try one("fills-65536", "the longest file of the shortest blob", 65_463, 65_536, 1),
      try one("beyond-65536", "a byte more", 65_464, 73_728, 2),
      try one("chunk-less-1", "a byte less than a chunk", 65_535, 73_728, 2),
      try one("chunk", "a chunk", 65_536, 73_728, 2),
      try one("chunk-and-1", "a byte more than a chunk", 65_537, 73_728, 2),
      try one("fills-73728", "the longest file of the next blob", 73_638, 73_728, 2),
      try one("beyond-73728", "a byte more", 73_639, 81_920, 2),
      try one("million", "1,000,000 bytes", 1_000_000, 1_048_576, 16),
      try one("fills-128-mib", "the longest that relays take", 134_182_856, 134_217_728, 2_048),
      try one("beyond-128-mib", "a byte more", 134_182_857, 150_994_944, 2_304),
      try one("signed-32-bits", "2^31", 0x8000_0000, 2_415_919_104, 36_855),
      try one("unsigned-32-bits", "2^32 - 1", 0xffff_ffff, 4_831_838_208, 73_709),
      try one("longest", "4 GiB", 0x1_0000_0000, 4_831_838_208, 73_709),
      try refused("beyond", "4 GiB and a byte", 0x1_0000_0001),
      try refused("beyond-by-far", "2^53 - 1", 1 << 53 - 1),
    ])
}
