// What can be in the way of a conversion, and of a relay after one. [operation.15]

extension StartFailure {
  package static let convertedStore = StartFailure(
    78, "The store in the data folder was moved into a PostgreSQL database.",
    "The database is the truth since then; a relay that served the file too would give out the same things twice.",
    "Set `store` to the database's address. The way back is in Specs/Operation.md, [operation.15]: "
      + "`sotto-relay backup FILE`, then `sotto-relay restore FILE --replace`.", setting: .store)

  package static let halfFilledTables = StartFailure(
    78, "The database is being filled by `sotto-relay db convert`, which has not come to its end.",
    "It has only a part of what it will have, so no relay serves from it.",
    "Run `sotto-relay db convert` with the same settings until it is done; or name another database.", setting: .store)

  static let databaseInUse = StartFailure(
    75, "A relay runs with the database.", "It would serve what is only half there. The file was not changed.",
    "Stop it and try again; one that was killed is forgotten after \(RelayLimits.leaseSeconds) seconds.")

  static let notEmpty = StartFailure(
    73, "The database has something in it that did not come from this file.",
    "The two would be mixed up. Nothing was changed.",
    "Make an empty database, run `sotto-relay db migrate` with its address, and convert into that one.")

  static let otherConversion = StartFailure(
    73, "The database is half filled from another file, or this one was served since.",
    "What is there is not a part of what is here. Nothing was changed.",
    "Convert the other file; or make an empty database, run `sotto-relay db migrate` with its address, and convert "
      + "into that one.")

  static let convertedElsewhere = StartFailure(
    73, "The store in the data folder was moved into another database before.",
    "That one is the truth; a second copy of the file would give out the same things twice. Nothing was changed.",
    "Set `store` to the address of the database that it went to. The way back is in Specs/Operation.md, [operation.15]."
  )

  static func unreadableSource(_ path: String) -> StartFailure {
    StartFailure(
      74, "Cannot read or write the store \(path).", "The disk is full or failing, or the file is damaged.",
      "Run `sotto-relay doctor --store sqlite`, mend what it finds or restore a backup, and convert again.")
  }

  /// `isMarked`: the file was marked as moved already, when the command was killed between its last two steps.
  static func differs(_ kind: StoreRow.Kind, expected: Int, found: Int, isMarked: Bool) -> StartFailure {
    StartFailure(
      65,
      "What the database holds is not what the file holds: rows of \(kind.rawValue), \(expected) in the file and "
        + "\(found) in the database, differ in number or content.",
      isMarked
        ? "Neither is served: the file is marked as moved, and the database is not whole."
        : "The file is the truth as before, and no relay serves from the database.",
      isMarked
        ? "Look at the database's log and disk. Then go back to the file: `sotto-relay backup FILE`, and "
          + "`sotto-relay restore FILE --replace`."
        : "Look at the database's log and disk. Then make an empty database, run `sotto-relay db migrate` with its address, "
          + "and convert into that one.")
  }

  package static let otherConverter = StartFailure(
    75, "Another `sotto-relay db convert` fills the database.", "Two would be in each other's way.",
    "Wait until it has ended.")
}
