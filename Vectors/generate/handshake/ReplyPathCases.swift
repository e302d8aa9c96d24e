import SottoSession
import SottoWire

@Sendable func replyPath(_ recorded: Recorded) throws -> VectorFile {
  let rights = (0..<3).map { (mailbox: seq(0x10 * $0, 16), capability: seq(0x07 + 0x20 * $0, 32)) }
  func one(
    _ id: String, _ comment: String, relay: String = "relay.example", sequence: UInt64 = 1,
    _ rights: [(mailbox: [UInt8], capability: [UInt8])]
  ) throws -> Case {
    let path = ReplyPath(
      relay: RelayAuthority(relay)!, contactSecret: try ContactSecret(seq(0xa0, 16)), sequence: sequence,
      capabilities: Dictionary(
        uniqueKeysWithValues: try rights.map { (try MailboxID($0.mailbox), try Capability($0.capability)) }))
    try expectEqual(try ReplyPath(decoding: path.encoded), path, id)
    return Case(
      id, "handshake.5", comment,
      [
        "relay": .text(relay), "contact_secret": .bytes(path.contactSecret.bytes),
        "sequence": .number(Int(sequence)), "mailboxes": .list(rights.map { Hex.encode($0.mailbox) }),
        "capabilities": .list(rights.map { Hex.encode($0.capability) }),
      ], output: ["encoded": .bytes(path.encoded)])
  }
  func refused(_ id: String, _ rule: String, _ comment: String, _ encoded: [UInt8]) throws -> Case {
    try Case(id, rule, comment, ["encoded": .bytes(encoded)], refusedAt: .encoding) {
      _ = try ReplyPath(decoding: encoded)
    }
  }
  func raw(_ rights: [(mailbox: [UInt8], capability: [UInt8])], relay: String = "relay.example") -> [UInt8] {
    var writer = WireWriter()
    writer.vector(Array(relay.utf8))
    writer.fixed(seq(0xa0, 16))
    writer.u64(1)
    writer.list(rights) { $0.fixed($1.mailbox + $1.capability) }
    return writer.bytes
  }
  let many = (0..<65).map { (mailbox: seq($0, 16), capability: seq(0x07, 32)) }
  let mailbox = try Cast(recorded).responder.device.mailbox.bytes
  return VectorFile(
    construction: "handshake", operation: "reply-path", description: "Where somebody can be answered",
    cases: [
      try one(
        "example", "the example of Specs/Messages.md", [(mailbox: mailbox, capability: seq(0x07, 32))]),
      try one("none", "no mailbox", []),
      try one("three", "three mailboxes, ascending", relay: "127.0.0.1:8080", sequence: 0x01_0203_0405_0607, rights),
      try one("most", "64 mailboxes", many.dropLast()),
      try refused("order", "handshake.5", "descending", raw([rights[1], rights[0]])),
      try refused("twice", "handshake.5", "a mailbox occurs twice", raw([rights[0], rights[0]])),
      try refused(
        "twice-two-rights", "handshake.5", "a mailbox occurs twice, with two capabilities",
        raw([rights[0], (rights[0].mailbox, rights[1].capability)])),
      try refused("too-many", "encoding.4", "65 mailboxes", raw(many)),
      try refused("relay", "address.3", "the relay in another spelling", raw([rights[0]], relay: "Relay.example")),
      try refused("no-relay", "address.3", "no relay", raw([rights[0]], relay: "")),
      try refused("cut", "encoding.1", "half a right", raw([(rights[0].mailbox, seq(0x07, 31))])),
      try refused("trailing", "encoding.2", "a byte more", raw([rights[0]]) + [0]),
    ])
}

extension ReplyPath {
  var encoded: [UInt8] {
    var writer = WireWriter()
    write(to: &writer)
    return writer.bytes
  }
}
