internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// The operations of Specs/Attachments.md.
enum AttachmentOperations {
  static let all: [String: VectorOperation] = [
    "attachments/size": size, "attachments/seal": seal, "attachments/open": open, "attachments/pointer": pointer,
    "attachments/part": part,
  ]

  private static func size(_ fields: Fields) throws -> [String: VectorValue] {
    let layout = try layout(try fields.u64("length"))
    return ["blob_length": .number(Int(layout.blobLength)), "chunk_count": .number(Int(layout.chunkCount))]
  }

  private static func seal(_ fields: Fields) throws -> [String: VectorValue] {
    let (file, key) = (try fields.bytes("file"), try key(fields))
    let layout = try layout(UInt64(file.count))
    var sealer = AttachmentSealer(layout, key: key, header: try fields.typed("header", StreamHeader.init))
    var blob = try sealer.seal(file.span)
    while let more = try sealer.padding() { blob += more }
    guard try open(blob, layout, key) == file else { throw Refused(stage: "attachment") }
    let front = blob.prefix(AttachmentLayout.frontCount)
    return ["front": .bytes(Array(front)), "hash": .bytes(Digest.of("blob", blob).bytes)]
  }

  private static func open(_ fields: Fields) throws -> [String: VectorValue] {
    let layout = try layout(try fields.u64("length"))
    return ["file": .bytes(try open(try fields.bytes("blob"), layout, try key(fields)))]
  }

  private static func open(_ blob: [UInt8], _ layout: AttachmentLayout, _ key: AttachmentKey) throws -> [UInt8] {
    var opener = AttachmentOpener(layout, key: key)
    let file = try opener.open(blob.span)
    try opener.finish()
    return file
  }

  private static func pointer(_ fields: Fields) throws -> [String: VectorValue] {
    if fields.has("encoded") {
      return ["encoded": .bytes(encoded(try Attachment(decoding: try fields.bytes("encoded"))))]
    }
    let (name, type) = (try fields.text("name"), try fields.text("media_type"))
    guard let name = FileName(name) else { throw BadVector("\(fields.place): no name of a file") }
    guard type.isEmpty || MediaType(type) != nil else { throw BadVector("\(fields.place): no media type") }
    let attachment = Attachment(
      blob: try fields.typed("blob", BlobID.init), relay: try fields.relay(try fields.text("relay")),
      key: try key(fields), layout: try layout(try fields.u64("length")), name: name, mediaType: MediaType(type))
    guard try Attachment(decoding: encoded(attachment)) == attachment else {
      throw BadVector("\(fields.place): reads back as another pointer")
    }
    return ["encoded": .bytes(encoded(attachment))]
  }

  private static func part(_ fields: Fields) throws -> [String: VectorValue] {
    let attachment = Attachment(
      blob: try fields.typed("blob", BlobID.init), relay: try fields.relay("relay.example"), key: try key(fields),
      layout: try layout(try fields.u64("length")), name: FileName(sanitising: ""), mediaType: nil)
    let (parts, index) = (attachment.parts, Int(try fields.u64("index")))
    guard parts.indices.contains(index) else { throw BadVector("\(fields.place): the blob has \(parts.count) parts") }
    return ["name": .bytes(parts[index].name.bytes), "part_length": .number(parts[index].length.bytes)]
  }

  private static func encoded(_ attachment: Attachment) -> [UInt8] {
    var writer = WireWriter()
    attachment.write(to: &writer)
    return writer.bytes
  }

  private static func layout(_ length: UInt64) throws -> AttachmentLayout {
    guard let layout = AttachmentLayout(length: length) else { throw Refused(stage: "encoding") }
    return layout
  }

  private static func key(_ fields: Fields) throws -> AttachmentKey {
    let secret = try fields.secret("key")
    guard secret.count == AttachmentKey.count else { throw BadVector("\(fields.place): a key has 32 bytes") }
    return AttachmentKey(secret)
  }
}
