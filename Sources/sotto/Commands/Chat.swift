internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// `sotto chat [CONTACT]`: a conversation on the whole screen, or the list of them.
struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat", abstract: "Talk, on the whole screen.",
    discussion: """
      Without a contact, the conversations to choose from. Enter sends, alt-enter begins a new line, page up and down
      read on, /help tells the rest, ctrl-d leaves. Nothing of it stays on the screen afterwards.
      """)

  @Argument(help: "A contact's name, or an address.")
  var contact: String?

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
      throw ClientError(
        .usage, "There is no terminal to talk on.", meaning: "`sotto chat` needs a screen and a keyboard.",
        next: "Elsewhere use `sotto send`, `sotto receive --follow` and `sotto history`.")
    }
    // It asks for the passphrase before it takes the screen.
    let end = try await options.withClient { client in
      if let contact { _ = try await client.history(with: contact, limit: 1) }
      var shell = try ChatShell(client: client, contact: contact)
      return try await shell.run()
    }
    if let end { throw ExitCode(end.exitStatus) }
  }
}
