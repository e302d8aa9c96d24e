#if Fleet
  internal import CLibpq
  package import SottoRelay

  /// PostgreSQL as a place for a relay's store.
  package struct PostgreSQL: StoreDatabase {
    /// False in a program that was linked without libpq, as that of `make dist`.
    package static var isLinked: Bool { PQlibVersion() != 0 }

    package init() {}

    package func open(
      _ address: String, report: @escaping @Sendable (CommitReport) -> Void
    ) throws(StartFailure) -> any SharedStore {
      try explaining { try PostgreSQLStore(address: address, report: report) }
    }

    package func migrate(_ address: String) throws(StartFailure) -> SchemaState {
      try explaining {
        let connection = try Connection(address)
        let state = try Schema.migrate(connection)
        try state.check()
        return state
      }
    }

    package func state(_ address: String) throws(StartFailure) -> SchemaState {
      try explaining { try Schema.state(try Connection(address)) }
    }

    package func relays(_ address: String) throws(StartFailure) -> Int {
      try explaining {
        let connection = try Connection(address)
        guard (try? Schema.state(connection).check()) != nil else { return 0 }
        return Int(try connection.run(HomeStatements.running())[0].number(0, 0))
      }
    }

    package func conversionTarget(_ address: String) throws(StartFailure) -> any ConversionTarget {
      try explaining { try PostgreSQLConversion(address) }
    }

    package func restored(_ address: String, now: Int64) throws(StartFailure) -> RestoredStore {
      try explaining { try Restoration.run(try Connection(address), now: now) }
    }

    private func explaining<T>(_ body: () throws -> T) throws(StartFailure) -> T {
      try StartFailure.explaining(body)
    }
  }

  extension StartFailure {
    /// What went wrong, for the operator. The address is the operator's own, and so is not repeated.
    static func explaining<T>(_ body: () throws -> T) throws(StartFailure) -> T {
      do {
        return try body()
      } catch let failure as StartFailure {
        throw failure
      } catch let failure as ConnectFailure {
        throw .noConnection(failure)
      } catch StoreFailure.newerSchema {
        throw .newerTables
      } catch StoreFailure.olderSchema {
        throw .olderTables
      } catch StoreFailure.halfFilled {
        throw .halfFilledTables
      } catch {
        throw .databaseFailed((error as? DatabaseFailure)?.state)
      }
    }
  }

  extension StartFailure {
    static func noConnection(_ failure: ConnectFailure) -> StartFailure {
      switch failure {
      case .malformed:
        StartFailure(
          78, "The setting store is not an address of a database, or a file that it names cannot be read.",
          "Nobody was asked for a connection.",
          "Write it like postgresql://USER@HOST/DATABASE or host=HOST dbname=DATABASE.")
      case .unreachable:
        StartFailure(
          69, "The database cannot be reached.", "No host of the address answers in time.",
          "Check that PostgreSQL runs there, that it listens on that address, and what is between.")
      case .notReady:
        StartFailure(
          69, "The database takes no writes now.", "It is starting, stopping, or only a standby.",
          "Try again in a few seconds, or name the primary; several hosts may be given, separated by commas.")
      case .refused:
        StartFailure(
          69, "The database does not let this program in.", "The user, the password or the database's name is wrong.",
          "Try the same address with psql; pg_hba.conf says who may connect, and the server's log why not.")
      case .passwordMissing:
        StartFailure(
          78, "The database asks for a password, and there is none.", "It lets nobody in without.",
          "Put it into a file that PGPASSFILE or passfile=FILE names, mode 0600, or into PGPASSWORD.")
      case .notDurable:
        StartFailure(
          74,
          "The database does not wait for its disk: synchronous_commit or fsync is off, or local where there are standbys.",
          "What the relay acknowledges could be lost in a power cut, or when a standby takes over.",
          "Turn both on, for the server, the database and the user, and start again.")
      case .tooOld:
        StartFailure(
          78, "The database is older than PostgreSQL 15.", "The relay was never tried with it.",
          "Use PostgreSQL 15 or newer.")
      }
    }

    static func databaseFailed(_ state: String?) -> StartFailure {
      StartFailure(
        74, "The database failed (SQLSTATE \(state ?? "unknown")).", "Nothing was started.",
        "Look at the server's log. The user needs the right to connect, and to migrate the right to create tables.")
    }
  }
#endif
