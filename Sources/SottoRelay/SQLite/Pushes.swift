internal import GRDB
internal import SottoCrypto
package import SottoWire
internal import Synchronization

extension Schema {
  /// A table that came later than the version: a program that does not know it wakes nobody, and leaves it as it is.
  /// `asked`: the day when the owner was to be woken last, 0 if a stream was opened since. `due`: a number of what the
  /// gateway has not confirmed yet, greater the later it came, or 0.
  static let pushTable = """
    CREATE TABLE IF NOT EXISTS push (
      mailbox INTEGER PRIMARY KEY, handle BLOB NOT NULL, sealed BLOB NOT NULL, asked INTEGER NOT NULL DEFAULT 0,
      due INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX IF NOT EXISTS push_due ON push (due) WHERE due > 0;
    """

  /// Such a program may have deleted mailboxes.
  static func addPushes(_ db: Database) throws {
    try db.execute(sql: pushTable)
    try db.execute(sql: "DELETE FROM push WHERE mailbox NOT IN (SELECT n FROM mailbox)")
  }
}

/// Whom to wake, where one relay has the store. It knows who listens, so that is asked of it. [push.2]
extension SQLiteStore {
  package func setPush(_ id: MailboxID, _ sealed: [UInt8]?, by mutation: Mutation) async throws {
    try await mutate(id, by: mutation) { db, row in
      guard let sealed else {
        return try db.execute(sql: "DELETE FROM push WHERE mailbox = ?", arguments: [row.number])
      }
      var entropy = SystemEntropy()
      try db.execute(
        sql: "INSERT OR REPLACE INTO push (mailbox, handle, sealed) VALUES (?, ?, ?)",
        arguments: [row.number, PushHandle(from: &entropy).bytes.blob, sealed.blob])
    } then: {
      $0.wantsPush(id, sealed != nil)
    }
  }

  /// Whose owners want to be woken, and the number of the last push that is due, or 0.
  package func pushes() async throws -> (mailboxes: [MailboxID], last: Int64) {
    try await pool.read { db in
      let ids = try Row.fetchAll(db, sql: "SELECT m.id FROM push p JOIN mailbox m ON m.n = p.mailbox")
      return (
        try ids.map { try MailboxID($0.bytes(0)) }, try Int64.fetchOne(db, sql: "SELECT max(due) FROM push") ?? 0
      )
    }
  }

  /// The pushes of these mailboxes are due from now on, where something waits, `isListening` says no, and the owner was not
  /// asked `today`. They get the numbers from `first` on, in the order in which they are answered.
  package func makePushesDue(
    _ ids: [MailboxID], today: Int64, first: Int64, unless isListening: @escaping @Sendable (MailboxID) -> Bool
  ) async throws -> [MailboxID] {
    let writer = writer
    let numbers = writer.index.withLock { index in
      ids.compactMap { id in index[id].flatMap { $0.wantsPush && !$0.waiting.isEmpty ? (id, $0.number) : nil } }
    }
    guard !numbers.isEmpty else { return [] }
    return try await writer.submit { db -> [MailboxID] in
      var due: [MailboxID] = []
      for (id, number) in numbers where !isListening(id) {
        try db.execute(
          sql: "UPDATE push SET asked = ?, due = ? WHERE mailbox = ? AND asked <> ?",
          arguments: [today, first + Int64(due.count), number, today])
        if db.changesCount > 0 { due.append(id) }
      }
      return due
    }
  }

  /// As if everybody had looked since.
  package func forgetWhoWasAsked() async throws {
    try await writer.submit { db in
      try db.execute(sql: "UPDATE push SET asked = 0, due = 0 WHERE asked > 0 OR due > 0")
    }
  }

  /// Whether the owner is to be woken when something waits.
  package func wantsPush(_ id: MailboxID) -> Bool { writer.index.withLock { $0[id]?.wantsPush ?? false } }

  /// The owner listens: what was due is not any more.
  package func isAwake(_ id: MailboxID) async throws {
    guard let queue = writer.index.withLock({ $0[id] }), queue.wantsPush else { return }
    try await writer.submit { db in
      try db.execute(
        sql: "UPDATE push SET asked = 0, due = 0 WHERE mailbox = ? AND (asked > 0 OR due > 0)",
        arguments: [queue.number])
    }
  }

  /// At most `limit` that are due, with greater numbers than `number`, in their order.
  package func duePushes(after number: Int64, limit: Int) async throws -> [PushOrder] {
    try await pool.read { db in
      let sql = "\(Self.dueOrders) WHERE p.due > ? AND p.due > 0 ORDER BY p.due LIMIT ?"
      return try Row.fetchAll(db, sql: sql, arguments: [number, limit]).map { try PushOrder($0) }
    }
  }

  /// Those of these numbers that are due.
  package func duePushes(_ numbers: [Int64]) async throws -> [PushOrder] {
    try await pool.read { db in
      try numbers.compactMap { number in
        try Row.fetchOne(db, sql: "\(Self.dueOrders) WHERE p.due = ? AND p.due > 0", arguments: [number])
          .map { try PushOrder($0) }
      }
    }
  }

  private static let dueOrders = "SELECT p.due, m.id, p.handle, p.sealed FROM push p JOIN mailbox m ON m.n = p.mailbox"

  /// What a gateway said: these are not due any more, unless they became due once more meanwhile; and nobody is to be
  /// woken with those again, unless they were replaced meanwhile. [push.9]
  package func settlePushes(done: [PushOrder], gone: [PushOrder]) async throws {
    let writer = writer
    _ = try await writer.submit { db -> [MailboxID] in
      for order in done {
        try db.execute(sql: "UPDATE push SET due = 0 WHERE due = ? AND due > 0", arguments: [order.number])
      }
      var ended: [MailboxID] = []
      for order in gone {
        guard let queue = writer.index.withLock({ $0[order.push.mailbox] }) else { continue }
        try db.execute(
          sql: "DELETE FROM push WHERE mailbox = ? AND handle = ?",
          arguments: [queue.number, order.push.job.handle.bytes.blob])
        if db.changesCount > 0 { ended.append(order.push.mailbox) }
      }
      return ended
    } then: { index, ended in
      for id in ended { index.wantsPush(id, false) }
    }
  }
}

extension PushOrder {
  fileprivate init(_ row: Row) throws {
    let job = PushJob(handle: PushHandle(number: UInt128(bytes: row.bytes(2))), sealed: row.bytes(3))
    self.init(number: row[0], push: DuePush(mailbox: try MailboxID(row.bytes(1)), job: job))
  }
}
