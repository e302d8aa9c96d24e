internal import ArgumentParser
internal import SottoRelay

/// `sotto-relay db migrate`: makes the tables, or brings them to this program's version.
struct DatabaseMigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Make the tables, or bring them to this program's version.",
    discussion: """
      It may be repeated, and relays may run meanwhile: those of the version before go on with the new tables. Run it \
      before you start the new ones. EXIT CODES: 0 the tables have this program's version; 64 usage; 69 the database \
      cannot be reached; 74 it failed; 78 configuration, or tables of a newer version.
      """)

  @OptionGroup var options: RelayOptions
  @Flag(help: "Answer with one JSON object.") var json = false

  func run() async throws {
    try await Terminal.failing {
      let (database, address) = try Database.named(by: try options.sources.read().configuration)
      let state = try database.migrate(address)
      try DatabaseStatusCommand.write(state, relays: try database.relays(address), json: json)
    }
  }
}
