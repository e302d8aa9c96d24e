#if Fleet
  package import SottoRelay

  extension PostgreSQLStore {
    /// Short transactions, so that nobody waits for one; one relay at a time, so that they do not do each other's work.
    package func sweep(now: Int64) async throws {
      let firstDay = Value.number(MailboxRules.firstDay(now))
      let registrations = Self.forgetRegistrations(now: now, FleetLimits.sweepStep)
      for step in registrations + [
        SweepStatements.capabilities(.number(now - 86_400), .number(FleetLimits.sweepStep)),
        // After the envelopes: names of what waits stay. [relay.26]
        nil, SweepStatements.names(firstDay, .number(FleetLimits.sweepStep)),
      ] as [Call?] {
        var rest = true
        while rest {
          rest = try await job { connection in
            guard let step else { return try Self.expire(before: MailboxRules.firstDay(now), connection) }
            let answers = try connection.run(Statement.begin(), SweepStatements.alone(), step, Statement.commit())
            return answers[2].changed >= FleetLimits.sweepStep
          }
        }
      }
    }

    /// Envelopes of some mailboxes; whether there may be more. [relay.28]
    private static func expire(before day: Int64, _ connection: Connection) throws -> Bool {
      let rows = try connection.run(SweepStatements.old(.number(day), .number(FleetLimits.batch)))[0]
      guard !rows.isEmpty else { return false }
      try QueueStatements.expire(Set(rows.indices.map { rows.id($0, 0) }).sorted(), before: day, connection)
      return true
    }

    /// Estimates of the database's own statistics: to count every row would take longer the more there are.
    package func usage() async throws -> StoreUsage {
      try await job { connection in
        let row = try connection.run(SweepStatements.usage())[0]
        return StoreUsage(envelopes: Int(row.number(0, 0)), bytes: Int(row.number(0, 1)))
      }
    }
  }

  private enum SweepStatements {
    /// Waits for another relay's step, so that the next finds nothing left to do.
    static let alone = Statement("sweep alone", "SELECT pg_advisory_xact_lock(\(AdvisoryLock.sweep))")

    static let capabilities = Statement(
      "expire capabilities",
      """
      DELETE FROM capability c USING (
        SELECT mailbox, hash FROM capability WHERE expires IS NOT NULL AND expires < $1 LIMIT $2) AS old
      WHERE c.mailbox = old.mailbox AND c.hash = old.hash
      """)

    static let old = Statement("old envelopes", "SELECT mailbox FROM envelope WHERE day < $1::bigint LIMIT $2")

    static let names = Statement(
      "forget names",
      """
      DELETE FROM name n USING (
        SELECT o.mailbox, o.id FROM name o WHERE o.day < $1::bigint
          AND NOT EXISTS (SELECT FROM envelope e WHERE e.mailbox = o.mailbox AND e.position = o.position) LIMIT $2) AS old
      WHERE n.mailbox = old.mailbox AND n.id = old.id
      """)

    static let usage = Statement(
      "usage",
      """
      SELECT coalesce(sum(n_live_tup), 0)::bigint, pg_database_size(current_database())
      FROM pg_stat_user_tables WHERE relname LIKE 'envelope\\_%'
      """)
  }
#endif
