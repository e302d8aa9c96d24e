#if Fleet
  package import SottoRelay
  internal import SottoCrypto
  package import SottoWire
  internal import Synchronization

  extension PostgreSQLStore {
    package func setPush(_ id: MailboxID, _ sealed: [UInt8]?, by mutation: Mutation) async throws {
      try await job(
        Self.mutation(id, by: mutation) { _, _ in
          guard let sealed else {
            return [PushStatements.remove(.id(id.number)), PushStatements.mark(.id(id.number), .null)]
          }
          var entropy = SystemEntropy()
          let handle = PushHandle(from: &entropy)
          return [
            PushStatements.set(.id(id.number), .id(handle.number), .bytes(sealed)),
            PushStatements.mark(.id(id.number), .number(0)),
          ]
        })
    }

    package func takePushes(limit: Int, by node: NodeID) async throws -> [DuePush] {
      let doubt = LostAnswer()
      return try await job { connection in
        // Where an answer was lost, what was taken would not be found once more: whoever asks is told.
        guard !doubt.exists else { throw StoreFailure.unavailable }
        let rows = try doubt.run(PushStatements.take(.number(limit), .id(node.number)), connection)
        return rows.indices.map { row in
          let job = PushJob(handle: PushHandle(number: rows.id(row, 1)), sealed: rows.bytes(row, 2))
          return DuePush(mailbox: MailboxID(number: rows.id(row, 0)), job: job)
        }
      }
    }

    package func giveBackPushes(_ mailboxes: [MailboxID], by node: NodeID) async throws {
      for page in HomeStatements.pages(mailboxes, by: \.number) {
        try await job { connection in
          _ = try connection.run(PushStatements.giveBack(.ids(page.map(\.number)), .id(node.number)))
        }
      }
    }

    package func giveBackAllPushes(by node: NodeID) async throws {
      var isMore = true
      while isMore {
        isMore = try await job { connection in
          try connection.run(PushStatements.giveBackAll(.id(node.number)))[0].changed == FleetLimits.look
        }
      }
    }

    package func queued(_ pushes: [DuePush], by node: NodeID) async throws {
      try await job { connection in
        _ = try connection.run(
          PushStatements.queued(
            .ids(pushes.map(\.mailbox.number)), .ids(pushes.map(\.job.handle.number)), .id(node.number)))
      }
    }

    package func endPushes(_ handles: [PushHandle]) async throws {
      let handles = Value.ids(handles.map(\.number))
      try await job { connection in
        let found = try connection.run(Statement.begin(), PushStatements.ofHandles(handles))[1]
        // Heads first, in order, as everybody locks them.
        let mailboxes = Value.ids(found.indices.map { found.id($0, 0) }.sorted())
        _ = try connection.run(
          PushStatements.heads(mailboxes), PushStatements.end(mailboxes, handles), Statement.commit())
      }
    }

    package func leaveDeadHomes() async throws -> Int {
      let (count, isPushDue) = try await job { connection -> (Int, Bool) in
        let found = try connection.run(Statement.begin(), PushStatements.orphans())[1]
        guard !found.isEmpty else {
          connection.rollBack()
          return (0, false)
        }
        let mailboxes = Value.ids(found.indices.map { found.id($0, 0) })
        let answers = try connection.run(
          PushStatements.free(mailboxes), PushStatements.wake(mailboxes), Statement.commit())
        return (found.count, answers[1].changed > 0)
      }
      if isPushDue { report(.pushDue) }
      return count
    }

    package func askAgain(after day: Int64) async throws -> Int64 {
      let today = try await job { connection in try connection.run(PushStatements.day())[0].number(0, 0) }
      guard today != day else { return day }
      var last: UInt128? = 0
      while let start = last {
        let (end, isPushDue) = try await job { connection -> (UInt128?, Bool) in
          let page = try connection.run(PushStatements.page(.id(start), .number(FleetLimits.look)))[0]
          guard !page.isEmpty else { return (nil, false) }
          let end = page.id(page.indices.count - 1, 0)
          let asleep = page.indices.filter { page.number($0, 1) == 1 }.map { page.id($0, 0) }
          guard !asleep.isEmpty else { return (end, false) }
          let answers = try connection.run(
            Statement.begin(), PushStatements.heads(.ids(asleep)), PushStatements.wake(.ids(asleep)), Statement.commit()
          )
          return (end, answers[2].changed > 0)
        }
        if isPushDue { report(.pushDue) }
        last = end
      }
      return today
    }
  }

  /// Whether the answer to an attempt was lost, so that nobody knows what it has done. One that was answered, with a collision
  /// or another error, has done nothing.
  private final class LostAnswer: Sendable {
    private let isLost = Atomic(false)

    var exists: Bool { isLost.load(ordering: .relaxed) }

    func run(_ call: Call, _ connection: Connection) throws(DatabaseFailure) -> Rows {
      do {
        return try connection.run(call)[0]
      } catch {
        if error.state == nil { isLost.store(true, ordering: .relaxed) }
        throw error
      }
    }
  }

  /// Whether a relay runs is what its beats say, and the day is the database's: the clocks of relays may be wrong.
  ///
  /// Whoever changes several subscriptions locks them in the order of their mailboxes' ids before: an UPDATE by itself takes
  /// them part by part of the table, and two could wait for each other.
  enum PushStatements {
    private static let today = "(extract(epoch FROM now())::bigint / 86400)::integer"

    private static func isAlive(_ node: String) -> String {
      """
      EXISTS (SELECT FROM node n WHERE n.id = \(node) AND n.beat > now() - interval '\(RelayLimits.leaseSeconds) seconds')
      """
    }

    /// Of these mailboxes those whose owner is to be woken: something waits, nobody listens, and nobody was asked today. The
    /// one place that decides it. [push.2] The heads are locked already. A relay that died listens until `free` says so.
    static let wake = Statement(
      "wake",
      """
      WITH asked AS (
        UPDATE mailbox m SET push = \(today) FROM unnest($1::uuid[]) AS k (id)
        WHERE m.id = k.id AND m.push < \(today) AND m.contact_count + m.knock_count > 0 AND m.home IS NULL
        RETURNING m.id),
      theirs AS (
        SELECT p.mailbox FROM asked JOIN push p ON p.mailbox = asked.id ORDER BY p.mailbox FOR UPDATE OF p)
      UPDATE push p SET due = true, taker = NULL FROM theirs WHERE p.mailbox = theirs.mailbox
      """)

    static let day = Statement("day", "SELECT \(today)::bigint")

    /// Subscriptions, and of each whether its owner may have to be woken: `wake` decides it.
    static let page = Statement(
      "page of pushes",
      """
      SELECT p.mailbox, coalesce(
        m.push < \(today) AND m.contact_count + m.knock_count > 0 AND m.home IS NULL, false)::integer
      FROM (SELECT mailbox FROM push WHERE mailbox > $1 ORDER BY mailbox LIMIT $2::bigint) AS p
      JOIN mailbox m ON m.id = p.mailbox ORDER BY p.mailbox
      """)

    /// A stream was opened.
    static let isAwake = Statement(
      "is awake", "UPDATE push SET due = false, taker = NULL WHERE mailbox = $1 AND due")

    static let set = Statement(
      "set push",
      """
      INSERT INTO push (mailbox, handle, sealed) VALUES ($1, $2, $3)
      ON CONFLICT (mailbox) DO UPDATE SET handle = excluded.handle, sealed = excluded.sealed, due = false, taker = NULL
      """)

    static let remove = Statement("remove push", "DELETE FROM push WHERE mailbox = $1")

    static let mark = Statement("mark push", "UPDATE mailbox SET push = $2::bigint WHERE id = $1")

    /// Without a time of its own: a job is another relay's as long as that relay runs.
    static let take = Statement(
      "take pushes",
      """
      WITH free AS (
        SELECT p.mailbox FROM push p
        WHERE p.due AND (p.taker IS NULL OR p.taker <> $2 AND NOT \(isAlive("p.taker")))
        ORDER BY p.mailbox LIMIT $1::bigint FOR UPDATE SKIP LOCKED)
      UPDATE push p SET taker = $2 FROM free WHERE p.mailbox = free.mailbox
      RETURNING p.mailbox, p.handle, p.sealed
      """)

    static let giveBack = Statement(
      "give back pushes",
      """
      WITH mine AS (
        SELECT mailbox FROM push WHERE mailbox = ANY ($1::uuid[]) AND taker = $2 ORDER BY mailbox FOR UPDATE)
      UPDATE push p SET taker = NULL FROM mine WHERE p.mailbox = mine.mailbox
      """)

    /// A page of it: whoever accepts envelopes meanwhile may have to wait for these rows.
    static let giveBackAll = Statement(
      "give back all pushes",
      """
      WITH mine AS (
        SELECT mailbox FROM push WHERE due AND taker = $1 ORDER BY mailbox LIMIT \(FleetLimits.look) FOR UPDATE)
      UPDATE push p SET taker = NULL FROM mine WHERE p.mailbox = mine.mailbox
      """)

    /// A subscription that was replaced meanwhile is another one, and one that became due once more is taken by nobody.
    static let queued = Statement(
      "queued pushes",
      """
      WITH mine AS (
        SELECT p.mailbox FROM unnest($1::uuid[], $2::uuid[]) AS k (mailbox, handle)
        JOIN push p ON p.mailbox = k.mailbox AND p.handle = k.handle
        WHERE p.taker = $3 ORDER BY p.mailbox FOR UPDATE OF p)
      UPDATE push p SET due = false, taker = NULL FROM mine WHERE p.mailbox = mine.mailbox
      """)

    static let ofHandles = Statement("of handles", "SELECT mailbox FROM push WHERE handle = ANY ($1::uuid[])")

    static let heads = Statement(
      "push heads", "SELECT id FROM mailbox WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE")

    static let end = Statement(
      "end pushes",
      """
      WITH ended AS (
        SELECT mailbox FROM push WHERE mailbox = ANY ($1::uuid[]) AND handle = ANY ($2::uuid[])
        ORDER BY mailbox FOR UPDATE),
      gone AS (DELETE FROM push p USING ended WHERE p.mailbox = ended.mailbox RETURNING p.mailbox)
      UPDATE mailbox m SET push = NULL FROM gone WHERE m.id = gone.mailbox
      """)

    static let orphans = Statement(
      "orphans",
      """
      SELECT m.id FROM node n JOIN mailbox m ON m.home = n.id
      WHERE n.beat <= now() - interval '\(RelayLimits.leaseSeconds) seconds' AND m.push IS NOT NULL AND m.home IS NOT NULL
      ORDER BY m.id LIMIT \(FleetLimits.look) FOR UPDATE OF m SKIP LOCKED
      """)

    static let free = Statement(
      "free orphans",
      "UPDATE mailbox m SET home = NULL, socket = NULL FROM unnest($1::uuid[]) AS k (id) WHERE m.id = k.id")
  }
#endif
