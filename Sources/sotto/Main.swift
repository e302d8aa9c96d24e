internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// The version of Sotto, as `--version` prints it.
let sottoVersion = "0.1.0"

/// `sotto`: one file per command in Commands/, what they share in Terminal/.
struct Sotto: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sotto",
    abstract: "End-to-end encrypted messages through a blind relay.",
    discussion: """
      Every command takes --home DIR, --json, --passphrase-file FILE and --ca-file FILE.

      Environment: SOTTO_HOME, SOTTO_PASSPHRASE, SOTTO_CA_FILE, SOTTO_INVITE, SOTTO_LOCAL_PROVIDER,
      NO_COLOR.
      Completions: source <(sotto --generate-completion-script bash), or zsh, or fish.
      Exit codes follow sysexits; 75 means that trying again later helps.
      """,
    version: sottoVersion,
    subcommands: [
      IdentityCommand.self, ContactCommand.self, ChatCommand.self, SendCommand.self, ReceiveCommand.self,
      DownloadCommand.self, HistoryCommand.self, SearchCommand.self, BackupCommand.self, DeviceCommand.self,
      SessionCommand.self, DoctorCommand.self, VectorsCommand.self, DemoCommand.self,
    ])
}

@main
enum Main {
  static func main() async {
    // A reader that goes away, and a file that may not grow, are errors of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    let arguments = Arguments.current
    do {
      try Arguments.checkEncoding()
      if arguments.isEmpty, FirstUse.isFirst { return try FirstUse.greet() }
      var command = try Sotto.parseAsRoot(Arguments.hoistingGlobals(arguments))
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      Failure.end(with: error, asJSON: arguments.contains("--json"))
    }
  }
}
