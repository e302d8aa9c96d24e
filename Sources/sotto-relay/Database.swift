internal import SottoRelay

#if Fleet
  internal import SottoRelayFleet
#endif

/// What this program can keep a store in besides a file.
enum Database {
  #if Fleet
    static let adapter: (any StoreDatabase)? = PostgreSQL.isLinked ? PostgreSQL() : nil
    static let bus: (any BusConnector)? = RabbitMQ.isLinked ? RabbitMQ() : nil
  #else
    static let adapter: (any StoreDatabase)? = nil
    static let bus: (any BusConnector)? = nil
  #endif

  /// The adapter and the address, for a command that is about a database.
  static func named(by configuration: RelayConfiguration) throws(StartFailure) -> (any StoreDatabase, String) {
    guard case .postgreSQL(let address) = configuration.store else { throw .noDatabase }
    guard let adapter else { throw .withoutDatabase }
    return (adapter, address)
  }

  /// For a command that starts from the store's file.
  static func checkIsFile(_ configuration: RelayConfiguration) throws(StartFailure) {
    if case .postgreSQL = configuration.store { throw .notAFile }
  }
}

extension StartFailure {
  fileprivate static let noDatabase = StartFailure(
    78, "The setting store names no database.", "A file needs no such command: the relay makes it when it starts.",
    "Say `--store postgresql://USER@HOST/DATABASE`, or set it in the configuration.")

  fileprivate static let notAFile = StartFailure(
    78, "The setting store names a PostgreSQL database.", "This command copies and replaces a file, and there is none.",
    "Use the database's own tools: pg_basebackup and its archive, or pg_dump; after they have brought it back, "
      + "`sotto-relay db restored`.")
}
