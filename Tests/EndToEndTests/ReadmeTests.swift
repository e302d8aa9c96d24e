import Foundation
import Testing

/// The commands that the README shows are run as they stand: whoever follows it gets what it promises.
///
/// Every fenced `console` block counts: lines that begin with `$ ` are commands, lines that begin with `> ` continue
/// them, everything else is output. They run in order, in one shell and an empty home; a relay runs in the background.
@Suite struct ReadmeTests {
  private static let readme = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "README.md")

  @Test func `The README's first conversation works as it is written`() async throws {
    let text = try String(contentsOf: Self.readme, encoding: .utf8)
    let commands = Self.commands(in: text)
    try #require(!commands.isEmpty, "README.md shows no console block")
    let folder = try TemporaryFolder()
    // Port 8090 may be taken on this machine: the relay listens elsewhere, and everybody is told so.
    let port = Socket.unusedPort()
    let script = commands.map(Self.inBackgroundIfServing).joined(separator: "\n")
      .replacing("127.0.0.1:8090", with: "127.0.0.1:\(port)")
    let outcome = try await run(
      URL(filePath: "/bin/bash"), ["-c", "set -eu; cd; trap 'kill $(jobs -p)' EXIT\n" + script + "\necho FINISHED"],
      environment: [
        "PATH": Programs.folder.path + ":/usr/bin:/bin", "HOME": folder.path, "SOTTO_PASSPHRASE": "for this test",
        "SOTTO_RELAY_LISTEN": "127.0.0.1:\(port)", "XDG_DATA_HOME": folder.file("data"), "TERM": "dumb",
      ], killedAfter: 600)
    #expect(outcome.status == 0 && outcome.output.hasSuffix("FINISHED\n"), "\(script)\n\(outcome)")
  }

  @Test func `Commands are told from their output`() {
    let page = "```sh\n$ no\n```\ntext\n```console\n$ one \\\n>   more\noutput\n$ two\n```\n$ neither\n"
    #expect(Self.commands(in: page) == ["one \\\n  more", "two"])
  }

  private static func commands(in page: String) -> [String] {
    var commands: [String] = []
    var isConsole = false
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isConsole = line.hasPrefix("```console")
      } else if isConsole, line.hasPrefix("$ ") {
        commands.append(String(line.dropFirst(2)))
      } else if isConsole, line.hasPrefix("> "), !commands.isEmpty {
        commands[commands.count - 1] += "\n" + line.dropFirst(2)
      }
    }
    return commands
  }

  /// A relay goes on; the others wait until it listens.
  private static func inBackgroundIfServing(_ command: String) -> String {
    guard command.hasPrefix("sotto-relay serve"), !command.hasSuffix("&") else { return command }
    return "\(command) > relay.out & \nfor i in $(seq 600); do grep -q listening relay.out && break; sleep 0.1; done"
  }
}
