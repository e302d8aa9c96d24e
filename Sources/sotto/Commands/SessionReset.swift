internal import ArgumentParser
internal import SottoClient

/// `sotto session reset NAME`: ends all sessions with a contact and opens a new one.
struct SessionResetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reset", abstract: "Start over with a contact: new keys, nothing weakened.")

  @Argument(help: "A contact's name, or an address.")
  var contact: String

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let isSent = try await options.withClient { try await $0.resetSessions(with: contact) }
    if options.json {
      try Output.line(JSON(["contact": .string(contact), "state": .string(isSent ? "sent" : "queued")]))
    } else {
      Output.note(isSent ? "A new session with \(contact) is open." : "Queued: the relay cannot be reached now.")
    }
    if !isSent { throw ExitCode(75) }
  }
}
