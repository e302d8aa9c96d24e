import SottoCrypto
import SottoSession
import SottoWire

extension Decoder {
  /// What a peer says about a file, and what it may seal as one: the seals are made here, as they must be.
  static let attachments = Decoder(
    "attachments", limit: 2048,
    oneOf: [
      { try pointer($0) },
      { try blob($0) },
      { try name($0) },
    ])

  static var attachmentSeeds: [[UInt8]] {
    let mediaTypes = ["", "image/svg+xml"]
    let pointers = mediaTypes.map { type in
      let attachment = Attachment(
        blob: try! BlobID([UInt8](0..<16)), relay: Stage.shared.alice.relay,
        key: AttachmentKey(Secret(copying: [UInt8](0..<32))), layout: AttachmentLayout(length: 1 << 32)!,
        name: FileName("Zürich.svg")!, mediaType: MediaType(type))
      return [0] + encoded(attachment)
    }
    return pointers + [[1, 0, 3, 1, 2, 3], [1, 0, 9, 7], [2] + Array("a/b\u{202e}.txt".utf8)]
  }

  private static func encoded(_ attachment: Attachment) -> [UInt8] {
    var writer = WireWriter()
    attachment.write(to: &writer)
    return writer.bytes
  }

  private static func pointer(_ bytes: [UInt8]) throws -> Bool {
    guard let read = try promiseOneSpelling(bytes, { try Attachment(decoding: $0) }, encoded) else { return false }
    try promise(read.length <= Limits.attachment, "an attachment beyond its bound")
    try promise(FileName(read.name.text) == read.name && !read.name.text.utf8.contains(0x2f), "a name that is none")
    if let type = read.mediaType { try promise(MediaType(type.text) == type, "a media type that is none") }
    return true
  }

  /// A genuine blob whose file and padding are any bytes: either the file comes out, or there was something behind it.
  private static func blob(_ bytes: [UInt8]) throws -> Bool {
    var reader = WireReader(bytes)
    guard let length = try? reader.u16(), let layout = AttachmentLayout(length: UInt64(length)) else { return false }
    let rest = reader.rest()
    let plaintext = rest + [UInt8](repeating: 0, count: Int(layout.paddedLength) - rest.count)
    let key = AttachmentKey(Secret(copying: [UInt8](repeating: 6, count: 32)))
    // The header depends on what is sealed, so that no key of a stream is used twice.
    let header = try StreamHeader(Array(Digest.of("test header", bytes).bytes.prefix(StreamHeader.count)))
    var blob = AttachmentForge(layout, key: key, header: header)
    blob.seal(plaintext)
    var opener = AttachmentOpener(layout, key: key)
    let file = try? opener.open(blob.bytes.span)
    let isWhole = opener.isWhole
    let isHonest = plaintext[Int(length)...].allSatisfy { $0 == 0 }
    try promise((file != nil) == isHonest && isWhole == isHonest, "which padding is taken")
    try promise(file == nil || file == Array(plaintext[..<Int(length)]), "another file")
    return isHonest
  }

  private static func name(_ bytes: [UInt8]) throws -> Bool {
    let text = String(decoding: bytes, as: UTF8.self)
    let name = FileName(sanitising: text)
    try promise(FileName(name.text) == name, "a name that its own reader refuses")
    if let same = FileName(text) { try promise(same.text.utf8.elementsEqual(name.text.utf8), "a good name is changed") }
    return true
  }
}
