internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// The operations of Specs/Sessions.md.
enum SessionOperations {
  static let all: [String: VectorOperation] = ["sessions/rules": rules, "sessions/decide": decide]

  private static func rules(_ fields: Fields) throws -> [String: VectorValue] {
    let candidates = try candidates(fields)
    var reset: SessionInfo?
    if fields.has("reset") {
      let sid = try fields.digest("reset")
      guard let begun = candidates.first(where: { $0.info.sid == sid }) else {
        throw BadVector("\(fields.place).reset is none of the sessions")
      }
      reset = begun.info
    }
    let work = SessionRules.housekeeping(candidates, reset: reset, now: try fields.u64("now"))
    let left = candidates.filter { !work.archive.contains($0.info.sid) && !work.delete.contains($0.info.sid) }
    return [
      "next_generation": .number(Int(SessionRules.nextGeneration(after: candidates.map(\.info)) ?? 0)),
      "sending": .bytes(SessionRules.sending(among: left)?.sid.bytes ?? []), "archive": ascending(work.archive),
      "delete": ascending(work.delete),
    ]
  }

  private static func ascending(_ sids: [Digest]) -> VectorValue { .list(sids.map { Hex.encode($0.bytes) }.sorted()) }

  private static func candidates(_ fields: Fields) throws -> [SessionRules.Candidate] {
    let sids = try fields.byteLists("sids").map { try Digest($0) }
    let roles = try fields.texts("roles").map { text -> SessionRole in
      guard let role = ["initiator": SessionRole.initiator, "responder": .responder][text] else {
        throw BadVector("\(fields.place).roles has the unknown role \"\(text)\"")
      }
      return role
    }
    let generations = try fields.texts("generations").map { try number($0, fields) as UInt32 }
    let confirmed = try fields.flags("confirmed")
    let archived = try fields.texts("archived_at").map { $0.isEmpty ? nil : try number($0, fields) as UnixTime }
    guard Set([sids.count, roles.count, generations.count, confirmed.count, archived.count]).count == 1 else {
      throw BadVector("\(fields.place) has lists of different lengths")
    }
    let peer = AccountID(.zero)
    let device = try DeviceID([UInt8](repeating: 0, count: DeviceID.count))
    return sids.indices.map { index in
      let info = SessionInfo(
        sid: sids[index], role: roles[index], generation: generations[index], isConfirmed: confirmed[index],
        createdAt: 0, preludeDigest: .zero, peerAccount: peer, peerDevice: device)
      return SessionRules.Candidate(info: info, archivedAt: archived[index])
    }
  }

  private static func number<T: FixedWidthInteger>(_ text: String, _ fields: Fields) throws -> T {
    guard let number = T(text) else { throw BadVector("\(fields.place): \"\(text)\" is no such number") }
    return number
  }

  /// [sessions.3]
  private static func decide(_ fields: Fields) throws -> [String: VectorValue] {
    let (sessions, skipped) = (try fields.byteLists("sessions"), try fields.byteLists("skipped"))
    let archived = try fields.flags("archived")
    guard sessions.count == skipped.count, sessions.count == archived.count else {
      throw BadVector("\(fields.place) has lists of different lengths")
    }
    let kept = try sessions.indices.map { index in
      try Kept(Secret(copying: sessions[index]), Secret(copying: skipped[index]), isArchived: archived[index])
    }
    let envelope = try Envelope(decoding: try fields.bytes("envelope"))
    guard let sid = deciding(envelope, kept) else { throw Refused(stage: "header") }
    return ["sid": .bytes(sid.bytes)]
  }

  private static func deciding(_ envelope: Envelope, _ kept: [Kept]) -> Digest? {
    if let prelude = envelope.prelude { return kept.first { $0.session.accepts(prelude) }?.session.info.sid }
    for (isArchived, trial) in SessionRules.trials {
      for one in kept where one.isArchived == isArchived && one.session.recognises(envelope, trial) {
        return one.session.info.sid
      }
    }
    return nil
  }

  /// A session in a collection.
  private final class Kept {
    let session: Session
    let isArchived: Bool

    init(_ session: consuming Secret, _ skipped: consuming Secret, isArchived: Bool) throws {
      do { self.session = try Session(decoding: session, skippedKeys: skipped) } catch { throw Refused(stage: "state") }
      self.isArchived = isArchived
    }
  }
}

extension Fields {
  /// `yes` and `no`.
  fileprivate func flags(_ name: String) throws -> [Bool] {
    try texts(name).map { text in
      guard text == "yes" || text == "no" else {
        throw BadVector("\(place).\(name): \"\(text)\" is neither yes nor no")
      }
      return text == "yes"
    }
  }
}
