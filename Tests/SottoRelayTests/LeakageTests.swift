import AsyncHTTPClient
import Foundation
import GRDB
import NIOCore
import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// `Specs/Leakage.md` against the program: what is not declared must not be there, and what is declared must.
@Suite struct LeakageTests {
  /// The first column of the tables in one section of the page, and the second.
  static func declared(_ section: String) throws -> [(name: String, note: String)] {
    let page = try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Specs/Leakage.md"),
      encoding: .utf8)
    let text = try #require(page.components(separatedBy: "\n## ").first { $0.hasPrefix(section) })
    return text.matches(of: /(?m)^\| `([^`]+)` \|(?: ([^|]*) \|| \|)?$/).map {
      (String($0.1), String($0.2 ?? ""))
    }
  }

  /// [leakage.1]
  @Test func storedColumnsAreDeclared() async throws {
    let folder = Folder()
    try await SQLiteStore(path: folder.path + "/store").close()
    let queue = try DatabaseQueue(path: folder.path + "/store")
    let columns = try await queue.read {
      try String.fetchAll(
        $0,
        sql: """
          SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
          WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
          """)
    }
    try queue.close()
    #expect(try Self.declared("Stored").map(\.name).sorted() == columns.sorted())
  }

  /// [leakage.2]
  @Test func logEventsAndFieldsAreDeclared() throws {
    let names = try Self.declared("Logged").map(\.name)
    let program =
      ["time", "level", "event"] + LogField.allCases.map(\.rawValue) + LogEventName.allCases.map(\.rawValue)
    #expect(names.sorted() == program.sorted())
  }

  /// [leakage.3]
  @Test func metricsAreDeclared() throws {
    let page = try Self.declared("Counted")
    #expect(page.map(\.name) == RelayMetric.allCases.map(\.rawValue))
    for (metric, row) in zip(RelayMetric.allCases, page) {
      let labels = metric.kind == .histogram ? ["le"] : metric.labels.map(\.name)
      #expect(row.note == labels.joined(separator: ", "), "\(metric)")
    }
  }

  /// [leakage.5]
  @Test func errorCodesAreDeclared() throws {
    #expect(try Self.declared("In errors").map(\.name) == Problem.allCases.map(\.rawValue))
  }

  /// A relay that lets in everybody, one that lets in who is invited, and one that lets in who signs in: each is asked a
  /// little of everything, at the highest log level. [leakage.1] [leakage.2] [leakage.3] [leakage.4] [operation.5]
  @Test(arguments: RelayConfiguration.Registration.allCases)
  func aRunningRelayEmitsWhatIsDeclaredAndNoMore(_ registration: RelayConfiguration.Registration) async throws {
    let logged = try Set(Self.declared("Logged").map(\.name))
    let counted = try Self.declared("Counted")
    let entrance = try await Entrance(registration)
    let relay = try await TestRelay.start {
      $0.metrics = ListenAddress(host: "127.0.0.1", port: 0)
      $0.rates.knockClaims = TokenBucket.Rate(burst: 1, secondsPerToken: 60)
      entrance.configure(&$0)
    }
    let owner = Owner(1)
    let purchase = try await entrance.buy(3, at: relay)
    let tokens = purchase?.tokens ?? []
    let asked = try await Self.askEverything(of: relay, owner, tokens)
    let answers = asked + (purchase?.answers ?? [])
    let headers = try await Self.headersOfAnUpgrade(by: relay).union(answers.flatMap { $0.fields.map(\.name) })
    let ofTokens: Set<String> = ["sotto-lease", "www-authenticate"]
    let declared = try Set(Self.declared("On the wire").map(\.name))
    #expect(headers == (tokens.isEmpty ? declared.subtracting(ofTokens) : declared))
    let (first, stream) = try await Self.scrape(relay, while: owner)
    stream.close()

    var seen: Set<String> = []
    for line in first.split(separator: "\n") where !line.hasPrefix("#") {
      let match = try #require(line.wholeMatch(of: /([a-z_]+)(?:\{(.*)\})? ([0-9.]+)/), "\(line)")
      let name = String(match.1).replacing(/_(bucket|sum|count)$/, with: "")
      let row = try #require(counted.first { $0.name == name }, "\(line)")
      seen.insert(name)
      for label in (match.2 ?? "").split(separator: "\",") {
        #expect(row.note.components(separatedBy: ", ").contains(String(label.prefix { $0 != "=" })), "\(line)")
      }
    }
    #expect(seen == Set(counted.map(\.name)), "every series is there from the start")
    let counts = ["issued", "spent"].map { ("sotto_relay_tokens_total{what=\"\($0)\"}", tokens.count) }
    for (series, value) in Self.expected + counts {
      #expect(first.contains("\n\(series) \(value)\n"), "\(series) is not \(value) in \(first)")
    }
    for canary in [owner.mailbox.text, envelopeID(1).text, owner.contact.text, "127.0.0.1", "canary"] {
      #expect(!first.contains(canary))
    }
    try await relay.stop()
    for line in relay.lines.all {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(Set(object.keys).isSubset(of: logged) && logged.contains(object["event"] as? String ?? ""), "\(line)")
    }
    var said = Data((first + relay.lines.all.joined()).utf8)
    for answer in answers { said += Data(answer.fields.map(\.value).joined(separator: "\n").utf8) + Data(answer.body) }
    try Self.checkWhatIsKept(in: relay.folder.path, purchase, now: relay.clock.now)
    for (place, bytes) in try Self.files(relay.folder.path) + [(name: "what it said", bytes: said)] {
      for canary in purchase?.canaries ?? [] {
        #expect(bytes.range(of: Data(canary.bytes)) == nil, "\(canary.name) in \(place)")
      }
    }
    try await entrance.close()
  }

  /// What is stored of who was let in, and the file beside it. [leakage.1]
  private static func checkWhatIsKept(in folder: String, _ purchase: Entrance.Purchase?, now: Int64) throws {
    var names = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
    names.subtract(["relay.sqlite-wal", "relay.sqlite-shm"])
    let own: Set<String> = purchase == nil ? [] : ["registration.key"]
    #expect(names == own.union(["relay.sqlite", "lock", "blobs"]))
    let queue = try DatabaseQueue(path: folder + "/relay.sqlite")
    try queue.read { db in
      let spent = try Row.fetchAll(db, sql: "SELECT token, last_day FROM spent").map { row in
        ([UInt8](row[0] as Data), row[1] as Int64)
      }
      let shown = purchase?.spent(now: now) ?? [:]
      #expect(Dictionary(uniqueKeysWithValues: spent) == shown)
      let keys = try Int64.fetchAll(db, sql: "SELECT epoch FROM token_key WHERE length(sealed) > 0")
      let leases = try Int64.fetchAll(db, sql: "SELECT lease FROM mailbox WHERE lease IS NOT NULL")
      let accounts = try Row.fetchAll(db, sql: "SELECT account, epoch, count, batch FROM issued")
      guard let purchase else {
        #expect(keys.isEmpty && leases.isEmpty && accounts.isEmpty)
        return
      }
      let epoch = RegistrationRules.epoch(now)
      #expect(keys == [epoch] && leases == [RegistrationRules.lease(now)] && accounts.count == 1)
      for row in accounts {
        let (account, batch) = ([UInt8](row[0] as Data), [UInt8](row[3] as Data))
        let (last, count) = (row[1] as Int64, row[2] as Int)
        #expect(account.count == Digest.count && last == epoch && count == purchase.tokens.count)
        #expect(batch == Digest.of("token requests", purchase.requests).bytes)
      }
    }
    try queue.close()
  }

  /// All that a relay has written.
  private static func files(_ folder: String) throws -> [(name: String, bytes: Data)] {
    try FileManager.default.subpathsOfDirectory(atPath: folder).compactMap { name in
      FileManager.default.contents(atPath: folder + "/" + name).map { (name: name, bytes: $0) }
    }
  }

  /// Their names. No client shows them.
  private static func headersOfAnUpgrade(by relay: TestRelay) async throws -> Set<String> {
    let request = """
      GET \(Route.send.path) HTTP/1.1\r
      host: \(relay.authority.text)\r
      connection: upgrade\r
      upgrade: websocket\r
      sec-websocket-version: 13\r
      sec-websocket-key: AAECAwQFBgcICQoLDA0ODw==\r
      \r

      """
    let answer = try await RawReader.open(to: relay).exchange(request, answers: 1)
    let head = answer.components(separatedBy: "\r\n\r\n")[0].components(separatedBy: "\r\n")
    #expect(head[0].hasPrefix("HTTP/1.1 101 "))
    return Set(head.dropFirst().map { $0.prefix { $0 != ":" }.lowercased() })
  }

  /// What `askEverything` must have counted.
  private static let expected = [
    (#"sotto_relay_requests_total{route="/v1/mailboxes/{mailbox}/envelopes/{envelope}",status="2xx"}"#, 2),
    (#"sotto_relay_requests_total{route="/v1/mailboxes/{mailbox}/envelopes/{envelope}",status="4xx"}"#, 1),
    (#"sotto_relay_requests_total{route="/v1/mailboxes/{mailbox}/stream",status="1xx"}"#, 1),
    (#"sotto_relay_requests_total{route="none",status="4xx"}"#, 2),
    (#"sotto_relay_envelopes_accepted_total{kind="new"}"#, 1),
    (#"sotto_relay_envelopes_accepted_total{kind="repeated"}"#, 1),
    (#"sotto_relay_envelopes_refused_total{reason="delivery-refused"}"#, 1),
    ("sotto_relay_envelopes_delivered_total", 1),
    (#"sotto_relay_envelope_bytes_total{direction="in"}"#, 512),
    (#"sotto_relay_envelope_bytes_total{direction="out"}"#, 512),
    (#"sotto_relay_claims_total{kind="one-time"}"#, 1), (#"sotto_relay_claims_total{kind="last-resort"}"#, 2),
    (#"sotto_relay_claims_total{kind="refused"}"#, 2), ("sotto_relay_streams_open", 1), ("sotto_relay_ready", 1),
    (#"sotto_relay_build_info{version="0.1.0"}"#, 1),
  ]

  /// Three tokens pay for a mailbox, a card, and the mailbox once more; none where everybody is let in.
  private static func askEverything(
    of relay: TestRelay, _ owner: borrowing Owner, _ bought: [RegistrationToken]
  ) async throws -> [Answer] {
    let tokens: [RegistrationToken?] = bought.isEmpty ? [nil, nil, nil] : bought
    try await owner.register(at: relay, token: tokens[0])
    let card = Route.card(try CardID([UInt8](repeating: 3, count: 16)))
    let mailbox = owner.mailbox
    var answers = [
      try await relay.owner(
        owner.key, .put, card, body: [1], sequence: 1, listSequence: 1, condition: .absent, token: tokens[1]),
      try await relay.send("GET", card.path), try await relay.send("PATCH", card.path),
      try await relay.owner(
        owner.key, .put, .signedPart(mailbox), body: SignedPartUpload(id: 1, sealed: [1]).encoded, sequence: 3),
      try await relay.owner(
        owner.key, .put, .batch(mailbox, 1),
        body: try OneTimeUpload([.init(index: 0, sealed: [1])]).encoded, sequence: 4),
      try await relay.owner(owner.key, .put, .mailbox(mailbox), sequence: 2),
      try await relay.owner(owner.key, .put, .mailbox(mailbox), sequence: 5, token: tokens[2]),
      try await relay.send("GET", "/canary"),
      try await relay.send("GET", "/livez", [HeaderField("x", String(repeating: "canary", count: 5_000))]),
    ]
    for capability in [owner.contact, owner.contact, try Capability([UInt8](repeating: 9, count: 32))] {
      answers.append(try await relay.sender(.post, .claim(mailbox), capability))
      answers.append(
        try await relay.sender(.put, .envelope(mailbox, envelopeID(1)), capability, body: envelope(1)))
    }
    // Strangers may claim once.
    for _ in 0..<2 { answers.append(try await relay.sender(.post, .claim(mailbox), owner.knock)) }
    answers += [
      try await relay.claimUpload(owner, blobID(1), 65_536),
      try await relay.append(owner, blobID(1), blobBytes(65_536), at: 0),
      try await relay.read(blobID(1), [HeaderField(HeaderName.range, "bytes=0-9")]),
    ]
    // One without a token, and one with a token that was spent.
    let other = Owner(2)
    for token in [nil, tokens[0]] {
      answers.append(try await relay.owner(other.key, .put, .mailbox(other.mailbox), sequence: 1, token: token))
    }
    return answers
  }

  /// The metrics while the owner's stream is open and has had what waited.
  private static func scrape(_ relay: TestRelay, while owner: borrowing Owner) async throws -> (String, StreamClient) {
    let stream = try await StreamClient.connect(to: relay, owner.mailbox)
    let epoch = try await stream.authenticate(owner.key, at: relay)
    _ = try await stream.untilCaughtUp(acknowledging: epoch)
    let line = try #require(relay.lines.all.first { $0.contains("serving metrics") })
    let port = try #require(line.firstMatch(of: /"port":(\d+)/)?.1)
    return (try await Self.get("http://127.0.0.1:\(port)/metrics"), stream)
  }

  private static func get(_ url: String) async throws -> String {
    let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(120))
    return String(buffer: try await response.body.collect(upTo: 1 << 20))
  }
}
