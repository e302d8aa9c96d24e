import SottoCrypto
import SottoSession
import SottoWire

/// Content as it stands in the file: parts are kinds and bodies.
private struct ContentInput {
  var id = seq(0xf0, 16)
  var sentAt: UInt64 = 1_767_225_600_000
  var parts: [(kind: UInt8, body: [UInt8])]

  init(_ parts: [(kind: UInt8, body: [UInt8])]) { self.parts = parts }

  var named: Named {
    [
      "id": .bytes(id), "sent_at": .number(Int(sentAt)), "kinds": .list(parts.map { String($0.kind) }),
      "bodies": .list(parts.map { Hex.encode($0.body) }),
    ]
  }

  /// Whatever the parts are: also what no content is encoded as.
  var bytes: [UInt8] {
    var writer = WireWriter()
    writer.fixed(id)
    writer.u64(sentAt)
    writer.list(parts) { writer, part in
      writer.u8(part.kind)
      writer.vector(part.body)
    }
    return writer.bytes
  }
}

@Sendable func content(_ recorded: Recorded) throws -> VectorFile {
  let cast = try Cast(recorded)
  return VectorFile(
    construction: "messages", operation: "content", description: "What a message says",
    cases: try goodContent(cast) + badBodies(cast) + badContentBytes())
}

private func heads(_ cast: Cast) -> [UInt8] { cast.responder.card.list.head.encoded + ListHead.none.encoded }

private func replyPath(_ player: Player, _ rights: [(mailbox: [UInt8], capability: [UInt8])]? = nil) -> [UInt8] {
  var writer = WireWriter()
  writer.vector(Array(player.relay.text.utf8))
  writer.fixed(player.contactSecret.bytes)
  writer.u64(1)
  writer.list(rights ?? [(player.device.mailbox.bytes, player.capability.bytes)]) { writer, right in
    writer.fixed(right.mailbox)
    writer.fixed(right.capability)
  }
  return writer.bytes
}

private func goodContent(_ cast: Cast) throws -> [Case] {
  func encoding(_ input: ContentInput) throws -> [UInt8] {
    let parts = try input.parts.map { try ContentPart(kind: $0.kind, body: $0.body[...]) }
    let content = Content(id: try MessageID(input.id), sentAt: input.sentAt, parts: parts)
    try expectEqual(try Content(decoding: content.encoded()), content, "the content, read again")
    return content.encoded()
  }
  func written(
    _ id: String, _ rule: String, _ comment: String, _ parts: [(UInt8, [UInt8])],
    _ change: (inout ContentInput) -> Void = { _ in }
  ) throws -> Case {
    var input = ContentInput(parts.map { (kind: $0.0, body: $0.1) })
    change(&input)
    return try Case(id, rule, comment, input.named) { ["encoded": .bytes(try encoding(input))] }
  }
  let hello = (1 as UInt8, Array("Hello".utf8))
  let alice = cast.responder
  // Specs/Messages.md has these three.
  try expectEqual(
    encoding(ContentInput([hello])), hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff0000019b76daa80007010548656c6c6f"),
    "the content")
  try expectEqual(
    replyPath(alice),
    hex(
      """
      0d 72656c61792e6578616d706c65 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf 0000000000000001
      30 7f7f76de3f406b276e79246e9805bae4 0708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526
      """), "the reply path")
  try expectEqual(encoding(ContentInput([(3, heads(cast))])).suffix(83).prefix(3), [0x03, 0x40, 0x50], "the part")
  let longest = ContentInput([(200, [UInt8](repeating: 0x5a, count: 65_536))])
  let mailboxes = (1...64).map { (mailbox: [UInt8($0)] + seq(1, 15), capability: seq($0, 32)) }
  return [
    try written("example", "messages.3", "the example in Specs/Messages.md", [hello]),
    try written("heads", "messages.5", "the heads of the example's list and of none", [(3, heads(cast))]),
    try written("reply-path", "messages.5", "a reply path with one mailbox", [(2, replyPath(alice))]),
    try written("no-rights", "handshake.5", "a reply path without mailboxes", [(2, replyPath(alice, []))]),
    try written("most-rights", "handshake.5", "a reply path with 64 mailboxes", [(2, replyPath(alice, mailboxes))]),
    try written("missing", "messages.5", "two messages that are asked for again", [(4, seq(0, 32))]),
    try written("missing-none", "messages.5", "an empty list of ids", [(4, [])]),
    try written("answer", "messages.5", "an answer to a message of the reader's", [(5, [2] + seq(0, 16)), hello]),
    try written(
      "answer-own", "messages.5", "an answer to a message of the author's own", [(5, [1] + seq(0, 16)), hello]),
    try written("receipt-delivered", "messages.5", "two messages were delivered", [(6, [1] + seq(0, 32))]),
    try written("receipt-read", "messages.5", "one message was read", [(6, [2] + seq(0, 16))]),
    try written("timer", "messages.5", "a text that disappears after a minute", [(7, [0, 0, 0, 60]), hello]),
    try written("timer-off", "messages.5", "from now on messages are kept", [(7, [0, 0, 0, 0])]),
    try written("timer-longest", "messages.5", "a year", [(7, [0x01, 0xe1, 0x33, 0x80])]),
    try written("attachment", "attachments.9", "a file, and what is said of it", [hello, (8, pointer())]),
    try written(
      "attachment-alone", "attachments.9", "a file of which nothing is said", [(8, pointer(mediaType: ""))]),
    try written("link-offer", "devices.5", "an account offers itself to a new device", [(9, [1])]),
    try written("link-request", "devices.5", "a new device asks to be listed", [(9, LinkBodies(cast: cast).request())]),
    try written(
      "link-request-longest-name", "devices.5", "a name of 64 bytes",
      [(9, LinkBodies(cast: cast).request(name: [UInt8](repeating: 0x61, count: 64)))]),
    try written(
      "link-grant", "devices.5", "a device is granted its place and the history",
      [(9, LinkBodies(cast: cast).grant([(seq(0xd0, 8), "laptop"), (seq(0xe0, 8), "phone")], history: pointer()))]),
    try written(
      "link-grant-nameless", "devices.5", "no device has a name",
      [(9, LinkBodies(cast: cast).grant([], history: pointer()))]),
    try written("link-card", "devices.12", "a removed device is told the card", [(9, LinkBodies(cast: cast).card)]),
    try written(
      "copy-standing", "devices.8", "how a contact stands from now on", [(10, CopyBody(timer: 60).bytes(cast))]),
    try written(
      "copy-nameless", "devices.8", "a blocked stranger", [(10, CopyBody(name: "", standing: 2).bytes(cast))]),
    try written(
      "copy-written", "devices.8", "a message that another device has written",
      [(10, CopyBody(author: 1, content: ContentInput([hello]).bytes).bytes(cast))]),
    try written(
      "copy-received", "devices.8", "an answer with a file that another device has received",
      [
        (
          10,
          CopyBody(
            author: 2, content: ContentInput([(5, [2] + seq(0, 16)), (7, [0, 0, 0, 60]), (8, pointer())]).bytes
          ).bytes(cast)
        )
      ]),
    try written("no-parts", "messages.5", "no parts: it carries nothing but the ratchet", []),
    try written("empty-text", "messages.5", "an empty text", [(1, [])]),
    try written(
      "every-kind", "messages.5", "all kinds in one message, text twice, in an order of the author's",
      [hello, (4, seq(0, 16)), (2, replyPath(alice)), (1, Array("z\u{fc}rich \u{1f309}".utf8)), (3, heads(cast))]),
    try written("not-normalised", "encoding.5", "a letter and its accent stay two", [(1, Array("e\u{301}".utf8))]),
    try written("ignorable", "messages.4", "kinds 128 and 255, which nobody knows", [(128, [1, 2, 3]), (255, [])]),
    try written("most-parts", "messages.3", "64 parts", (0..<64).map { _ in (1, []) }),
    try written("time-zero", "messages.3", "a clock that says 1970", [hello]) { $0.sentAt = 0 },
    try written("time-far", "messages.3", "a clock that says 2^53 - 1", [hello]) { $0.sentAt = 1 << 53 - 1 },
    try Case("longest-body", "encoding.4", "a body of 65,536 bytes, read", ["encoded": .bytes(longest.bytes)]) {
      try expectEqual(try Content(decoding: longest.bytes).encoded(), longest.bytes, "the content, written again")
      return longest.named
    },
  ]
}

/// Content whose one part is not what its kind promises.
private func badBodies(_ cast: Cast) throws -> [Case] {
  let alice = cast.responder
  func refused(
    _ id: String, _ comment: String, _ kind: UInt8, _ body: [UInt8], _ rule: String = "messages.4"
  ) throws -> Case {
    let bytes = ContentInput([(kind, body)]).bytes
    return try Case(id, rule, comment, ["encoded": .bytes(bytes)], refusedAt: .content) {
      _ = try Content(decoding: bytes)
    }
  }
  let links = LinkBodies(cast: cast)
  let hello = ContentInput([(1, Array("Hello".utf8))]).bytes
  let (one, two) = ((mailbox: seq(1, 16), capability: seq(3, 32)), (mailbox: seq(2, 16), capability: seq(4, 32)))
  let path = replyPath(alice)
  let relay = Array(alice.relay.text.utf8)
  func otherRelay(_ text: String) -> [UInt8] {
    lengthPrefix(text.utf8.count) + Array(text.utf8) + path[(1 + relay.count)...]
  }
  return [
    try refused("kind-0", "kind 0", 0, []),
    try refused("kind-126", "kind 126, which this version does not know", 126, []),
    try refused("kind-127", "kind 127, the last that must be known", 127, seq(0, 10)),
    try refused("text-latin-1", "a letter in Latin-1", 1, [0x7a, 0xfc, 0x72]),
    try refused("text-overlong", "an overlong form", 1, [0xc0, 0xaf]),
    try refused("text-surrogate", "a surrogate", 1, [0xed, 0xa0, 0x80]),
    try refused("text-too-high", "U+110000", 1, [0xf4, 0x90, 0x80, 0x80]),
    try refused("text-cut", "a character that is not complete", 1, [0x61, 0xe2, 0x82]),
    try refused("heads-cut", "79 bytes", 3, heads(cast).dropLast()),
    try refused("heads-trailing", "81 bytes", 3, heads(cast) + [0]),
    try refused("heads-one", "one head", 3, alice.card.list.head.encoded),
    try refused("missing-cut", "15 bytes", 4, seq(0, 15)),
    try refused("missing-trailing", "17 bytes", 4, seq(0, 17)),
    try refused("answer-cut", "an id of 15 bytes", 5, [1] + seq(0, 15)),
    try refused("answer-trailing", "a byte after the id", 5, [1] + seq(0, 17)),
    try refused("answer-side-0", "a side that there is not", 5, [0] + seq(0, 16)),
    try refused("answer-side-3", "a side that there is not", 5, [3] + seq(0, 16)),
    try refused("receipt-none", "no message", 6, [1]),
    try refused("receipt-0", "a receipt that there is not", 6, [0] + seq(0, 16)),
    try refused("receipt-3", "a receipt that there is not", 6, [3] + seq(0, 16)),
    try refused("receipt-cut", "an id of 15 bytes", 6, [2] + seq(0, 31)),
    try refused("timer-cut", "three bytes", 7, [0, 0, 60]),
    try refused("timer-trailing", "five bytes", 7, [0, 0, 0, 60, 0]),
    try refused("timer-too-long", "a year and a second", 7, [0x01, 0xe1, 0x33, 0x81]),
    try refused("attachment-cut", "a byte less", 8, pointer().dropLast(), "attachments.10"),
    try refused("attachment-trailing", "a byte more", 8, pointer() + [0], "attachments.10"),
    try refused("attachment-name", "a name with a folder", 8, pointer(name: "a/b"), "attachments.11"),
    try refused("attachment-type", "a type with a capital", 8, pointer(mediaType: "Text/plain"), "attachments.12"),
    try refused("attachment-long", "4 GiB and a byte", 8, pointer(length: 1 << 32 + 1), "attachments.1"),
    try refused("link-empty", "no step", 9, [], "devices.5"),
    try refused("link-step-0", "a step that there is not", 9, [0], "devices.5"),
    try refused("link-step-5", "a step that there is not", 9, [5], "devices.5"),
    try refused("link-offer-trailing", "a byte more", 9, [1, 0], "devices.5"),
    try refused("link-request-cut", "a byte less", 9, links.request().dropLast(), "devices.5"),
    try refused("link-request-trailing", "a byte more", 9, links.request() + [0], "devices.5"),
    try refused(
      "link-request-index", "another relay than the one that is named", 9, links.request(index: 1), "devices.5"),
    try refused("link-request-relay", "an upper-case letter", 9, links.request(relay: "Relay.example"), "devices.5"),
    try refused("link-request-nameless", "no name", 9, links.request(name: []), "devices.5"),
    try refused(
      "link-request-long-name", "a name of 65 bytes", 9, links.request(name: [UInt8](repeating: 0x61, count: 65)),
      "devices.5"),
    try refused("link-request-newline", "a control", 9, links.request(name: [0x61, 0x0a]), "devices.5"),
    try refused("link-request-latin-1", "a letter in Latin-1", 9, links.request(name: [0xfc]), "devices.5"),
    try refused(
      "link-grant-descending", "devices in descending order", 9,
      links.grant([(seq(2, 8), "b"), (seq(1, 8), "a")], history: pointer()), "devices.5"),
    try refused(
      "link-grant-twice", "two names for one device", 9,
      links.grant([(seq(1, 8), "a"), (seq(1, 8), "b")], history: pointer()), "devices.5"),
    try refused("link-grant-without-history", "no history", 9, links.grant([], history: []), "devices.5"),
    try refused("link-grant-trailing", "a byte more", 9, links.grant([], history: pointer() + [0]), "devices.5"),
    try refused("link-card-cut", "a byte less", 9, links.card.dropLast(), "devices.5"),
    try refused("link-card-trailing", "a byte more", 9, links.card + [0], "devices.5"),
    try refused("copy-cut", "a byte less", 10, CopyBody().bytes(cast).dropLast(), "devices.8"),
    try refused("copy-trailing", "a byte more, and no message", 10, CopyBody().bytes(cast) + [0], "devices.8"),
    try refused("copy-standing-3", "a standing that there is not", 10, CopyBody(standing: 3).bytes(cast), "devices.8"),
    try refused(
      "copy-timer", "a year and a second", 10, CopyBody(timer: 365 * 86_400 + 1).bytes(cast), "devices.8"),
    try refused("copy-name", "a control", 10, CopyBody(name: "a\u{85}").bytes(cast), "devices.8"),
    try refused(
      "copy-author-3", "an author that there is not", 10, CopyBody(author: 3, content: hello).bytes(cast), "devices.8"),
    try refused("copy-without-content", "an author, and no content", 10, CopyBody(author: 1).bytes(cast), "devices.8"),
    try refused(
      "copy-no-message", "content that is no message", 10,
      CopyBody(author: 1, content: ContentInput([(7, [0, 0, 0, 60])]).bytes).bytes(cast), "devices.8"),
    try refused(
      "copy-of-a-copy", "copies do not nest", 10,
      CopyBody(author: 1, content: ContentInput([(1, [0x61]), (10, CopyBody().bytes(cast))]).bytes).bytes(cast),
      "devices.8"),
    try refused(
      "copy-with-a-path", "a reply path in what was copied", 10,
      CopyBody(author: 2, content: ContentInput([(1, [0x61]), (2, path)]).bytes).bytes(cast), "devices.8"),
    try refused("reply-path-cut", "a byte less", 2, path.dropLast()),
    try refused("reply-path-trailing", "a byte more", 2, path + [0]),
    try refused("reply-path-empty", "no bytes", 2, []),
    try refused("reply-path-relay", "an upper-case letter in the relay", 2, otherRelay("Relay.example")),
    try refused("reply-path-default-port", "443 is the port of https", 2, otherRelay("relay.example:443")),
    try refused(
      "reply-path-descending", "mailboxes in descending order", 2, replyPath(alice, [two, one]), "handshake.5"),
    try refused(
      "reply-path-mailbox-twice", "one mailbox twice, with two capabilities", 2,
      replyPath(alice, [one, (one.mailbox, two.capability)]), "handshake.5"),
    try refused(
      "reply-path-sixty-five", "65 mailboxes", 2,
      replyPath(alice, (1...65).map { (mailbox: [UInt8($0)] + seq(1, 15), capability: seq($0, 32)) }), "handshake.5"),
  ]
}

/// Bytes that no content is encoded as.
private func badContentBytes() throws -> [Case] {
  func refused(_ id: String, _ comment: String, _ bytes: [UInt8], _ rule: String = "messages.4") throws -> Case {
    try Case(id, rule, comment, ["encoded": .bytes(bytes)], refusedAt: .content) { _ = try Content(decoding: bytes) }
  }
  let hello = ContentInput([(1, Array("Hello".utf8))]).bytes
  let head = Array(hello[..<24])
  return [
    try refused("empty", "no bytes", [], "encoding.1"),
    try refused("cut", "a byte less", hello.dropLast(), "encoding.1"),
    try refused("trailing", "a byte after the parts", hello + [0]),
    try refused(
      "part-across-the-end", "the text ends after the parts", head + [6, 1, 5] + Array("Hello".utf8), "encoding.1"),
    try refused("longer-length", "the length of the parts in two bytes", head + [0x40] + hello[24...], "encoding.3"),
    try refused(
      "longer-body-length", "the length of a body in two bytes", head + [8, 1, 0x40, 5] + Array("Hello".utf8),
      "encoding.3"),
    try refused("sixty-five-parts", "65 parts", ContentInput((0..<65).map { _ in (1, []) }).bytes, "encoding.4"),
    try refused(
      "long-body", "a body of 65,537 bytes", ContentInput([(200, [UInt8](repeating: 0x5a, count: 65_537))]).bytes,
      "encoding.4"),
  ]
}

/// What a message says of a file.
private func pointer(length: UInt64 = 5, name: String = "hello.txt", mediaType: String = "text/plain") -> [UInt8] {
  var writer = WireWriter()
  writer.fixed(seq(0x00, 16))
  writer.vector(Array("relay.example".utf8))
  writer.fixed(seq(0x20, 32))
  writer.u64(length)
  writer.vector(Array(name.utf8))
  writer.vector(Array(mediaType.utf8))
  return writer.bytes
}
