import Foundation
import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// Clients are told apart by their address: here by the last byte of 127.0.0.x, which a relay counts when it is told to.
@Suite struct ClientBudgetTests {
  /// [limits.1] [limits.2] [limits.3]
  @Test func `Each client has budgets of its own`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(
      data: folder.file("relay"),
      settings: [
        "limit-loopback": "true", "max-connections-per-client": "10", "client-connections": "40/90",
        "client-signed-requests": "8/450", "client-failed-signatures": "3/1200",
      ])
    try await onThread {
      let (culprit, honest) = (RelayClient(relay, from: 2), RelayClient(relay, from: 3))
      let (owner, other) = (try MailboxOwner(1), try MailboxOwner(2))
      try owner.register(at: honest)
      // Ten at a time.
      var held = try (1...10).map { _ in try culprit.connect() }
      for socket in held { #expect(try culprit.send(culprit.bytes("GET", "/livez"), on: socket).head.contains("200")) }
      let eleventh = try culprit.connect()
      eleventh.write(culprit.bytes("GET", "/livez"))
      #expect(HTTPMessage(from: eleventh) == nil)
      #expect(try honest.send("GET", "/livez").status == 200)
      held = []
      // Bad signatures: three are refused, more are too many, and each of those ends its connection.
      try waitUntil { (try? culprit.send("GET", "/livez").status) == 200 }
      let fields = OwnerRequest(.get, .mailbox(owner.mailbox), at: culprit.authority)
        .headers(signedBy: other.key, created: RelayClient.now)
      let forged = culprit.bytes("GET", Route.mailbox(owner.mailbox).path, fields)
      let socket = try culprit.connect()
      for _ in 1...3 { #expect(try RelayAnswer(culprit.send(forged, on: socket)).problem == .signatureRefused) }
      let last = try RelayAnswer(culprit.send(forged, on: socket))
      #expect(last.problem == .tooManyRequests && Int(last.field("retry-after") ?? "") ?? 0 > 0)
      #expect(socket.readToEnd().isEmpty)
      // An honest owner behind the same address is not kept out by it.
      #expect(try owner.status(at: culprit).sequence == 5)
      // Signed requests have their budget; four are spent on the forged ones, one on the status.
      for _ in 1...3 { #expect(try owner.status(at: culprit).sequence == 5) }
      #expect(try culprit.owner(owner.key, .get, .mailbox(owner.mailbox)).problem == .tooManyRequests)
      #expect(try owner.status(at: honest).sequence == 5)
      // New connections, however short: forty an hour.
      for _ in 1...40 { _ = try? culprit.send("GET", "/livez") }
      #expect((try? culprit.send("GET", "/livez")) == nil)
      #expect(try honest.send("GET", "/livez").status == 200)
    }
  }

  /// [limits.4]
  @Test func `A trusted proxy's clients are told apart, and its word is all that counts`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(
      data: folder.file("relay"),
      settings: [
        "limit-loopback": "true", "trusted-proxies": "127.0.0.9", "trusted-proxies": "127.0.0.16/30",
        "client-requests": "3/1200", "max-connections-per-client": "2", "client-connections": "20/180",
      ])
    try await onThread {
      let (proxy, stranger) = (RelayClient(relay, from: 9), RelayClient(relay, from: 10))
      let owner = try MailboxOwner(1)
      try owner.register(at: proxy)
      let path = Route.card(try CardID([UInt8](repeating: 1, count: 16))).path
      func ask(_ client: RelayClient, for address: String) throws -> Int {
        try client.send("GET", path, [HeaderField("x-forwarded-for", address)]).status
      }
      func statuses(_ client: RelayClient, _ addresses: String...) throws -> [Int] {
        try addresses.map { try ask(client, for: $0) }
      }
      // Forged on the left, another proxy on the right, and a /64 is one client.
      let first = try statuses(proxy, "198.51.100.1", "203.0.113.5, 198.51.100.1", "198.51.100.1, 127.0.0.17")
      #expect(first == [404, 404, 404])
      #expect(try ask(proxy, for: "198.51.100.1") == 429)
      #expect(try ask(proxy, for: "198.51.100.1, 198.51.100.2") == 404, "its neighbour has a budget")
      let second = try statuses(proxy, "2001:db8::1", "2001:db8::2:3", "[2001:db8::ffff]:99", "2001:db8::4")
      #expect(second == [404, 404, 404, 429])
      // A stranger who claims to be a proxy is itself, whatever it says.
      let third = try statuses(stranger, "198.51.100.7", "198.51.100.8", "198.51.100.9", "198.51.100.10")
      #expect(third == [404, 404, 404, 429])
      // The other header is nobody's word.
      let forged = [HeaderField("forwarded", "for=192.0.2.99"), HeaderField("x-forwarded-for", "198.51.100.1")]
      #expect(try proxy.send("GET", path, forged).status == 429)

      // Streams are connections of the client, not of the proxy.
      let fields = [HeaderField("x-forwarded-for", "198.51.100.3")]
      let held = try (1...2).map { _ in try RawStream(proxy, owner.mailbox, fields) }
      let handshake = [
        HeaderField("connection", "upgrade"), HeaderField("upgrade", "websocket"),
        HeaderField("sec-websocket-version", "13"), HeaderField("sec-websocket-key", "AAECAwQFBgcICQoLDA0ODw=="),
      ]
      let refused = try proxy.send("GET", Route.stream(owner.mailbox).path, handshake + fields)
      #expect(refused.problem == .tooManyRequests && refused.field("retry-after") == "1")
      _ = try RawStream(proxy, owner.mailbox, [HeaderField("x-forwarded-for", "198.51.100.4")])
      for stream in held { stream.socket.end() }
      try waitUntil { (try? RawStream(proxy, owner.mailbox, fields)) != nil }
    }
  }
}
