internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// The operations of Specs/Messages.md.
enum MessageOperations {
  static let all: [String: VectorOperation] = [
    "messages/content": content, "messages/padding": padding, "messages/envelope": envelope, "messages/size": size,
  ]

  private static func content(_ fields: Fields) throws -> [String: VectorValue] {
    if fields.has("encoded") {
      let content = try Content(decoding: try fields.bytes("encoded"))
      let parts = content.parts.map { part in
        var body = WireWriter()
        let kind = part.write(to: &body)
        return (kind: kind, body: body.bytes)
      }
      guard let sentAt = Int(exactly: content.sentAt) else { throw BadVector("\(fields.place): sent_at is too large") }
      return [
        "id": .bytes(content.id.bytes), "sent_at": .number(sentAt), "kinds": .list(parts.map { String($0.kind) }),
        "bodies": .list(parts.map { Hex.encode($0.body) }),
      ]
    }
    let (kinds, bodies) = (try fields.texts("kinds"), try fields.byteLists("bodies"))
    guard kinds.count == bodies.count else { throw BadVector("\(fields.place): as many kinds as bodies") }
    let parts = try zip(kinds, bodies).map { kind, body in
      guard let kind = UInt8(kind) else { throw BadVector("\(fields.place): no such kind") }
      return try ContentPart(kind: kind, body: body[...])
    }
    let content = Content(
      id: try fields.typed("id", MessageID.init), sentAt: try fields.u64("sent_at"), parts: parts)
    guard try Content(decoding: content.encoded()) == content else { throw Refused(stage: "content") }
    return ["encoded": .bytes(content.encoded())]
  }

  private static func padding(_ fields: Fields) throws -> [String: VectorValue] {
    if fields.has("padded") { return ["content": .bytes(try Padding.unpad(try fields.bytes("padded")))] }
    let (content, count) = (try fields.bytes("content"), try fields.number("count"))
    guard content.count < count else { throw BadVector("\(fields.place): no room for the marker") }
    let padded = Padding.pad(content, to: count)
    guard try Padding.unpad(padded) == content else { throw Refused(stage: "padding") }
    return ["padded": .bytes(padded)]
  }

  private static func envelope(_ fields: Fields) throws -> [String: VectorValue] {
    if fields.has("envelope") { return try parts(of: try fields.bytes("envelope")) }
    let prelude = fields.has("prelude") ? try fields.bytes("prelude") : nil
    let (header, commitment) = (try fields.bytes("header"), try fields.bytes("commitment"))
    let sealed = try fields.bytes("sealed")
    let envelope = Envelope.encode(
      prelude: prelude, message: RatchetMessage(header: header, commitment: commitment, sealed: sealed))
    var expected: [String: VectorValue] = [
      "header": .bytes(header), "commitment": .bytes(commitment), "sealed": .bytes(sealed),
    ]
    if let prelude { expected["prelude"] = .bytes(prelude) }
    guard try parts(of: envelope) == expected else { throw Refused(stage: "encoding") }
    return ["envelope": .bytes(envelope)]
  }

  private static func parts(of envelope: [UInt8]) throws -> [String: VectorValue] {
    let read = try Envelope(decoding: envelope)
    var parts: [String: VectorValue] = [
      "header": .bytes(read.message.header), "commitment": .bytes(read.message.commitment),
      "sealed": .bytes(read.message.sealed),
    ]
    if let prelude = read.prelude {
      var writer = WireWriter()
      prelude.write(to: &writer)
      parts["prelude"] = .bytes(writer.bytes)
    }
    return parts
  }

  private static func size(_ fields: Fields) throws -> [String: VectorValue] {
    let prelude = try fields.number("prelude_count")
    guard let padded = Envelope.paddedCount(for: try fields.number("content_count"), preludeCount: prelude) else {
      return ["envelope_count": .number(0), "padded_count": .number(0)]
    }
    return ["envelope_count": .number(padded + prelude + Envelope.overhead), "padded_count": .number(padded)]
  }
}
