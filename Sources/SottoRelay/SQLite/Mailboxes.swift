internal import GRDB
internal import SottoCrypto
package import SottoWire
internal import Synchronization

extension SQLiteStore {
  package func createMailbox(_ id: MailboxID, by mutation: Mutation, _ entitlement: Entitlement) async throws -> Payment
  {
    try await writer.submit { db -> Made in
      if var row = try MailboxRow.fetch(db, id) {
        let paid = try Int64.fetchOne(db, sql: "SELECT lease FROM mailbox WHERE n = ?", arguments: [row.number])
        guard case .advance(let head) = try row.state.head.judge(mutation) else {
          return Made(payment: Payment(lease: paid, hasSpent: false))
        }
        var payment = Payment(lease: paid, hasSpent: false)
        if let paid, case .token(let token) = entitlement {
          // First: what is refused has changed nothing.
          payment = Payment(lease: max(paid, token.lease), hasSpent: try Self.admit(entitlement, db))
        }
        row.state.head = head
        try row.update(db)
        try db.execute(sql: "UPDATE mailbox SET lease = ? WHERE n = ?", arguments: [payment.lease, row.number])
        return Made(payment: payment)
      }
      let payment = Payment(lease: entitlement.lease, hasSpent: try Self.admit(entitlement, db))
      try db.execute(
        sql: "INSERT INTO mailbox (id, sequence, digest, lease) VALUES (?, ?, ?, ?)",
        arguments: [id.bytes.blob, Int64(mutation.sequence), mutation.digest.bytes.blob, entitlement.lease])
      return Made(number: db.lastInsertedRowID, payment: payment)
    } then: { index, made in
      if let number = made.number { index.add(id, MailboxQueue(number: number)) }
      index.pay(id, until: made.payment.lease)
    }.payment
  }

  /// What became of a PUT of a mailbox.
  private struct Made: Sendable {
    /// Of one that was not there.
    var number: Int64?
    let payment: Payment
  }

  package func status(_ id: MailboxID) async throws -> MailboxStatus? {
    let epoch = restoreEpoch
    let queue = writer.index.withLock { $0[id]?.state } ?? QueueState()
    return try await pool.read { db in
      guard let row = try MailboxRow.fetch(db, id) else { return nil }
      let classes = try Int.fetchAll(
        db, sql: "SELECT class FROM capability WHERE mailbox = ? ORDER BY class", arguments: [row.number])
      let state = row.state
      return MailboxStatus(
        sequence: state.head.sequence, restoreEpoch: epoch, signedPart: state.signedPart,
        oneTimeParts: UInt32(clamping: try Self.oneTimePartsLeft(db, row.number)),
        lastResortClaims: state.lastResortClaims,
        envelopes: UInt32(clamping: queue.contact.count + queue.knock.count),
        envelopeBytes: UInt64(clamping: queue.contact.bytes + queue.knock.bytes),
        capabilities: classes.compactMap { CapabilityClass(rawValue: UInt8(clamping: $0)) })
    }
  }

  /// Everything that has the mailbox's number goes in one transaction. [relay.29]
  package func deleteMailbox(_ id: MailboxID, by mutation: Mutation) async throws {
    let writer = writer
    _ = try await writer.submit { db -> Bool in
      guard let row = try MailboxRow.fetch(db, id) else { return false }
      _ = try row.state.head.judge(mutation)
      for table in ["capability", "signed_part", "batch", "one_time", "blob", "push"] {
        try db.execute(literal: "DELETE FROM \(SQL(sql: table)) WHERE mailbox = \(row.number)")
      }
      let (rows, pages) = writer.index.withLock { $0.keys(of: id) }
      try QueueTable.delete(rows: rows, pages: pages, db)
      try db.execute(sql: "DELETE FROM mailbox WHERE n = ?", arguments: [row.number])
      return true
    } then: { index, isGone in
      if isGone { index.remove(id) }
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
    } then: {
      $0.open(id, to: set.slots)
    }
  }

  static func oneTimePartsLeft(_ db: Database, _ mailbox: Int64) throws -> Int {
    try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM one_time WHERE mailbox = ?", arguments: [mailbox]) ?? 0
  }
}
