import Foundation
import Testing

/// Everything that can be wrong from outside: a clear error that says what to do, the exit status that DESIGN promises,
/// nothing lost, nothing changed.
@Suite struct BadInputTests {
  @Test func `A mistyped address is named as such, whatever is wrong with it`() async throws {
    let pair = try await Pair()
    let good = pair.aliceAddress
    let swapped = good.replacingCharacter(at: 20) { $0 == "a" ? "b" : "a" }
    let bad = [
      swapped, good.replacing("127.0.0.1", with: "127.0.0.2"), good.replacing("sotto:", with: "soto:"),
      good.uppercased().replacing("SOTTO:", with: "sotto:"), String(good.dropLast(16)), good + "x",
      good.replacing("@", with: "a@"), "sotto:", "sotto:@", "", "sotto:é@127.0.0.1",
    ]
    let before = try pair.bob.files()
    for address in bad {
      expectError(try await pair.bob.sotto("contact", "add", address, "--name", "alice"), 65, "address-mistyped")
    }
    expectError(try await pair.bob.sotto("send", swapped, "hello"), 65, "address-mistyped")
    #expect(try pair.bob.files() == before)
  }

  @Test func `Wrong usage is explained`() async throws {
    let pair = try await Pair()
    for arguments in [["send"], ["send", "bob"], ["nonsense"], ["receive", "--nonsense"], ["contact", "add"]] {
      let outcome = try await run(Programs.path("sotto"), arguments + ["--json"])
      #expect(outcome.status == 64, "\(outcome)")
      #expect(outcome.error?["error"] as? String == "usage", "\(outcome)")
    }
    for relay in ["ftp://127.0.0.1", "http://relay.example", "https://127.0.0.1:1", "http://", "a b"] {
      let outcome = try await Person("new", in: pair.folder).sotto("identity", "create", "--relay", relay)
      expectError(outcome, 64, "usage")
    }
    #expect(!FileManager.default.fileExists(atPath: pair.folder.file("new")))
    let silent = try await run(
      URL(filePath: "/usr/bin/setsid"),
      ["-w", Programs.path("sotto").path, "receive", "--json", "--home", pair.bob.home])
    expectError(silent, 64, "usage")
    expectError(try await pair.alice.sotto("send", "nobody", "hm"), 65, "unknown-contact")
    expectError(try await pair.alice.sotto("send", pair.aliceAddress, "to myself"), 65, "bad-data")
    expectError(try await pair.alice.sotto("contact", "add", pair.aliceAddress, "--name", "me"), 65, "bad-data")
    for name in ["", "-x", "sotto:x", "a\nb", String(repeating: "x", count: 65)] {
      expectError(try await pair.alice.sotto("contact", "add", pair.bobAddress, "--name=\(name)"), 64, "usage")
    }
  }

  @Test func `Text that cannot be sent is refused before anything is written`() async throws {
    let pair = try await Pair()
    let before = try pair.alice.files()
    expectError(try await pair.alice.sotto("send", "bob", "-", input: Data([0x68, 0xff, 0xfe])), 65, "bad-data")
    expectError(try await pair.alice.sotto("send", "bob", "-", input: Data()), 65, "bad-data")
    expectError(try await pair.alice.sotto("send", "bob", ""), 65, "bad-data")
    let long = Data(repeating: 0x61, count: 48 * 1024 + 1)
    expectError(try await pair.alice.sotto("send", "bob", "-", input: long), 65, "bad-data")
    // A shell can give an argument that is no text; Swift's own arguments would replace it silently.
    let raw = try await run(
      URL(filePath: "/bin/sh"),
      ["-c", "exec \"$0\" send bob \"$(printf 'h\\377')\" --json --home \"$1\"", Programs.path("sotto").path]
        + [pair.alice.home], environment: ["SOTTO_PASSPHRASE": pair.alice.passphrase])
    expectError(raw, 65, "bad-data")
    #expect(try pair.alice.files() == before)
    #expect(try await pair.bob.receive().isEmpty)
  }

  @Test func `A relay that is down leaves nothing half done`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    pair.relay.kill()
    let newcomer = Person("newcomer", in: pair.folder)
    expectError(try await newcomer.sotto("identity", "create", "--relay", pair.relay.url), 69, "relay-unavailable")
    #expect(!FileManager.default.fileExists(atPath: newcomer.home))
    let before = try pair.bob.files()
    let address = pair.aliceAddress
    expectError(try await pair.bob.sotto("contact", "add", address, "--name", "x"), 69, "relay-unavailable")
    #expect(try pair.bob.files() == before)
    expectError(try await pair.bob.sotto("identity", "delete"), 69, "relay-unavailable")

    for text in ["q1", "q2"] {
      let queued = try await pair.alice.sotto("send", "bob", text)
      #expect(queued.status == 75 && queued.objects.first?["state"] as? String == "queued", "\(queued)")
    }
    let reset = try await pair.alice.sotto("session", "reset", "bob")
    #expect(reset.status == 75, "\(reset)")
    try await pair.relay.start()
    try await pair.alice.send("q3", to: "bob")
    #expect(try await pair.bob.receive() == ["q1", "q2", "q3"])
  }

  @Test func `To an address that was never reached a message waits as well`() async throws {
    let pair = try await Pair()
    pair.relay.kill()
    let queued = try await pair.bob.sotto("send", pair.aliceAddress, "are you there?")
    #expect(queued.status == 75, "\(queued)")
    try await pair.relay.start()
    #expect(try await pair.bob.receive().isEmpty)
    #expect(try await pair.alice.receive() == ["are you there?"])
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 201 Created\r\nconnection: close\r\n\r\n" + String(repeating: "endless ", count: 100_000),
  ])
  func `What answers nonsense is not believed`(answer: String) async throws {
    let pair = try await Pair()
    try await pair.introduce()
    pair.relay.kill()
    let nonsense = try Nonsense(answer, on: pair.relay.port)
    expectError(try await pair.bob.sotto("receive"), 76, "relay-nonsense")
    let sent = try await pair.alice.sotto("send", "bob", "kept")
    // 201 is what a relay says to an envelope: from that answer alone nobody can tell.
    if answer.hasPrefix("HTTP/1.1 201") {
      #expect(sent.status == 76 || sent.status == 0, "\(sent)")
    } else {
      expectError(sent, 76, "relay-nonsense")
    }
    let newcomer = Person("newcomer", in: pair.folder)
    expectError(
      try await newcomer.sotto("identity", "create", "--relay", pair.relay.url), 76, "relay-nonsense")
    #expect(!FileManager.default.fileExists(atPath: newcomer.home))
    nonsense.end()
    try await pair.relay.start()
    if sent.status == 76 {
      #expect(try await pair.alice.receive().isEmpty)
      #expect(try await pair.bob.receive() == ["kept"])
    }
  }

  @Test func `A wrong passphrase opens nothing and changes nothing`() async throws {
    let pair = try await Pair()
    try await pair.alice.send("waiting", to: "bob")
    var wrong = pair.bob
    wrong.passphrase = "incorrect"
    let before = try pair.bob.files()
    for command in ["receive", "identity show", "contact list", "send bob x", "identity delete"] {
      let outcome = try await run(
        Programs.path("sotto"), command.split(separator: " ").map(String.init) + ["--home", wrong.home, "--json"],
        environment: ["SOTTO_PASSPHRASE": wrong.passphrase])
      expectError(outcome, 77, "wrong-passphrase")
    }
    #expect(try pair.bob.files() == before)
    #expect(try await pair.bob.receive() == ["waiting"])
  }

  @Test func `A passphrase comes from a file too, without its line end`() async throws {
    let pair = try await Pair()
    let file = pair.folder.file("passphrase")
    try Data("\(pair.bob.passphrase)\r\nsecond line".utf8).write(to: URL(filePath: file))
    let program = Programs.path("sotto")
    let home = ["--home", pair.bob.home, "--json"]
    #expect(try await run(program, ["receive", "--passphrase-file", file] + home).status == 0)
    // Options that every command has may stand before it as well.
    #expect(try await run(program, home + ["--passphrase-file", file, "contact", "list"]).status == 0)
    let missing = try await run(program, ["receive", "--passphrase-file", file + "x"] + home)
    expectError(missing, 66, "unreadable")
  }

  @Test func `A store of a newer version is left alone`() async throws {
    let pair = try await Pair()
    let store = pair.bob.home + "/store.sqlite"
    // The store's version is SQLite's user_version: four bytes at offset 60 of the file.
    try patch(store, at: 60, with: [0, 0, 0, 99])
    let before = try pair.bob.files()
    expectError(try await pair.bob.sotto("receive"), 78, "newer-store")
    expectError(try await pair.bob.sotto("identity", "show"), 78, "newer-store")
    #expect(try pair.bob.files() == before)
    try patch(store, at: 60, with: [0, 0, 0, 1])
    #expect(try await pair.bob.sotto("identity", "show").status == 0)
  }

  @Test func `Two processes on one home: the second is told to wait`() async throws {
    let pair = try await Pair()
    let lock = open(pair.bob.home + "/lock", O_RDWR)
    #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
    let before = try pair.bob.files()
    expectError(try await pair.bob.sotto("receive"), 75, "locked")
    expectError(try await pair.bob.sotto("send", pair.aliceAddress, "x"), 75, "locked")
    #expect(try pair.bob.files() == before)
    close(lock)
    #expect(try await pair.bob.receive().isEmpty)
  }

  @Test func `A full disk undoes the step and says so`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    try await pair.alice.send("waiting", to: "bob")
    // No file may grow beyond 4 KiB: the write-ahead log cannot take a page.
    func limited(_ arguments: String) async throws -> Outcome {
      try await run(
        URL(filePath: "/bin/sh"),
        [
          "-c", "ulimit -f 8; exec \"$0\" \(arguments) --json --home \"$1\"", Programs.path("sotto").path,
          pair.bob.home,
        ],
        environment: ["SOTTO_PASSPHRASE": pair.bob.passphrase])
    }
    let before = try pair.bob.files()["store.sqlite"]
    expectError(try await limited("receive"), 74, "io")
    expectError(try await limited("send alice lost"), 74, "io")
    #expect(try pair.bob.files()["store.sqlite"] == before)
    #expect(try await pair.bob.receive() == ["waiting"])
    try await pair.bob.send("room again", to: "alice")
    #expect(try await pair.alice.receive() == ["room again"])
  }

  @Test func `Standard output that takes nothing loses no message`() async throws {
    let pair = try await Pair()
    try await pair.alice.send("do not lose me", to: "bob")
    let full = try await run(
      URL(filePath: "/bin/sh"),
      ["-c", "exec \"$0\" receive --json --home \"$1\" > /dev/full", Programs.path("sotto").path, pair.bob.home],
      environment: ["SOTTO_PASSPHRASE": pair.bob.passphrase])
    expectError(full, 74, "io")
    #expect(try await pair.bob.receive() == ["do not lose me"])
    #expect(try await pair.bob.receive().isEmpty)
  }

  @Test func `Files that cannot be read are named`() async throws {
    let pair = try await Pair()
    let store = pair.bob.home + "/store.sqlite"
    expectError(try await Person("nobody", in: pair.folder).sotto("receive"), 66, "no-identity")
    expectError(
      try await Person("nobody", in: pair.folder).sotto("identity", "import", "/nonexistent/file"), 66, "unreadable")
    expectError(
      try await pair.bob.sotto("receive", "--ca-file", "/nonexistent/ca.pem"), 66, "unreadable")
    let notAnExport = pair.folder.file("not an export")
    try Data("hello".utf8).write(to: URL(filePath: notAnExport))
    expectError(
      try await Person("nobody", in: pair.folder).sotto("identity", "import", notAnExport), 65, "bad-data")

    let whole = try Data(contentsOf: URL(filePath: store))
    for damaged in [Data(), Data("not a database at all, but long enough to be one".utf8), whole.prefix(5_000)] {
      try damaged.write(to: URL(filePath: store))
      expectError(try await pair.bob.sotto("receive"), 66, "unreadable")
      #expect(try Data(contentsOf: URL(filePath: store)) == damaged)
    }
    try FileManager.default.removeItem(atPath: store)
    try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
    expectError(try await pair.bob.sotto("receive"), 66, "unreadable")
    try FileManager.default.removeItem(atPath: store)
    try whole.write(to: URL(filePath: store))
    #expect(try await pair.bob.sotto("receive").status == 0)
  }

  @Test func `An identity is not created over another, nor where nothing can be written`() async throws {
    let pair = try await Pair()
    let before = try pair.bob.files()
    expectError(try await pair.bob.sotto("identity", "create", "--relay", pair.relay.url), 73, "cannot-create")
    #expect(try pair.bob.files() == before)
    let file = pair.folder.file("a file")
    try Data().write(to: URL(filePath: file))
    for home in [file, file + "/below", "/proc/nowhere"] {
      let outcome = try await run(
        Programs.path("sotto"), ["identity", "create", "--relay", pair.relay.url, "--home", home, "--json"],
        environment: ["SOTTO_PASSPHRASE": "x"])
      expectError(outcome, 73, "cannot-create")
    }
    for path in [pair.bob.home, pair.bob.home + "/store.sqlite"] {
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == (path == pair.bob.home ? 0o700 : 0o600))
    }
  }
}

/// Whatever it is asked, it says the same.
private final class Nonsense: Sendable {
  private let listener: Socket

  init(_ answer: String, on port: Int) throws {
    listener = try Socket.listening(on: port)
    let listener = listener
    Thread {
      while let client = listener.accepted() {
        Thread {
          _ = client.read()
          client.write(Array(answer.utf8))
          shutdown(client.descriptor, Int32(SHUT_WR))
          // Whoever closes with bytes unread takes back what was said.
          while !client.read().isEmpty {}
        }.start()
      }
    }.start()
  }

  func end() { listener.end() }
}

private func patch(_ path: String, at offset: UInt64, with bytes: [UInt8]) throws {
  let handle = try FileHandle(forUpdating: URL(filePath: path))
  try handle.seek(toOffset: offset)
  try handle.write(contentsOf: Data(bytes))
  try handle.close()
}

extension String {
  fileprivate func replacingCharacter(at offset: Int, _ change: (Character) -> Character) -> String {
    var characters = Array(self)
    characters[offset] = change(characters[offset])
    return String(characters)
  }
}
