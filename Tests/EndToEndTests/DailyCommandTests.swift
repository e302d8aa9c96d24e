import Foundation
import Testing

/// The commands around a conversation, as processes: history, search, answers, timers, trust, doctor, passphrase.
@Suite struct DailyCommandTests {
  private func object(_ outcome: Outcome, _ status: Int32 = 0) throws -> [String: Any] {
    try #require(outcome.status == status, "\(outcome)")
    return try #require(outcome.objects.first, "\(outcome)")
  }

  @Test func `History, answers and search`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let question = try object(try await pair.alice.sotto("send", "bob", "Shall we meet in Zürich?"))
    let id = try #require(question["id"] as? String)
    #expect(try await pair.bob.receive() == ["Shall we meet in Zürich?"])
    let answer = try await pair.bob.sotto("send", "alice", "With pleasure", "--reply-to", String(id.prefix(8)))
    #expect(answer.status == 0, "\(answer)")
    let received = try await pair.alice.sotto("receive")
    #expect(received.objects.first?["answers"] as? String == id)

    let history = try await pair.alice.sotto("history", "bob").objects
    #expect(history.map { $0["author"] as? String } == ["me", "them", "me", "them"])
    #expect(history.last?["text"] as? String == "With pleasure" && history.last?["answers"] as? String == id)
    // The answer brought the receipt along.
    #expect(history[2]["state"] as? String == "read")
    let two = try await pair.alice.sotto("history", "bob", "--limit", "1", "--skip", "1").objects
    #expect(two.map { $0["text"] as? String } == ["Shall we meet in Zürich?"])
    let glance = try object(try await pair.alice.sotto("history"))
    #expect(glance["contact"] as? String == "bob" && glance["last_text"] as? String == "With pleasure")

    #expect(try await pair.bob.sotto("search", "ZÜRICH").objects.count == 1)
    #expect(try await pair.bob.sotto("search", "with", "--with", "alice").objects.count == 1)
    let nothing = try await pair.bob.sotto("search", "Basel")
    #expect(nothing.status == 0 && nothing.stdout.isEmpty)

    _ = try object(try await pair.bob.sotto("history", "alice", "--clear"))
    #expect(try await pair.bob.sotto("history", "alice").objects.isEmpty)
    #expect(try await pair.bob.sotto("search", "pleasure").objects.isEmpty)
    #expect(try await pair.alice.sotto("search", "pleasure").objects.count == 1, "on the other side they stay")
  }

  @Test func `Messages that disappear are gone from history and search`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let timer = try object(try await pair.alice.sotto("contact", "timer", "bob", "1s"))
    #expect(timer["disappear_after"] as? Int == 1)
    try await pair.alice.send("gone soon", to: "bob")
    let received = try await pair.bob.sotto("receive")
    #expect(received.objects.first?["disappears_after"] as? Int == 1)
    #expect(received.stderr.contains("messages disappear after a second"), "\(received)")
    try await Task.sleep(for: .seconds(1.2))
    for (person, name) in [(pair.alice, "bob"), (pair.bob, "alice")] {
      let texts = try await person.sotto("history", name).objects.compactMap { $0["text"] as? String }
      #expect(!texts.contains("gone soon"), "\(texts)")
      #expect(try await person.sotto("search", "gone").objects.isEmpty)
    }
    #expect(try await pair.alice.sotto("contact", "timer", "bob", "off").status == 0)
  }

  @Test func `Verified by comparing, blocked and unblocked`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let number = try object(try await pair.bob.sotto("contact", "verify", "alice"))["safety_number"] as? String
    let digits = try #require(number)
    expectError(
      try await pair.alice.sotto("contact", "verify", "bob", "--compare", String(digits.reversed())), 77, "refused")
    let verified = try object(try await pair.alice.sotto("contact", "verify", "bob", "--compare", digits))
    #expect(verified["verified"] as? Bool == true)
    #expect(try object(try await pair.alice.sotto("contact", "list"))["verified"] as? Bool == true)
    #expect(try await pair.alice.sotto("contact", "verify", "bob", "--undo").status == 0)
    #expect(try object(try await pair.alice.sotto("contact", "list"))["verified"] as? Bool == false)

    #expect(try await pair.bob.sotto("contact", "block", "alice").status == 0)
    expectError(try await pair.bob.sotto("send", "alice", "no"), 77, "refused")
    try await pair.alice.send("are you there?", to: "bob")
    #expect(try await pair.bob.receive() == [])
    #expect(try await pair.bob.sotto("contact", "unblock", "alice").status == 0)
    try await pair.alice.send("and now?", to: "bob")
    #expect(try await pair.bob.receive() == ["and now?"])
  }

  @Test func `A new address cuts off who has only the old one, and contacts follow`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let address = try #require(try object(try await pair.bob.sotto("identity", "rotate"))["address"] as? String)
    #expect(address != pair.bobAddress)
    let carol = Person("carol", in: pair.folder)
    _ = try await carol.create(at: pair.relay.url)
    expectError(try await carol.sotto("contact", "add", pair.bobAddress, "--name", "bob"), 65, "bad-data")
    #expect(try await pair.alice.receive() == [])
    try await pair.alice.send("still with you", to: "bob")
    #expect(try await pair.bob.receive() == ["still with you"])
    try await carol.add(address, as: "bob")

    // Without a relay it is decided here, and said so; the next command tells the relay.
    pair.relay.kill()
    let queued = try await pair.bob.sotto("identity", "rotate")
    #expect(queued.status == 75 && queued.objects.first?["state"] as? String == "queued", "\(queued)")
    try await pair.relay.start()
    #expect(try await pair.bob.receive() == [])
    let dora = Person("dora", in: pair.folder)
    _ = try await dora.create(at: pair.relay.url)
    try await dora.add(try #require(queued.objects.first?["address"] as? String), as: "bob")
  }

  // [client.21]
  @Test func `An account moves to another relay, and contacts follow`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let bob = pair.bob
    expectError(try await bob.sotto("identity", "move", pair.relay.url), 77, "refused")
    expectError(try await bob.sotto("identity", "move", "http://127.0.0.1:1"), 69, "relay-unavailable")
    expectError(try await bob.sotto("identity", "move", "nonsense relay"), 64, "usage")
    #expect(try object(try await bob.sotto("identity", "show"))["address"] as? String == pair.bobAddress)

    let other = try await RelayProcess(data: pair.folder.file("other"))
    try await pair.alice.send("on its way", to: "bob")
    let moved = try await bob.sotto("identity", "move", other.url)
    #expect(moved.status == 0, "\(moved)")
    let identity = try object(try await bob.sotto("identity", "show"))
    #expect(identity["relay"] as? String == other.url)
    #expect(identity["address"] as? String == moved.objects.first?["address"] as? String)
    let carol = Person("carol", in: pair.folder)
    _ = try await carol.create(at: other.url)
    try await carol.add(pair.bobAddress, as: "bob")
    try await carol.send("by the old address", to: "bob")
    #expect(try await pair.alice.receive() == [])
    try await pair.alice.send("to the new place", to: "bob")
    #expect(try await bob.receive() == ["on its way", "by the old address", "to the new place"])
    try await bob.send("from the new place", to: "alice")
    #expect(try await pair.alice.receive() == ["from the new place"])

    // Nobody needs the old relay for it any more.
    pair.relay.kill()
    try await pair.alice.send("without the old relay", to: "bob")
    #expect(try await bob.receive() == ["without the old relay"])
  }

  @Test func `A passphrase is changed, and the old one opens nothing`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    var bob = pair.bob
    expectError(
      try await bob.sotto("identity", "passphrase", environment: ["SOTTO_NEW_PASSPHRASE": ""]), 64, "usage")
    let changed = try await bob.sotto("identity", "passphrase", environment: ["SOTTO_NEW_PASSPHRASE": "another"])
    #expect(changed.status == 0, "\(changed)")
    expectError(try await bob.sotto("identity", "show"), 77, "wrong-passphrase")
    bob.passphrase = "another"
    try await pair.alice.send("hello", to: "bob")
    #expect(try await bob.receive() == ["hello"])
  }

  @Test func `The doctor finds what is wrong, and says nothing of whose it is`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let good = try await pair.alice.sotto("doctor")
    #expect(good.status == 0, "\(good)")
    let verdicts = good.objects.compactMap { $0["verdict"] as? String }
    #expect(verdicts.count == 8 && Set(verdicts) == ["good"], "\(good)")
    #expect(good.objects.contains { $0["contacts"] as? Int == 1 && $0["messages"] as? Int == 2 })
    let identity = try object(try await pair.alice.sotto("identity", "show"))
    pair.relay.kill()
    let bad = try await pair.alice.sotto("doctor")
    #expect(bad.status == 1)
    #expect(bad.objects.contains { $0["subject"] as? String == "relay" && $0["verdict"] as? String == "bad" })
    let plain = try await run(
      Programs.path("sotto"), ["doctor", "--home", pair.alice.home],
      environment: ["SOTTO_PASSPHRASE": pair.alice.passphrase])
    #expect(plain.status == 1 && plain.output.contains("BAD   relay"), "\(plain)")
    let secrets =
      [pair.aliceAddress, pair.bobAddress, "bob", "hello"]
      + ["account", "device"].compactMap { identity[$0] as? String }
    for output in [good, bad, plain] {
      for secret in secrets { #expect(!output.output.contains(secret) && !output.stderr.contains(secret), "\(secret)") }
    }
  }

  @Test func `Somebody who has nothing yet is told the one command to run`() async throws {
    let folder = try TemporaryFolder()
    let outcome = try await run(Programs.path("sotto"), [], environment: ["SOTTO_HOME": folder.file("none")])
    #expect(outcome.status == 0 && outcome.output.contains("sotto identity create --relay URL"), "\(outcome)")
    for shell in ["bash", "zsh", "fish"] {
      let script = try await run(Programs.path("sotto"), ["--generate-completion-script", shell])
      #expect(script.status == 0 && script.output.contains("identity"), "\(shell)")
    }
  }

  @Test func `Wrong words around a conversation are refused, and nothing changes`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let before = try pair.alice.files()
    let cases: [([String], Int32, String)] = [
      (["history", "nobody"], 65, "unknown-contact"), (["history", "bob", "--limit", "0"], 64, "usage"),
      (["history", "--clear"], 64, "usage"), (["search", ""], 64, "usage"),
      (["search", "x", "--with", "nobody"], 65, "unknown-contact"),
      (["send", "bob", "x", "--reply-to", "zz"], 65, "bad-data"),
      (["send", "bob", "x", "--reply-to", "0123456789"], 65, "bad-data"),
      (["contact", "timer", "bob", "soon"], 64, "usage"), (["contact", "timer", "bob", "53w"], 64, "usage"),
      (["contact", "timer", "bob", "99999999999999999999w"], 64, "usage"),
      (["contact", "timer", "nobody", "1h"], 65, "unknown-contact"),
      (["contact", "block", "nobody"], 65, "unknown-contact"),
      (["contact", "verify", "bob", "--compare", ""], 77, "refused"),
    ]
    for (arguments, status, code) in cases {
      let outcome = try await run(
        Programs.path("sotto"), arguments + ["--home", pair.alice.home, "--json"],
        environment: ["SOTTO_PASSPHRASE": pair.alice.passphrase])
      expectError(outcome, status, code)
    }
    #expect(try pair.alice.files() == before)
  }
}

/// `sotto backup`, as a process: one file, one code.
@Suite struct BackupCommandTests {
  @Test func `Everything comes back on another device from one file and one code`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let file = pair.folder.file("alice.backup")
    // Long enough for several pieces.
    for number in 0..<4 {
      try await pair.alice.send("\(number) " + String(repeating: "long ", count: 8000), to: "bob")
    }
    let created = try await pair.alice.sotto("backup", "create", file)
    let code = try #require(created.objects.first?["recovery_code"] as? String, "\(created)")
    let bytes = try Data(contentsOf: URL(filePath: file))
    // Three letters are among 100,000 random bytes now and then.
    for text in ["hello", "long long", pair.bobAddress] { #expect(bytes.range(of: Data(text.utf8)) == nil) }
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    expectError(try await pair.alice.sotto("backup", "create", file), 73, "cannot-create")

    let second = Person("second", in: pair.folder)
    let wrong = code.first == "a" ? "b" + code.dropFirst() : "a" + code.dropFirst()
    for (code, status, error) in [(wrong, 65, "bad-data"), ("", 64, "usage")] as [(String, Int32, String)] {
      expectError(
        try await second.sotto("backup", "restore", file, environment: ["SOTTO_RECOVERY_CODE": code]), status, error)
    }
    let other = try await pair.bob.sotto("backup", "create", pair.folder.file("bob.backup"))
    let otherCode = try #require(other.objects.first?["recovery_code"] as? String)
    expectError(
      try await second.sotto("backup", "restore", file, environment: ["SOTTO_RECOVERY_CODE": otherCode]), 77,
      "wrong-passphrase")
    for (name, damaged) in [
      ("cut", bytes.dropLast()), ("long", bytes + [0]), ("other", Data("hello".utf8)), ("none", Data()),
    ] {
      let path = pair.folder.file(name)
      try damaged.write(to: URL(filePath: path))
      let outcome = try await second.sotto("backup", "restore", path, environment: ["SOTTO_RECOVERY_CODE": code])
      expectError(outcome, 65, "bad-data")
    }
    var bent = bytes
    bent[bytes.count / 2] ^= 1
    try bent.write(to: URL(filePath: pair.folder.file("bent")))
    expectError(
      try await second.sotto(
        "backup", "restore", pair.folder.file("bent"), environment: ["SOTTO_RECOVERY_CODE": code]), 77,
      "wrong-passphrase")
    try await exchange(pieces: bytes, code, second, pair.folder)
    #expect(!FileManager.default.fileExists(atPath: second.home), "nothing was created")

    let restored = try await second.sotto(
      "backup", "restore", file, environment: ["SOTTO_RECOVERY_CODE": code.uppercased()])
    #expect(restored.objects.first?["address"] as? String == pair.aliceAddress, "\(restored)")
    let history = try await second.sotto("history", "bob").objects.compactMap { $0["text"] as? String }
    #expect(history.prefix(2) == ["hello", "hello yourself"] && history.count == 6)
    try await second.send("it is me again", to: "bob")
    #expect(try await pair.bob.receive().last == "it is me again")
    // The same code again, if it is given.
    let again = try await second.sotto(
      "backup", "create", pair.folder.file("again"), environment: ["SOTTO_RECOVERY_CODE": code])
    #expect(again.status == 0 && again.objects.first?["recovery_code"] == nil, "\(again)")
  }

  // [state.9] Whole pieces that are left out, exchanged or there twice.
  private func exchange(pieces file: Data, _ code: String, _ person: Person, _ folder: TemporaryFolder) async throws {
    var rest = file.dropFirst(39)
    let header = file.prefix(39)
    var pieces: [Data] = []
    while !rest.isEmpty {
      let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
      pieces.append(Data(rest.prefix(4 + length)))
      rest = rest.dropFirst(4 + length)
    }
    try #require(pieces.count >= 3, "\(pieces)")
    let changes: [[Data]] = [
      Array(pieces.dropLast()), Array(pieces.dropFirst()), pieces + pieces.suffix(1),
      [pieces[1], pieces[0]] + pieces.dropFirst(2), [pieces[0]] + pieces,
    ]
    for (number, change) in changes.enumerated() {
      let path = folder.file("exchanged-\(number)")
      try change.reduce(header, +).write(to: URL(filePath: path))
      let outcome = try await person.sotto("backup", "restore", path, environment: ["SOTTO_RECOVERY_CODE": code])
      expectError(outcome, 77, "wrong-passphrase")
    }
  }
}
