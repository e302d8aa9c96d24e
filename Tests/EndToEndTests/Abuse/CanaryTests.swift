import Foundation
import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// The blindness contract from outside: known values go through every route of a real relay that says as much as it can,
/// and crashes in the end. Then its files, its output and its answers are searched for them.
@Suite struct CanaryTests {
  /// A value that was asked with, and whether the store may hold its bytes.
  private struct Canary {
    let name: String
    let bytes: [UInt8]
    var isStored = false

    init(_ name: String, _ bytes: [UInt8], isStored: Bool = false) {
      (self.name, self.bytes, self.isStored) = (name, bytes, isStored)
    }

    init(_ name: String, _ text: String) { self.init(name, Array(text.utf8)) }
  }

  /// Attack 42. [relay.4] [relay.30] [relay.31] [limits.1]
  @Test func `Nothing of a request is kept, said or answered but what is declared`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(
      data: folder.file("relay"),
      settings: ["limit-loopback": "true", "trusted-proxies": "127.0.0.1", "client-requests": "60/60"],
      // The most that a relay can be made to say.
      environment: ["SOTTO_RELAY_LOG_LEVEL": "trace"])
    let owner = try MailboxOwner(0xc1)
    let stranger = try MailboxOwner(0xc2)
    let canaries = Self.canaries(owner, stranger)
    let answers = try await onThread { try Self.exercise(relay, owner, stranger) }
    // While it runs, with the write-ahead log; then what a crash leaves and says; then the file alone.
    try Self.search(relay, canaries, answers)
    #expect(relay.abort() == SIGABRT)
    try Self.search(relay, canaries, answers)
    try await relay.start()
    #expect(relay.stop() == 0)
    try Self.search(relay, canaries, answers)
    #expect(Set(try FileManager.default.contentsOfDirectory(atPath: relay.data)).isSubset(of: Self.files))
    try Self.compareWithTheContract(relay, answers)
  }

  private static let files: Set = [
    "relay.sqlite", "relay.sqlite-wal", "relay.sqlite-shm", "lock", "relay.conf", "blobs",
  ]
  private static let attachment =
    [UInt8](repeating: 0, count: 65_500) + Array("canary-of-the-attachment-in-36-bytes".utf8)
  private static let blob = Array("canary-of-a-blob".utf8)
  private static let agent = "canary-of-the-client"
  private static let body = Array(String(repeating: "canary-of-the-envelope-", count: 23).utf8.prefix(512))
  private static let address4 = "203.0.113.77"
  private static let address6 = "2001:db8:c0ff:ee00:1234:5678:9abc:def0"
  private static let networkBytes: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0xc0, 0xff, 0xee, 0x00]

  private static func canaries(_ owner: MailboxOwner, _ stranger: MailboxOwner) -> [Canary] {
    var all = [
      Canary("agent", agent), Canary("IPv4", address4), Canary("IPv6", address6), Canary("IPv6 bytes", networkBytes),
      Canary("peer", "127.0.0."), Canary("envelope", body, isStored: true),
      Canary("attachment", Array(attachment.suffix(36)), isStored: true), Canary("blob", blob, isStored: true),
      Canary("blob text", Hex.encode(blob)),
      Canary("mailbox", owner.mailbox.bytes, isStored: true), Canary("mailbox text", owner.mailbox.text),
      Canary("mailbox key", owner.key.publicKey.bytes),
      Canary("mailbox key text", Hex.encode(owner.key.publicKey.bytes)),
      Canary("card", owner.card.bytes, isStored: true), Canary("card text", owner.card.text),
      Canary("stranger", stranger.mailbox.bytes), Canary("stranger text", stranger.mailbox.text),
      Canary("stranger key", stranger.key.publicKey.bytes), Canary("path", "/v1/"), Canary("signature", "sotto=:"),
    ]
    for (name, capability) in [
      ("knock", owner.knock), ("contact", owner.contact), ("retiring", owner.retiring), ("revoked", owner.revoked),
      ("foreign", stranger.contact),
    ] {
      all.append(Canary(name, capability.bytes))
      all.append(Canary(name + " text", capability.text))
      all.append(Canary(name + " hash", capability.hash.bytes, isStored: name != "foreign"))
      all.append(Canary(name + " hash text", Hex.encode(capability.hash.bytes)))
    }
    return all
  }

  /// Drives every route, rightly and wrongly; every byte that came back, what an owner asked for of his own aside.
  private static func exercise(
    _ relay: RelayProcess, _ owner: MailboxOwner, _ stranger: MailboxOwner
  ) throws -> [RelayAnswer] {
    let client = RelayClient(relay)
    // The card's key is stored, so that only its holder replaces it; let it be one that owns no mailbox.
    try owner.register(at: client, withCard: false)
    let cardKey = try SigningKey(seed: Secret(copying: [UInt8](repeating: 0xc3, count: 32)))
    var answers = [
      try client.owner(
        cardKey, .put, .card(owner.card), body: body, sequence: 1, listSequence: 1, condition: .absent)
    ]
    answers += try upload(client, owner, stranger)
    let extra = [
      HeaderField("user-agent", agent), HeaderField("cookie", agent), HeaderField("referer", agent),
      HeaderField("authorization", agent), HeaderField("forwarded", "for=\(address4)"), HeaderField("via", agent),
    ]
    for forwarded in [address4, address6, agent] {
      let fields = extra + [HeaderField("x-forwarded-for", forwarded)]
      for capability in [owner.knock, owner.contact, owner.retiring, owner.revoked, stranger.contact] {
        let shown = fields + [HeaderField(HeaderName.capability, capability.text)]
        let put = Route.envelope(owner.mailbox, try envelopeID(Int(capability.bytes[0]))).path
        answers.append(try client.send("PUT", put, shown, body: body))
        answers.append(try client.send("PUT", put, shown, body: Array(agent.utf8)))
        answers.append(try client.send("POST", Route.claim(stranger.mailbox).path, shown))
        _ = try client.send("POST", Route.claim(owner.mailbox).path, shown)
      }
      for method in ["GET", "PUT", "POST", "DELETE"] {
        for path in ["/" + agent, Route.mailbox(owner.mailbox).path, Route.stream(owner.mailbox).path, "/readyz"] {
          answers.append(try client.send(method, path, fields))
        }
      }
      let signed = OwnerRequest(.get, .mailbox(owner.mailbox), at: client.authority)
        .headers(signedBy: stranger.key, created: RelayClient.now)
      answers.append(try client.send("GET", Route.mailbox(owner.mailbox).path, fields + signed))
      // Too many of them: the limits know the client.
      for _ in 1...60 { answers.append(try client.send("GET", Route.card(stranger.card).path, fields)) }
      answers.append(
        try client.send("GET", "/readyz", fields + [HeaderField("x", String(repeating: agent, count: 900))]))
      for broken in [
        "GET /\(agent) HTTP/9\r\n", "GET / HTTP/1.1\r\n\(agent)\r\n", "GET / HTTP/1.1\r\nhost: \(agent)\0\r\n",
      ] {
        _ = try client.raw(broken + "\r\n")
      }
    }
    let refused = try RawStream(client, owner.mailbox, extra)
    try refused.authenticate(stranger.key, at: client)
    #expect(refused.closeCode() == 4001)
    let stream = try RawStream(client, owner.mailbox, extra)
    try stream.authenticate(owner.key, at: client)
    let first = Data(stream.next()?.payload ?? [])
    #expect(first.holds(body), "its owner reads what waits")
    #expect(answers.contains { $0.status == 429 } && answers.contains { $0.status == 201 })
    return answers
  }

  /// Every route of attachments, rightly and wrongly; what a reader is given aside.
  private static func upload(
    _ client: RelayClient, _ owner: MailboxOwner, _ stranger: MailboxOwner
  ) throws -> [RelayAnswer] {
    let id = try BlobID(blob)
    let (route, other) = (Route.upload(owner.mailbox, id), Route.upload(stranger.mailbox, id))
    let length = attachment.count
    let uploads = Route.uploads(owner.mailbox)
    let answers = [
      try client.upload(.put, route, stranger.contact, length), try client.upload(.put, other, owner.contact, length),
      try client.upload(.put, route, owner.contact, length),
      try client.upload(.patch, route, owner.contact, 0, body: Array(attachment[..<1_000])),
      try client.upload(.patch, route, owner.contact, 7, body: [1]),
      try client.send("GET", Route.blob(id).path),
      try client.upload(.patch, route, owner.contact, 1_000, body: Array(attachment[1_000...])),
      try client.upload(.put, route, owner.contact, 2 * length),
      try client.send("GET", Route.blob(id).path, [HeaderField("range", "bytes=99999-")]),
      try client.send("GET", Route.blob(id).path, [HeaderField("range", "bytes=0-99")]),
      try client.owner(stranger.key, .delete, uploads, sequence: 99),
      try client.owner(owner.key, .delete, .upload(owner.mailbox, try blobID(1)), sequence: 7),
    ]
    #expect(answers.map(\.status) == [403, 403, 204, 204, 409, 404, 201, 409, 416, 206, 401, 204])
    #expect(try client.send("GET", Route.blob(id).path).body == attachment)
    return answers
  }

  private static func search(_ relay: RelayProcess, _ canaries: [Canary], _ answers: [RelayAnswer]) throws {
    let log = try Data(contentsOf: URL(filePath: relay.log))
    #expect(log.holds(Array("\"started\"".utf8)), "what is written can be found")
    let stored = try storedBytes(relay).filter { $0.key != "relay.conf" }
    #expect(stored.values.contains { $0.holds(body) }, "what is stored can be found")
    let said = answers.reduce(into: Data()) { $0 += Data($1.head.utf8) + Data($1.body) }
    for canary in canaries {
      #expect(!log.holds(canary.bytes), "\(canary.name) in the output")
      for (file, content) in stored where !canary.isStored {
        #expect(!content.holds(canary.bytes), "\(canary.name) in \(file)")
      }
      #expect(!said.holds(canary.bytes), "\(canary.name) in an answer")
    }
  }

  /// What was seen against the tables of Specs/Leakage.md.
  private static func compareWithTheContract(_ relay: RelayProcess, _ answers: [RelayAnswer]) throws {
    let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../Specs/Leakage.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    func declared(_ section: String) -> Set<String> {
      let part = text.components(separatedBy: "\n## ").first { $0.hasPrefix(section) } ?? ""
      return Set(part.matches(of: /(?m)^\| `([^`]+)`/).map { String($0.1) })
    }
    let headers = declared("On the wire")
    let codes = declared("In errors")
    for answer in answers {
      for line in answer.head.split(separator: "\r\n").dropFirst() {
        let name = line.prefix { $0 != ":" }.lowercased()
        #expect(headers.contains(name), "the header \(name) is not declared")
      }
      if let problem = answer.problem { #expect(codes.contains(problem.rawValue), "\(problem) is not declared") }
    }
    let logged = declared("Logged")
    let lines = try String(contentsOfFile: relay.log, encoding: .utf8).split(separator: "\n")
    // A crash is told by the runtime, in its own words.
    let objects = lines.compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    #expect(objects.count >= 3)
    for object in objects {
      #expect(Set(object.keys).isSubset(of: logged), "\(object.keys)")
      #expect(logged.contains(object["event"] as? String ?? ""), "\(object)")
    }
  }

  /// The real client: what people write, who they are and what they call each other stays with them.
  @Test func `Neither text nor addresses nor names reach the relay`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(
      data: folder.file("relay"), environment: ["SOTTO_RELAY_LOG_LEVEL": "trace"])
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    let aliceAddress = try await alice.create(at: relay.url)
    let bobAddress = try await bob.create(at: relay.url)
    try await alice.add(bobAddress, as: "canary-contact-bob")
    try await bob.add(aliceAddress, as: "canary-contact-alice")
    let text = "canary-plaintext, from one to the other"
    try await alice.send(text, to: "canary-contact-bob")
    #expect(try await bob.receive() == [text])
    try await bob.send(text + ", and back", to: "canary-contact-alice")
    var places = try storedBytes(relay)
    #expect(relay.abort() != 0)
    places.merge(try storedBytes(relay)) { before, after in before + after }
    places["output"] = try Data(contentsOf: URL(filePath: relay.log))
    var canaries = ["canary-plaintext", "canary-contact", alice.passphrase, "sotto:"].map { Array($0.utf8) }
    for address in [aliceAddress, bobAddress] {
      // The part before the relay's name, as text and as bytes, from the start and from further in.
      let secret = String(address.dropFirst("sotto:".count).prefix { $0 != "@" })
      canaries.append(Array(secret.prefix(24).utf8))
      let bytes = try #require(Base32.decode(secret))
      canaries += stride(from: 0, through: bytes.count - 16, by: 8).map { Array(bytes[$0..<($0 + 16)]) }
    }
    for canary in canaries {
      for (place, content) in places {
        #expect(!content.holds(canary), "\(String(decoding: canary, as: UTF8.self)) in \(place)")
      }
    }
  }
}
