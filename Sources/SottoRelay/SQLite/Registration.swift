internal import GRDB
internal import SottoCrypto
internal import SottoWire

extension Schema {
  /// Tables that came later than the version: a program that does not know them lets everybody in, and leaves them as they
  /// are. `spent` has tokens, and what bought some and must not do so again.
  static let registrationTables = """
    CREATE TABLE IF NOT EXISTS token_key (epoch INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS spent (token BLOB PRIMARY KEY, last_day INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS issued (
      account BLOB PRIMARY KEY, epoch INTEGER NOT NULL, count INTEGER NOT NULL, batch BLOB NOT NULL) WITHOUT ROWID;
    """

  static func addRegistration(_ db: Database) throws {
    try db.execute(sql: registrationTables)
    guard try !db.columns(in: "mailbox").contains(where: { $0.name == "lease" }) else { return }
    try db.execute(sql: "ALTER TABLE mailbox ADD COLUMN lease INTEGER")
  }
}

extension SQLiteStore {
  package func tokenKey(_ epoch: Int64) async throws -> [UInt8]? {
    try await pool.read { try Self.tokenKey($0, epoch) }
  }

  package func keepTokenKey(_ epoch: Int64, _ sealed: [UInt8]) async throws -> [UInt8] {
    try await writer.submit { db in
      try db.execute(
        sql: "INSERT INTO token_key (epoch, sealed) VALUES (?, ?) ON CONFLICT DO NOTHING",
        arguments: [epoch, sealed.blob])
      return try Self.tokenKey(db, epoch) ?? sealed
    }
  }

  private static func tokenKey(_ db: Database, _ epoch: Int64) throws -> [UInt8]? {
    try Row.fetchOne(db, sql: "SELECT sealed FROM token_key WHERE epoch = ?", arguments: [epoch]).map { $0.bytes(0) }
  }

  package func issue(_ asked: Issuance) async throws {
    try await writer.submit { db in
      // All rules first: what is refused has changed nothing.
      guard let issued = try Self.judged(asked, db) else { return }
      let sponsored = try asked.ofSponsor.map { ($0.account, try Self.judged($0, db)) }
      if let credential = asked.credential { try Self.spend(credential, db, or: .credentialRefused) }
      try Self.count(asked.account, issued, db)
      if let (sponsor, counted) = sponsored, let counted { try Self.count(sponsor, counted, db) }
    }
  }

  private static func judged(_ asked: Issuance, _ db: Database) throws -> IssuedTokens? {
    let row = try Row.fetchOne(
      db, sql: "SELECT epoch, count, batch FROM issued WHERE account = ?", arguments: [asked.account.bytes.blob])
    let known = try row.map { IssuedTokens(epoch: $0[0], count: $0[1], batch: try Digest($0.bytes(2))) }
    return try RegistrationRules.issue(known, asked)
  }

  private static func count(_ account: Digest, _ issued: IssuedTokens, _ db: Database) throws {
    try db.execute(
      sql: "INSERT OR REPLACE INTO issued (account, epoch, count, batch) VALUES (?, ?, ?, ?)",
      arguments: [account.bytes.blob, issued.epoch, issued.count, issued.batch.bytes.blob])
  }

  package func forgiveLeases() async throws {
    try await writer.submit { db in
      try db.execute(sql: "UPDATE mailbox SET lease = NULL WHERE lease IS NOT NULL")
    } then: { index, _ in
      index.forgiveLeases()
    }
  }

  /// Before something new is made; whether a token is spent on it. [token.9]
  static func admit(_ entitlement: Entitlement, _ db: Database) throws -> Bool {
    switch entitlement {
    case .notNeeded: return false
    case .missing: throw Refusal(.tokenRequired)
    case .token(let token):
      try spend(token, db, or: .tokenRefused)
      return true
    }
  }

  private static func spend(_ token: GenuineToken, _ db: Database, or problem: Problem) throws {
    try db.execute(
      sql: "INSERT INTO spent (token, last_day) VALUES (?, ?) ON CONFLICT DO NOTHING",
      arguments: [token.id.bytes.blob, token.lastDay])
    guard db.changesCount == 1 else { throw Refusal(problem, isReplay: true) }
  }

  /// What is of epochs that are over. [token.10]
  static func forgetRegistrations(_ db: Database, now: Int64) throws {
    let past = RegistrationRules.past(now)
    let oldest = RegistrationRules.epochsThatCount(past).last ?? 0
    try db.execute(sql: "DELETE FROM spent WHERE last_day < ?", arguments: [MailboxRules.day(past)])
    try db.execute(sql: "DELETE FROM issued WHERE epoch < ?", arguments: [RegistrationRules.epoch(past)])
    try db.execute(sql: "DELETE FROM token_key WHERE epoch < ?", arguments: [oldest])
  }
}
