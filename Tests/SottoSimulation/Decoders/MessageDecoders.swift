import SottoCrypto
import SottoSession
import SottoWire

extension Decoder {
  /// What a relay hands over, filled up to one of the eight sizes.
  static let envelopes = Decoder("envelopes", limit: 4096) { bytes in
    guard let size = SizeClass(holding: bytes.count) else { return false }
    let filled = bytes + [UInt8](repeating: 0, count: size.rawValue - bytes.count)
    try promise((try? Envelope(decoding: filled.dropLast())) == nil, "an envelope of another size")
    guard let envelope = try? Envelope(decoding: filled) else { return false }
    var prelude: [UInt8]?
    if let read = envelope.prelude {
      var writer = WireWriter()
      read.write(to: &writer)
      prelude = writer.bytes
      try promise(read.box1.count <= Limits.box1, "a box1 beyond its bound")
    }
    try promise(Envelope.encode(prelude: prelude, message: envelope.message) == filled, "a second spelling")
    // Nobody sealed it, so it opens nowhere.
    guard let prelude = envelope.prelude else { return true }
    let stage = Stage.shared
    let opening: Void? = try? { _ = try prelude.openIDs(stage.bob.device, of: stage.bob.account.id) }()
    try promise(opening == nil, "a forged box0")
    return true
  }

  /// What stands inside seals, without them.
  static let contents = Decoder(
    "contents", limit: 4096,
    oneOf: [
      { try content($0) },
      { try promiseOneSpelling($0, { try ReplyPath(decoding: $0) }, { path in written(path.write(to:)) }) != nil },
      { try padding($0) },
      { try promiseOneSpelling($0, { try PrekeyIDs(decoding: $0) }, { $0.encoded() }) != nil },
      { try promiseOneSpelling($0, { try RatchetHeader(decoding: $0) }, { $0.encoded() }) != nil },
      { try listHead($0) },
    ])

  private static func content(_ bytes: [UInt8]) throws -> Bool {
    let read = try promiseOneSpelling(bytes, { try Content(decoding: $0) }, { $0.encoded() })
    guard let content = read else { return false }
    try promise(content.parts.count <= Limits.contentParts, "a content beyond its bound")
    for part in content.parts {
      var body = WireWriter()
      let kind = part.write(to: &body)
      try promise((try? ContentPart(kind: kind, body: body.bytes[...])) == part, "a part is not read back")
      switch part {
      case .link(let message): try link(message)
      case .copy(let copy): try self.copy(copy)
      default: break
      }
    }
    return true
  }

  private static func link(_ message: LinkMessage) throws {
    guard case .request(let request) = message else { return }
    try promise(DeviceName(request.name.text) == request.name, "a name that is none")
  }

  private static func copy(_ copy: ConversationCopy) throws {
    try promise(copy.timer <= Limits.timer, "a timer beyond its bound")
    guard let message = copy.message else { return }
    try promise(message.content.isMessage, "a copy of nothing")
    for part in message.content.parts {
      if case .copy = part { try promise(false, "copies nest") }
      if case .link = part { try promise(false, "a link in a copy") }
    }
  }

  private static func padding(_ bytes: [UInt8]) throws -> Bool {
    let unpadded = try promiseOneSpelling(bytes, { try Padding.unpad($0) }, { Padding.pad($0, to: bytes.count) })
    try promise((try? Padding.unpad(Padding.pad(bytes, to: bytes.count + 1))) == bytes, "padding is not undone")
    return unpadded != nil
  }

  private static func listHead(_ bytes: [UInt8]) throws -> Bool {
    try promiseOneSpelling(
      bytes, { try WireReader.decode($0, ListHead.init(from:)) }, { head in written(head.write(to:)) }) != nil
  }

  private static func written(_ write: (inout WireWriter) -> Void) -> [UInt8] {
    var writer = WireWriter()
    write(&writer)
    return writer.bytes
  }
}
