// swift-format-ignore-file: OrderedImports
import Foundation
import Testing

// The README's example begins here.
import SottoClient
import SottoCrypto

func greet(home: String, passphrase: borrowing Secret, friend: String) async throws {
  let client = try Client.open(home: home, passphrase: passphrase)
  _ = try await client.addContact(friend, name: "friend")
  let sent = try await client.send("Hello from my app.", to: "friend")
  print(sent.id, sent.state)
  try await client.receive { messages in
    for message in messages { print(message.from, message.text) }
  }
  try await client.close()
}
// It ends here.

@Suite(.sealsAreWatched) struct ReadmeExampleTests {
  @Test func `The README shows what compiles here`() throws {
    let here = URL(filePath: #filePath)
    let readme = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "README.md")
    let source = try String(contentsOf: here, encoding: .utf8)
    let example = try #require(
      source.split(separator: "example begins here.\n").last?.split(separator: "// It ends here.").first)
    #expect(try String(contentsOf: readme, encoding: .utf8).contains("```swift\n\(example)```"))
  }
}
