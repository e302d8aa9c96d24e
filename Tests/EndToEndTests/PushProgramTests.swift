import Foundation
import Testing

/// The real gateway between a real relay, a real RabbitMQ and a device that waits on this machine. [push.6] [operation.16]
@Suite(.enabled(if: FleetScript.isRunnable), .serialized) struct PushProgramTests {
  private struct Description: Decodable {
    struct Relay: Decodable {
      let log: String
    }
    struct Gateway: Decodable {
      let log: String
      let metrics: String
      let gateway: String
      let endpoint: String
    }
    let url: String
    let sotto: String
    let relays: [Relay]
    let push: Gateway
  }

  private struct Fleet {
    let folder: String
    let description: Description
    /// Of the people, which the search for what leaked leaves out.
    let homes: TemporaryFolder

    func sotto(_ who: String, _ arguments: [String], killedAfter limit: TimeInterval = 300) async throws -> Outcome {
      try await run(
        URL(filePath: description.sotto), arguments + ["--home", homes.file(who), "--json"],
        environment: ["SOTTO_PASSPHRASE": "correct horse battery staple"], killedAfter: limit)
    }

    /// What a command says that has to go well.
    func must(_ who: String, _ arguments: String...) async throws -> [String: Any] {
      let outcome = try await sotto(who, arguments)
      try #require(outcome.status == 0, "\(outcome)")
      return outcome.objects.first ?? [:]
    }

    func create(_ who: String, at relay: String) async throws -> String {
      try #require(try await must(who, "identity", "create", "--relay", relay)["address"] as? String)
    }

    /// How many pushes of a kind ended so, as the gateway that runs counts.
    func pushes(_ result: String) async throws -> Int {
      let text = try await run(URL(filePath: "/usr/bin/curl"), ["-sS", description.push.metrics]).output
      let name = "sotto_push_pushes_total{provider=\"web-push\",result=\"\(result)\"} "
      let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name) }, "\(text)")
      return try #require(Int(line.dropFirst(name.count)))
    }

    /// How many woke somebody, once as many did as there should be: a push is counted when its answer has come.
    func woken(of count: Int) async throws -> Int {
      for _ in 0..<600 {
        if try await pushes("woken") >= count { break }
        try await Task.sleep(for: .milliseconds(100))
      }
      return try await pushes("woken")
    }
  }

  private func withFleet(_ body: (Fleet) async throws -> Void) async throws {
    let folder = "/tmp/sotto-push-\(UInt32.random(in: 0 ... .max))"
    try await FleetScript.run(
      "up", folder, "--relays", "2", "--push", "--bin", Programs.folder.path, "--while",
      "\(ProcessInfo.processInfo.processIdentifier)")
    let data = try Data(contentsOf: URL(filePath: folder + "/fleet.json"))
    do {
      let description = try JSONDecoder().decode(Description.self, from: data)
      try await body(Fleet(folder: folder, description: description, homes: try TemporaryFolder()))
    } catch {
      _ = try? await FleetScript.run("down", folder)
      throw error
    }
    try await FleetScript.run("down", folder)
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Bob waits for a push, and what Alice writes meanwhile wakes him. `body` is what happens while he waits.
  private func isWoken(_ fleet: Fleet, _ text: String, _ body: () async throws -> Void) async throws {
    async let woken = fleet.sotto("bob", ["receive", "--wait-push"])
    try await Socket.untilHeard(on: try #require(URL(string: fleet.description.push.endpoint)?.port))
    try await body()
    let outcome = try await woken
    #expect(outcome.status == 0 && outcome.stderr.contains("Woken."), "\(outcome)")
    #expect(outcome.objects.compactMap { $0["text"] as? String } == [text], "\(outcome)")
  }

  @Test func `A device that does not listen is woken once, whatever dies on the way`() async throws {
    // Once a day.
    try await awayFromMidnight()
    try await withFleet { fleet in
      let url = fleet.description.url
      let alice = try await fleet.create("alice", at: url)
      let bob = try await fleet.create("bob", at: url)
      _ = try await fleet.must("alice", "contact", "add", bob, "--name", "bob")
      _ = try await fleet.must("bob", "contact", "add", alice, "--name", "alice")
      let canary = "canary-\(UInt64.random(in: 0 ... .max))"
      let enabled = try await fleet.must(
        "bob", "device", "push", "enable", "--web-push", fleet.description.push.endpoint + canary, "--gateway",
        fleet.description.push.gateway)
      #expect(enabled["state"] as? String == "published" && enabled["enabled"] as? Bool == true)

      try await isWoken(fleet, "one") { _ = try await fleet.must("alice", "send", "bob", "one") }
      #expect(try await fleet.woken(of: 1) == 1)

      // The job waits in the queue for the next gateway.
      try await FleetScript.run("kill", fleet.folder, "push")
      try await isWoken(fleet, "two") {
        _ = try await fleet.must("alice", "send", "bob", "two")
        try await Task.sleep(for: .seconds(6))
        try await FleetScript.run("start", fleet.folder, "push")
      }
      #expect(try await fleet.woken(of: 1) == 1)

      // It waits in the database for the broker.
      try await FleetScript.run("kill", fleet.folder, "rabbitmq")
      try await isWoken(fleet, "three") {
        _ = try await fleet.must("alice", "send", "bob", "three")
        try await FleetScript.run("start", fleet.folder, "rabbitmq")
      }
      #expect(try await fleet.woken(of: 2) == 2)

      let disabled = try await fleet.must("bob", "device", "push", "disable")
      #expect(disabled["state"] as? String == "published" && disabled["enabled"] as? Bool == false)
      _ = try await fleet.must("alice", "send", "bob", "four")
      try await Task.sleep(for: .seconds(8))
      let late = try await fleet.sotto("bob", ["receive", "--wait-push"])
      #expect(late.status == 64, "\(late)")
      #expect(try await fleet.must("bob", "receive")["text"] as? String == "four")
      for result in ["later", "refused", "gone", "unauthorized"] { #expect(try await fleet.pushes(result) == 0) }
      #expect(try await fleet.woken(of: 2) == 2)

      // [leakage.7] [leakage.8] Nobody but the gateway has read where Bob is woken: not on any disk, nor in any log.
      let found = try await run(URL(filePath: "/bin/grep"), ["-rlaF", canary, fleet.folder])
      #expect(found.output.isEmpty, "\(found)")
      let log = try String(contentsOfFile: fleet.description.push.log, encoding: .utf8)
      let events = Set(log.split(separator: "\n").compactMap { $0.firstMatch(of: /"event":"([^"]*)"/)?.1 })
      #expect(events.isSubset(of: ["started", "serving metrics", "bus connected", "bus lost", "draining", "stopped"]))
    }
  }

  /// A relay without push says so, and nothing is left behind that would be tried again for ever.
  @Test func `A relay that wakes nobody says so`() async throws {
    let pair = try await Pair()
    let key = String(repeating: "09", count: 32)
    let refused = try await pair.bob.sotto(
      "device", "push", "enable", "--fcm", "a:b", "--gateway", key)
    expectError(refused, 77, "refused")
    #expect(try await pair.bob.sotto("doctor").status == 0)
    let again = try await pair.bob.sotto("device", "push", "disable")
    #expect(again.status == 0 && again.objects.first?["state"] as? String == "published")
    try await pair.alice.send("hello", to: "bob")
    #expect(try await pair.bob.receive() == ["hello"])
  }

  @Test func `What nobody can be woken by changes nothing`() async throws {
    let pair = try await Pair()
    let key = String(repeating: "09", count: 32)
    for arguments in [
      ["--fcm", "a/b"], ["--apns", "xyz"], ["--web-push", "ftp://a/"], ["--fcm", "a", "--apns", "01"], [],
      ["--fcm", "a", "--sandbox"], ["--fcm", "a", "--p256dh", "BA", "--auth", "AA"],
      ["--web-push", "https://push.example/a", "--p256dh", "BA"],
      ["--web-push", "https://push.example/a", "--p256dh", "BA", "--auth", "AA"],
    ] {
      let outcome = try await run(
        Programs.path("sotto"),
        ["device", "push", "enable"] + arguments + ["--gateway", key, "--home", pair.bob.home, "--json"],
        environment: ["SOTTO_PASSPHRASE": pair.bob.passphrase])
      expectError(outcome, 64, "usage")
    }
    for key in ["", "09", String(repeating: "00", count: 32), String(repeating: "zz", count: 32)] {
      let outcome = try await pair.bob.sotto("device", "push", "enable", "--fcm", "a", "--gateway", key)
      expectError(outcome, 64, "usage")
    }
    expectError(try await pair.bob.sotto("receive", "--wait-push"), 64, "usage")
    expectError(try await pair.bob.sotto("receive", "--wait-push", "--follow"), 64, "usage")
  }

  @Test func `The gateway's program says what is missing`() async throws {
    let folder = try TemporaryFolder()
    let push = Programs.path("sotto-push")
    let nothing = try await run(push, ["serve"])
    #expect(nothing.status == 78 && nothing.stderr.contains("The setting key is not set."), "\(nothing)")
    #expect(try await run(push, ["nonsense"]).status == 64)
    #expect(try await run(push, ["--version"]).output == "0.1.0\n")
    let keys = try await run(push, ["key", "--out", folder.file("keys"), "--json"])
    let made = try #require(keys.objects.first as? [String: String], "\(keys)")
    #expect(keys.status == 0 && made["gateway"]?.count == 64 && made["web_push"]?.count == 87)
    let shown = try await run(push, ["key", "--out", folder.file("keys")])
    #expect(shown.output.contains(made["gateway"]!) && shown.output.contains(made["web_push"]!), "\(shown)")
    let example = try await run(push, ["config", "example"])
    try example.output.write(toFile: folder.file("push.conf"), atomically: true, encoding: .utf8)
    #expect(try await run(push, ["config", "print", "--config", folder.file("push.conf")]).status == 0)
    let good = [
      "--key", made["key_file"]!, "--bus", "amqp://a@127.0.0.1:1/", "--bus-password", folder.file("word"),
      "--web-push-key", made["web_push_key_file"]!, "--web-push-contact", "mailto:a@example.org",
    ]
    let checked = try await run(push, ["config", "check", "--json"] + good)
    #expect(checked.status == 0 && checked.output == "{\"valid\":true}\n", "\(checked)")
    // Without the file there is no password, whatever the broker says.
    let without = try await run(push, ["serve"] + good)
    #expect(without.status == 78 && without.stderr.contains("bus.password"), "\(without)")
    let reachable = try await run(push, ["config", "check"] + good + ["--metrics", "0.0.0.0:9"])
    #expect(reachable.status == 78, "\(reachable)")
    try "a password\n".write(toFile: folder.file("word"), atomically: true, encoding: .utf8)
    let listener = try Socket.listening()
    let taken = try await run(push, ["serve"] + good + ["--metrics", "127.0.0.1:\(listener.port)"])
    #expect(taken.status == 69 && taken.stderr.contains("`--metrics HOST:PORT`"), "\(taken)")
    listener.end()
  }
}
