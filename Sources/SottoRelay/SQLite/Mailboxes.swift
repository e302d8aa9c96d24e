internal import GRDB
internal import SottoCrypto
package import SottoWire

extension SQLiteStore {
  package func createMailbox(_ id: MailboxID, by mutation: Mutation) async throws {
    try await writer.submit { db in
      if var row = try MailboxRow.fetch(db, id) {
        guard case .advance(let head) = try row.state.head.judge(mutation) else { return }
        row.state.head = head
        try row.update(db)
      } else {
        try db.execute(
          sql: """
            INSERT INTO mailbox (id, sequence, digest, next_index, contact_count, contact_bytes, knock_count,
              knock_bytes, last_resort_claims) VALUES (?, ?, ?, 1, 0, 0, 0, 0, 0)
            """,
          arguments: [id.bytes.blob, Int64(mutation.sequence), mutation.digest.bytes.blob])
      }
    }
  }

  package func status(_ id: MailboxID) async throws -> MailboxStatus? {
    let epoch = restoreEpoch
    return try await pool.read { db in
      guard let row = try MailboxRow.fetch(db, id) else { return nil }
      let classes = try Int.fetchAll(
        db, sql: "SELECT class FROM capability WHERE mailbox = ? ORDER BY class", arguments: [row.number])
      let state = row.state
      return MailboxStatus(
        sequence: state.head.sequence, restoreEpoch: epoch, signedPart: state.signedPart,
        oneTimeParts: UInt32(clamping: try Self.oneTimePartsLeft(db, row.number)),
        lastResortClaims: state.lastResortClaims,
        envelopes: UInt32(clamping: state.contact.count + state.knock.count),
        envelopeBytes: UInt64(clamping: state.contact.bytes + state.knock.bytes),
        capabilities: classes.compactMap { CapabilityClass(rawValue: UInt8(clamping: $0)) })
    }
  }

  /// Everything that has the mailbox's number goes in one transaction. [relay.29]
  package func deleteMailbox(_ id: MailboxID, by mutation: Mutation) async throws {
    try await writer.submit { db in
      guard let row = try MailboxRow.fetch(db, id) else { return }
      _ = try row.state.head.judge(mutation)
      for table in ["capability", "batch", "one_time", "envelope", "recent", "blob"] {
        try db.execute(literal: "DELETE FROM \(SQL(sql: table)) WHERE mailbox = \(row.number)")
      }
      try db.execute(sql: "DELETE FROM mailbox WHERE n = ?", arguments: [row.number])
    }
  }

  package func setCapabilities(_ id: MailboxID, _ set: CapabilitySet, by mutation: Mutation) async throws {
    try await mutate(id, by: mutation) { db, row in
      try db.execute(sql: "DELETE FROM capability WHERE mailbox = ?", arguments: [row.number])
      for slot in set.slots {
        try db.execute(
          sql: "INSERT INTO capability (mailbox, hash, class, expires) VALUES (?, ?, ?, ?)",
          arguments: [row.number, slot.hash.bytes.blob, slot.kind.rawValue, slot.expires.map(Int64.init)])
      }
    }
  }

  /// What the capability with this hash may do; nil when it opens nothing, now. [relay.25]
  static func kind(_ db: Database, _ mailbox: Int64, _ hash: Digest, now: Int64) throws -> CapabilityClass? {
    let statement = try db.cachedStatement(sql: "SELECT class, expires FROM capability WHERE mailbox = ? AND hash = ?")
    guard let slot = try Row.fetchOne(statement, arguments: [mailbox, hash.bytes.blob]),
      MailboxRules.isOpen(expires: slot.optionalNumber(1), now: now)
    else { return nil }
    return CapabilityClass(rawValue: slot[0])
  }

  static func oneTimePartsLeft(_ db: Database, _ mailbox: Int64) throws -> Int {
    try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM one_time WHERE mailbox = ?", arguments: [mailbox]) ?? 0
  }
}
