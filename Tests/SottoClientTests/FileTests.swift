import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Files that go with messages, as far as the engine decides: what it waits for, whom it asks, what becomes of them.
@Suite(.sealsAreWatched) struct FileTests {
  private func file(_ length: UInt64 = 5, name: String = "hello.txt") -> SealedFile {
    var entropy = SystemEntropy()
    return SealedFile(
      spool: entropy.bytes(16), key: AttachmentKey(from: &entropy), layout: AttachmentLayout(length: length)!,
      name: FileName(name)!, mediaType: MediaType("text/plain"))
  }

  @discardableResult
  private func send(_ node: Node, _ text: String, _ file: SealedFile, to name: String) throws -> StoredMessage {
    try node.step { try $0.compose(text, to: name, file: file) }
  }

  private func upload(_ node: Node, to name: String) throws -> BlobUpload? {
    let account = try account(node, name)
    return try node.step { engine in
      guard case .upload(let upload) = try engine.nextErrand(for: account, patient: false) else { return nil }
      return upload
    }
  }

  private func account(_ node: Node, _ name: String) throws -> AccountID {
    try #require(try node.step { try $0.find(name) }).account
  }

  private func newest(_ node: Node, _ name: String) throws -> StoredMessage {
    let account = try account(node, name)
    return try #require(try node.step { try $0.history(with: account, limit: 1).last })
  }

  // [attachments.8] [attachments.9]
  @Test func `A message goes when the relay has its file, and words do not wait for it`() throws {
    let (alice, bob, relay) = try acquainted()
    let sent = try send(alice, "look", file(), to: "bob")
    #expect(try alice.state(sent) == .queued)
    #expect(try alice.step { try $0.queued() } == 1)
    try alice.send("a word", to: "bob", flushing: false)
    relay.holdsBlobs = false
    try alice.flush()
    try bob.receive()
    #expect(bob.shown.last == "a word")
    let waiting = try #require(try upload(alice, to: "bob"))
    #expect(waiting.parts.map(\.length) == [.smallest])
    #expect(try alice.step { try $0.contact(sent.account)!.capabilities[waiting.mailbox] } == waiting.capability)
    relay.holdsBlobs = true
    try alice.flush()
    try bob.receive()
    #expect(bob.shown.last == "look")
    let received = try newest(bob, "alice")
    #expect(received.attachment == (try alice.step { try $0.outgoing(sent.id, sent.account) })?.attachment)
    #expect(received.attachment?.name.text == "hello.txt")
    #expect(try bob.step { try $0.search("HELLO.TXT", with: nil, limit: 9).map(\.id) } == [received.id])
    let download = try bob.step {
      try $0.beginDownload(String(Hex.encode(received.id.bytes).prefix(8)), from: "alice")
    }
    #expect(download.attachment == received.attachment)
    let again = try bob.step { try $0.beginDownload(Hex.encode(received.id.bytes), from: "alice") }
    #expect(again.spool == download.spool, "it goes on where it was cut")
    #expect(try bob.step { try $0.spooled() } == [download.spool])
    try bob.step { try $0.endDownload(received) }
    #expect(try bob.step { try $0.spooled() } == [])
    #expect(try alice.step { try $0.spooled() } == [])
  }

  // [messages.5] A file alone is a message: kept, shown, answered with receipts; its timer is its own.
  @Test func `A file without a word is a message`() throws {
    let (alice, bob, _) = try acquainted()
    let (bobs, alices) = (try account(alice, "bob"), try account(bob, "alice"))
    try alice.step { try $0.setTimer(60, with: bobs) }
    try bob.step { try $0.setTimer(0, with: alices) }
    try alice.flush()
    let sent = try send(alice, "", file(), to: "bob")
    try alice.flush()
    try bob.receive()
    #expect(bob.shown.last == "")
    let received = try newest(bob, "alice")
    #expect(received.id == sent.id && received.timer == 60 && received.deletedAt > 0)
    bob.sendsReceipts = true
    bob.now += 120
    try bob.flush()
    try alice.receive()
    #expect(try alice.state(sent) == .read)
  }

  // [attachments.14]
  @Test func `Files go to nobody but those who have answered`() throws {
    let relay = WorldRelay()
    let (alice, bob) = (try Node("alice", relay, seed: 1), try Node("bob", relay, seed: 1001))
    try alice.add(bob, as: "bob")
    func isRefused(_ recipient: String) throws -> Bool {
      do {
        try alice.step { try $0.checkMayAttach(for: recipient) }
        return false
      } catch let error as ClientError { return error.code == .badData }
    }
    #expect(try isRefused("bob"))
    #expect(try isRefused(try bob.address))
    try alice.send("hello", to: "bob")
    #expect(try isRefused("bob"), "they have still said nothing")
    try bob.receive()
    try bob.send("hello yourself", to: try alice.address)
    try alice.receive()
    #expect(try !isRefused("bob"))
    let bobs = try account(alice, "bob")
    try alice.step { try $0.block(bobs) }
    #expect(throws: ClientError.self) { try alice.step { try $0.checkMayAttach(for: "bob") } }
  }

  // [attachments.14] A39: a peer names a relay, and whoever is asked there learns where the reader is.
  @Test func `A file is asked for at no relay but our own`() throws {
    let (alice, bob, _) = try acquainted()
    var sent = try send(alice, "look", file(), to: "bob")
    let honest = try #require(sent.attachment)
    for host in ["evil.example", "127.0.0.1:8090", "[::1]:8080"] {
      sent.attachment = Attachment(
        blob: honest.blob, relay: RelayAuthority(host)!, key: honest.key, layout: honest.layout, name: honest.name,
        mediaType: nil)
      try alice.step { engine in
        try engine.records.save(sent)
        try engine.uploaded(sent.id, sent.account)
      }
      try alice.flush()
      try bob.receive()
      let received = try newest(bob, "alice")
      #expect(received.attachment?.relay.text == host)
      let refusal = #expect(throws: ClientError.self) {
        try bob.step { try $0.beginDownload(Hex.encode(received.id.bytes), from: "alice") }
      }
      #expect(refusal?.code == .refused)
      #expect(try bob.step { try $0.spooled() } == [])
      sent = try send(alice, "look", file(), to: "bob")
    }
  }

  @Test func `What takes a message away takes its file away`() throws {
    let (alice, bob, relay) = try acquainted()
    relay.holdsBlobs = false
    let first = try send(alice, "one", file(), to: "bob")
    try alice.step { try $0.uploadLost(first.id, first.account) }
    #expect(try alice.state(first) == .failed)
    #expect(try alice.step { try $0.spooled() } == [])
    let second = try send(alice, "two", file(), to: "bob")
    try alice.step { try $0.remove(second.account) }
    #expect(try alice.state(second) == .failed)
    #expect(try alice.step { try $0.spooled().isEmpty && $0.accountsToServe().isEmpty })
    _ = bob
  }

  // [state.9] Sealed bytes stay behind, so a restored message could never be sent; one that had gone out goes again.
  @Test func `A backup says of a file that was not there yet that it failed`() throws {
    let (alice, _, relay) = try acquainted()
    relay.holdsBlobs = false
    let waiting = try send(alice, "waits", file(), to: "bob")
    var failed = false
    try alice.step { engine in
      try engine.backup { piece, _ in
        let bytes = piece.revealed()
        failed = failed || bytes.contains(Array("waits".utf8))
      }
    }
    #expect(failed)
    #expect(try alice.state(waiting) == .queued, "here it goes on")
  }

  @Test func `A name that is taken is drawn anew, and a mailbox that moved is followed`() throws {
    let (alice, _, relay) = try acquainted()
    relay.holdsBlobs = false
    let sent = try send(alice, "look", file(200_000_000), to: "bob")
    let first = try #require(try upload(alice, to: "bob"))
    #expect(first.parts.map(\.length.bytes) == [134_217_728, 67_108_864])
    #expect(first.parts[0].name == sent.attachment?.blob && first.parts[1].name != first.parts[0].name)
    try alice.step { try $0.uploadConflicts(sent.id, sent.account) }
    let second = try #require(try upload(alice, to: "bob"))
    #expect(Set((first.parts + second.parts).map(\.name)).count == 4)
    #expect(second.spool == first.spool, "the bytes are the same")
    try alice.step { try $0.postponeUpload(sent.id, sent.account, retryAfter: 1234) }
    #expect(try alice.step { try $0.nextErrand(for: sent.account, patient: true) } == nil)
    #expect(try upload(alice, to: "bob") != nil, "who sends something does not wait")
    alice.now += 1300
    #expect(try alice.step { try $0.nextErrand(for: sent.account, patient: true) } != nil)
  }
}
