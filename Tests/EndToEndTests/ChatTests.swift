import Foundation
import Testing

/// `sotto chat` before somebody's eyes: in a terminal, with keys, and with screens kept as golden text.
@Suite(.enabled(if: TerminalScreen.isThere != nil, "SKIPPED chat: tmux is not installed"))
struct ChatTests {
  private static let golden = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")

  private func chat(_ person: Person, _ arguments: String = "", columns: Int = 80, rows: Int = 16) async throws
    -> TerminalScreen
  {
    try await TerminalScreen(
      "SOTTO_PASSPHRASE='\(person.passphrase)' '\(Programs.path("sotto").path)' chat \(arguments) --home '\(person.home)'",
      columns: columns, rows: rows)
  }

  /// Waits until the screen says something, and compares it with a file, times and days apart. A screen that is painted just
  /// then is looked at again. `SOTTO_WRITE_GOLDEN=1` writes the file anew.
  private func expect(
    _ screen: TerminalScreen, says text: String, as name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let file = Self.golden.appending(path: name)
    var masked = Self.masked(try await screen.waits(for: text, sourceLocation: sourceLocation))
    if ProcessInfo.processInfo.environment["SOTTO_WRITE_GOLDEN"] != nil {
      try await Task.sleep(for: .seconds(1))
      masked = Self.masked(try await screen.text())
      try masked.write(to: file, atomically: true, encoding: .utf8)
    }
    let expected = try String(contentsOf: file, encoding: .utf8)
    for _ in 0..<100 where masked != expected {
      try await Task.sleep(for: .milliseconds(100))
      masked = Self.masked(try await screen.text())
    }
    #expect(masked == expected, "\(name):\n\(masked)", sourceLocation: sourceLocation)
  }

  private static func masked(_ screen: String) -> String {
    screen.replacing(/\d\d:\d\d/, with: "12:00").replacing(/── \w+day \d+ \w+ ──/, with: "── Today ──")
      .replacing(#/ {2}\d min/#, with: "    now")
  }

  @Test func `A conversation, from the first word to leaving without a trace`() async throws {
    try await awayFromMidnight()
    let pair = try await Pair()
    try await pair.introduce()
    let screen = try await chat(pair.alice, "bob")
    try await screen.waits(for: "online")
    try await pair.bob.send("How are you? 日本語 🌉", to: "alice")
    try await screen.waits(for: "How are you?")
    try await screen.write("Fine, thanks; and you, Bob?")
    try await expect(screen, says: "> Fine, thanks; and you, Bob?", as: "chat-typing.txt")
    try await screen.type("Enter")
    try await screen.waits(for: "Fine, thanks; and you, Bob? ✓")
    // His answer brings the receipt along.
    #expect(try await pair.bob.receive() == ["Fine, thanks; and you, Bob?"])
    try await pair.bob.send("So am I", to: "alice")
    try await expect(screen, says: "So am I", as: "chat-read.txt")

    try await screen.resize(columns: 40, rows: 12)
    // The terminal has cut the title away; it is painted again.
    try await expect(screen, says: "online", as: "chat-narrow.txt")
    try await screen.resize(columns: 80, rows: 16)
    try await screen.paste("two lines\nat once")
    try await screen.waits(for: "at once")
    try await screen.type("Enter")
    try await screen.waits(for: "at once ✓")
    #expect(try await pair.bob.receive() == ["two lines\nat once"])

    try await screen.type("C-d")
    try await screen.waits(for: "ENDED 0")
    let left = try await screen.text(scrollback: true)
    for word in ["So am I", "Fine", "bob", "online"] { #expect(!left.contains(word), "\(left)") }
    try await screen.end()
    // What stood on the screen has been read.
    #expect(try await pair.alice.receive() == [])
  }

  @Test func `The list, a conversation out of it, its commands, and back`() async throws {
    try await awayFromMidnight()
    let pair = try await Pair()
    try await pair.introduce()
    try await pair.bob.send("one", to: "alice")
    try await pair.bob.send("two", to: "alice")
    let screen = try await chat(pair.alice)
    try await expect(screen, says: "2  two", as: "chat-list.txt")
    try await screen.type("Enter")
    try await screen.waits(for: "── new ──")
    try await screen.write("/help")
    try await screen.type("Enter")
    try await expect(screen, says: "/quit leaves.", as: "chat-help.txt")
    try await screen.write("/reply to two")
    try await screen.type("Enter")
    try await screen.waits(for: "to two ✓")
    try await screen.write("/timer 7d")
    try await screen.type("Enter")
    try await screen.waits(for: "messages disappear after a week")
    try await screen.write("/nonsense")
    try await screen.type("Enter")
    try await screen.waits(for: "There is no /nonsense.")
    try await screen.write("//slash")
    try await screen.type("Enter")
    try await screen.waits(for: "/slash ◷ ✓")
    try await screen.type("Escape")
    try await screen.waits(for: "Conversations")
    try await screen.type("q")
    try await screen.waits(for: "ENDED 0")
    try await screen.end()
    let received = try await pair.bob.sotto("receive").objects
    #expect(received.map { $0["text"] as? String } == ["to two", "/slash"])
    #expect(received.first?["answers"] != nil && received.last?["disappears_after"] as? Int == 604_800)
  }

  @Test func `Without a relay it says so, keeps what is written, and sends it later`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    pair.relay.kill()
    let screen = try await chat(pair.alice, "bob")
    try await screen.waits(for: "offline, retrying")
    try await screen.write("later")
    try await screen.type("Enter")
    try await screen.waits(for: "1 queued")
    try await pair.relay.start()
    try await screen.waits(for: "later ✓")
    #expect(try await pair.bob.receive() == ["later"])
    try await screen.type("C-c")
    try await screen.waits(for: "ENDED 0")
    try await screen.end()
  }

  @Test func `A signal ends it like a key, and gives the terminal back`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let pid = pair.folder.file("pid")
    let program = "exec '\(Programs.path("sotto").path)' chat bob --home '\(pair.alice.home)'"
    let screen = try await TerminalScreen(
      "stty > '\(pair.folder.file("before"))'; export SOTTO_PASSPHRASE='\(pair.alice.passphrase)'; "
        + "sh -c \"echo \\$\\$ > '\(pid)'; \(program)\"; code=$?; stty > '\(pair.folder.file("after"))'; (exit $code)")
    try await screen.waits(for: "hello yourself")
    let number = try String(contentsOfFile: pid, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(kill(try #require(pid_t(number)), SIGTERM) == 0)
    try await screen.waits(for: "ENDED 143")
    let modes = try ["before", "after"].map { try String(contentsOfFile: pair.folder.file($0), encoding: .utf8) }
    #expect(modes[0] == modes[1])
    #expect(try await !screen.text(scrollback: true).contains("hello yourself"))
    try await screen.end()
  }

  // Two that displace each other for ever would both receive nothing.
  @Test func `When another device takes over it says so, and does not fight`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let other = Person("other", in: pair.folder)
    try FileManager.default.copyItem(atPath: pair.alice.home, toPath: other.home)
    let screen = try await chat(pair.alice, "bob")
    try await screen.waits(for: "online")
    #expect(try await other.receive() == [])
    try await screen.waits(for: "receiving has ended")
    try await screen.waits(for: "Another device is receiving")
    try await Task.sleep(for: .seconds(2))
    #expect(try await screen.text().contains("receiving has ended"))
    try await screen.type("C-d")
    try await screen.waits(for: "ENDED 0")
    try await screen.end()
  }

  @Test func `Without a terminal it says what to use instead`() async throws {
    let pair = try await Pair()
    expectError(try await pair.alice.sotto("chat", "bob"), 64, "usage")
    let screen = try await TerminalScreen(
      "TERM=dumb SOTTO_PASSPHRASE='\(pair.alice.passphrase)' '\(Programs.path("sotto").path)' chat --home '\(pair.alice.home)'"
    )
    try await screen.waits(for: "ENDED 64")
    try await screen.end()
  }
}
