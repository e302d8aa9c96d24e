#if Fleet
  package import SottoRelay
  internal import SottoCrypto
  package import SottoWire

  extension PostgreSQLStore {
    package func createMailbox(_ id: MailboxID, by mutation: Mutation, _ entitlement: Entitlement) async throws
      -> Payment
    {
      try await job { connection -> Payment in
        let insert = MailboxStatements.insert(
          .id(id.number), .number(mutation.sequence), .bytes(mutation.digest.bytes),
          entitlement.lease.map { .number($0) } ?? .null)
        let isNew = try connection.run(Statement.begin(), insert)[1].changed == 1
        if isNew {
          let hasSpent = try Self.admit(entitlement, connection)
          try connection.run(Statement.commit())
          return Payment(lease: entitlement.lease, hasSpent: hasSpent)
        }
        connection.rollBack()
        var hasSpent = false
        var lease = try connection.run(MailboxStatements.lease(.id(id.number)))[0].optional(0, 0).map { Int64($0) }
        try Self.change(id, by: mutation, connection) { connection, _ in
          guard let paid = lease, case .token(let token) = entitlement else { return [] }
          hasSpent = try Self.admit(entitlement, connection)
          lease = max(paid, token.lease)
          return [MailboxStatements.pay(.id(id.number), .number(token.lease))]
        }
        return Payment(lease: lease, hasSpent: hasSpent)
      }
    }

    package func status(_ id: MailboxID) async throws -> MailboxStatus? {
      let epoch = restoreEpoch
      return try await job { connection in
        let found = try connection.run(
          MailboxStatements.status(.id(id.number)), MailboxStatements.classes(.id(id.number)))
        let (row, classes) = (found[0], found[1])
        guard !row.isEmpty else { return nil }
        return MailboxStatus(
          sequence: row.unsigned(0, 0), restoreEpoch: epoch, signedPart: row.optional(0, 1),
          oneTimeParts: UInt32(clamping: row.number(0, 5)), lastResortClaims: row.unsigned(0, 2),
          envelopes: UInt32(clamping: row.number(0, 3)), envelopeBytes: row.unsigned(0, 4),
          capabilities: classes.indices.compactMap { CapabilityClass(rawValue: UInt8(clamping: classes.number($0, 0))) }
        )
      }
    }

    /// Everything that has the mailbox's id goes in one transaction. [relay.29]
    package func deleteMailbox(_ id: MailboxID, by mutation: Mutation) async throws {
      let home = try await job { connection -> SocketPlace? in
        guard let state = try Self.lock(id, connection) else {
          connection.rollBack()
          return nil
        }
        _ = try state.head.judge(mutation)
        let home = try connection.run(HomeStatements.place(.id(id.number)))[0]
        let tables = ["capability", "signed_part", "batch", "envelope", "name", "push"]
        try connection.run(
          [BlobStatements.delete(.id(id.number), .null)]
            + tables.map { Statement("delete \($0)", "DELETE FROM \($0) WHERE mailbox = $1")(.id(id.number)) }
            + [MailboxStatements.delete(.id(id.number)), Statement.commit()])
        return SocketPlace(home, 0, from: 0)
      }
      if let home { report(.elsewhere(.changed, [home.node: [home.socket]])) }
    }

    package func setCapabilities(_ id: MailboxID, _ set: CapabilitySet, by mutation: Mutation) async throws {
      try await job(
        Self.mutation(id, by: mutation) { _, _ in
          [MailboxStatements.shut(.id(id.number))]
            + set.slots.map { slot in
              MailboxStatements.open(
                .id(id.number), .bytes(slot.hash.bytes), .number(Int64(slot.kind.rawValue)), .number(slot.expires))
            }
        })
    }
  }

  // MARK: Mutations

  extension PostgreSQLStore {
    /// A job that carries out an owner's mutation of a mailbox: what `change` wants to be run is run if and only if the
    /// sequence advances, in one transaction with the new head. [request.8]
    static func mutation(
      _ id: MailboxID, by mutation: Mutation,
      _ change: @escaping @Sendable (Connection, inout MailboxState) throws -> [Call]
    ) -> @Sendable (Connection) throws -> Void {
      { connection in try Self.change(id, by: mutation, connection, change) }
    }

    private static func change(
      _ id: MailboxID, by mutation: Mutation, _ connection: Connection,
      _ change: (Connection, inout MailboxState) throws -> [Call]
    ) throws {
      guard var state = try lock(id, connection) else { throw Refusal(.mailboxMissing) }
      guard case .advance(let head) = try state.head.judge(mutation) else { return connection.rollBack() }
      state.head = head
      let calls = try change(connection, &state)
      try connection.run(calls + [update(id, state), Statement.commit()])
    }

    /// Begins a transaction that has the mailbox to itself; nil when there is none.
    private static func lock(_ id: MailboxID, _ connection: Connection) throws -> MailboxState? {
      try MailboxState(connection.run(Statement.begin(), MailboxStatements.lock(.id(id.number)))[1])
    }

    static func update(_ id: MailboxID, _ state: MailboxState) -> Call {
      MailboxStatements.update(
        .id(id.number), .number(state.head.sequence), .bytes(state.head.digest.bytes), .number(state.signedPart),
        .number(state.greatestBatch), .number(state.lastResortClaims))
    }
  }

  extension MailboxState {
    /// From `lock mailbox`; nil when there is no row.
    init?(_ rows: Rows) throws {
      guard !rows.isEmpty else { return nil }
      self.init(head: OwnerHead(sequence: rows.unsigned(0, 0), digest: try Digest(rows.bytes(0, 1))))
      signedPart = rows.optional(0, 2)
      greatestBatch = rows.optional(0, 3)
      lastResortClaims = rows.unsigned(0, 4)
    }
  }

  enum MailboxStatements {
    static let lock = Statement(
      "lock mailbox",
      """
      SELECT sequence, digest, signed_part, greatest_batch, last_resort_claims FROM mailbox WHERE id = $1 FOR UPDATE
      """)

    static let isThere = Statement("is there", "SELECT 1 FROM mailbox WHERE id = $1")

    static let doors = Statement(
      "doors of one",
      """
      SELECT c.hash, c.class, least(c.expires, m.lease)
      FROM capability c JOIN mailbox m ON m.id = c.mailbox WHERE c.mailbox = $1
      """)

    static let insert = Statement(
      "create mailbox",
      "INSERT INTO mailbox (id, sequence, digest, lease) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")

    static let lease = Statement("lease", "SELECT lease FROM mailbox WHERE id = $1")

    static let pay = Statement("pay", "UPDATE mailbox SET lease = greatest(lease, $2) WHERE id = $1")

    static let update = Statement(
      "update mailbox",
      """
      UPDATE mailbox SET sequence = $2, digest = $3, signed_part = $4, greatest_batch = $5, last_resort_claims = $6
      WHERE id = $1
      """)

    static let delete = Statement("delete mailbox", "DELETE FROM mailbox WHERE id = $1")

    static let shut = Statement("delete capabilities", "DELETE FROM capability WHERE mailbox = $1")

    static let open = Statement(
      "add capability",
      "INSERT INTO capability (mailbox, hash, class, expires) VALUES ($1, $2, $3::bigint, $4)")

    static let status = Statement(
      "status",
      """
      SELECT sequence, signed_part, last_resort_claims, contact_count + knock_count, contact_bytes + knock_bytes,
        coalesce((SELECT sum(b.total - b.taken) FROM batch b WHERE b.mailbox = $1), 0)::bigint
      FROM mailbox WHERE id = $1
      """)

    static let classes = Statement(
      "classes", "SELECT class FROM capability WHERE mailbox = $1 ORDER BY class")
  }
#endif
