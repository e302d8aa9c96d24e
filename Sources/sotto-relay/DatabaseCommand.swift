internal import ArgumentParser

/// `sotto-relay db`: the tables in PostgreSQL.
struct DatabaseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "db",
    abstract: "Look after the tables of a store in PostgreSQL.",
    subcommands: [
      DatabaseMigrateCommand.self, DatabaseStatusCommand.self, DatabaseConvertCommand.self,
      DatabaseRestoredCommand.self,
    ])
}
