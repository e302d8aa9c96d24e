internal import GRDB
internal import SottoCrypto
package import SottoWire

extension SQLiteStore {
  package func card(_ id: CardID) async throws -> StoredCard? {
    try await pool.read { db in
      let row = try Row.fetchOne(
        db, sql: "SELECT list_sequence, sealed FROM card WHERE id = ?", arguments: [id.bytes.blob])
      return row.map { StoredCard(listSequence: $0.number(0), sealed: $0.bytes(1)) }
    }
  }

  package func putCard(
    _ id: CardID, _ card: StoredCard, _ condition: CardCondition, by mutation: Mutation, _ entitlement: Entitlement
  ) async throws -> Bool {
    try await writer.submit { db -> Bool in
      let former = try Self.cardState(db, id)
      let verdict = try CardRules.put(former, mutation, listSequence: card.listSequence, condition: condition)
      guard case .store(let state) = verdict else { return false }
      let hasSpent = try former == nil && Self.admit(entitlement, db)
      try db.execute(
        sql: "INSERT OR REPLACE INTO card (id, key, sequence, digest, list_sequence, sealed) VALUES (?, ?, ?, ?, ?, ?)",
        arguments: [
          id.bytes.blob, state.key.bytes.blob, Int64(state.head.sequence), state.head.digest.bytes.blob,
          Int64(state.listSequence), card.sealed.blob,
        ])
      return hasSpent
    }
  }

  package func deleteCard(_ id: CardID, by mutation: Mutation) async throws {
    try await writer.submit { db in
      guard try CardRules.delete(try Self.cardState(db, id), mutation) else { return }
      try db.execute(sql: "DELETE FROM card WHERE id = ?", arguments: [id.bytes.blob])
    }
  }

  private static func cardState(_ db: Database, _ id: CardID) throws -> CardState? {
    let row = try Row.fetchOne(
      db, sql: "SELECT key, sequence, digest, list_sequence FROM card WHERE id = ?", arguments: [id.bytes.blob])
    return try row.map {
      CardState(
        key: try VerifyingKey($0.bytes(0)),
        head: OwnerHead(sequence: $0.number(1), digest: try Digest($0.bytes(2))), listSequence: $0.number(3))
    }
  }
}
