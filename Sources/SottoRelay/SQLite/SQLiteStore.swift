internal import GRDB
internal import SottoCrypto
internal import SottoWire

/// The store in one SQLite file: WAL, `synchronous=FULL`, one writer that commits in groups, readers beside it, and an index
/// of the queues in memory, which is read from the file when it is opened.
package struct SQLiteStore: RelayStore {
  package let restoreEpoch: UInt64
  package var isShared: Bool { false }
  let pool: DatabasePool
  let writer: GroupCommit

  /// Opens or creates the file. `report` is told of every transaction.
  package init(path: String, report: @escaping @Sendable (CommitReport) -> Void = { _ in }) throws {
    var configuration = Configuration()
    configuration.journalMode = .wal
    configuration.prepareDatabase { db in
      // What is deleted is overwritten: an acknowledged envelope leaves no bytes behind in a free page.
      try db.execute(sql: "PRAGMA secure_delete = ON")
      // Of a file that is there the size stays as it is.
      try db.execute(sql: "PRAGMA page_size = \(Schema.pageSize); PRAGMA cache_size = -\(Schema.cache)")
    }
    pool = try DatabasePool(path: path, configuration: configuration)
    try pool.writeWithoutTransaction { db in
      // GRDB sets NORMAL when it turns WAL on, so FULL is set afterwards, and believed only when it is read back.
      try db.execute(sql: "PRAGMA synchronous = FULL")
      guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else { throw StoreFailure.notDurable }
      try db.inTransaction(.immediate) {
        try Schema.prepare(db)
        return .commit
      }
    }
    restoreEpoch = try pool.read { try UInt64(Int64.fetchOne($0, sql: "SELECT restore_epoch FROM store") ?? 1) }
    writer = GroupCommit(pool, try pool.read { try QueueTable.load($0) }, report: report)
  }

  /// The writer's `PRAGMA synchronous`: 2 is FULL.
  package func synchronous() throws -> Int? {
    try pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
  }

  package func ping() async throws {
    _ = try await pool.read { try Int.fetchOne($0, sql: "SELECT version FROM store") }
  }

  package func close() async throws {
    repeat { try await writer.submit { _ in } } while !writer.isIdle
    await emptyLog()
    try pool.close()
  }
}

extension SQLiteStore {
  /// Moves the write-ahead log into the file and cuts it to nothing, so that what was deleted is gone from it too.
  /// A reader that is busy puts it off until the next time.
  func emptyLog() async {
    guard (try? writer.check()) != nil else { return }
    do {
      _ = try await pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
    } catch {
      writer.failed(error)
    }
  }
}

/// A mailbox's row, and its small number.
struct MailboxRow {
  let number: Int64
  var state: MailboxState

  /// nil when there is no such mailbox.
  static func fetch(_ db: Database, _ id: MailboxID) throws -> MailboxRow? {
    let statement = try db.cachedStatement(
      sql: """
        SELECT n, sequence, digest, signed_part, greatest_batch, last_resort_claims FROM mailbox WHERE id = ?
        """)
    guard let row = try Row.fetchOne(statement, arguments: [id.bytes.blob]) else { return nil }
    var state = MailboxState(head: OwnerHead(sequence: row.number(1), digest: try Digest(row.bytes(2))))
    state.signedPart = row.optionalNumber(3)
    state.greatestBatch = row.optionalNumber(4)
    state.lastResortClaims = row.number(5)
    return MailboxRow(number: row[0], state: state)
  }

  func update(_ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        UPDATE mailbox SET sequence = ?, digest = ?, signed_part = ?, greatest_batch = ?, last_resort_claims = ?
          WHERE n = ?
        """)
    try statement.execute(arguments: [
      Int64(state.head.sequence), state.head.digest.bytes.blob, state.signedPart.map(Int64.init),
      state.greatestBatch.map(Int64.init), Int64(state.lastResortClaims), number,
    ])
  }
}

extension SQLiteStore {
  /// Carries out an owner's mutation of a mailbox: `change` runs if and only if the sequence advances, and its writes
  /// and the new head are one transaction. [request.8]
  func mutate(
    _ id: MailboxID, by mutation: Mutation, _ change: @escaping @Sendable (Database, inout MailboxRow) throws -> Void,
    then: @escaping @Sendable (inout QueueIndex) -> Void = { _ in }
  ) async throws {
    _ = try await writer.submit { db -> Bool in
      guard var row = try MailboxRow.fetch(db, id) else { throw Refusal(.mailboxMissing) }
      guard case .advance(let head) = try row.state.head.judge(mutation) else { return false }
      row.state.head = head
      try change(db, &row)
      try row.update(db)
      return true
    } then: { index, isNew in
      if isNew { then(&index) }
    }
  }
}
