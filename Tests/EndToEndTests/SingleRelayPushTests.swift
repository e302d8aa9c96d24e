import Foundation
import SottoClient
import SottoCrypto
import Synchronization
import Testing

/// The real gateway beside one real relay: no database server, no message server. [push.10] [operation.16]
@Suite struct SingleRelayPushTests {
  /// `sotto-push serve`, with metrics at a port of its own.
  private final class GatewayProcess: @unchecked Sendable {
    private let flags: [String]
    private let log: String
    private var process: Process?

    init(_ flags: [String], log: String) throws {
      (self.flags, self.log) = (flags, log)
      _ = FileManager.default.createFile(atPath: log, contents: nil)
    }

    deinit { kill() }

    var lines: [String] {
      ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    /// Returns when it is connected, and serves its metrics.
    func start() async throws {
      let process = Process()
      process.executableURL = Programs.path("sotto-push")
      process.arguments = ["serve", "--metrics", "127.0.0.1:0"] + flags
      process.environment = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"]
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      let errors = try #require(FileHandle(forWritingAtPath: log))
      try errors.seekToEnd()
      process.standardError = errors
      func said(_ event: String) -> Int { lines.count { $0.contains(event) } }
      let before = (said("relay connected"), said("serving metrics"))
      try Programs.start(process) { _ in }
      self.process = process
      for _ in 0..<6_000 {
        if said("relay connected") > before.0, said("serving metrics") > before.1 { return }
        try await Task.sleep(for: .milliseconds(20))
      }
      Issue.record("it does not connect: \(lines)")
    }

    func kill() {
      guard let process, process.isRunning else { return }
      Foundation.kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }

    func stop() -> Int32 {
      process?.terminate()
      process?.waitUntilExit()
      return process?.terminationStatus ?? -1
    }

    /// How many pushes of a kind ended so, since it was started last.
    func pushes(_ result: String) async throws -> Int {
      let ports = lines.compactMap { line in line.firstMatch(of: /"port":([0-9]+)/).map { String($0.1) } }
      let port = try #require(ports.last)
      let text = try await run(URL(filePath: "/usr/bin/curl"), ["-sS", "http://127.0.0.1:\(port)/metrics"]).output
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

  /// Bob waits for a push, and what Alice writes meanwhile wakes him. `body` is what happens while he waits.
  private func isWoken(_ bob: Person, _ text: String, at port: Int, _ body: () async throws -> Void) async throws {
    async let woken = run(
      Programs.path("sotto"), ["receive", "--wait-push", "--home", bob.home, "--json"],
      environment: ["SOTTO_PASSPHRASE": bob.passphrase])
    try await Socket.untilHeard(on: port)
    try await body()
    let outcome = try await woken
    #expect(outcome.status == 0 && outcome.stderr.contains("Woken."), "\(outcome)")
    #expect(outcome.objects.compactMap { $0["text"] as? String } == [text], "\(outcome)")
  }

  @Test func `A device that does not listen is woken once, whatever dies on the way`() async throws {
    // Once a day.
    try await awayFromMidnight()
    let (folder, homes) = (try TemporaryFolder(), try TemporaryFolder())
    let socket = "unix:" + folder.file("push.sock")
    let relay = try await RelayProcess(data: folder.file("relay"), arguments: ["--push", socket])
    let (alice, bob) = (Person("alice", in: homes), Person("bob", in: homes))
    _ = try await alice.create(at: relay.url)
    let address = try await bob.create(at: relay.url)
    try await alice.add(address, as: "bob")
    let keys = try await run(Programs.path("sotto-push"), ["key", "--out", folder.file("keys"), "--json"])
    let made = try #require(keys.objects.first as? [String: String], "\(keys)")
    let port = Socket.unusedPort()
    let gateway = try GatewayProcess(
      [
        "--key", made["key_file"]!, "--relay", socket, "--web-push-key", made["web_push_key_file"]!,
        "--web-push-contact", "mailto:a@example.org", "--web-push-exempt", "127.0.0.1:\(port)",
      ], log: folder.file("gateway.log"))
    try await gateway.start()
    let canary = "canary-\(UInt64.random(in: 0 ... .max))"
    let enabled = try await bob.sotto(
      "device", "push", "enable", "--web-push", "http://127.0.0.1:\(port)/\(canary)", "--gateway", made["gateway"]!)
    #expect(enabled.status == 0 && enabled.objects.first?["state"] as? String == "published", "\(enabled)")

    try await isWoken(bob, "one", at: port) { try await alice.send("one", to: "bob") }
    #expect(try await gateway.woken(of: 1) == 1)

    // It waits in the relay's file for the next gateway.
    gateway.kill()
    try await isWoken(bob, "two", at: port) {
      try await alice.send("two", to: "bob")
      try await gateway.start()
    }
    #expect(try await gateway.woken(of: 1) == 1)

    // And for the relay's next life, in which the gateway finds it again by itself.
    gateway.kill()
    try await isWoken(bob, "three", at: port) {
      try await alice.send("three", to: "bob")
      relay.kill()
      try await relay.start()
      try await gateway.start()
    }
    relay.kill()
    try await relay.start()
    try await isWoken(bob, "four", at: port) { try await alice.send("four", to: "bob") }
    #expect(try await gateway.woken(of: 2) == 2)

    let disabled = try await bob.sotto("device", "push", "disable")
    #expect(disabled.status == 0, "\(disabled)")
    try await alice.send("five", to: "bob")
    try await Task.sleep(for: .seconds(1))
    #expect(try await bob.receive() == ["five"])
    for result in ["later", "refused", "gone", "unauthorized"] { #expect(try await gateway.pushes(result) == 0) }
    #expect(try await gateway.woken(of: 2) == 2)
    #expect(gateway.stop() == 0)
    #expect(relay.stop() == 0)
    #expect(!FileManager.default.fileExists(atPath: folder.file("push.sock")))

    // [leakage.7] [leakage.8] Nobody but the gateway has read where Bob is woken: not on the disk, nor in any log.
    let found = try await run(URL(filePath: "/bin/grep"), ["-rlaF", canary, folder.path])
    #expect(found.output.isEmpty, "\(found)")
    let events = Set(gateway.lines.compactMap { $0.firstMatch(of: /"event":"([^"]*)"/)?.1 })
    #expect(
      events == ["started", "serving metrics", "relay connected", "relay lost", "draining", "stopped"], "\(events)")
  }

  /// Only one relay's gateway can read how a device is woken. [push.11]
  @Test func `A move ends push, and says so until it is said anew`() async throws {
    let (folder, homes) = (try TemporaryFolder(), try TemporaryFolder())
    let here = try await RelayProcess(
      data: folder.file("here"), arguments: ["--push", "unix:" + folder.file("here.sock")])
    let there = try await RelayProcess(
      data: folder.file("there"), arguments: ["--push", "unix:" + folder.file("there.sock")])
    let (alice, bob) = (Person("alice", in: homes), Person("bob", in: homes))
    func enable(_ person: Person) async throws {
      let enabled = try await person.sotto(
        "device", "push", "enable", "--web-push", "http://127.0.0.1:9/a", "--gateway", Self.gateway)
      #expect(enabled.status == 0 && enabled.objects.first?["state"] as? String == "published", "\(enabled)")
    }
    func verdict(_ person: Person) async throws -> String? {
      let doctor = try await person.sotto("doctor")
      #expect(doctor.status == 0, "\(doctor)")
      return doctor.objects.first { $0["subject"] as? String == "push" }?["verdict"] as? String
    }
    _ = try await alice.create(at: here.url)
    _ = try await bob.create(at: here.url)
    #expect(try await verdict(bob) == nil)
    try await enable(bob)
    #expect(try await verdict(bob) == "good")

    let spared = try await alice.sotto("identity", "move", there.url)
    #expect(spared.status == 0 && spared.objects.first?["push_ended"] as? Bool == false, "\(spared)")
    let moved = try await bob.sotto("identity", "move", there.url)
    #expect(moved.status == 0 && moved.objects.first?["push_ended"] as? Bool == true, "\(moved)")
    #expect(try await verdict(bob) == "warning")
    expectError(try await bob.sotto("receive", "--wait-push"), 64, "usage")
    try await enable(bob)
    #expect(try await verdict(bob) == "good")

    try await enable(alice)
    let third = try await RelayProcess(data: folder.file("third"))
    let said = try await run(
      Programs.path("sotto"), ["identity", "move", third.url, "--home", alice.home],
      environment: ["SOTTO_PASSPHRASE": alice.passphrase])
    #expect(said.status == 0 && said.stderr.contains("is not woken at the new relay"), "\(said)")
  }

  @Test func `Whoever gives up waiting for a push leaves its place`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(
      data: folder.file("relay"), arguments: ["--push", "unix:" + folder.file("push.sock")])
    let passphrase = Secret(copying: Array("correct horse battery staple".utf8))
    let bob = try await Client.create(
      home: folder.file("bob"), passphrase: passphrase, name: "Bob", relay: relay.url)
    let port = Socket.unusedPort()
    let isKnown = try await bob.enablePush(
      by: .webPush(endpoint: "http://127.0.0.1:\(port)/a"), gateway: Self.gateway)
    #expect(isKnown)
    let ended = Mutex(false)
    let waiting = Task {
      defer { ended.withLock { $0 = true } }
      try await bob.waitForPush {}
    }
    try await Socket.untilHeard(on: port)
    waiting.cancel()
    for _ in 0..<600 where !ended.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(100)) }
    let hasEnded = ended.withLock { $0 }
    try #require(hasEnded)
    await #expect(throws: CancellationError.self) { try await waiting.value }
    let isHeard = Socket.connected(to: port) != nil
    #expect(!isHeard)
    try await bob.close()
  }

  /// Base64url, and what Google makes, may begin with a dash.
  @Test func `What begins like an option is taken for what it is`() async throws {
    let (folder, homes) = (try TemporaryFolder(), try TemporaryFolder())
    let relay = try await RelayProcess(
      data: folder.file("relay"), arguments: ["--push", "unix:" + folder.file("push.sock")])
    let bob = Person("bob", in: homes)
    _ = try await bob.create(at: relay.url)
    // The key of RFC 8291 section 5, and a secret of our own.
    let key = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    let foreign = try await bob.sotto(
      "device", "push", "enable", "--web-push", "https://push.example/a", "--p256dh", key, "--auth",
      "-AAAAAAAAAAAAAAAAAAAAA", "--gateway", Self.gateway)
    #expect(foreign.status == 0 && foreign.objects.first?["state"] as? String == "published", "\(foreign)")
    let google = try await bob.sotto("device", "push", "enable", "--fcm", "-a:b", "--gateway", Self.gateway)
    #expect(google.status == 0 && google.objects.first?["state"] as? String == "published", "\(google)")
  }

  /// A key, of which nobody knows the private one.
  private static let gateway = String(repeating: "09", count: 32)

  @Test func `What cannot be is said`() async throws {
    let folder = try TemporaryFolder()
    let relay = Programs.path("sotto-relay")
    let flags = ["serve", "--listen", "127.0.0.1:0", "--data", folder.file("relay")]
    let nowhere = try await run(relay, flags + ["--push", "unix:" + folder.file("none/s")])
    #expect(nowhere.status == 69 && nowhere.stderr.contains("Make its folder"), "\(nowhere)")
    let odd = try await run(relay, flags + ["--push", "unix:relative"])
    #expect(odd.status == 78 && odd.stderr.contains("push"), "\(odd)")
    let many = try await run(relay, flags + ["--push", "unix:/s", "--store", "postgresql://a@127.0.0.1/b"])
    #expect(many.status == 78 && many.stderr.contains("push = bus"), "\(many)")
    let keys = try await run(Programs.path("sotto-push"), ["key", "--out", folder.file("keys"), "--json"])
    let made = try #require(keys.objects.first as? [String: String], "\(keys)")
    let both = try await run(
      Programs.path("sotto-push"),
      [
        "config", "check", "--key", made["key_file"]!, "--relay", "unix:/s", "--bus", "amqp://a@127.0.0.1/",
        "--bus-password", "/x", "--web-push-key", made["web_push_key_file"]!, "--web-push-contact",
        "mailto:a@example.org",
      ])
    #expect(both.status == 78 && both.stderr.contains("relay and bus"), "\(both)")
  }
}
