import Foundation
import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// What other servers have choked on, in every place that takes a string: refused, never a crash, never a 500, nothing
/// stored, no file anywhere.
@Suite struct StringTests {
  static let nasty: [(String, [UInt8])] = [
    ("NUL", [0x61, 0, 0x62]), ("dots", Array("../../../../tmp/sotto-was-here".utf8)),
    ("encoded dots", Array("%2e%2e%2f%2e%2e%2fetc%2fpasswd".utf8)), ("backslashes", Array("..\\..\\x".utf8)),
    ("overlong slash", [0xc0, 0xaf]), ("overlong NUL", [0xc0, 0x80]),
    ("overlong dots", [0xe0, 0x80, 0xae, 0xf0, 0x80, 0x80, 0xae]),
    ("a surrogate", [0xed, 0xa0, 0x80]), ("no UTF-8", [0xff, 0xfe, 0xfd]), ("cut UTF-8", [0xe2, 0x82]),
    ("SQL", Array("' OR '1'='1'; DROP TABLE mailbox; --".utf8)),
    ("SQL of blobs", Array("x'00') UNION SELECT sealed FROM card--".utf8)),
    ("PRAGMA", Array("\";PRAGMA writable_schema=1;ATTACH '/tmp/sotto-was-here' AS x;--".utf8)),
    ("a format", Array("%s%n%x%@%d".utf8)), ("a shell", Array("$(touch /tmp/sotto-was-here)`id`|id;&&".utf8)),
    ("markup", Array("<script>{{7*7}}${jndi:ldap://x}".utf8)), ("a line end", Array("a\r\nset-cookie: x".utf8)),
    ("a right-to-left mark", Array("a\u{202e}b\u{feff}".utf8)), ("digits elsewhere", Array("１２３٣".utf8)),
    ("a great number", Array("18446744073709551616".utf8)), ("a negative number", Array("-1".utf8)), ("nothing", []),
    ("long", [UInt8](repeating: 0x41, count: 9_000)),
    ("Unicode that grows", Array(String(repeating: "ﷺ", count: 300).utf8)),
  ]

  @Test(arguments: nasty)
  func `A nasty string anywhere is refused, and nothing comes of it`(name: String, bytes: [UInt8]) async throws {
    let (relay, owner, before) = try await Self.shared.value
    try await onThread {
      let client = RelayClient(relay)
      let parent = URL(filePath: relay.data).deletingLastPathComponent().path
      for (place, request) in try Self.requests(with: bytes, client, owner) {
        let answer = try #require(try client.raw(request), "\(name) in \(place) hangs")
        let status = String(decoding: answer.prefix(12), as: UTF8.self)
        #expect(
          status.isEmpty || status.hasPrefix("HTTP/1.1 4"),
          "\(name) in \(place): \(String(decoding: answer, as: UTF8.self))")
        #expect(bytes.count < 3 || Data(answer).firstRange(of: Data(bytes)) == nil, "\(name) in \(place) comes back")
      }
      #expect(try client.send("GET", "/readyz").status == 200)
      #expect(try storedBytes(relay) == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: parent).sorted() == ["relay", "relay.log"])
      #expect(!FileManager.default.fileExists(atPath: "/tmp/sotto-was-here"))
      let log = try String(contentsOfFile: relay.log, encoding: .utf8)
      let expected = ["\"started\"", "\"swept\"", "\"security\""]
      #expect(log.split(separator: "\n").allSatisfy { line in expected.contains { line.contains($0) } }, "\(log)")
    }
  }

  private static let shared = Task {
    let relay = try await SharedRelay.start()
    let owner = try MailboxOwner(0x21)
    let before = try await onThread {
      try owner.register(at: RelayClient(relay))
      return try storedBytes(relay)
    }
    return (relay, owner, before)
  }

  /// A request for each place that takes a string, signed where only the owner gets as far as the string.
  private static func requests(
    with bytes: [UInt8], _ client: RelayClient, _ owner: MailboxOwner
  ) throws -> [(String, [UInt8])] {
    let (box, card) = (Route.mailbox(owner.mailbox).path, Route.card(owner.card).path)
    var all: [(String, [UInt8])] = []
    func add(
      _ place: String, _ method: String, _ path: [UInt8], _ fields: [(String, [UInt8])] = [], _ body: [UInt8] = []
    ) {
      var request = Array("\(method) ".utf8) + path + Array(" HTTP/1.1\r\n".utf8)
      let host = fields.contains { $0.0 == "host" } ? [] : [("host", Array(client.authority.text.utf8))]
      let rest = [("content-length", Array("\(body.count)".utf8)), ("connection", Array("close".utf8))]
      for (name, value) in host + fields + rest { request += Array("\(name): ".utf8) + value + [13, 10] }
      all.append((place, request + [13, 10] + body))
    }
    for prefix in [
      "/", "/v1/", "/v1/cards/", "/v1/mailboxes/", box + "/", box + "/envelopes/", box + "/prekeys/one-time/", card,
    ] {
      for method in ["GET", "PUT"] where !bytes.isEmpty || prefix != card {
        add("the path after \(prefix)", method, Array(prefix.utf8) + bytes)
      }
    }
    add("the query", "GET", Array((card + "?a=").utf8) + bytes)
    add("the method", String(decoding: bytes, as: UTF8.self), Array(card.utf8))
    // Some are names that a relay might have: there is nothing to be had under them either.
    add("the host", "GET", Array(Route.card(try CardID(owner.mailbox.bytes)).path.utf8), [("host", bytes)])
    let envelope = Array(Route.envelope(owner.mailbox, try envelopeID(1)).path.utf8)
    add("the capability", "PUT", envelope, [(HeaderName.capability, bytes)], [UInt8](repeating: 1, count: 512))
    add(
      "the capability of a claim", "POST", Array(Route.claim(owner.mailbox).path.utf8), [(HeaderName.capability, bytes)]
    )
    // One field of a genuine request at a time.
    let genuine = OwnerRequest(
      .put, .card(owner.card), at: client.authority, body: [1], sequence: 90, listSequence: 90, condition: .replaces(89)
    )
    let fields = genuine.headers(signedBy: owner.key, created: RelayClient.now)
    for broken in fields {
      let bent = fields.map { ($0.name, $0.name == broken.name ? bytes : Array($0.value.utf8)) }
      add(broken.name, "PUT", Array(card.utf8), bent, [1])
    }
    // A genuine signature over a body that is none.
    for route in [Route.capabilities(owner.mailbox), .signedPart(owner.mailbox), .batch(owner.mailbox, 90)] {
      let body = bytes.isEmpty ? [] : bytes
      let signed = OwnerRequest(.put, route, at: client.authority, body: body, sequence: 90)
        .headers(signedBy: owner.key, created: RelayClient.now)
      add("the body of \(route)", "PUT", Array(route.path.utf8), signed.map { ($0.name, Array($0.value.utf8)) }, body)
    }
    let contact = [(HeaderName.capability, Array(owner.contact.text.utf8))]
    add("the body of an envelope", "PUT", envelope, contact, bytes)
    return all
  }
}
