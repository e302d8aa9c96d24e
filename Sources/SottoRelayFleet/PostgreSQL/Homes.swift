#if Fleet
  package import SottoRelay
  internal import SottoCrypto
  package import SottoWire

  extension PostgreSQLStore {
    /// Locks the mailbox's row, as whoever accepts an envelope does: so one of the two sees what the other did.
    package func claimHome(_ id: MailboxID, for node: NodeID) async throws -> HomeClaim? {
      let found = try await job { connection -> (former: NodeID?, claim: HomeClaim)? in
        let answers = try connection.run(
          Statement.begin(), HomeStatements.lock(.id(id.number)),
          HomeStatements.claim(.id(id.number), .id(node.number)), QueueStatements.last(.id(id.number)),
          Statement.commit())
        let (former, claim, last) = (answers[1], answers[2], answers[3])
        guard !former.isEmpty else { return nil }
        return (
          former.isNull(0, 0) ? nil : NodeID(number: former.id(0, 0)),
          HomeClaim(claim: claim.unsigned(0, 0), lastIndex: claim.unsigned(0, 1), lastWaiting: last.unsigned(0, 0))
        )
      }
      guard let found else { return nil }
      if let former = found.former { report(.elsewhere(.changed, [former: [id]])) }
      return found.claim
    }

    package func leaveHomes(_ claims: [MailboxID: UInt64], of node: NodeID) async throws {
      for page in HomeStatements.pages(claims.keys) {
        try await job { connection in
          let claims = page.map { Int64(clamping: claims[MailboxID(number: $0)] ?? 0) }
          // Rows are locked in the order of their ids, as everywhere.
          try connection.run(
            Statement.begin(), QueueStatements.lock(.ids(page)),
            HomeStatements.leave(.ids(page), .numbers(claims), .id(node.number)), Statement.commit())
        }
      }
    }

    package func homes(_ ids: [MailboxID]) async throws -> [MailboxID: Home] {
      var found: [MailboxID: Home] = [:]
      for page in HomeStatements.pages(ids) {
        let homes = try await job { connection in
          let rows = try connection.run(HomeStatements.find(.ids(page)))[0]
          return rows.indices.map { row in
            let node = rows.isNull(row, 1) ? nil : NodeID(number: rows.id(row, 1))
            let home = Home(node: node, claim: rows.unsigned(row, 2), lastIndex: rows.unsigned(row, 3))
            return (MailboxID(number: rows.id(row, 0)), home)
          }
        }
        found.merge(homes) { $1 }
      }
      return found
    }

    package func beat(_ node: NodeID) async throws -> Bool {
      try await job { connection in
        let answers = try connection.run(
          HomeStatements.isAlive(.id(node.number)), HomeStatements.beat(.id(node.number)), HomeStatements.bury())
        return !answers[0].isEmpty
      }
    }

    package func end(_ node: NodeID) async throws {
      try await job { connection in _ = try connection.run(HomeStatements.end(.id(node.number))) }
    }
  }

  /// All times are the database's: the clocks of relays may be wrong.
  enum HomeStatements {
    static func pages(_ ids: some Sequence<MailboxID>) -> [[UInt128]] {
      let sorted = ids.map(\.number).sorted()
      return stride(from: 0, to: sorted.count, by: FleetLimits.sweepStep).map {
        Array(sorted[$0..<min($0 + FleetLimits.sweepStep, sorted.count)])
      }
    }

    static let lock = Statement("lock home", "SELECT home FROM mailbox WHERE id = $1 FOR UPDATE")

    static let claim = Statement(
      "claim home", "UPDATE mailbox SET home = $2, claim = claim + 1 WHERE id = $1 RETURNING claim, last_index")

    static let leave = Statement(
      "leave homes",
      """
      UPDATE mailbox m SET home = NULL FROM unnest($1::uuid[], $2::bigint[]) AS k (id, claim)
      WHERE m.id = k.id AND m.claim = k.claim AND m.home = $3
      """)

    static let find = Statement(
      "homes",
      """
      SELECT m.id, m.home, m.claim, m.last_index FROM unnest($1::uuid[]) AS k (id) JOIN mailbox m ON m.id = k.id
      """)

    static let isAlive = Statement(
      "is alive",
      "SELECT FROM node WHERE id = $1 AND beat > now() - interval '\(RelayLimits.leaseSeconds) seconds'")

    static let beat = Statement(
      "beat",
      "INSERT INTO node (id, beat) VALUES ($1, now()) ON CONFLICT (id) DO UPDATE SET beat = excluded.beat")

    /// Of relays that were killed.
    static let bury = Statement("bury", "DELETE FROM node WHERE beat < now() - interval '1 day'")

    static let end = Statement("end", "DELETE FROM node WHERE id = $1")
  }
#endif
