import Foundation
import SottoWire
import Testing

/// `Deploy/nginx.conf` before two relays: what it lets through and to which, and what it says and does not say.
@Suite(.enabled(if: FleetScript.isRunnable), .serialized) struct FrontTests {
  private struct Description: Decodable {
    struct Server: Decodable {
      let log: String
      let errors: String
    }
    let authority: String
    let port: Int
    let nginx: Server
    let url: String
    let sotto: String
  }

  private struct Fleet {
    let folder: String
    let description: Description

    /// What comes back on one TLS connection for these bytes, as they stand.
    func say(_ bytes: String) async throws -> String {
      try await run(
        URL(filePath: "/usr/bin/openssl"),
        ["s_client", "-quiet", "-connect", "127.0.0.1:\(description.port)", "-servername", "relay.test"],
        input: Data(bytes.utf8), killedAfter: 60
      ).output
    }

    /// One request that is all right.
    func ask(_ path: String, _ fields: String = "") async throws -> String {
      try await say("GET \(path) HTTP/1.1\r\nhost: \(description.authority)\r\nconnection: close\r\n\(fields)\r\n")
    }

    /// Puts an envelope into each of these mailboxes and asks for its stream; how many requests each relay got.
    func reach(_ mailboxes: [String]) async throws -> [Int] {
      let before = try await requests()
      let host = "host: \(description.authority)\r\n"
      let envelope = "/envelopes/\(String(repeating: "cd", count: 16))"
      let fields = "sotto-capability: \(String(repeating: "01", count: 32))\r\ncontent-length: 512\r\n"
      var bytes = ""
      for mailbox in mailboxes {
        let path = "/v1/mailboxes/\(mailbox)"
        bytes += "PUT \(path)\(envelope) HTTP/1.1\r\n\(host)\(fields)\r\n\(String(repeating: "a", count: 512))"
        bytes += "GET \(path)/stream HTTP/1.1\r\n\(host)\r\n"
      }
      _ = try await say(bytes + "GET /livez HTTP/1.1\r\n\(host)connection: close\r\n\r\n")
      let after = try await requests()
      return zip(after, before).map { $0 - $1 }
    }

    /// How many requests for mailboxes each relay has answered.
    private func requests() async throws -> [Int] {
      var counts: [Int] = []
      for relay in ["relay1", "relay2"] {
        let samples = try await FleetScript.run("metrics", folder, relay).split(separator: "\n")
          .filter { $0.hasPrefix("sotto_relay_requests_total{route=\"/v1/mailboxes/") }
        try #require(!samples.isEmpty, "\(relay) counts nothing")
        counts.append(samples.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +))
      }
      return counts
    }
  }

  private func withFleet(_ body: (Fleet) async throws -> Void) async throws {
    let folder = "/tmp/sotto-front-\(UInt32.random(in: 0 ... .max))"
    try await FleetScript.run(
      "up", folder, "--relays", "2", "--no-bus", "--bin", Programs.folder.path, "--while",
      "\(ProcessInfo.processInfo.processIdentifier)")
    let data = try Data(contentsOf: URL(filePath: folder + "/fleet.json"))
    do {
      try await body(Fleet(folder: folder, description: try JSONDecoder().decode(Description.self, from: data)))
    } catch {
      _ = try? await FleetScript.run("down", folder)
      throw error
    }
    try await FleetScript.run("down", folder)
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Every other relay has what one took in. [operation.19]
  @Test func `Attachments are there while the relay that took them is not`() async throws {
    try await withFleet { fleet in
      let folder = try TemporaryFolder()
      @Sendable func sotto(_ who: String, _ arguments: String...) async throws -> [[String: Any]] {
        let outcome = try await run(
          URL(filePath: fleet.description.sotto), arguments + ["--home", folder.file(who), "--json"],
          environment: ["SOTTO_PASSPHRASE": "correct horse battery staple"])
        try #require(outcome.status == 0, "\(outcome)")
        return outcome.objects
      }
      var addresses: [String] = []
      for who in ["alice", "bob"] {
        let created = try await sotto(who, "identity", "create", "--relay", fleet.description.url)
        addresses.append(try #require(created.first?["address"] as? String))
      }
      _ = try await sotto("alice", "contact", "add", addresses[1], "--name", "bob")
      _ = try await sotto("bob", "contact", "add", addresses[0], "--name", "alice")
      // Files are for whom one knows.
      _ = try await sotto("alice", "send", "bob", "one")
      _ = try await sotto("bob", "receive")
      _ = try await sotto("bob", "send", "alice", "two")
      _ = try await sotto("alice", "receive")
      // Chance has their names, and those say which relay takes them.
      for number in 0..<8 {
        let file = folder.file("file-\(number)")
        try Data("attachment \(number)".utf8).write(to: URL(filePath: file))
        _ = try await sotto("alice", "send", "bob", "--attach", file)
      }
      let received = try await sotto("bob", "receive")
      let ids = received.filter { $0["file"] != nil }.compactMap { $0["id"] as? String }
      try #require(ids.count == 8, "\(received)")
      for relay in ["relay1", "relay2"] {
        try await FleetScript.run("kill", fleet.folder, relay)
        for (number, id) in ids.enumerated() {
          let place = folder.file("from-\(relay)-\(number)")
          _ = try await sotto("bob", "download", "alice", id, "--to", place)
          #expect(try String(contentsOfFile: place, encoding: .utf8) == "attachment \(number)")
        }
        try await FleetScript.run("start", fleet.folder, relay)
        // For so long NGINX leaves alone who was away.
        try await Task.sleep(for: .seconds(4))
      }
    }
  }

  private func status(_ answer: String) -> Int? { answer.split(separator: " ").dropFirst().first.flatMap { Int($0) } }

  /// ATTACKS 35, on the way through NGINX: a request that two programs could read in two ways gets no further, and what
  /// stands behind it on the connection is not answered.
  @Test func `A request with two meanings has none`() async throws {
    try await withFleet { fleet in
      let host = "host: \(fleet.description.authority)\r\n"
      let path = "/v1/mailboxes/\(String(repeating: "ab", count: 16))/envelopes/\(String(repeating: "cd", count: 16))"
      let behind = "GET /livez HTTP/1.1\r\n\(host)\r\n"
      for fields in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: xchunked\r\n", "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n", "content-length: +5\r\n", "content-length : 5\r\n",
        "content-length: 5\r\nhost: other.example\r\n",
      ] {
        let answer = try await fleet.say("PUT \(path) HTTP/1.1\r\n\(host)\(fields)\r\n0\r\n\r\n\(behind)")
        #expect(status(answer) == 400, "\(fields): \(answer)")
        #expect(!answer.contains("200 OK"), "\(fields): \(answer)")
        #expect(Problem(document: answer) == .requestMalformed, "\(fields): \(answer)")
      }
      #expect(status(try await fleet.ask("/livez")) == 200)

      // Whoever signs in shows a line of up to 12 KiB, and a relay hears it. [token.12]
      let signIn = "authorization: Bearer \(String(repeating: "a", count: 12 * 1_024))\r\n"
      let heard = try await fleet.ask("/readyz", signIn)
      #expect(status(heard) == 200, "\(heard)")

      // Who writes to a mailbox meets its owner at one relay, and the mailboxes are divided among the relays.
      let one = try await fleet.reach(Array(repeating: String(repeating: "ab", count: 16), count: 20))
      #expect(one.sorted() == [0, 40], "\(one)")
      let many = try await fleet.reach((0..<40).map { _ in UUID().uuidString.lowercased().filter { $0 != "-" } })
      #expect(many.reduce(0, +) == 80 && many.allSatisfy { $0 > 0 }, "\(many)")

      // What a client says of itself is not believed: by the relay's rules one from elsewhere would have two requests.
      for relay in ["relay1", "relay2"] {
        let configuration = fleet.folder + "/\(relay).conf"
        let text = try String(contentsOfFile: configuration, encoding: .utf8)
        try (text + "client-requests = 2/1000\n").write(toFile: configuration, atomically: true, encoding: .utf8)
        try await FleetScript.run("reload", fleet.folder, relay)
      }
      let card = "/v1/cards/\(String(repeating: "ef", count: 16))"
      for _ in 0..<8 {
        let answer = try await fleet.ask(card, "x-forwarded-for: 192.0.2.7\r\nforwarded: for=192.0.2.7\r\n")
        #expect(status(answer) == 404, "\(answer)")
      }

      // Metrics are for the machine that they are of; and NGINX says no in the relay's words.
      let nothing = try await fleet.ask(card)
      let metrics = try await fleet.ask("/metrics")
      #expect(status(metrics) == 404 && metrics.suffix(100) == nothing.suffix(100))

      // With every relay away it says so, and in its logs is nobody.
      for relay in ["relay1", "relay2"] { try await FleetScript.run("kill", fleet.folder, relay) }
      let away = try await fleet.ask(card)
      #expect(status(away) == 503 && Problem(document: away) == .unavailable, "\(away)")
      for path in [fleet.description.nginx.log, fleet.description.nginx.errors] {
        let log = try String(contentsOfFile: path, encoding: .utf8)
        for word in ["client", "request", "127.0.0.1", "efef", "abab", "/v1/"] {
          #expect(!log.contains(word), "\(path): \(log)")
        }
      }
    }
  }
}
