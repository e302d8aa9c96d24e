#if Fleet
  package import SottoRelay
  package import SottoCrypto
  package import SottoWire

  extension PostgreSQLStore {
    package func putSignedPart(_ id: MailboxID, _ part: SignedPartUpload, by mutation: Mutation) async throws {
      try await job(
        Self.mutation(id, by: mutation) { connection, state in
          let rows = try connection.run(PrekeyStatements.signedPart(.id(id.number)))[0]
          let former = rows.isEmpty ? nil : state.signedPart.map { (id: $0, digest: Self.digest(rows.bytes(0, 0))) }
          let verdict = try PrekeyRules.signedPart(stored: former, uploaded: (part.id, Self.digest(part.sealed)))
          guard verdict == .store else { return [] }
          state.signedPart = part.id
          state.lastResortClaims = 0
          return [PrekeyStatements.putSignedPart(.id(id.number), .bytes(part.sealed))]
        })
    }

    package func putBatch(
      _ id: MailboxID, _ batch: UInt64, _ upload: OneTimeUpload, by mutation: Mutation
    ) async throws {
      let digest = Self.digest(upload.encoded)
      try await job(
        Self.mutation(id, by: mutation) { connection, state in
          let found = try connection.run(
            PrekeyStatements.batch(.id(id.number), .number(batch)), PrekeyStatements.left(.id(id.number)))
          let known = found[0].isEmpty ? nil : try Digest(found[0].bytes(0, 0))
          let verdict = try PrekeyRules.batch(
            known: known, uploaded: digest, id: batch, greatest: state.greatestBatch,
            left: Int(found[1].number(0, 0)), count: upload.parts.count)
          guard verdict == .store else { return [] }
          state.greatestBatch = batch
          var (page, ends): ([UInt8], [Int64]) = ([], [])
          for part in upload.parts {
            page += part.sealed
            ends.append(Int64(page.count))
          }
          return [
            PrekeyStatements.empty(.id(id.number)),
            PrekeyStatements.putBatch(
              .id(id.number), .number(batch), .bytes(digest.bytes), .number(upload.parts.count),
              .numbers(upload.parts.map { Int64(Int32(bitPattern: $0.index)) }), .numbers(ends), .bytes(page)),
            PrekeyStatements.forget(.id(id.number), .number(RelayLimits.batchMemory)),
          ]
        })
    }

    package func withdrawOneTimeParts(_ id: MailboxID, by mutation: Mutation) async throws {
      try await job(Self.mutation(id, by: mutation) { _, _ in [PrekeyStatements.withdraw(.id(id.number))] })
    }

    package func claim(
      _ id: MailboxID, capability: Digest, now: Int64, admit: @escaping Admission
    ) async throws -> ClaimedPrekeys {
      try await job { connection in
        let key = Value.id(id.number)
        // The same work whether there is such a mailbox or not. [relay.24]
        let found = try connection.run(
          Statement.begin(), MailboxStatements.lock(key), MailboxStatements.doors(key), PrekeyStatements.signedPart(key)
        )
        let state = try MailboxState(found[1])
        let doors = state == nil ? Door.ofNobody : found[2].indices.compactMap { Door(found[2], $0, from: 0) }
        guard let kind = doors.kind(DigestNumbers(capability), now: now), var state else {
          throw Refusal(.deliveryRefused)
        }
        guard let part = state.signedPart, !found[3].isEmpty else { throw Refusal(.prekeysMissing) }
        let signedPart = SignedPartUpload(id: part, sealed: found[3].bytes(0, 0))
        try admit(kind)
        // First in, first out, and counted as taken in the transaction that hands it out. [relay.18]
        let taken = try connection.run(PrekeyStatements.take(key))[0]
        guard taken.isEmpty else {
          try connection.run(Statement.commit())
          return ClaimedPrekeys(
            signedPart: signedPart,
            oneTime: .init(
              batch: taken.unsigned(0, 0), index: UInt32(truncatingIfNeeded: taken.number(0, 1)),
              sealed: taken.bytes(0, 2)))
        }
        state.lastResortClaims += 1
        try connection.run(Self.update(id, state), Statement.commit())
        return ClaimedPrekeys(signedPart: signedPart, oneTime: nil)
      }
    }

    private static func digest(_ bytes: [UInt8]) -> Digest { Digest.of("upload", bytes) }
  }

  private enum PrekeyStatements {
    static let signedPart = Statement("signed part", "SELECT sealed FROM signed_part WHERE mailbox = $1")

    static let putSignedPart = Statement(
      "put signed part",
      """
      INSERT INTO signed_part (mailbox, sealed) VALUES ($1, $2)
      ON CONFLICT (mailbox) DO UPDATE SET sealed = excluded.sealed
      """)

    static let batch = Statement("batch", "SELECT digest FROM batch WHERE mailbox = $1 AND batch = $2")

    static let left = Statement(
      "parts left", "SELECT coalesce(sum(total - taken), 0)::bigint FROM batch WHERE mailbox = $1")

    /// A page that was handed out, every part of it, is not kept.
    static let empty = Statement(
      "empty pages", "UPDATE batch SET page = '' WHERE mailbox = $1 AND taken = total AND page <> ''")

    static let putBatch = Statement(
      "put batch",
      """
      INSERT INTO batch (mailbox, batch, digest, total, leaves, ends, page)
      VALUES ($1, $2, $3, $4::bigint, $5::bigint[]::integer[], $6::bigint[]::integer[], $7)
      """)

    /// Digests of which there are enough. [relay.17]
    static let forget = Statement(
      "forget batches",
      """
      DELETE FROM batch WHERE mailbox = $1 AND taken = total AND batch <=
        (SELECT b.batch FROM batch b WHERE b.mailbox = $1 ORDER BY b.batch DESC LIMIT 1 OFFSET $2)
      """)

    static let withdraw = Statement(
      "withdraw", "UPDATE batch SET taken = total, page = '' WHERE mailbox = $1 AND page <> ''")

    static let take = Statement(
      "take part",
      """
      UPDATE batch b SET taken = b.taken + 1 WHERE b.mailbox = $1 AND b.batch =
        (SELECT c.batch FROM batch c WHERE c.mailbox = $1 AND c.taken < c.total ORDER BY c.batch LIMIT 1)
      RETURNING b.batch, b.leaves[b.taken],
        substring(b.page FROM coalesce(b.ends[b.taken - 1], 0) + 1
          FOR b.ends[b.taken] - coalesce(b.ends[b.taken - 1], 0))
      """)
  }
#endif
