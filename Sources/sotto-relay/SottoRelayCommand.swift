internal import ArgumentParser

/// The relay's program.
@main
struct SottoRelayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sotto-relay",
    abstract: "A blind relay: it stores sealed envelopes until their owner fetches them.",
    version: "0.1.0",
    subcommands: [ServeCommand.self, ConfigCommand.self])
}
