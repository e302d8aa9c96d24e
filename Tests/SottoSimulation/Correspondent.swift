import SottoCrypto
public import SottoSession

/// A person with all sessions with one peer, kept by the rules: a model of an engine in memory, without contacts.
public final class Correspondent {
  public let person: Person
  public private(set) var sessions: [(cell: SessionCell, archivedAt: UnixTime?)] = []
  /// What was shown, in order of arrival.
  public private(set) var shown: [MessageID] = []
  /// Refusals by stage.
  public private(set) var refused: [RefusalStage: Int] = [:]
  /// Message keys that were reported as forgotten.
  public private(set) var dropped = 0
  /// The preludes that were accepted or sent: each begins one session, and never another.
  private var preludes: Set<Digest> = []
  private var generation: UInt32 = 0

  public init(_ person: Person) { self.person = person }

  /// What the rules know of the sessions.
  public var candidates: [SessionRules.Candidate] {
    sessions.map { SessionRules.Candidate(info: $0.cell.session.info, archivedAt: $0.archivedAt) }
  }

  /// The session that would be sent on.
  public var chosen: SessionInfo? { SessionRules.sending(among: candidates) }

  /// Opens a session of our own.
  public func initiate(to peer: Correspondent, reset: Bool = false, now: UnixTime) throws {
    let bundle = try peer.person.bundle(now: now)
    let session = try person.initiate(to: bundle, generation: nextGeneration, reset: reset, now: now)
    begin(SessionCell(session), reset: reset, now: now)
  }

  /// The generation of the next session of our own. Deleted sessions count.
  public var nextGeneration: UInt32 { generation + 1 }

  /// Takes over a session that this side has just initiated.
  public func begin(_ cell: SessionCell, reset: Bool = false, now: UnixTime) {
    add(cell, reset: reset, now: now)
  }

  /// Seals a text on the session that the rules choose.
  public func send(_ text: String, now: UnixTime) -> (MessageID, [UInt8])? {
    guard let chosen, let entry = sessions.first(where: { $0.cell.session.info.sid == chosen.sid }) else { return nil }
    let content = person.text(text, at: now)
    return entry.cell.session.seal(content, from: &person.entropy).map { (content.id, $0) }
  }

  /// What became of an envelope.
  public enum Outcome: Hashable {
    case shown(MessageID, dropped: Int)
    case refused(RefusalStage)
  }

  /// Does with an envelope what an engine does; a refusal changes nothing but the counters here.
  @discardableResult
  public func receive(_ bytes: [UInt8], now: UnixTime) -> Outcome {
    do {
      let envelope = try Envelope(decoding: bytes)
      let opened = try open(envelope, now: now)
      shown.append(opened.content.id)
      dropped += opened.dropped
      return .shown(opened.content.id, dropped: opened.dropped)
    } catch {
      let stage = (error as? Refused)?.stage ?? .encoding
      refused[stage, default: 0] += 1
      return .refused(stage)
    }
  }

  private func open(_ envelope: Envelope, now: UnixTime) throws -> Session.Opened {
    for (isArchived, trial) in SessionRules.trials {
      for entry in sessions.reversed() where (entry.archivedAt != nil) == isArchived {
        let candidate = SessionRules.Candidate(info: entry.cell.session.info, archivedAt: entry.archivedAt)
        guard !candidate.isOver(at: now), entry.cell.recognises(envelope, trial) else { continue }
        let opened = try entry.cell.session.open(envelope, now: now, from: &person.entropy)
        keepHouse(now: now)
        return opened
      }
    }
    guard let prelude = envelope.prelude, !preludes.contains(prelude.digest) else { throw Refused(.header) }
    let (meeting, opened) = try person.respond(to: envelope, now: now)
    add(meeting.cell, reset: meeting.initiator.reset, now: now)
    return opened
  }

  private func add(_ cell: SessionCell, reset: Bool, now: UnixTime) {
    let info = cell.session.info
    sessions.append((cell, nil))
    preludes.insert(info.preludeDigest)
    generation = max(generation, info.generation)
    keepHouse(reset: reset ? info : nil, now: now)
  }

  /// Every session is saved and loaded again.
  public func restart() throws {
    sessions = try sessions.map { (try $0.cell.reloaded(), $0.archivedAt) }
  }

  private func keepHouse(reset: SessionInfo? = nil, now: UnixTime) {
    let work = SessionRules.housekeeping(candidates, reset: reset, now: now)
    sessions = sessions.compactMap { entry in
      let sid = entry.cell.session.info.sid
      if work.delete.contains(sid) { return nil }
      return work.archive.contains(sid) ? (entry.cell, now) : entry
    }
  }
}
