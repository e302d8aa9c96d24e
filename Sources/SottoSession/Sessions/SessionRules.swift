public import SottoCrypto

/// Which of the sessions of one pair of devices is sent on, and which are kept: pure rules, so that both sides converge
/// whoever began. [sessions.5]
public enum SessionRules {
  /// What the rules need to know of a session.
  public struct Candidate: Hashable, Sendable {
    /// The session.
    public let info: SessionInfo
    /// When it was archived, if it was: decrypt only from then on. Unix seconds.
    public var archivedAt: UnixTime?

    public init(info: SessionInfo, archivedAt: UnixTime? = nil) {
      self.info = info
      self.archivedAt = archivedAt
    }

    /// Whether it has been an archive for more than 30 days: it opens nothing any more, deleted or not. [sessions.8]
    public func isOver(at now: UnixTime) -> Bool { archivedAt.map { SessionRules.isOver($0, now) } ?? false }
  }

  /// The generation of a new handshake: one above the highest known for the pair; nil when the count is used up. [sessions.6]
  public static func nextGeneration(after known: [SessionInfo]) -> UInt32? {
    let highest = known.map(\.generation).max() ?? 0
    return highest < Limits.generation ? highest + 1 : nil
  }

  /// The session to send on: the highest (generation, sid) that is confirmed; before any is, our own highest. [sessions.7]
  public static func sending(among candidates: [Candidate]) -> SessionInfo? {
    let active = candidates.filter { $0.archivedAt == nil }.map(\.info)
    let confirmed = active.filter(\.isConfirmed)
    if !confirmed.isEmpty { return confirmed.max(by: isLower) }
    return active.filter { $0.role == .initiator }.max(by: isLower)
  }

  /// In which order keys are tried on an envelope without a prelude. Of each group the session that opened a message last
  /// comes first. [sessions.3]
  package static let trials: [(isArchived: Bool, trial: Session.Trial)] = [
    (false, .current), (false, .past), (true, .current), (true, .past),
  ]

  /// What to do with the sessions of a pair after one of them was created or confirmed.
  public struct Housekeeping: Hashable, Sendable {
    /// To be archived now; none of `delete`.
    public var archive: [Digest] = []
    /// To be deleted, with their keys.
    public var delete: [Digest] = []
  }

  /// Archives what ranks below the session sent on, unless neither of the two is confirmed (an answer may still confirm
  /// either), and deletes archives beyond 4 or older than 30 days. [sessions.8]
  ///
  /// - Parameter reset: a session that a handshake with `reset` opened, whoever began it: all older ones end here.
  ///   [sessions.9]
  public static func housekeeping(_ candidates: [Candidate], reset: SessionInfo? = nil, now: UnixTime) -> Housekeeping {
    var result = Housekeeping()
    let active = candidates.filter { $0.archivedAt == nil }
    let ended = active.filter { candidate in reset.map { candidate.info.generation < $0.generation } ?? false }
    let chosen = sending(among: active.filter { !ended.contains($0) })
    let over = active.filter { candidate in
      guard let chosen, !ended.contains(candidate) else { return ended.contains(candidate) }
      return isLower(candidate.info, chosen) && (candidate.info.isConfirmed || chosen.isConfirmed)
    }
    let archives = candidates.compactMap { candidate -> (info: SessionInfo, at: UnixTime)? in
      if let at = candidate.archivedAt { return (candidate.info, at) }
      return over.contains(candidate) ? (candidate.info, now) : nil
    }.sorted { $0.at != $1.at ? $0.at > $1.at : isLower($1.info, $0.info) }
    for (place, archive) in archives.enumerated()
    where place >= Limits.archivedSessions || isOver(archive.at, now) {
      result.delete.append(archive.info.sid)
    }
    result.archive = over.map(\.info.sid).filter { !result.delete.contains($0) }
    return result
  }

  /// Whether an archive of that time is past its life. Without a sum: a stored time may be any number.
  fileprivate static func isOver(_ archivedAt: UnixTime, _ now: UnixTime) -> Bool {
    now > archivedAt && now - archivedAt > Limits.archiveLife
  }

  private static func isLower(_ a: SessionInfo, _ b: SessionInfo) -> Bool {
    a.generation != b.generation ? a.generation < b.generation : a.sid.bytes.lexicographicallyPrecedes(b.sid.bytes)
  }
}
