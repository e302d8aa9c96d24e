internal import ArgumentParser
internal import SottoRelay

/// `sotto-relay db restored`: makes ready what PostgreSQL's own tools have brought back.
struct DatabaseRestoredCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restored",
    abstract: "Make a database ready that was brought back to an earlier moment. All relays must be stopped.",
    discussion: """
      Say it after a dump was read, or PostgreSQL has recovered to a point in time, and before a relay starts. One-time \
      prekeys are withdrawn, since some were handed out after that moment; requests that were signed before count no \
      more; and clients are told to look again. What was deleted or revoked since is there again. All of it is done, or \
      nothing; it may be repeated.

      EXIT CODES: 0 done; 64 usage; 69 the database cannot be reached; 74 it failed; 75 a relay runs, or another program \
      uses the tables; 78 configuration, or tables of another version, or half filled by a conversion.
      """)

  @OptionGroup var options: RelayOptions
  @Flag(help: "Answer with one JSON object.") var json = false

  private struct Answer: Encodable {
    let mailboxes: Int
    let cards: Int
  }

  func run() async throws {
    try await Terminal.failing {
      let configuration = try options.sources.read().configuration
      let (database, address) = try Database.named(by: configuration)
      let found = try database.restored(address, now: configuration.now())
      try write(found)
    }
  }

  private func write(_ found: RestoredStore) throws {
    if json { return try Terminal.write(json: Answer(mailboxes: found.mailboxes, cards: found.cards)) }
    Terminal.write(
      "The database is ready, with \(found.mailboxes) mailboxes and \(found.cards) cards. Their one-time prekeys are "
        + "withdrawn, what was signed before changes nothing, and clients are told to look again. Envelopes that were "
        + "delivered since are delivered again; those that came since are lost. Start the relays.\n")
  }
}
