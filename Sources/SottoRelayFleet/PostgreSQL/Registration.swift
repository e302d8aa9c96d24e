#if Fleet
  package import SottoRelay
  internal import SottoCrypto
  internal import SottoWire

  extension PostgreSQLStore {
    package func tokenKey(_ epoch: Int64) async throws -> [UInt8]? {
      try await job { connection in
        let rows = try connection.run(RegistrationStatements.key(.number(epoch)))[0]
        return rows.isEmpty ? nil : rows.bytes(0, 0)
      }
    }

    package func keepTokenKey(_ epoch: Int64, _ sealed: [UInt8]) async throws -> [UInt8] {
      try await job { connection in
        let answers = try connection.run(
          RegistrationStatements.keep(.number(epoch), .bytes(sealed)), RegistrationStatements.key(.number(epoch)))
        return answers[1].isEmpty ? sealed : answers[1].bytes(0, 0)
      }
    }

    /// Of two relays that are asked for one account the second waits: a row is made first, and locked.
    package func issue(_ asked: Issuance) async throws {
      try await job { connection in
        try connection.run(Statement.begin())
        guard let issued = try Self.judged(asked, connection) else { return connection.rollBack() }
        // After the account, always, and a sweep waits for nobody: so nobody waits for somebody who waits for them.
        let sponsored = try asked.ofSponsor.map { ($0.account, try Self.judged($0, connection)) }
        if let credential = asked.credential { try Self.spend(credential, connection, or: .credentialRefused) }
        var calls = [Self.count(asked.account, issued)]
        if let (sponsor, counted) = sponsored, let counted { calls.append(Self.count(sponsor, counted)) }
        try connection.run(calls + [Statement.commit()])
      }
    }

    /// The row is made, if there is none, and locked.
    private static func judged(_ asked: Issuance, _ connection: Connection) throws -> IssuedTokens? {
      let account = Value.bytes(asked.account.bytes)
      let row = try connection.run(
        RegistrationStatements.meet(account, .bytes(Digest.zero.bytes)), RegistrationStatements.lock(account))[1]
      // There was one, and a sweep has forgotten it before it could be locked: it is judged anew. [token.10]
      guard !row.isEmpty else {
        connection.rollBack()
        throw DatabaseFailure.collision
      }
      let known = IssuedTokens(epoch: row.number(0, 0), count: row.number(0, 1), batch: try Digest(row.bytes(0, 2)))
      return try RegistrationRules.issue(known, asked)
    }

    private static func count(_ account: Digest, _ issued: IssuedTokens) -> Call {
      RegistrationStatements.count(
        .bytes(account.bytes), .number(issued.epoch), .number(issued.count), .bytes(issued.batch.bytes))
    }

    package func forgiveLeases() async throws {
      // Short transactions, so that nobody waits for one. What somebody else holds now is forgiven by the next sweep.
      while try await job({ connection in
        try connection.run(RegistrationStatements.forgive(.number(FleetLimits.sweepStep)))[0].changed
      }) > 0 {}
    }

    /// In the transaction that makes something new; whether a token is spent on it. [token.9]
    static func admit(_ entitlement: Entitlement, _ connection: Connection) throws -> Bool {
      switch entitlement {
      case .notNeeded: return false
      case .missing: throw Refusal(.tokenRequired)
      case .token(let token):
        try spend(token, connection, or: .tokenRefused)
        return true
      }
    }

    private static func spend(_ token: GenuineToken, _ connection: Connection, or problem: Problem) throws {
      let answer = try connection.run(RegistrationStatements.spend(.bytes(token.id.bytes), .number(token.lastDay)))[0]
      guard answer.changed == 1 else { throw Refusal(problem, isReplay: true) }
    }

    /// What is of epochs that are over, so much at a time. [token.10]
    static func forgetRegistrations(now: Int64, _ limit: Int) -> [Call] {
      let past = RegistrationRules.past(now)
      let oldest = RegistrationRules.epochsThatCount(past).last ?? 0
      return [
        RegistrationStatements.forgetSpent(.number(MailboxRules.day(past)), .number(limit)),
        RegistrationStatements.forgetIssued(.number(RegistrationRules.epoch(past)), .number(limit)),
        RegistrationStatements.forgetKeys(.number(oldest), .number(limit)),
      ]
    }
  }

  private enum RegistrationStatements {
    static let key = Statement("token key", "SELECT sealed FROM token_key WHERE epoch = $1")
    static let keep = Statement(
      "keep token key", "INSERT INTO token_key (epoch, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING")
    static let meet = Statement(
      "meet account",
      "INSERT INTO issued (account, epoch, count, batch) VALUES ($1, 0, 0, $2) ON CONFLICT DO NOTHING")
    static let lock = Statement(
      "lock account", "SELECT epoch, count, batch FROM issued WHERE account = $1 FOR UPDATE")
    static let count = Statement(
      "count tokens", "UPDATE issued SET epoch = $2, count = $3, batch = $4 WHERE account = $1")
    static let spend = Statement(
      "spend token", "INSERT INTO spent (token, last_day) VALUES ($1, $2) ON CONFLICT DO NOTHING")
    static let forgetSpent = Statement(
      "forget spent", "DELETE FROM spent WHERE token IN (SELECT token FROM spent WHERE last_day < $1 LIMIT $2)")
    static let forgetIssued = Statement(
      "forget issued",
      """
      DELETE FROM issued WHERE account IN (
        SELECT account FROM issued WHERE epoch < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
      """)
    static let forgetKeys = Statement(
      "forget keys", "DELETE FROM token_key WHERE epoch IN (SELECT epoch FROM token_key WHERE epoch < $1 LIMIT $2)")
    static let forgive = Statement(
      "forgive",
      """
      WITH paid AS (
        SELECT id FROM mailbox WHERE lease IS NOT NULL ORDER BY id LIMIT $1::bigint FOR UPDATE SKIP LOCKED)
      UPDATE mailbox m SET lease = NULL FROM paid WHERE m.id = paid.id
      """)
  }
#endif
