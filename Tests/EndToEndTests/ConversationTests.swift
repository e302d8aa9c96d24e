import Foundation
import Testing

/// The main job: two people talk through a relay, with the real programs.
@Suite struct ConversationTests {
  @Test func `Two people talk although one of them was offline`() async throws {
    let pair = try await Pair()
    let (alice, bob) = (pair.alice, pair.bob)
    try await alice.send("first", to: "bob")
    try await alice.send("second", to: "bob")

    let received = try await bob.sotto("receive").objects
    #expect(received.map { $0["text"] as? String } == ["first", "second"])
    // Bob does not know Alice yet: a request, from her address.
    #expect(received.allSatisfy { $0["request"] as? Bool == true && $0["from"] as? String == pair.aliceAddress })
    #expect(received.allSatisfy { ($0["id"] as? String)?.count == 32 })
    let times = received.compactMap { $0["received_at"] as? String }
    #expect(times.allSatisfy { $0.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil })
    #expect(try await bob.receive().isEmpty, "shown once")

    // Replying to the address accepts the request.
    try await bob.send("answer", to: pair.aliceAddress)
    let answer = try await alice.sotto("receive").objects
    #expect(answer.count == 1 && answer[0]["from"] as? String == "bob" && answer[0]["request"] as? Bool == false)
    try await alice.send("third", to: "bob")
    let third = try await bob.sotto("receive").objects
    #expect(third.count == 1 && third[0]["request"] as? Bool == false)

    try await bob.add(pair.aliceAddress, as: "alice")
    let numbers = [
      try await alice.sotto("contact", "verify", "bob"), try await bob.sotto("contact", "verify", "alice"),
    ].compactMap { $0.objects.first?["safety_number"] as? String }
    #expect(numbers.count == 2 && numbers[0] == numbers[1])
    #expect(numbers[0].wholeMatch(of: /\d{60}/) != nil)
    let contacts = try await bob.sotto("contact", "list").objects
    #expect(contacts.count == 1 && contacts[0]["name"] as? String == "alice")
    #expect(contacts[0]["address"] as? String == pair.aliceAddress)
  }

  @Test func `Adding a stranger accepts the request`() async throws {
    let pair = try await Pair()
    try await pair.alice.send("it is me", to: "bob")
    #expect(try await pair.bob.receive() == ["it is me"])
    try await pair.bob.add(pair.aliceAddress, as: "alice")
    try await pair.alice.send("again", to: "bob")
    let again = try await pair.bob.sotto("receive").objects
    #expect(again.first?["request"] as? Bool == false && again.first?["from"] as? String == "alice")
  }

  @Test func `Standard input is kept byte for byte`() async throws {
    let pair = try await Pair()
    let texts = [
      "with a newline at the end\n", "\r\n\t\u{0} \u{7f} \"quoted\" \\ back", "e\u{301} is not é; \u{1f309}\u{200d}",
      String(repeating: "long ", count: 9_000),
    ]
    for text in texts {
      let sent = try await pair.alice.sotto("send", "bob", "-", input: Data(text.utf8))
      #expect(sent.status == 0, "\(sent)")
    }
    let received = try await pair.bob.receive()
    #expect(received.map { Array($0.utf8) } == texts.map { Array($0.utf8) })
  }

  @Test func `Both open a session at the same time and converge on one`() async throws {
    let pair = try await Pair()
    try await pair.bob.add(pair.aliceAddress, as: "alice")
    try await pair.alice.send("from alice", to: "bob")
    try await pair.bob.send("from bob", to: "alice")
    #expect(try await pair.alice.receive() == ["from bob"])
    #expect(try await pair.bob.receive() == ["from alice"])
    for round in 1...2 {
      try await pair.alice.send("a\(round)", to: "bob")
      try await pair.bob.send("b\(round)", to: "alice")
      #expect(try await pair.alice.receive() == ["b\(round)"])
      #expect(try await pair.bob.receive() == ["a\(round)"])
    }
    for person in [pair.alice, pair.bob] {
      let active = try await person.sotto("session", "list").objects.filter { $0["state"] as? String == "active" }
      #expect(active.count == 1)
    }
  }

  @Test func `A reset opens a new session and nothing is lost`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    try await pair.bob.send("before the reset", to: "alice")
    let reset = try await pair.alice.sotto("session", "reset", "bob")
    #expect(reset.status == 0 && reset.objects.first?["state"] as? String == "sent", "\(reset)")
    try await pair.alice.send("after the reset", to: "bob")
    #expect(try await pair.bob.receive() == ["after the reset"])
    #expect(try await pair.alice.receive() == ["before the reset"])
    try await pair.bob.send("on the new one", to: "alice")
    #expect(try await pair.alice.receive() == ["on the new one"])
    let generations = try await pair.bob.sotto("session", "list").objects
      .filter { $0["state"] as? String == "active" }.map { $0["generation"] as? Int }
    #expect(generations == [2])
  }

  @Test func `A removed contact is a stranger again, and what they send is not lost`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    #expect(try await pair.bob.sotto("contact", "remove", "alice").status == 0)
    expectError(try await pair.bob.sotto("send", "alice", "hm"), 65, "unknown-contact")
    try await pair.alice.send("still there?", to: "bob")
    let received = try await pair.bob.sotto("receive").objects
    #expect(received.first?["request"] as? Bool == true && received.first?["text"] as? String == "still there?")
  }

  // [client.5] [client.14]
  @Test func `An exported account moves to a new device, which replaces the old one`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let file = pair.folder.file("alice.export")
    #expect(try await pair.alice.sotto("identity", "export", file).status == 0)
    #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
    expectError(try await pair.alice.sotto("identity", "export", file), 73, "cannot-create")

    var moved = Person("alice on a new device", in: pair.folder)
    moved.passphrase = "not the one"
    expectError(try await moved.sotto("identity", "import", file), 77, "wrong-passphrase")
    moved.passphrase = pair.alice.passphrase
    let imported = try await moved.sotto("identity", "import", file)
    #expect(imported.objects.first?["address"] as? String == pair.aliceAddress, "\(imported)")
    try await moved.add(pair.bobAddress, as: "bob")
    try await moved.send("from the new device", to: "bob")
    #expect(try await pair.bob.receive() == ["from the new device"])
    try await pair.bob.send("to the new device", to: "alice")
    // What Bob does not know to be read goes to the device that has taken the place. [client.20]
    #expect(try await moved.receive() == ["hello yourself", "to the new device"])
    // The old device is not in the list any more: what it says is not Alice's.
    try await pair.alice.send("from the old device", to: "bob")
    #expect(try await pair.bob.receive().isEmpty)
  }

  @Test func `A deleted identity leaves nothing behind`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    #expect(try await pair.alice.sotto("identity", "delete").status == 0)
    #expect(!FileManager.default.fileExists(atPath: pair.alice.home))
    expectError(try await pair.alice.sotto("receive"), 66, "no-identity")
    expectError(try await pair.bob.sotto("send", "alice", "gone?"), 77, "refused")
    let stranger = Person("stranger", in: pair.folder)
    _ = try await stranger.create(at: pair.relay.url)
    expectError(try await stranger.sotto("contact", "add", pair.aliceAddress, "--name", "a"), 65, "bad-data")
  }

  @Test func `Following goes on until it is interrupted`() async throws {
    let pair = try await Pair()
    let follower = Process()
    follower.executableURL = Programs.path("sotto")
    follower.arguments = ["receive", "--follow", "--json", "--home", pair.bob.home]
    follower.environment = ["SOTTO_PASSPHRASE": pair.bob.passphrase, "HOME": "/nonexistent"]
    let output = try Programs.start(follower) { process in
      let output = Pipe()
      process.standardOutput = output
      return output
    }
    defer { if follower.isRunning { follower.terminate() } }
    try await pair.alice.send("one", to: "bob")
    try await pair.alice.send("two", to: "bob")
    var text = ""
    while !text.contains("two") {
      let more = await withCheckedContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(returning: output.fileHandleForReading.availableData) }
      }
      try #require(!more.isEmpty, "it ended early: \(text)")
      text += String(decoding: more, as: UTF8.self)
    }
    #expect(text.split(separator: "\n").count == 2)
    expectError(try await pair.bob.sotto("identity", "show"), 75, "locked")
    follower.terminate()
    follower.waitUntilExit()
    #expect(try await pair.bob.receive().isEmpty)
  }
}
