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

  public init(_ person: Person) { self.person = person }

  private var candidates: [SessionRules.Candidate] {
    sessions.map { SessionRules.Candidate(info: $0.cell.session.info, archivedAt: $0.archivedAt) }
  }

  /// The session that would be sent on.
  public var chosen: SessionInfo? { SessionRules.sending(among: candidates) }

  /// Opens a session of our own.
  public func initiate(to peer: Correspondent, reset: Bool = false, now: UnixTime) throws {
    let generation = SessionRules.nextGeneration(after: sessions.map { $0.cell.session.info })!
    let bundle = try peer.person.bundle(now: now)
    let session = try person.initiate(to: bundle, generation: generation, reset: reset, now: now)
    let info = session.info
    sessions.append((SessionCell(session), nil))
    keepHouse(reset: reset ? info : nil, now: now)
  }

  /// Seals a text on the session that the rules choose.
  public func send(_ text: String, now: UnixTime) -> (MessageID, [UInt8])? {
    guard let chosen, let entry = sessions.first(where: { $0.cell.session.info.sid == chosen.sid }) else { return nil }
    let content = person.text(text, at: now)
    return entry.cell.session.seal(content, from: &person.entropy).map { (content.id, $0) }
  }

  /// Does with an envelope what an engine does; a refusal changes nothing but the counters here.
  public func receive(_ bytes: [UInt8], now: UnixTime) {
    do {
      let envelope = try Envelope(decoding: bytes)
      for trial in Session.Trial.allCases {
        for entry in ordered where entry.session.recognises(envelope, trial) {
          let opened = try entry.session.open(envelope, now: now, from: &person.entropy)
          show(opened)
          keepHouse(now: now)
          return
        }
      }
      if let prelude = envelope.prelude,
        !sessions.contains(where: { $0.cell.session.info.preludeDigest == prelude.digest })
      {
        let (meeting, opened) = try person.respond(to: envelope, now: now)
        sessions.append((meeting.cell, nil))
        show(opened)
        keepHouse(reset: meeting.initiator.reset ? meeting.cell.session.info : nil, now: now)
        return
      }
      throw Refused(.header)
    } catch {
      refused[(error as? Refused)?.stage ?? .encoding, default: 0] += 1
    }
  }

  /// Every session is saved and loaded again.
  public func restart() throws {
    sessions = try sessions.map { (try $0.cell.reloaded(), $0.archivedAt) }
  }

  private var ordered: [SessionCell] {
    sessions.sorted { ($0.archivedAt == nil ? 0 : 1) < ($1.archivedAt == nil ? 0 : 1) }.map(\.cell)
  }

  private func show(_ opened: Session.Opened) {
    shown.append(opened.content.id)
    dropped += opened.dropped
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
