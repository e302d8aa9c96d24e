import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

@Suite(.sealsAreWatched) struct ContentTests {
  private func content(_ parts: [ContentPart]) throws -> Content {
    Content(id: try MessageID([UInt8](0..<16)), sentAt: 1, parts: parts)
  }

  // [messages.3] [handshake.5] [list.5] [messages.5]
  @Test func everyPartRoundTrips() throws {
    let alice = try Person(seed: 1, now: day)
    let whole = try content([
      .text("héllo"), .replyPath(try alice.replyPath()), .heads(own: alice.card.list.head, yours: alice.card.list.head),
      .missing([try MessageID([UInt8](repeating: 9, count: 16))]), .ignorable(kind: 200, body: [1, 2]),
      .answer(MessageReference(.reader, try MessageID([UInt8](repeating: 8, count: 16)))), .timer(3600),
      .receipt(.read, [try MessageID([UInt8](repeating: 7, count: 16))]),
    ])
    #expect(try Content(decoding: whole.encoded()) == whole)
    #expect(whole.text == "héllo")
    #expect(try content([]).text == nil)
  }

  // [handshake.5] Mailboxes ascend: in another order, or twice, they are another text of the same path.
  @Test func aReplyPathHasOneSpelling() throws {
    let alice = try Person(seed: 1, now: day, depth: 0)
    let capability = try Capability([UInt8](repeating: 7, count: Capability.count))
    let mailboxes = try [1, 2].map { try MailboxID([UInt8](repeating: $0, count: MailboxID.count)) }
    let path = ReplyPath(
      relay: alice.address.relay, contactSecret: alice.contactSecret, sequence: 1,
      capabilities: [mailboxes[0]: capability, mailboxes[1]: capability])
    var writer = WireWriter()
    path.write(to: &writer)
    let bytes = writer.bytes
    #expect(try ReplyPath(decoding: bytes) == path)
    let entry = MailboxID.count + Capability.count
    let (front, first, second) = (bytes.dropLast(2 * entry), bytes.suffix(2 * entry).prefix(entry), bytes.suffix(entry))
    #expect(stage { try ReplyPath(decoding: Array(front + second + first)) } == .encoding)
    #expect(stage { try ReplyPath(decoding: Array(front + first + first)) } == .encoding)
  }

  // [messages.4] [messages.5]
  @Test func unknownPartsAreIgnoredOnlyFrom128() throws {
    func bytes(kind: UInt8, body: [UInt8] = []) -> [UInt8] {
      [UInt8](repeating: 0, count: 24) + [UInt8(2 + body.count), kind, UInt8(body.count)] + body
    }
    for kind in [0, 11, 127] as [UInt8] { #expect(stage { try Content(decoding: bytes(kind: kind)) } == .content) }
    for kind in [128, 255] as [UInt8] {
      #expect(try Content(decoding: bytes(kind: kind, body: [7])).parts == [.ignorable(kind: kind, body: [7])])
    }
    #expect(stage { try Content(decoding: bytes(kind: 1, body: [0xff])) } == .content)
    #expect(stage { try Content(decoding: bytes(kind: 4, body: [1])) } == .content)
    #expect(stage { try Content(decoding: bytes(kind: 1) + [0]) } == .content)
    #expect(stage { try Content(decoding: []) } == .content)
  }

  // [messages.1] [messages.2]
  @Test func paddingHasOneForm() throws {
    #expect(Padding.pad([1, 0x80], to: 5) == [1, 0x80, 0x80, 0, 0])
    #expect(try Padding.unpad([1, 0x80, 0x80, 0, 0]) == [1, 0x80])
    #expect(try Padding.unpad([0x80]) == [])
    for bad in [[], [0], [1], [0x80, 1], [0x80, 0, 1, 0], [0x81, 0]] as [[UInt8]] {
      #expect(stage { try Padding.unpad(bad) } == .padding)
    }
  }

  // [envelope.1] [envelope.2] [envelope.3] [sessions.2]
  @Test func everySizeIsAClass() throws {
    let pair = try Pair()
    // 383 bytes fit the smallest envelope: a text of n bytes makes 16 + 8 + 2 + 1 + 2 + n and a marker.
    for (text, size) in [(0, 512), (353, 512), (354, 1024), (865, 1024), (866, 2048), (65000, 65536)] {
      let sealed = pair.sealAtAlice(String(repeating: "x", count: text))
      #expect(sealed.count == size, "\(text)")
      #expect(try pair.openAtBob(sealed).content.text?.utf8.count == text)
    }
    let before = pair.fromAlice.session.encoded().revealed()
    let content = pair.alice.text(String(repeating: "x", count: 70_000), at: day)
    #expect(pair.fromAlice.session.seal(content, from: &pair.alice.entropy) == nil)
    #expect(pair.fromAlice.session.encoded().revealed() == before)
    #expect(stage { try Envelope(decoding: [UInt8](repeating: 1, count: 513)) } == .encoding)
    #expect(stage { try Envelope(decoding: [UInt8](repeating: 0, count: 512)) } == .encoding)
    #expect(stage { try Envelope(decoding: [UInt8](repeating: 3, count: 512)) } == .encoding)
    #expect(stage { try Envelope(decoding: []) } == .encoding)
  }
}
