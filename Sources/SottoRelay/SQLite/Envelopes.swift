internal import GRDB
package import SottoWire

extension SQLiteStore {
  package func accept(_ arrival: Arrival, now: Int64, admit: @escaping Admission) async throws -> Bool {
    try await writer.submit { db in
      guard var row = try MailboxRow.fetch(db, arrival.mailbox),
        let kind = try Self.kind(db, row.number, arrival.capability, now: now)
      else { throw Refusal(.deliveryRefused) }
      // The id decides, not the bytes: the first envelope of an id is the one that counts. [relay.26]
      guard try !Self.isKnown(db, row.number, arrival) else { return false }
      try admit(kind)
      let index = try row.state.accept(arrival.bytes.count, as: kind)
      let day = MailboxRules.day(now)
      try db.cachedStatement(
        sql: """
          INSERT INTO envelope (mailbox, position, id, class, day, size, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)
          """
      ).execute(arguments: [
        row.number, Int64(index), arrival.id.bytes.blob, kind.rawValue, day, arrival.bytes.count, arrival.bytes.blob,
      ])
      try db.cachedStatement(sql: "INSERT INTO recent (mailbox, id, position, day) VALUES (?, ?, ?, ?)")
        .execute(arguments: [row.number, arrival.id.bytes.blob, Int64(index), day])
      try row.update(db)
      try Self.forget(db, row.number, upTo: index)
      return true
    }
  }

  package func lastIndex(_ id: MailboxID) async throws -> UInt64? {
    try await pool.read { db in
      guard let row = try MailboxRow.fetch(db, id) else { return nil }
      let last = try Int64.fetchOne(
        db, sql: "SELECT MAX(position) FROM envelope WHERE mailbox = ?", arguments: [row.number])
      return UInt64(last ?? 0)
    }
  }

  package func envelopes(
    _ id: MailboxID, after index: UInt64, room: Room, now: Int64
  ) async throws -> [QueuedEnvelope] {
    try await pool.read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT e.position, e.id, e.bytes FROM mailbox m JOIN envelope e ON e.mailbox = m.n
          WHERE m.id = ? AND e.position > ? AND e.day >= ? ORDER BY e.position LIMIT ?
          """)
      let rows = try Row.fetchCursor(
        statement, arguments: [id.bytes.blob, Int64(index), MailboxRules.firstDay(now), room.count])
      var found: [QueuedEnvelope] = []
      var left = room.bytes
      while left > 0, let row = try rows.next() {
        found.append(QueuedEnvelope(index: row.number(0), id: try EnvelopeID(row.bytes(1)), bytes: row.bytes(2)))
        left -= found[found.count - 1].bytes.count
      }
      return found
    }
  }

  package func acknowledge(_ id: MailboxID, upTo index: UInt64) async throws {
    try await writer.submit { db in
      guard var row = try MailboxRow.fetch(db, id) else { return }
      let gone = try Row.fetchAll(
        db, sql: "SELECT class, COUNT(*), SUM(size) FROM envelope WHERE mailbox = ? AND position <= ? GROUP BY class",
        arguments: [row.number, Int64(index)])
      guard !gone.isEmpty else { return }
      for usage in gone { Self.release(usage[0], count: usage[1], bytes: usage[2], from: &row) }
      try db.cachedStatement(sql: "DELETE FROM envelope WHERE mailbox = ? AND position <= ?")
        .execute(arguments: [row.number, Int64(index)])
      try row.update(db)
    }
  }

  package func sweep(now: Int64) async throws {
    let firstDay = MailboxRules.firstDay(now)
    try await writer.submit { db in
      let gone = try Row.fetchAll(
        db,
        sql: """
          SELECT m.id, e.class, COUNT(*), SUM(e.size) FROM envelope e JOIN mailbox m ON m.n = e.mailbox
          WHERE e.day < ? GROUP BY e.mailbox, e.class
          """, arguments: [firstDay])
      for usage in gone {
        guard var row = try MailboxRow.fetch(db, try MailboxID(usage.bytes(0))) else { continue }
        Self.release(usage[1], count: usage[2], bytes: usage[3], from: &row)
        try row.update(db)
      }
      try db.execute(sql: "DELETE FROM envelope WHERE day < ?", arguments: [firstDay])
      try db.execute(sql: "DELETE FROM recent WHERE day < ?", arguments: [firstDay])
      try db.execute(sql: "DELETE FROM capability WHERE expires < ?", arguments: [now - 86_400])
    }
    await emptyLog()
  }

  private static func isKnown(_ db: Database, _ mailbox: Int64, _ arrival: Arrival) throws -> Bool {
    let statement = try db.cachedStatement(sql: "SELECT 1 FROM recent WHERE mailbox = ? AND id = ?")
    return try Row.fetchOne(statement, arguments: [mailbox, arrival.id.bytes.blob]) != nil
  }

  /// Bounds the memory of ids: more of them stay than can wait at once. [relay.26]
  private static func forget(_ db: Database, _ mailbox: Int64, upTo index: UInt64) throws {
    guard index.isMultiple(of: RelayLimits.recentIDsStep), index > RelayLimits.recentIDs else { return }
    try db.execute(
      sql: "DELETE FROM recent WHERE mailbox = ? AND position <= ?",
      arguments: [mailbox, Int64(index - RelayLimits.recentIDs)])
  }

  private static func release(_ kind: UInt8, count: Int, bytes: Int, from row: inout MailboxRow) {
    guard let kind = CapabilityClass(rawValue: kind) else { return }
    row.state.release(.init(count: count, bytes: bytes), of: kind)
  }
}
