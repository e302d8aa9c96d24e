internal import ArgumentParser
internal import SottoRelay

/// The relay's program.
@main
struct SottoRelayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sotto-relay",
    abstract: "A blind relay: it stores sealed envelopes until their owner fetches them.",
    version: RelayVersion.text,
    subcommands: [
      ServeCommand.self, ConfigCommand.self, DatabaseCommand.self, BackupCommand.self, RestoreCommand.self,
      TokenCommand.self, DoctorCommand.self,
      BenchCommand.self, CapacityCommand.self,
    ])
}
