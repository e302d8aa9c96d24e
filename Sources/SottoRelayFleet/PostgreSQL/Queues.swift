#if Fleet
  package import SottoRelay
  internal import SottoCrypto
  package import SottoWire

  extension PostgreSQLStore {
    package func lastIndex(_ id: MailboxID) async throws -> UInt64? {
      try await job { connection in
        let rows = try connection.run(QueueStatements.last(.id(id.number)))[0]
        return rows.isEmpty ? nil : rows.unsigned(0, 0)
      }
    }

    package func envelopes(
      _ id: MailboxID, after index: UInt64, room: Room, now: Int64
    ) async throws -> [QueuedEnvelope] {
      try await job { connection in
        let rows = try connection.run(
          QueueStatements.next(
            .id(id.number), .number(index), .number(MailboxRules.firstDay(now)), .number(room.count),
            .number(room.bytes)))[0]
        return try rows.indices.map { row in
          let (index, name, bytes) = (rows.unsigned(row, 0), EnvelopeID(number: rows.id(row, 1)), rows.bytes(row, 3))
          // [operation.11]
          guard StoredSum.of(Checksum(bytes[...]), id, index, name) == rows.number(row, 2) else {
            throw StoreFailure.failed(QueueStatements.corrupted)
          }
          return QueuedEnvelope(index: index, id: name, bytes: bytes)
        }
      }
    }

    package func acknowledge(_ id: MailboxID, _ taken: Acknowledgement) async throws {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let ack = Ack(mailbox: id, taken: taken) { continuation.resume(with: $0.mapError { $0 }) }
        if !threads.acks.put(ack) { ack.done(.failure(.unavailable)) }
      }
    }
  }

  /// What was taken may go.
  struct Ack: Sendable {
    let mailbox: MailboxID
    let taken: Acknowledgement
    let done: @Sendable (Result<Void, StoreFailure>) -> Void

    static let batch: @Sendable () -> (Ack) -> Bool = {
      var count = 0
      return { _ in
        count += 1
        return count <= FleetLimits.batch
      }
    }

    /// One transaction for all. An ack that is carried out twice changes nothing the second time.
    static func carryOut(
      _ acks: [Ack], _ connection: Connection, _ report: @Sendable (CommitReport) -> Void
    ) throws(DatabaseFailure) {
      do {
        let heads = try QueueStatements.release(acks, connection)
        report(.committed(acks.count))
        answer(acks, heads)
      } catch {
        report(.failed)
        if error.isLost { throw error }
        for ack in acks { ack.done(.failure(error.forStore)) }
      }
    }

    /// The database has fallen back when less was deleted in it than it has said, and when it did not have all that was
    /// sent. Where the mailbox is gone nothing is missed.
    private static func answer(_ acks: [Ack], _ heads: [UInt128: QueueStatements.Progress]) {
      for (mailbox, acks) in Dictionary(grouping: acks, by: \.mailbox) {
        let head = heads[mailbox.number]
        let hadAll = head?.hadAll(acks.flatMap { $0.taken.envelopes }) ?? true
        for ack in acks {
          let isWhole = hadAll && (head?.before ?? .max) >= ack.taken.former
          ack.done(isWhole ? .success(()) : .failure(.fellBack))
        }
      }
    }
  }

  /// What goes out of queues, and what is read of them.
  enum QueueStatements {
    /// `data_corrupted`, XX001.
    static let corrupted = Int("XX001", radix: 36) ?? -1

    static let last = Statement(
      "last index",
      """
      SELECT coalesce((SELECT max(e.position) FROM envelope e WHERE e.mailbox = $1), 0) FROM mailbox m WHERE m.id = $1
      """)

    /// Sizes are added up before any bytes are read.
    static let next = Statement(
      "next envelopes",
      """
      SELECT position, id, sum, bytes FROM (
        SELECT e.position, e.id, e.sum, e.bytes,
          sum(octet_length(e.bytes)) OVER (ORDER BY e.position) - octet_length(e.bytes) AS before
        FROM envelope e WHERE e.mailbox = $1 AND e.position > $2 AND e.day >= $3::bigint ORDER BY e.position LIMIT $4) AS f
      WHERE before < $5 ORDER BY position
      """)

    /// What a transaction found of a mailbox, and did.
    struct Progress {
      /// The greatest index that was deleted before.
      let before: UInt64
      /// How many envelopes are deleted now.
      var count = 0

      /// Whether each of these was there, or deleted before. The last of them says nothing of the others: where one was
      /// lost, another may have its index, which a stream has passed by.
      func hadAll(_ taken: [SentEnvelope]) -> Bool { Set(taken).count { $0.index > before } <= count }
    }

    /// Deletes envelopes, takes account of them, and forgets names of which there are too many. [relay.26]
    static func release(_ acks: [Ack], _ connection: Connection) throws(DatabaseFailure) -> [UInt128: Progress] {
      var (mailboxes, indexes, names): ([UInt128], [Int64], [UInt128]) = ([], [], [])
      for ack in acks {
        for envelope in ack.taken.envelopes {
          mailboxes.append(ack.mailbox.number)
          indexes.append(Int64(clamping: envelope.index))
          names.append(envelope.id.number)
        }
      }
      let call = delete(.ids(mailboxes), .numbers(indexes), .ids(names))
      return try transact([call], of: Set(acks.map(\.mailbox.number)).sorted(), connection)
    }

    /// The same for what came before `day`. [relay.28]
    static func expire(_ mailboxes: [UInt128], before day: Int64, _ connection: Connection) throws(DatabaseFailure) {
      try transact([deleteOld(.ids(mailboxes), .number(day))], of: mailboxes, connection)
    }

    @discardableResult
    private static func transact(
      _ calls: [Call], of mailboxes: [UInt128], _ connection: Connection
    ) throws(DatabaseFailure) -> [UInt128: Progress] {
      var attempts = FleetLimits.attempts
      while true {
        do {
          let answers = try connection.run([Statement.begin(), lock(.ids(mailboxes))] + calls)
          let (heads, gone) = (answers[1], answers[2])
          var progress: [UInt128: Progress] = [:]
          for row in heads.indices {
            progress[heads.id(row, 0)] = Progress(before: heads.unsigned(row, 1))
          }
          var (full, limits): ([UInt128], [Int64]) = ([], [])
          for row in gone.indices {
            let (acknowledged, count) = (gone.number(row, 1), gone.number(row, 2))
            progress[gone.id(row, 0)]?.count = Int(count)
            guard acknowledged / FleetLimits.trim != (acknowledged - count) / FleetLimits.trim else { continue }
            full.append(gone.id(row, 0))
            limits.append(acknowledged - Int64(RelayLimits.deliveredNames))
          }
          let trims = full.isEmpty ? [] : [trim(.ids(full), .numbers(limits))]
          try connection.run(trims + [Statement.commit()])
          return progress
        } catch {
          attempts -= 1
          guard error.isCollision, attempts > 0 else { throw error }
        }
      }
    }

    static let lock = Statement(
      "lock heads",
      """
      SELECT m.id, m.acknowledged FROM (SELECT unnest($1::uuid[]) AS id ORDER BY id) AS k,
        LATERAL (SELECT * FROM mailbox m WHERE m.id = k.id FOR UPDATE) AS m
      """)

    /// What the heads have to know of the rows that are `gone`.
    private static let account = """
      , sums AS (
        SELECT mailbox, max(position) AS last, count(*) AS count, count(*) FILTER (WHERE class <> 1) AS contact_count,
          coalesce(sum(size) FILTER (WHERE class <> 1), 0) AS contact_bytes,
          count(*) FILTER (WHERE class = 1) AS knock_count, coalesce(sum(size) FILTER (WHERE class = 1), 0) AS knock_bytes
        FROM gone GROUP BY mailbox)
      UPDATE mailbox m SET acknowledged = greatest(m.acknowledged, s.last),
        contact_count = m.contact_count - s.contact_count, contact_bytes = m.contact_bytes - s.contact_bytes,
        knock_count = m.knock_count - s.knock_count, knock_bytes = m.knock_bytes - s.knock_bytes
      FROM sums s WHERE m.id = s.mailbox RETURNING m.id, m.acknowledged, s.count
      """

    /// By index and name: what has the index since the database fell back has another name, and was never sent.
    private static let delete = Statement(
      "acknowledge",
      """
      WITH gone AS (
        DELETE FROM envelope e USING unnest($1::uuid[], $2::bigint[], $3::uuid[]) AS k (mailbox, position, id)
        WHERE e.mailbox = k.mailbox AND e.position = k.position AND e.id = k.id
        RETURNING e.mailbox, e.position, e.class, octet_length(e.bytes) AS size)
      """ + account)

    private static let deleteOld = Statement(
      "expire",
      """
      WITH gone AS (
        DELETE FROM envelope e USING unnest($1::uuid[]) AS k (mailbox)
        WHERE e.mailbox = k.mailbox AND e.day < $2::bigint
        RETURNING e.mailbox, e.position, e.class, octet_length(e.bytes) AS size)
      """ + account)

    /// Names of what waits stay, whatever their number.
    private static let trim = Statement(
      "trim names",
      """
      DELETE FROM name n USING unnest($1::uuid[], $2::bigint[]) AS k (mailbox, last)
      WHERE n.mailbox = k.mailbox AND n.position <= k.last
        AND NOT EXISTS (SELECT FROM envelope e WHERE e.mailbox = n.mailbox AND e.position = n.position)
      """)
  }
#endif
