internal import ArgumentParser
internal import SottoRelay

/// `sotto-relay db status`: which version the tables have.
struct DatabaseStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Say which version the tables have, whether this program can work with them, and how many relays do.",
    discussion: """
      EXIT CODES: 0 it can; 64 usage; 69 the database cannot be reached; 74 it failed; 78 configuration, or it cannot: \
      the tables are newer, must be migrated first, or are half filled by a conversion.
      """)

  @OptionGroup var options: RelayOptions
  @Flag(help: "Answer with one JSON object.") var json = false

  private struct Answer: Encodable {
    let version: Int
    let oldest: Int
    let known: Int
    let usable: Bool
    let halfFilled: Bool
    let relays: Int
  }

  func run() async throws {
    try await Terminal.failing {
      let (database, address) = try Database.named(by: try options.sources.read().configuration)
      let state = try database.state(address)
      try Self.write(state, relays: try database.relays(address), json: json)
      if !Self.isUsable(state) { throw ExitCode(78) }
    }
  }

  private static func isUsable(_ state: SchemaState) -> Bool { (try? state.check()) != nil }

  static func write(_ state: SchemaState, relays: Int, json: Bool) throws {
    let isUsable = isUsable(state)
    if json {
      return try Terminal.write(
        json: Answer(
          version: state.version, oldest: state.oldest, known: state.known, usable: isUsable,
          halfFilled: state.isHalfFilled, relays: relays))
    }
    let next =
      isUsable
      ? "This program can work with them."
      : state.isHalfFilled
        ? "They are half filled: run `sotto-relay db convert` until it is done."
        : state.version < state.known
          ? "Run `sotto-relay db migrate`." : "They are for a newer program: run that one."
    Terminal.write(
      "The tables have version \(state.version), for programs from \(state.oldest) on; this one is of \(state.known). "
        + next + " Relays that run with them: \(relays).\n")
  }
}
