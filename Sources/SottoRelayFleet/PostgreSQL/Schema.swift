#if Fleet
  internal import SottoRelay

  /// The tables, each column of which stands in `Specs/Leakage.md`. [leakage.1] Every value that came from outside is
  /// opaque; the only time is a day.
  ///
  /// Every table of a mailbox has its id first in its key and is divided by it, and nothing in one mailbox refers to
  /// another: so a database that spreads rows over machines can do so by that column. There are no sequences, triggers,
  /// procedures or foreign keys; a card and the name of a blob stand for themselves.
  ///
  /// A version is only ever added to `versions`. It says which programs it still serves: first a version that adds
  /// (`oldest` stays), then, when all relays know the new columns, one that takes away (`oldest` is raised). So two
  /// versions of the program, one beside the other, run with the same tables. [operation.13]
  enum Schema {
    struct Version {
      let number: Int
      /// The oldest program that can work with it.
      let oldest: Int
      let sql: [String]
    }

    static let versions = [
      Version(number: 1, oldest: 1, sql: first), Version(number: 2, oldest: 1, sql: second),
      Version(number: 3, oldest: 1, sql: third), Version(number: 4, oldest: 1, sql: fourth),
      Version(number: 5, oldest: 1, sql: fifth), Version(number: 6, oldest: 1, sql: sixth),
    ]
    static var known: Int { versions.last?.number ?? 0 }
    /// In the place of `oldest` while a conversion fills the tables: no program is as new, so none of whatever version
    /// serves from them. [operation.15]
    static let nobody = Int(Int32.max)

    static let epoch = Statement("epoch", "SELECT restore_epoch FROM store")

    private static let found = Statement("found", "SELECT to_regclass('store') IS NOT NULL")
    private static let version = Statement("version", "SELECT version, oldest FROM store")

    static func state(_ connection: Connection) throws(DatabaseFailure) -> SchemaState {
      let isThere = try connection.run(found())[0].bytes(0, 0) == [1]
      guard isThere else { return SchemaState(version: 0, oldest: 0, known: known) }
      let row = try connection.run(version())[0]
      guard !row.isEmpty else { return SchemaState(version: 0, oldest: 0, known: known) }
      let (version, oldest) = (Int(row.number(0, 0)), Int(row.number(0, 1)))
      guard oldest == nobody else { return SchemaState(version: version, oldest: oldest, known: known) }
      let usual = versions.first { $0.number == version }?.oldest ?? version
      return SchemaState(version: version, oldest: usual, known: known, isHalfFilled: true)
    }

    /// Adds the versions that are missing, all or none, while nobody else does. What is newer stays as it is.
    static func migrate(_ connection: Connection) throws(DatabaseFailure) -> SchemaState {
      try connection.becomePatient()
      try connection.run(Statement.begin(), lock())
      let before = try state(connection)
      // A version would take the mark away; and what the rest is filled with is of the version before.
      guard !before.isHalfFilled else {
        connection.rollBack()
        return before
      }
      var calls: [Call] = []
      for version in versions where version.number > before.version {
        let written = "UPDATE store SET version = \(version.number), oldest = \(version.oldest)"
        calls += (version.sql + [written]).enumerated().map { index, sql in
          Statement("migrate \(version.number) \(index)", sql)()
        }
      }
      try connection.run(calls + [Statement.commit()])
      return try state(connection)
    }

    /// Until the transaction ends. The number is the program's own.
    private static let lock = Statement("lock migrations", "SELECT pg_advisory_xact_lock(\(AdvisoryLock.migration))")

    // MARK: Version 1

    /// `mailbox` is the head of one: every change of a mailbox locks its row first. It counts what waits, so that a quota
    /// is judged without a look at the queue.
    ///
    /// A batch keeps its one-time parts in one row, a page, of which `taken` were handed out: `ends` says where each
    /// ends in the page. What is sealed is not compressed, and a part is read without reading the page.
    ///
    /// `name` outlives the envelope, so that a repetition is known. A row of it, or of `envelope`, comes with the day, so
    /// what is old lies together, and a `brin` index finds it at no cost to whoever inserts.
    private static let first: [String] =
      [
        """
        CREATE TABLE store (
          one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL, oldest integer NOT NULL,
          restore_epoch bigint NOT NULL)
        """,
        "INSERT INTO store (version, oldest, restore_epoch) VALUES (0, 0, 1)",
      ]
      + partitioned(
        "card", by: "id",
        """
        id uuid PRIMARY KEY, key bytea NOT NULL, sequence bigint NOT NULL, digest bytea NOT NULL,
        list_sequence bigint NOT NULL, sealed bytea NOT NULL
        """, external: ["sealed"])
      + partitioned(
        "mailbox", by: "id",
        """
        id uuid PRIMARY KEY, sequence bigint NOT NULL, digest bytea NOT NULL, last_index bigint NOT NULL DEFAULT 0,
        acknowledged bigint NOT NULL DEFAULT 0, contact_count bigint NOT NULL DEFAULT 0,
        contact_bytes bigint NOT NULL DEFAULT 0, knock_count bigint NOT NULL DEFAULT 0,
        knock_bytes bigint NOT NULL DEFAULT 0, signed_part bigint, greatest_batch bigint,
        last_resort_claims bigint NOT NULL DEFAULT 0
        """, fill: 70)
      + partitioned(
        "capability", by: "mailbox",
        """
        mailbox uuid NOT NULL, hash bytea NOT NULL, class smallint NOT NULL, expires bigint, PRIMARY KEY (mailbox, hash)
        """)
      + partitioned(
        "signed_part", by: "mailbox", "mailbox uuid PRIMARY KEY, sealed bytea NOT NULL", external: ["sealed"])
      + partitioned(
        "batch", by: "mailbox",
        """
        mailbox uuid NOT NULL, batch bigint NOT NULL, digest bytea NOT NULL, total integer NOT NULL,
        taken integer NOT NULL DEFAULT 0, leaves integer[] NOT NULL, ends integer[] NOT NULL, page bytea NOT NULL,
        PRIMARY KEY (mailbox, batch)
        """, external: ["page"])
      + partitioned(
        "envelope", by: "mailbox",
        """
        mailbox uuid NOT NULL, position bigint NOT NULL, id uuid NOT NULL, class smallint NOT NULL,
        day integer NOT NULL, sum bigint NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (mailbox, position)
        """, external: ["bytes"])
      + partitioned(
        "name", by: "mailbox",
        """
        mailbox uuid NOT NULL, id uuid NOT NULL, position bigint NOT NULL, day integer NOT NULL,
        PRIMARY KEY (mailbox, id)
        """)
      + partitioned(
        "blob", by: "mailbox",
        """
        mailbox uuid NOT NULL, id uuid NOT NULL, length bigint NOT NULL, day integer NOT NULL, part uuid,
        saved bigint NOT NULL, hash bytea, PRIMARY KEY (mailbox, id)
        """)
      + partitioned("blob_place", by: "id", "id uuid PRIMARY KEY, mailbox uuid NOT NULL")
      + [
        "CREATE TABLE abandoned (name bytea PRIMARY KEY)",
        "CREATE INDEX capability_expires ON capability (expires) WHERE expires IS NOT NULL",
        "CREATE INDEX envelope_day ON envelope USING brin (day)",
        "CREATE INDEX name_day ON name USING brin (day)",
        "CREATE INDEX blob_part ON blob (part) WHERE part IS NOT NULL",
        "CREATE INDEX blob_hash ON blob (hash, length) WHERE hash IS NOT NULL",
        "CREATE INDEX blob_day ON blob (day)",
      ]

    // MARK: Version 2

    /// Where sockets are, and which relays there are. A program of version 1 leaves the new columns as they are: what it
    /// takes in is found by a look.
    private static let second = [
      "ALTER TABLE mailbox ADD COLUMN home uuid, ADD COLUMN claim bigint NOT NULL DEFAULT 0",
      "CREATE TABLE node (id uuid PRIMARY KEY, beat timestamptz NOT NULL)",
    ]

    // MARK: Version 3

    /// What a relay calls its socket; and how far a conversion from a file has come, one row if there was one. A program of
    /// version 2 leaves both as they are: it is seen by its claim that another socket counts.
    private static let third = [
      "ALTER TABLE mailbox ADD COLUMN socket uuid",
      """
      CREATE TABLE conversion (
        one boolean PRIMARY KEY DEFAULT true CHECK (one), source uuid NOT NULL, step integer NOT NULL,
        place bytea NOT NULL, finished boolean NOT NULL)
      """,
    ]

    // MARK: Version 4

    /// Who wants to be woken. `mailbox.push`: NULL for who does not, 0 for who was not asked to be since a stream was
    /// opened last, else the day when that was. So whoever accepts an envelope sees in the head whether there is anything
    /// to do. A program of version 3 leaves all of it as it is: what it takes in wakes nobody.
    ///
    /// The index finds mailboxes whose relay has died; its columns change with a stream and a push, not with an envelope.
    private static let fourth =
      ["ALTER TABLE mailbox ADD COLUMN push integer"]
      + partitioned(
        "push", by: "mailbox",
        """
        mailbox uuid PRIMARY KEY, handle uuid NOT NULL, sealed bytea NOT NULL, due boolean NOT NULL DEFAULT false,
        taker uuid
        """)
      + [
        "CREATE INDEX push_due ON push (mailbox) WHERE due",
        "CREATE INDEX mailbox_wakeable ON mailbox (home) WHERE push IS NOT NULL AND home IS NOT NULL",
      ]

    // MARK: Version 5

    /// Finds the subscription that a gateway says is over. A program of version 4 hears of none.
    private static let fifth = ["CREATE INDEX push_handle ON push (handle)"]

    // MARK: Version 6

    /// What relays remember that do not let everybody in, and until when a mailbox is paid for. A program of version 5 lets
    /// everybody in, and leaves it as it is.
    private static let sixth =
      partitioned("spent", by: "token", "token bytea PRIMARY KEY, last_day bigint NOT NULL")
      + partitioned(
        "issued", by: "account",
        "account bytea PRIMARY KEY, epoch bigint NOT NULL, count bigint NOT NULL, batch bytea NOT NULL")
      + [
        "CREATE TABLE token_key (epoch bigint PRIMARY KEY, sealed bytea NOT NULL)",
        "ALTER TABLE mailbox ADD COLUMN lease bigint",
        // Finds what is to be forgiven, which is nothing where everybody was always let in.
        "CREATE INDEX mailbox_lease ON mailbox (lease) WHERE lease IS NOT NULL",
      ]

    private static func partitioned(
      _ table: String, by key: String, _ columns: String, external: [String] = [], fill: Int = 100
    ) -> [String] {
      ["CREATE TABLE \(table) (\(columns)) PARTITION BY HASH (\(key))"]
        + external.map { "ALTER TABLE \(table) ALTER COLUMN \($0) SET STORAGE EXTERNAL" }
        + (0..<FleetLimits.partitions).map {
          "CREATE TABLE \(table)_\($0) PARTITION OF \(table) "
            + "FOR VALUES WITH (MODULUS \(FleetLimits.partitions), REMAINDER \($0)) WITH (fillfactor = \(fill))"
        }
    }
  }

  /// Numbers of the locks that have no row. They are the database's, so they hold for every relay.
  enum AdvisoryLock {
    static let migration = 7_311_401
    static let sweep = 7_311_402
    static let conversion = 7_311_403
  }
#endif
