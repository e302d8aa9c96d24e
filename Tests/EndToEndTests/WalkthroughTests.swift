import Foundation
import SottoClient
import SottoCrypto
import Testing

/// The walkthrough of the library: its code stands here too, compiles, and runs against a real relay.
@Suite struct WalkthroughTests {
  @Test func `The walkthrough's code runs as it is written`() async throws {
    let temporary = try TemporaryFolder()
    let relayProcess = try await RelayProcess(data: temporary.file("relay"))
    let file = temporary.file("plan.txt")
    try Data("First this, then that.".utf8).write(to: URL(filePath: file))
    let said = try await walk(relay: relayProcess.url, folder: temporary.path, file: file)
    #expect(said == ["Are you there?", "Here I am.", "The plan.", "Are you there?"])
    #expect(try String(contentsOfFile: temporary.file("fetched.txt"), encoding: .utf8) == "First this, then that.")
  }

  @Test func `The walkthrough shows what runs here`() throws {
    let here = URL(filePath: #filePath)
    let page = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Sources/SottoClient/SottoClient.docc/Walkthrough.md")
    let blocks = try String(contentsOf: page, encoding: .utf8).split(separator: "```swift\n").dropFirst()
      .map { $0.split(separator: "```")[0] }
    try #require(blocks.count >= 6)
    let source = try String(contentsOf: here, encoding: .utf8)
    for block in blocks {
      let indented = block.split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.isEmpty ? "" : "    " + $0 }.joined(separator: "\n")
      #expect(source.contains(indented), "\(block)")
    }
  }

  /// Answers all texts that were shown, in order.
  private func walk(relay: String, folder: String, file: String) async throws -> [String] {
    var said: [String] = []

    let passphrase = Secret(copying: Array("correct horse battery staple".utf8))
    let alice = try await Client.create(
      home: folder + "/alice", passphrase: passphrase, name: "Alice", relay: relay)
    let bob = try await Client.create(
      home: folder + "/bob", passphrase: passphrase, name: "Bob", relay: relay)
    let address = try await bob.identity().address

    _ = try await alice.addContact(address, name: "bob")
    let sent = try await alice.send("Are you there?", to: "bob")
    if sent.state == .queued { print("The relay is not there; it goes with the next send or receive.") }

    try await bob.receive { messages in
      for message in messages where !message.isNotice {
        said.append(message.text)
        if message.isRequest { print("A stranger has written: \(message.from)") }
      }
    }

    let stranger = try #require(try await bob.contacts().first)
    _ = try await bob.addContact(stranger.address, name: "alice")
    _ = try await bob.send("Here I am.", to: "alice")

    try await alice.receive { messages in said += messages.map(\.text) }
    let number = try await alice.safetyNumber(with: "bob")
    let isEqual = try await alice.verify("bob", digits: try await bob.safetyNumber(with: "alice"))
    if !isEqual { print("Somebody stands in between: \(number)") }

    _ = try await alice.send("The plan.", file: file, mediaType: "text/plain", to: "bob") { done, total in
      print("\(100 * done / total) %")
    }
    try await bob.receive { messages in said += messages.map(\.text) }
    _ = try await bob.download(from: "alice", to: folder + "/fetched.txt")

    let found = try await bob.search("THERE")
    said += found.map(\.text)
    do {
      _ = try await bob.send("Hello?", to: "carol")
    } catch let error as ClientError {
      print(error.message, error.meaning, error.next)
    }

    try await alice.close()
    try await bob.close()
    return said
  }
}
