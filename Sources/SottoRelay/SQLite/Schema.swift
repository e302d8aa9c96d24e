internal import GRDB

/// The tables of the SQLite store. Every value that came from outside is opaque; the only time is a day.
///
/// A mailbox has a small number of its own, so that the tables beside it need not repeat its id. Numbers are below 2^63.
enum Schema {
  /// Raised with every change of the tables. A store with a greater one is refused.
  static var version: Int { steps.count }

  /// What each version added, from an empty file on.
  private static let steps = [tables, blobTables]

  static let tables = """
    CREATE TABLE store (
      one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, restore_epoch INTEGER NOT NULL);
    CREATE TABLE card (
      id BLOB PRIMARY KEY, key BLOB NOT NULL, sequence INTEGER NOT NULL, digest BLOB NOT NULL,
      list_sequence INTEGER NOT NULL, sealed BLOB NOT NULL);
    CREATE TABLE mailbox (
      n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, sequence INTEGER NOT NULL, digest BLOB NOT NULL,
      next_index INTEGER NOT NULL, contact_count INTEGER NOT NULL, contact_bytes INTEGER NOT NULL,
      knock_count INTEGER NOT NULL, knock_bytes INTEGER NOT NULL,
      signed_part INTEGER, sealed BLOB, greatest_batch INTEGER, last_resort_claims INTEGER NOT NULL);
    CREATE TABLE capability (
      mailbox INTEGER NOT NULL, hash BLOB NOT NULL, class INTEGER NOT NULL, expires INTEGER,
      PRIMARY KEY (mailbox, hash)) WITHOUT ROWID;
    CREATE TABLE batch (
      mailbox INTEGER NOT NULL, batch INTEGER NOT NULL, digest BLOB NOT NULL,
      PRIMARY KEY (mailbox, batch)) WITHOUT ROWID;
    CREATE TABLE one_time (
      n INTEGER PRIMARY KEY, mailbox INTEGER NOT NULL, batch INTEGER NOT NULL, leaf INTEGER NOT NULL,
      sealed BLOB NOT NULL);
    CREATE INDEX one_time_first ON one_time (mailbox, n);
    CREATE TABLE envelope (
      n INTEGER PRIMARY KEY, mailbox INTEGER NOT NULL, position INTEGER NOT NULL, id BLOB NOT NULL,
      class INTEGER NOT NULL, day INTEGER NOT NULL, size INTEGER NOT NULL, bytes BLOB NOT NULL);
    CREATE UNIQUE INDEX envelope_order ON envelope (mailbox, position);
    CREATE INDEX envelope_day ON envelope (day);
    CREATE TABLE recent (
      mailbox INTEGER NOT NULL, id BLOB NOT NULL, position INTEGER NOT NULL, day INTEGER NOT NULL,
      PRIMARY KEY (mailbox, id)) WITHOUT ROWID;
    """

  /// Creates the tables in an empty file, adds to an older version's what it lacks, refuses a newer one's.
  static func prepare(_ db: Database) throws {
    let found = try db.tableExists("store") ? try Int.fetchOne(db, sql: "SELECT version FROM store") ?? .max : 0
    guard found <= version else { throw StoreFailure.newerSchema }
    guard found < version else { return }
    for step in steps[found...] { try db.execute(sql: step) }
    if found == 0 { try db.execute(sql: "INSERT INTO store VALUES (1, 0, 1)") }
    try db.execute(sql: "UPDATE store SET version = ?", arguments: [version])
  }
}
