internal import ArgumentParser
internal import Foundation
internal import Logging
internal import SottoRelay

/// `sotto-relay serve`: runs a relay until SIGTERM or SIGINT.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Run a relay.",
    discussion: """
      The first line on standard output is `listening on http://HOST:PORT`; logs go to standard error, one JSON object \
      a line. SIGTERM lets requests finish, closes every stream and exits 0.

      Settings come from DATA/relay.conf (`name = value`), then SOTTO_RELAY_LISTEN, SOTTO_RELAY_DATA, \
      SOTTO_RELAY_REGISTRATION and SOTTO_RELAY_AUTHORITY, then from flags.

      EXIT CODES: 0 stopped; 64 usage; 69 cannot listen; 73 data folder; 74 store or disk; 75 another relay uses the \
      data folder; 78 configuration, or a store of a newer version.
      """)

  @Option(help: "Where to listen; port 0 picks a free one. (default: 127.0.0.1:8090)")
  var listen: String?

  @Option(help: "The folder to keep everything in. (default: $XDG_DATA_HOME/sotto-relay)")
  var data: String?

  @Option(help: "Who may create mailboxes: `open` is anyone. Needed unless only this machine can reach the relay.")
  var registration: String?

  @Option(help: "A name that clients reach the relay by, host[:port]; may be repeated. (default: any)")
  var authority: [String] = []

  func run() async throws {
    // What the relay creates is for its own user, wherever the folder is.
    umask(0o077)
    // A limit on the size of files is a full disk, which is answered, and no reason to die.
    signal(SIGXFSZ, SIG_IGN)
    do {
      let relay = try Relay(
        try configuration(), logger: Logger(label: "sotto-relay") { _ in JSONLogHandler() },
        onListening: Self.announce)
      try await relay.runUntilSignalled()
    } catch let failure as StartFailure {
      FileHandle.standardError.write(Data("sotto-relay: \(failure)\n".utf8))
      throw ExitCode(failure.exitCode)
    }
  }

  /// The file, then the environment, then the flags: the later wins.
  private func configuration() throws(StartFailure) -> RelayConfiguration {
    let environment = ProcessInfo.processInfo.environment
    let data = self.data ?? environment["SOTTO_RELAY_DATA"] ?? Self.defaultData(environment)
    var configuration = RelayConfiguration(dataDirectory: data)
    try configuration.read(file: data + "/relay.conf")
    for name in ["listen", "registration", "authority"] {
      if let value = environment["SOTTO_RELAY_" + name.uppercased()] { try configuration.set(name, to: value) }
    }
    if let listen { try configuration.set("listen", to: listen) }
    if let registration { try configuration.set("registration", to: registration) }
    for name in authority { try configuration.set("authority", to: name) }
    return configuration
  }

  private static func defaultData(_ environment: [String: String]) -> String {
    let base = environment["XDG_DATA_HOME"].flatMap { $0.isEmpty ? nil : $0 }
    return (base ?? NSHomeDirectory() + "/.local/share") + "/sotto-relay"
  }

  /// Whoever started the relay waits for this line.
  private static func announce(_ url: String) {
    FileHandle.standardOutput.write(Data("listening on \(url)\n".utf8))
  }
}
