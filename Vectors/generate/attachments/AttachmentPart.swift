import SottoCrypto
import SottoSession
import SottoWire

@Sendable func attachmentPart(_: Recorded) throws -> VectorFile {
  func one(_ id: String, _ comment: String, _ length: UInt64, _ index: Int, _ bytes: Int) throws -> Case {
    let input: Named = [
      "blob": .bytes(seq(0x00, 16)), "key": .bytes(seq(0x20, 32)), "length": .number(Int(length)),
      "index": .number(index),
    ]
    return try Case(id, "attachments.13", comment, input) {
      let attachment = SottoSession.Attachment(
        blob: try BlobID(seq(0x00, 16)), relay: RelayAuthority("relay.example")!,
        key: AttachmentKey(Secret(copying: seq(0x20, 32))), layout: AttachmentLayout(length: length)!,
        name: FileName("x")!, mediaType: nil)
      let part = attachment.parts[index]
      try expectEqual(part.length.bytes, bytes, id)
      return ["name": .bytes(part.name.bytes), "part_length": .number(bytes)]
    }
  }
  return VectorFile(
    construction: "attachments", operation: "part", description: "Names and lengths of the parts of a blob",
    cases: [
      try one("alone", "a blob that a relay takes as it is", 5, 0, 65_536),
      try one("alone-longest", "the longest of them", 134_182_856, 0, 134_217_728),
      try one("two-first", "a byte more: the first of two", 134_182_857, 0, 134_217_728),
      try one("two-last", "and the last", 134_182_857, 1, 16_777_216),
      try one("longest-second", "the second of 4 GiB", 1 << 32, 1, 134_217_728),
      try one("longest-last", "the last of 4 GiB", 1 << 32, 35, 134_217_728),
    ])
}
