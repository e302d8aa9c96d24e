internal import GRDB

/// The tables of the SQLite store, each column of which stands in `Specs/Leakage.md`. [leakage.1] Every value that came
/// from outside is opaque; the only time is a day.
///
/// A mailbox has a small number of its own, so that the tables beside it need not repeat its id. It is never used again.
/// Numbers are below 2^63.
///
/// `queue` is append-only but for `Discard`: a row's key is greater than every one before it and there is no other index,
/// so a commit writes the last pages of one table, however many mailboxes it is for. What an index would have to answer
/// (which rows are a mailbox's, which names it knows, what it holds) is in memory, in a `QueueIndex`, which is rebuilt from
/// these tables alone: a copy of the file is a whole backup.
///
///     accept:       + queue
///     acknowledge:  mailbox.acknowledged = index        every row up to it is as good as gone, also after a crash
///     discard:      - queue, + delivered                many at once
enum Schema {
  /// Raised with every change of the tables. A store with another one is refused.
  static let version = 4
  /// In the place of the version once the store was moved into a database: older programs take it for a newer store, and
  /// refuse it too. [operation.15]
  static let converted = 1_000_000 + version
  /// 15 rows of 1 KiB fill one to 96 %; the default of 4 KiB wastes a quarter.
  static let pageSize = 16_384
  /// What a connection keeps of the file in memory, in KiB.
  static let cache = 8_192

  static let tables = """
    CREATE TABLE store (
      one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, restore_epoch INTEGER NOT NULL);
    CREATE TABLE card (
      id BLOB PRIMARY KEY, key BLOB NOT NULL, sequence INTEGER NOT NULL, digest BLOB NOT NULL,
      list_sequence INTEGER NOT NULL, sealed BLOB NOT NULL);
    CREATE TABLE mailbox (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, sequence INTEGER NOT NULL, digest BLOB NOT NULL,
      acknowledged INTEGER NOT NULL DEFAULT 0, signed_part INTEGER, greatest_batch INTEGER,
      last_resort_claims INTEGER NOT NULL DEFAULT 0, lease INTEGER);
    CREATE TABLE capability (
      mailbox INTEGER NOT NULL, hash BLOB NOT NULL, class INTEGER NOT NULL, expires INTEGER,
      PRIMARY KEY (mailbox, hash)) WITHOUT ROWID;
    CREATE TABLE signed_part (mailbox INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
    CREATE TABLE batch (
      mailbox INTEGER NOT NULL, batch INTEGER NOT NULL, digest BLOB NOT NULL,
      PRIMARY KEY (mailbox, batch)) WITHOUT ROWID;
    CREATE TABLE one_time (
      n INTEGER PRIMARY KEY, mailbox INTEGER NOT NULL, batch INTEGER NOT NULL, leaf INTEGER NOT NULL,
      sealed BLOB NOT NULL);
    CREATE INDEX one_time_first ON one_time (mailbox, n);
    CREATE TABLE queue (
      k INTEGER PRIMARY KEY, mailbox INTEGER NOT NULL, position INTEGER NOT NULL, id BLOB NOT NULL,
      class INTEGER NOT NULL, day INTEGER NOT NULL, sum INTEGER NOT NULL, bytes BLOB NOT NULL);
    CREATE TABLE delivered (
      k INTEGER PRIMARY KEY, mailbox INTEGER NOT NULL, day INTEGER NOT NULL, ids BLOB NOT NULL);
    """

  /// Creates the tables in an empty file, accepts this version's, refuses another one's.
  static func prepare(_ db: Database) throws {
    if try db.tableExists("store") {
      let found = try Int.fetchOne(db, sql: "SELECT version FROM store") ?? .max
      guard found != converted else { throw StoreFailure.converted }
      guard found == version else { throw found > version ? StoreFailure.newerSchema : StoreFailure.olderSchema }
      // From here on a database that was half filled from this file is no part of it any more. [operation.15]
      try db.execute(sql: "DROP TABLE IF EXISTS conversion")
      try addRegistration(db)
      try addPushes(db)
      return
    }
    try db.execute(sql: tables + blobTables + registrationTables + pushTable)
    try db.execute(sql: "INSERT INTO store VALUES (1, ?, 1)", arguments: [version])
  }
}
