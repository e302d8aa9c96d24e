import Foundation
import Logging
import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// Starting, stopping, coming back, and what is left to find for whoever reads the disk and the log.
@Suite struct OperationTests {
  private func failure(_ configure: (inout RelayConfiguration) throws -> Void) -> Int32? {
    let folder = Folder()
    var configuration = RelayConfiguration(dataDirectory: folder.path)
    do {
      try configure(&configuration)
      _ = try Relay(configuration, logger: Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }) { _ in }
      return nil
    } catch { return (error as? StartFailure)?.exitCode }
  }

  @Test func everythingAcknowledgedSurvivesARestart() async throws {
    let folder = Folder()
    let owner = Owner(1)
    let card = Route.card(try CardID([UInt8](repeating: 3, count: 16)))
    try await withRelay(in: folder) { relay in
      try await owner.register(at: relay)
      #expect(
        try await relay.owner(owner.key, .put, card, body: [1], sequence: 1, listSequence: 1, condition: .absent).status
          == 204)
      let part = SignedPartUpload(id: 1, sealed: [1]).encoded
      #expect(try await relay.owner(owner.key, .put, .signedPart(owner.mailbox), body: part, sequence: 3).status == 204)
      for number in 1...3 {
        let route = Route.envelope(owner.mailbox, envelopeID(number))
        #expect(try await relay.sender(.put, route, owner.contact, body: envelope(number)).status == 201)
      }
    }
    try await withRelay(in: folder) { relay in
      let status = try await owner.status(at: relay)
      #expect(status.envelopes == 3 && status.signedPart == 1 && status.sequence == 3)
      #expect(try await relay.send("GET", card.path).body == [1])
      let again = Route.envelope(owner.mailbox, envelopeID(2))
      #expect(try await relay.sender(.put, again, owner.contact, body: envelope(2)).status == 201)
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      let epoch = try await stream.authenticate(owner.key, at: relay)
      #expect(try await stream.untilCaughtUp(acknowledging: epoch).map(\.bytes) == (1...3).map { envelope($0) })
    }
  }

  @Test func oneProcessAFolder() async throws {
    try await withRelay { relay in
      #expect(self.failure { $0.dataDirectory = relay.folder.path } == 75)
    }
  }

  @Test func addressInUse() async throws {
    try await withRelay { relay in
      let error = await #expect(throws: StartFailure.self) {
        _ = try await TestRelay.start { $0.listen.port = relay.authority.port }
      }
      #expect(error?.exitCode == 69 && error?.next.contains("`--listen HOST:PORT`") == true)
      // The relay does not go on without the metrics that it was told to serve.
      let metrics = await #expect(throws: StartFailure.self) {
        let other = try await TestRelay.start {
          $0.metrics = ListenAddress(host: "127.0.0.1", port: relay.authority.port)
        }
        try await other.stop()
      }
      #expect(metrics?.exitCode == 69 && metrics?.next.contains("`--metrics HOST:PORT`") == true)
    }
  }

  @Test func anImpossibleFolderIsNamed() {
    #expect(failure { $0.dataDirectory = "/proc/none" } == 73)
  }

  /// [operation.2]
  @Test func ratesChangeWhileTheRelayRuns() async throws {
    let owner = Owner(1)
    try await withRelay { relay in
      try await owner.register(at: relay)
      let part = SignedPartUpload(id: 1, sealed: [1]).encoded
      #expect(try await relay.owner(owner.key, .put, .signedPart(owner.mailbox), body: part, sequence: 3).status == 204)
      func claim() async throws -> Int {
        try await relay.sender(.post, .claim(owner.mailbox), owner.knock).status
      }
      #expect(try await claim() == 200)
      #expect(try await claim() == 200)
      var configuration = RelayConfiguration(dataDirectory: relay.folder.path)
      configuration.rates.knockClaims = try #require(TokenBucket.Rate("3/60"))
      try relay.relay?.reload(configuration)
      #expect(try await claim() == 200)
      #expect(try await claim() == 429)
    }
  }

  @Test func unusableStores() throws {
    let folder = Folder()
    try Data("not a database, but long enough to be looked at as one, by anyone who cares to".utf8)
      .write(to: URL(filePath: folder.path + "/relay.sqlite"))
    #expect(failure { $0.dataDirectory = folder.path } == 74)
  }

  /// Canary values through every route: the capability itself, the client's address, and anything of a request must be
  /// nowhere in the folder or the log. Attack 42. [relay.4] [relay.30] [relay.31]
  @Test func nothingIsKeptThatShouldNotBe() async throws {
    let folder = Folder()
    let owner = Owner(0x41)
    let stranger = Owner(0x42)
    let agent = "canary-of-the-client"
    try await withRelay(in: folder) { relay in
      try await owner.register(at: relay)
      let put = Route.envelope(owner.mailbox, envelopeID(1))
      for (capability, status) in [(owner.contact, 201), (owner.knock, 201), (stranger.contact, 403)] {
        let fields = [
          HeaderField(HeaderName.capability, capability.text), HeaderField("user-agent", agent),
          HeaderField("x-forwarded-for", agent), HeaderField("cookie", agent),
        ]
        #expect(try await relay.send("PUT", put.path, fields, body: envelope(1)).status == status)
        _ = try await relay.send("POST", Route.claim(owner.mailbox).path, fields)
      }
      _ = try await relay.send("GET", "/" + agent)
      _ = try await relay.send("PUT", put.path, [HeaderField("x", String(repeating: agent, count: 2_000))], body: [1])
      _ = try await relay.owner(stranger.key, .get, .mailbox(owner.mailbox))
      let stream = try await StreamClient.connect(to: relay, owner.mailbox)
      stream.send(try await stream.challenge().answer(authority: relay.authority, signedBy: stranger.key))
      _ = try await stream.next()
      // While it runs, so that the write-ahead log is looked at too.
      for canary in [
        owner.contact.bytes, owner.knock.bytes, stranger.contact.bytes, Array(owner.contact.text.utf8),
        Array(agent.utf8), Array("127.0.0.1".utf8), owner.key.publicKey.bytes, stranger.key.publicKey.bytes,
        stranger.mailbox.bytes, Array("sotto-".utf8),
      ] {
        #expect(!Scan.files(in: folder.path, contain: canary), "\(String(decoding: canary, as: UTF8.self))")
      }
      #expect(Scan.files(in: folder.path, contain: owner.contact.hash.bytes), "what is kept can be found")
      #expect(Scan.files(in: folder.path, contain: owner.mailbox.bytes))
      let log = relay.lines.all.joined(separator: "\n")
      #expect(log.contains("\"event\":\"started\""))
      for canary in [
        owner.mailbox.text, stranger.mailbox.text, owner.contact.text, agent, "127.0.0.1", envelopeID(1).text,
        Hex.encode(owner.key.publicKey.bytes), "v1",
      ] {
        #expect(!log.contains(canary), "\(canary)")
      }
    }
  }

  @Test func logLinesAreJSON() throws {
    let lines = TestRelay.Lines()
    let logger = Logger(label: "test") { _ in JSONLogHandler { lines.add($0) } }
    logger.notice("a \"quoted\"\nline", metadata: ["count": .stringConvertible(3), "name": "x\\y"])
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(lines.all[0].utf8)) as? [String: Any])
    #expect(object["event"] as? String == "a \"quoted\"\nline" && object["count"] as? Int == 3)
    #expect(object["name"] as? String == "x\\y" && object["level"] as? String == "notice")
  }
}
