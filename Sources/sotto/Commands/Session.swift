internal import ArgumentParser

/// `sotto session`: what lies beneath a conversation.
struct SessionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "session", abstract: "List or reset encrypted sessions.",
    subcommands: [SessionListCommand.self, SessionResetCommand.self])
}
