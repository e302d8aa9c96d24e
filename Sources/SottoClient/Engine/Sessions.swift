internal import SottoCrypto
internal import SottoSession

/// A session as it is stored: the machine, and what the client adds to it.
struct SessionRow: ~Copyable {
  var session: Session
  /// Since when it only decrypts: unix seconds; nil while it is active.
  var archivedAt: UnixTime?
  /// Whether a message under a known header did not open: the user's next message opens a new session.
  var isSuspect: Bool
  /// What the peer was last told of us in this session, by its hash, and whether it has been heard since.
  var told: Digest
  var toldIsHeard: Bool

  private static let format: UInt8 = 1
  /// What a session without skipped keys saves as its second part.
  static let noSkippedKeys: [UInt8] = [1, 0, 0]

  init(_ session: consuming Session) {
    self.session = session
    archivedAt = nil
    isSuspect = false
    told = .zero
    toldIsHeard = false
  }

  init(decoding row: consuming Secret, skippedKeys: consuming Secret) throws {
    var reader = SecretReader(row)
    guard try reader.u8() == Self.format else { throw CryptoError.wrongLength }
    let archived = try reader.u64()
    let isSuspect = try reader.flag()
    let told = try reader.digest()
    let toldIsHeard = try reader.flag()
    session = try Session(decoding: try reader.secret(reader.remaining), skippedKeys: skippedKeys)
    archivedAt = archived == 0 ? nil : archived
    self.isSuspect = isSuspect
    self.told = told
    self.toldIsHeard = toldIsHeard
  }

  func encoded() -> Secret {
    var writer = SecretWriter()
    writer.u8(Self.format)
    writer.u64(archivedAt ?? 0)
    writer.flag(isSuspect)
    writer.fixed(told.bytes)
    writer.flag(toldIsHeard)
    writer.secret(session.encoded())
    return writer.finish()
  }

  var candidate: SessionRules.Candidate { SessionRules.Candidate(info: session.info, archivedAt: archivedAt) }
}

extension Engine {
  /// The session with this id, whole.
  func session(_ sid: Digest) throws -> SessionRow? {
    guard let row = try records.get(.session, sid.bytes) else { return nil }
    let skipped = try records.get(.skipped, sid.bytes) ?? Secret(copying: SessionRow.noSkippedKeys)
    return try Self.row(row, skipped)
  }

  /// Saves a session in its place, or as the one that was used last.
  func save(_ row: borrowing SessionRow, asNewest: Bool = false) throws {
    let info = row.session.info
    if asNewest { try records.delete(.session, info.sid.bytes) }
    try records.put(.session, info.sid.bytes, group: info.peerAccount.bytes, row.encoded())
    if row.session.skippedKeysChanged {
      try records.put(.skipped, info.sid.bytes, group: [], row.session.encodedSkippedKeys())
    }
  }

  func deleteSession(_ sid: Digest) throws {
    try forgetUnheard(of: sid)
    try records.delete(.session, sid.bytes)
    try records.delete(.skipped, sid.bytes)
  }

  /// What the rules need to know of the sessions with an account, or with one of its devices.
  func candidates(of account: AccountID, device: DeviceID? = nil) throws -> [SessionRules.Candidate] {
    var found: [SessionRules.Candidate] = []
    try records.each(.session, group: account.bytes, newestFirst: false) { row in
      let candidate = try Self.row(row, Secret(copying: SessionRow.noSkippedKeys)).candidate
      if device == nil || candidate.info.peerDevice == device { found.append(candidate) }
      return true
    }
    return found
  }

  /// Archives and deletes what the rules say, after a session of the pair was created or confirmed. [sessions.8]
  mutating func keepHouse(_ account: AccountID, _ device: DeviceID, reset: SessionInfo? = nil) throws {
    let plan = SessionRules.housekeeping(try candidates(of: account, device: device), reset: reset, now: seconds)
    for sid in plan.archive { try archive(sid) }
    for sid in plan.delete {
      try sendUnheardAgain(of: sid)
      try deleteSession(sid)
    }
  }

  /// Deletes archives whose time has come, whether or not anything else happens to their pair. [sessions.8]
  func deleteOldArchives() throws {
    var over: [Digest] = []
    try records.each(.session, group: nil, newestFirst: false) { secret in
      let candidate = try Self.row(secret, Secret(copying: SessionRow.noSkippedKeys)).candidate
      if candidate.isOver(at: seconds) { over.append(candidate.info.sid) }
      return true
    }
    for sid in over { try deleteSession(sid) }
  }

  mutating func archive(_ sid: Digest) throws {
    guard var row = try session(sid), row.archivedAt == nil else { return }
    row.archivedAt = seconds
    try save(row)
    try sendUnheardAgain(of: sid)
  }

  /// The session that messages to a device go out on: none if there is none, or if a new one is wanted.
  func sendingSession(_ account: AccountID, _ device: DeviceID) throws -> SessionRow? {
    guard let chosen = SessionRules.sending(among: try candidates(of: account, device: device)),
      let row = try session(chosen.sid), !row.isSuspect
    else { return nil }
    return row
  }

  /// The session whose header key opens an envelope, with everything it needs to open it. [sessions.3]
  ///
  /// Current keys of active sessions first, the one used last before the others; then their past chains; then archives.
  func recognising(_ envelope: Envelope) throws -> SessionRow? {
    for (archived, trial) in SessionRules.trials {
      if let sid = try recognising(envelope, archived: archived, trial) { return try session(sid) }
    }
    return nil
  }

  private func recognising(_ envelope: Envelope, archived: Bool, _ trial: Session.Trial) throws -> Digest? {
    var found: Digest?
    try records.each(.session, group: nil, newestFirst: true) { secret in
      let row = try Self.row(secret, Secret(copying: SessionRow.noSkippedKeys))
      guard (row.archivedAt != nil) == archived, !row.candidate.isOver(at: seconds) else { return true }
      if trial == .current {
        if row.session.recognises(envelope, .current) { found = row.session.info.sid }
      } else if let whole = try session(row.session.info.sid), whole.session.recognises(envelope, .past) {
        found = row.session.info.sid
      }
      return found == nil
    }
    return found
  }

  private static func row(_ row: consuming Secret, _ skipped: consuming Secret) throws -> SessionRow {
    do { return try SessionRow(decoding: row, skippedKeys: skipped) } catch { throw Engine.damaged }
  }
}
