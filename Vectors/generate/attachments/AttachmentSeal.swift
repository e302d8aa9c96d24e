import SottoCrypto
import SottoSession

@Sendable func attachmentSeal(_: Recorded) throws -> VectorFile {
  let header = seq(0x40, 24)
  func one(_ id: String, _ comment: String, _ file: [UInt8], key first: Int) throws -> Case {
    let key = seq(first, 32)
    return try Case(
      id, "attachments.2", comment, ["key": .bytes(key), "header": .bytes(header), "file": .bytes(file)]
    ) {
      let blob = try sealedBlob(file, key: key, header: header)
      try expectEqual(try openedBlob(blob, key: key, length: UInt64(file.count)), file, id)
      return ["front": .bytes(Array(blob.prefix(56))), "hash": .bytes(Digest.of("blob", blob).bytes)]
    }
  }
  // Specs/Attachments.md has this one.
  try expectEqual(
    try sealedBlob(Array("Hello".utf8), key: seq(0x20, 32), header: header)[24..<56],
    hex("796d7e6d905fc8e1a8172ae983c8bf8cbeb6e8accc257b050497bcb3b1077661")[...], "the commitment")
  return VectorFile(
    construction: "attachments", operation: "seal", description: "The blob of a file, by its hash",
    cases: [
      try one("example", "the example in Specs/Attachments.md", Array("Hello".utf8), key: 0x20),
      try one("empty", "an empty file: zeros alone", [], key: 0x21),
      try one("zeros", "a file of zeros: as long a blob, and another commitment", [0, 0, 0], key: 0x20),
      try one("one-chunk", "the longest file of one chunk: no zeros", seq(0, 65_463), key: 0x22),
      try one("two-chunks", "a byte more: two chunks, both with bytes and zeros", seq(0, 65_464), key: 0x23),
    ])
}

/// The blob that an honest author makes.
func sealedBlob(_ file: [UInt8], key: [UInt8], header: [UInt8]) throws -> [UInt8] {
  var sealer = AttachmentSealer(
    AttachmentLayout(length: UInt64(file.count))!, key: AttachmentKey(Secret(copying: key)),
    header: try StreamHeader(header))
  var blob = try sealer.seal(file.span)
  while let more = try sealer.padding() { blob += more }
  return blob
}

/// The file, or a refusal.
func openedBlob(_ blob: [UInt8], key: [UInt8], length: UInt64) throws -> [UInt8] {
  var opener = AttachmentOpener(AttachmentLayout(length: length)!, key: AttachmentKey(Secret(copying: key)))
  let file = try opener.open(blob.span)
  try opener.finish()
  return file
}
