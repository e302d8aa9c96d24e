internal import SottoCrypto
internal import SottoSession

/// The operations of Specs/Ratchet.md.
enum RatchetOperations {
  static let all: [String: VectorOperation] = [
    "ratchet/root-step": rootStep, "ratchet/chain-step": chainStep, "ratchet/message-key": messageKey,
    "ratchet/header": header, "ratchet/seal": seal, "ratchet/open": open,
  ]

  private static func rootStep(_ fields: Fields) throws -> [String: VectorValue] {
    let step = RootKey(try fields.secret("root", count: 32)).step(try fields.secret("agreement"))
    return [
      "root": .bytes(step.root.secret.revealed()), "chain": .bytes(step.chain.secret.revealed()),
      "next_header_key": .bytes(step.nextHeader.bytes().revealed()),
    ]
  }

  private static func chainStep(_ fields: Fields) throws -> [String: VectorValue] {
    let step = ChainKey(try fields.secret("chain", count: 32)).step()
    return ["chain": .bytes(step.next.secret.revealed()), "message_key": .bytes(step.message.secret.revealed())]
  }

  private static func messageKey(_ fields: Fields) throws -> [String: VectorValue] {
    let key = MessageKey(try fields.secret("message_key", count: 32))
    let (sid, header) = (try fields.digest("sid"), try fields.bytes("header", count: 80))
    guard fields.has("padded") else {
      let message = RatchetMessage(
        header: header, commitment: try fields.bytes("commitment", count: 32), sealed: try fields.bytes("sealed"))
      return ["padded": .bytes(try key.open(message, sid: sid))]
    }
    let padded = try fields.bytes("padded")
    let message = key.seal(padded, sid: sid, header: header)
    guard try key.open(message, sid: sid) == padded else {
      throw BadVector("\(fields.place) does not open again")
    }
    return ["commitment": .bytes(message.commitment), "sealed": .bytes(message.sealed)]
  }

  private static func header(_ fields: Fields) throws -> [String: VectorValue] {
    let key = HeaderKey(try fields.secret("header_key", count: 32))
    let sid = try fields.digest("sid")
    if fields.has("header") {
      guard let header = key.open(try fields.bytes("header"), sid: sid) else { throw Refused(stage: "header") }
      return [
        "ratchet_key": .bytes(header.key.bytes), "previous_count": .number(Int(header.previousCount)),
        "number": .number(Int(header.number)),
      ]
    }
    let header = RatchetHeader(
      key: try fields.typed("ratchet_key", AgreementPublicKey.init), previousCount: try fields.u32("previous_count"),
      number: try fields.u32("number"))
    var nonce = FixedEntropy(try fields.bytes("nonce", count: 24))
    let sealed = key.seal(header, sid: sid, from: &nonce)
    guard let opened = key.open(sealed, sid: sid), opened.encoded() == header.encoded() else {
      throw BadVector("\(fields.place) does not open again")
    }
    return ["header": .bytes(sealed)]
  }

  private static func seal(_ fields: Fields) throws -> [String: VectorValue] {
    var session = try fields.session()
    let content = try Content(decoding: try fields.bytes("content"))
    var nonce = FixedEntropy(try fields.bytes("nonce", count: 24))
    guard let envelope = session.seal(content, from: &nonce) else {
      throw BadVector("\(fields.place).content fits no envelope, or the chain has ended")
    }
    return ["envelope": .bytes(envelope), "session": .bytes(session.encoded().revealed())]
  }

  /// A refusal must leave the session as it was, byte for byte. [ratchet.10]
  private static func open(_ fields: Fields) throws -> [String: VectorValue] {
    var session = try fields.session()
    var ratchetKey = FixedEntropy(try fields.bytes("ratchet_key", count: 32))
    let (envelope, now) = (try fields.bytes("envelope"), try fields.u64("now"))
    let opened: Session.Opened
    do { opened = try session.open(Envelope(decoding: envelope), now: now, from: &ratchetKey) } catch {
      guard session.encoded().revealed() == (try fields.bytes("session")),
        session.encodedSkippedKeys().revealed() == (try fields.bytes("skipped"))
      else { throw Refused(stage: "\(error.stage), and the session has changed") }
      throw error
    }
    return [
      "content": .bytes(opened.content.encoded()), "session": .bytes(session.encoded().revealed()),
      "skipped": .bytes(session.encodedSkippedKeys().revealed()), "dropped": .number(opened.dropped),
    ]
  }
}

extension Fields {
  func bytes(_ name: String, count: Int) throws -> [UInt8] {
    let bytes = try bytes(name)
    guard bytes.count == count else { throw BadVector("\(place).\(name) has not \(count) bytes") }
    return bytes
  }

  func secret(_ name: String, count: Int) throws -> Secret { Secret(copying: try bytes(name, count: count)) }
}
