#if Fleet
  package import SottoRelay
  internal import SottoCrypto
  package import SottoWire

  /// Which relay holds the socket of a mailbox, and what it calls it.
  struct SocketPlace {
    let node: NodeID
    let socket: SocketHandle

    /// From `home, socket`; nil when there is none.
    init?(_ rows: Rows, _ row: Int, from column: Int) {
      guard !rows.isNull(row, column), !rows.isNull(row, column + 1) else { return nil }
      (node, socket) = (NodeID(number: rows.id(row, column)), SocketHandle(number: rows.id(row, column + 1)))
    }
  }

  extension PostgreSQLStore {
    /// Locks the mailbox's row, as whoever accepts an envelope does: so one of the two sees what the other did.
    package func claimHome(_ opening: SocketOpening) async throws -> HomeClaim? {
      let found = try await job { connection -> (former: SocketPlace?, claim: HomeClaim)? in
        try opening.checkIsWanted()
        let id = opening.mailbox.number
        let former = try connection.run(Statement.begin(), HomeStatements.place(.id(id)))[1]
        // What was sent may have lain on the way, or have waited for the lock, longer than anybody waits for the claim. From
        // here on no newer socket can come before this one: the lock is ours.
        try opening.checkIsWanted()
        let isAsked = !former.isEmpty && !former.isNull(0, 2) && former.number(0, 2) > 0
        let answers = try connection.run(
          [
            HomeStatements.claim(.id(id), .id(opening.node.number), .id(opening.socket.number)),
            QueueStatements.last(.id(id)),
          ] + (isAsked ? [PushStatements.isAwake(.id(id))] : []) + [Statement.commit()])
        let (claim, last) = (answers[0], answers[1])
        guard !former.isEmpty else { return nil }
        return (
          SocketPlace(former, 0, from: 0),
          HomeClaim(claim: claim.unsigned(0, 0), lastIndex: claim.unsigned(0, 1), lastWaiting: last.unsigned(0, 0))
        )
      }
      guard let found else { return nil }
      if let former = found.former { report(.elsewhere(.changed, [former.node: [former.socket]])) }
      return found.claim
    }

    package func leaveHomes(_ sockets: [SocketHandle: MailboxID]) async throws {
      for page in HomeStatements.pages(sockets, by: \.value.number) {
        let isPushDue = try await job { connection in
          let mailboxes = page.map(\.value.number)
          // Rows are locked in the order of their ids, as everywhere. What was sent to a socket that has ended, and was not
          // acknowledged, waits.
          let answers = try connection.run(
            Statement.begin(), QueueStatements.lock(.ids(mailboxes)),
            HomeStatements.leave(.ids(mailboxes), .ids(page.map(\.key.number))), PushStatements.wake(.ids(mailboxes)),
            Statement.commit())
          return answers[3].changed > 0
        }
        if isPushDue { report(.pushDue) }
      }
    }

    package func homes(_ ids: [MailboxID]) async throws -> [MailboxID: Home] {
      var found: [MailboxID: Home] = [:]
      for page in HomeStatements.pages(ids, by: \.number) {
        let homes = try await job { connection in
          let rows = try connection.run(HomeStatements.find(.ids(page.map(\.number))))[0]
          return rows.indices.map { row in
            let socket = rows.isNull(row, 1) ? nil : SocketHandle(number: rows.id(row, 1))
            let home = Home(
              socket: socket, claim: rows.unsigned(row, 2), lastIndex: rows.unsigned(row, 3),
              acknowledged: rows.unsigned(row, 4))
            return (MailboxID(number: rows.id(row, 0)), home)
          }
        }
        found.merge(homes) { $1 }
      }
      return found
    }

    package func beat(_ node: NodeID) async throws {
      try await job { connection in
        _ = try connection.run(HomeStatements.beat(.id(node.number)), HomeStatements.bury())
      }
    }

    package func end(_ node: NodeID) async throws {
      try await job { connection in _ = try connection.run(HomeStatements.end(.id(node.number))) }
    }
  }

  /// All times are the database's: the clocks of relays may be wrong.
  enum HomeStatements {
    static func pages<Element>(
      _ elements: some Sequence<Element>, by number: (Element) -> UInt128
    ) -> [ArraySlice<Element>] {
      let sorted = elements.sorted { number($0) < number($1) }
      return stride(from: 0, to: sorted.count, by: FleetLimits.look).map {
        sorted[$0..<min($0 + FleetLimits.look, sorted.count)]
      }
    }

    static let place = Statement("place", "SELECT home, socket, push FROM mailbox WHERE id = $1 FOR UPDATE")

    static let claim = Statement(
      "claim home",
      """
      UPDATE mailbox SET home = $2, socket = $3, claim = claim + 1, push = CASE WHEN push > 0 THEN 0 ELSE push END
      WHERE id = $1 RETURNING claim, last_index
      """)

    static let leave = Statement(
      "leave homes",
      """
      UPDATE mailbox m SET home = NULL, socket = NULL FROM unnest($1::uuid[], $2::uuid[]) AS k (id, socket)
      WHERE m.id = k.id AND m.socket = k.socket
      """)

    static let find = Statement(
      "homes",
      """
      SELECT m.id, m.socket, m.claim, m.last_index, m.acknowledged
      FROM unnest($1::uuid[]) AS k (id), LATERAL (SELECT * FROM mailbox m WHERE m.id = k.id OFFSET 0) AS m
      """)

    static let beat = Statement(
      "beat",
      "INSERT INTO node (id, beat) VALUES ($1, now()) ON CONFLICT (id) DO UPDATE SET beat = excluded.beat")

    /// Of relays that were killed.
    static let bury = Statement(
      "bury", "DELETE FROM node WHERE beat < now() - interval '\(FleetLimits.burySeconds) seconds'")

    static let end = Statement("end", "DELETE FROM node WHERE id = $1")

    static let running = Statement(
      "running",
      "SELECT count(*) FROM node WHERE beat > now() - interval '\(RelayLimits.leaseSeconds) seconds'")
  }
#endif
