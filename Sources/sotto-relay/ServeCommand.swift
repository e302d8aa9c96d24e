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
      The first line on standard output is `listening on http[s]://HOST:PORT`; logs go to standard error, one JSON \
      object a line. SIGTERM lets requests finish, closes every stream and exits 0. SIGHUP reads the configuration \
      again: names, limits and the certificate change at once, the rest with a restart; one that cannot be used \
      changes nothing.

      Settings come from the file (`name = value`), then from SOTTO_RELAY_*, then from flags. \
      `sotto-relay config example` explains each.

      EXIT CODES: 0 stopped; 64 usage; 69 cannot listen; 73 data folder; 74 store or disk; 75 another relay uses the \
      data folder; 78 configuration or certificate, or a store of a newer version.
      """)

  @OptionGroup var options: RelayOptions

  func run() async throws {
    // What the relay creates is for its own user, wherever the folder is.
    umask(0o077)
    // A limit on the size of files is a full disk, which is answered, and no reason to die.
    signal(SIGXFSZ, SIG_IGN)
    Relay.leaveACoreToTheWriter()
    try await Terminal.failing {
      let sources = options.sources
      let configuration = try sources.read().configuration
      var logger = Logger(label: "sotto-relay") { _ in JSONLogHandler() }
      logger.logLevel = configuration.logLevel
      // Whoever started the relay waits for this line.
      let relay = try Relay(
        configuration, Adapters(database: Database.adapter, bus: Database.bus), logger: logger,
        serviceManager: ServiceManager(notifySocket: ProcessInfo.processInfo.environment["NOTIFY_SOCKET"]),
        onListening: { Terminal.write("listening on \($0)\n") })
      try await relay.runUntilSignalled { () throws(StartFailure) in try sources.read().configuration }
    }
  }
}
