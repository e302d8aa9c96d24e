import SottoCrypto
import SottoSession

@Sendable func messageKey(_ recorded: Recorded) throws -> VectorFile {
  let talk = try Talk(recorded)
  let example = try CraftedMessage(of: talk.initiator, Talk.hello).with { $0.nonce = seq(0x40, 24) }
  let key = example.messageKey
  let message = example.message

  func context(_ message: RatchetMessage, sid: [UInt8]? = nil, key other: [UInt8]? = nil) -> Named {
    ["message_key": .bytes(other ?? key), "sid": .bytes(sid ?? example.sid), "header": .bytes(message.header)]
  }
  func sealed(_ message: RatchetMessage) -> Named {
    ["commitment": .bytes(message.commitment), "sealed": .bytes(message.sealed)]
  }
  func seals(_ id: String, _ comment: String, _ padded: [UInt8]) throws -> Case {
    let result = MessageKey(Secret(copying: key)).seal(padded, sid: try Digest(example.sid), header: message.header)
    return Case(id, "ratchet.3", comment, context(result) + ["padded": .bytes(padded)], output: sealed(result))
  }
  func refused(
    _ id: String, _ comment: String, _ message: RatchetMessage, sid: [UInt8]? = nil, key other: [UInt8]? = nil,
    at stage: RefusalStage
  ) throws -> Case {
    let bytes = other ?? key
    let sessionID = try Digest(sid ?? example.sid)
    return try Case(
      id, "ratchet.4", comment, context(message, sid: sid, key: other) + sealed(message), refusedAt: stage
    ) { _ = try MessageKey(Secret(copying: bytes)).open(message, sid: sessionID) }
  }
  func bent(header: Int? = nil, commitment: Int? = nil, sealed: Int? = nil) -> RatchetMessage {
    RatchetMessage(
      header: header.map(message.header.flipped) ?? message.header,
      commitment: commitment.map(message.commitment.flipped) ?? message.commitment,
      sealed: sealed.map(message.sealed.flipped) ?? message.sealed)
  }
  return VectorFile(
    construction: "ratchet", operation: "message-key", description: "One message under its message key",
    cases: [
      try seals("example", "the example of Specs/Ratchet.md", example.padded),
      try seals("one-byte", "the marker alone", [0x80]),
      Case(
        "example-opened", "ratchet.4", "the example, opened", context(message) + sealed(message),
        output: ["padded": .bytes(example.padded)]),
      try refused("commitment", "one bit of the commitment", bent(commitment: 31), at: .commitment),
      try refused("header", "one bit of the header: the commitment binds it", bent(header: 0), at: .commitment),
      try refused(
        "other-session", "the sid of another session", message, sid: seq(0x01, 32), at: .commitment),
      try refused("other-key", "the message key of another message", message, key: seq(0x01, 32), at: .commitment),
      try refused("ciphertext", "one bit of the ciphertext", bent(sealed: 0), at: .message),
      try refused(
        "tag", "one bit of the tag", bent(sealed: message.sealed.count - 1), at: .message),
      try refused(
        "cut", "the last byte is missing",
        RatchetMessage(
          header: message.header, commitment: message.commitment, sealed: Array(message.sealed.dropLast())),
        at: .message),
    ])
}
