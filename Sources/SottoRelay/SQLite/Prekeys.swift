internal import GRDB
package import SottoCrypto
package import SottoWire
internal import Synchronization

extension SQLiteStore {
  package func putSignedPart(_ id: MailboxID, _ part: SignedPartUpload, by mutation: Mutation) async throws {
    try await mutate(id, by: mutation) { db, row in
      let stored = try Self.signedPart(db, row).map { (id: $0.id, digest: Self.digest($0.sealed)) }
      let verdict = try PrekeyRules.signedPart(stored: stored, uploaded: (part.id, Self.digest(part.sealed)))
      guard verdict == .store else { return }
      row.state.signedPart = part.id
      row.state.lastResortClaims = 0
      try db.execute(
        sql: "INSERT OR REPLACE INTO signed_part (mailbox, sealed) VALUES (?, ?)",
        arguments: [row.number, part.sealed.blob])
    }
  }

  package func putBatch(
    _ id: MailboxID, _ batch: UInt64, _ upload: OneTimeUpload, by mutation: Mutation
  ) async throws {
    let digest = Self.digest(upload.encoded)
    try await mutate(id, by: mutation) { db, row in
      let known = try Row.fetchOne(
        db, sql: "SELECT digest FROM batch WHERE mailbox = ? AND batch = ?", arguments: [row.number, Int64(batch)])
      let verdict = try PrekeyRules.batch(
        known: try known.map { try Digest($0.bytes(0)) }, uploaded: digest, id: batch,
        greatest: row.state.greatestBatch, left: try Self.oneTimePartsLeft(db, row.number), count: upload.parts.count)
      guard verdict == .store else { return }
      row.state.greatestBatch = batch
      try db.execute(
        sql: "INSERT INTO batch (mailbox, batch, digest) VALUES (?, ?, ?)",
        arguments: [row.number, Int64(batch), digest.bytes.blob])
      try db.execute(
        sql: """
          DELETE FROM batch WHERE mailbox = ?1 AND batch <=
            (SELECT batch FROM batch WHERE mailbox = ?1 ORDER BY batch DESC LIMIT 1 OFFSET ?2)
          """, arguments: [row.number, RelayLimits.batchMemory])
      for part in upload.parts {
        try db.execute(
          sql: "INSERT INTO one_time (mailbox, batch, leaf, sealed) VALUES (?, ?, ?, ?)",
          arguments: [row.number, Int64(batch), part.index, part.sealed.blob])
      }
    }
  }

  package func withdrawOneTimeParts(_ id: MailboxID, by mutation: Mutation) async throws {
    try await mutate(id, by: mutation) { db, row in
      try db.execute(sql: "DELETE FROM one_time WHERE mailbox = ?", arguments: [row.number])
    }
  }

  package func claim(
    _ id: MailboxID, capability: Digest, now: Int64, admit: @escaping Admission
  ) async throws -> ClaimedPrekeys {
    let writer = writer
    return try await writer.submit { db in
      let kind = writer.index.withLock { ($0[id] ?? MailboxQueue.nobody).kind(DigestNumbers(capability), now: now) }
      guard let kind, var row = try MailboxRow.fetch(db, id) else { throw Refusal(.deliveryRefused) }
      guard let signedPart = try Self.signedPart(db, row) else { throw Refusal(.prekeysMissing) }
      try admit(kind)
      // First in, first out, and deleted in the transaction that hands it out. [relay.18]
      let first = try Row.fetchOne(
        db, sql: "SELECT n, batch, leaf, sealed FROM one_time WHERE mailbox = ? ORDER BY n LIMIT 1",
        arguments: [row.number])
      guard let first else {
        row.state.lastResortClaims += 1
        try row.update(db)
        return ClaimedPrekeys(signedPart: signedPart, oneTime: nil)
      }
      try db.execute(sql: "DELETE FROM one_time WHERE n = ?", arguments: [first[0] as Int64])
      return ClaimedPrekeys(
        signedPart: signedPart, oneTime: .init(batch: first.number(1), index: first[2], sealed: first.bytes(3)))
    }
  }

  private static func signedPart(_ db: Database, _ row: MailboxRow) throws -> SignedPartUpload? {
    guard let id = row.state.signedPart else { return nil }
    let stored = try Row.fetchOne(db, sql: "SELECT sealed FROM signed_part WHERE mailbox = ?", arguments: [row.number])
    return stored.map { SignedPartUpload(id: id, sealed: $0.bytes(0)) }
  }

  private static func digest(_ bytes: [UInt8]) -> Digest { Digest.of("upload", bytes) }
}
