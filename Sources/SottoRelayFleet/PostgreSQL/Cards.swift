#if Fleet
  package import SottoRelay
  internal import SottoCrypto
  package import SottoWire

  extension PostgreSQLStore {
    package func card(_ id: CardID) async throws -> StoredCard? {
      try await job { connection in
        let rows = try connection.run(CardStatements.read(.id(id.number)))[0]
        return rows.isEmpty ? nil : StoredCard(listSequence: rows.unsigned(0, 0), sealed: rows.bytes(0, 1))
      }
    }

    package func putCard(
      _ id: CardID, _ card: StoredCard, _ condition: CardCondition, by mutation: Mutation, _ entitlement: Entitlement
    ) async throws -> Bool {
      try await job { connection -> Bool in
        let former = try Self.lock(id, connection)
        let verdict = try CardRules.put(former, mutation, listSequence: card.listSequence, condition: condition)
        guard case .store(let state) = verdict else {
          connection.rollBack()
          return false
        }
        let hasSpent = try former == nil && Self.admit(entitlement, connection)
        let statement = former == nil ? CardStatements.insert : CardStatements.update
        let answers = try connection.run(
          statement(
            .id(id.number), .bytes(state.key.bytes), .number(state.head.sequence), .bytes(state.head.digest.bytes),
            .number(state.listSequence), .bytes(card.sealed)), Statement.commit())
        // Somebody else has made it since it was looked for: it is judged anew. [relay.20]
        guard answers[0].changed == 1 else { throw DatabaseFailure.collision }
        return hasSpent
      }
    }

    package func deleteCard(_ id: CardID, by mutation: Mutation) async throws {
      try await job { connection in
        guard try CardRules.delete(try Self.lock(id, connection), mutation) else { return connection.rollBack() }
        try connection.run(CardStatements.delete(.id(id.number)), Statement.commit())
      }
    }

    /// Begins a transaction that has the card to itself; nil when there is none.
    private static func lock(_ id: CardID, _ connection: Connection) throws -> CardState? {
      let rows = try connection.run(Statement.begin(), CardStatements.lock(.id(id.number)))[1]
      guard !rows.isEmpty else { return nil }
      return CardState(
        key: try VerifyingKey(rows.bytes(0, 0)),
        head: OwnerHead(sequence: rows.unsigned(0, 1), digest: try Digest(rows.bytes(0, 2))),
        listSequence: rows.unsigned(0, 3))
    }
  }

  private enum CardStatements {
    static let read = Statement("card", "SELECT list_sequence, sealed FROM card WHERE id = $1")
    static let lock = Statement(
      "lock card", "SELECT key, sequence, digest, list_sequence FROM card WHERE id = $1 FOR UPDATE")
    static let insert = Statement(
      "create card",
      """
      INSERT INTO card (id, key, sequence, digest, list_sequence, sealed) VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT DO NOTHING
      """)
    static let update = Statement(
      "update card",
      "UPDATE card SET key = $2, sequence = $3, digest = $4, list_sequence = $5, sealed = $6 WHERE id = $1")
    static let delete = Statement("delete card", "DELETE FROM card WHERE id = $1")
  }
#endif
