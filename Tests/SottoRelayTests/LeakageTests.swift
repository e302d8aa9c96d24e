import AsyncHTTPClient
import Foundation
import GRDB
import NIOCore
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

  /// A relay that is asked a little of everything, at the highest log level. [leakage.2] [leakage.3] [leakage.4]
  /// [operation.5]
  @Test func aRunningRelayEmitsWhatIsDeclaredAndNoMore() async throws {
    let headers = try Set(Self.declared("On the wire").map(\.name))
    let logged = try Set(Self.declared("Logged").map(\.name))
    let counted = try Self.declared("Counted")
    let relay = try await TestRelay.start { $0.metrics = ListenAddress(host: "127.0.0.1", port: 0) }
    let owner = Owner(1)
    let answers = try await Self.askEverything(of: relay, owner)
    for answer in answers {
      let unknown = Set(answer.fields.map(\.name)).subtracting(headers)
      #expect(unknown.isEmpty, "\(unknown)")
    }
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
    for (series, value) in Self.expected {
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
    (#"sotto_relay_claims_total{kind="one-time"}"#, 1), (#"sotto_relay_claims_total{kind="last-resort"}"#, 1),
    (#"sotto_relay_claims_total{kind="refused"}"#, 1), ("sotto_relay_streams_open", 1), ("sotto_relay_ready", 1),
    (#"sotto_relay_build_info{version="0.1.0"}"#, 1),
  ]

  private static func askEverything(of relay: TestRelay, _ owner: borrowing Owner) async throws -> [Answer] {
    try await owner.register(at: relay)
    let card = Route.card(try CardID([UInt8](repeating: 3, count: 16)))
    let mailbox = owner.mailbox
    var answers = [
      try await relay.owner(owner.key, .put, card, body: [1], sequence: 1, listSequence: 1, condition: .absent),
      try await relay.send("GET", card.path), try await relay.send("PATCH", card.path),
      try await relay.owner(
        owner.key, .put, .signedPart(mailbox), body: SignedPartUpload(id: 1, sealed: [1]).encoded, sequence: 3),
      try await relay.owner(
        owner.key, .put, .batch(mailbox, 1),
        body: try OneTimeUpload([.init(index: 0, sealed: [1])]).encoded, sequence: 4),
      try await relay.owner(owner.key, .put, .mailbox(mailbox), sequence: 2),
      try await relay.send("GET", "/canary"),
      try await relay.send("GET", "/livez", [HeaderField("x", String(repeating: "canary", count: 5_000))]),
    ]
    for capability in [owner.contact, owner.contact, try Capability([UInt8](repeating: 9, count: 32))] {
      answers.append(try await relay.sender(.post, .claim(mailbox), capability))
      answers.append(
        try await relay.sender(.put, .envelope(mailbox, envelopeID(1)), capability, body: envelope(1)))
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
    let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(20))
    return String(buffer: try await response.body.collect(upTo: 1 << 20))
  }
}
