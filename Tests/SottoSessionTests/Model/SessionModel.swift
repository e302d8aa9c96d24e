import SottoCrypto
import SottoSession

/// One side's sessions with its peer, as Specs/Sessions.md has them: what every envelope will come to can be said
/// before it arrives.
struct SideModel {
  /// A session as this side has it.
  struct Entry {
    let name: SessionName
    let role: SessionRole
    var isConfirmed: Bool
    var archivedAt: UnixTime?
    var ratchet: RatchetModel
  }

  /// What both sides know of a session before anything is sent on it.
  struct SessionName: Hashable {
    let sid: Digest
    let author: Int
    let generation: UInt32
    let isReset: Bool
  }

  let side: Int
  private(set) var entries: [Entry] = []
  /// Every session that this side ever began or accepted: its prelude is known.
  private var known: Set<Digest> = []
  private var generation: UInt32 = 0

  init(side: Int) { self.side = side }

  // MARK: the rules for sessions

  /// [sessions.6]
  var nextGeneration: UInt32 { generation + 1 }

  /// [sessions.7]
  var chosen: Entry? { chosen(among: entries.filter { $0.archivedAt == nil }) }

  private func chosen(among active: [Entry]) -> Entry? {
    let confirmed = active.filter(\.isConfirmed)
    return (confirmed.isEmpty ? active.filter { $0.role == .initiator } : confirmed).max { Self.isBelow($0, $1) }
  }

  /// [sessions.5]
  private static func isBelow(_ a: Entry, _ b: Entry) -> Bool {
    a.name.generation != b.name.generation
      ? a.name.generation < b.name.generation : a.name.sid.bytes.lexicographicallyPrecedes(b.name.sid.bytes)
  }

  mutating func begin(_ name: SessionName, at now: UnixTime) {
    add(Entry(name: name, role: .initiator, isConfirmed: false, ratchet: RatchetModel(.initiator)), now)
  }

  private mutating func add(_ entry: Entry, _ now: UnixTime) {
    entries.append(entry)
    known.insert(entry.name.sid)
    generation = max(generation, entry.name.generation)
    keepHouse(now, reset: entry.name.isReset ? entry : nil)
  }

  /// [sessions.8] [sessions.9]
  private mutating func keepHouse(_ now: UnixTime, reset: Entry? = nil) {
    func isEnded(_ entry: Entry) -> Bool { reset.map { entry.name.generation < $0.name.generation } ?? false }
    let best = chosen(among: entries.filter { $0.archivedAt == nil && !isEnded($0) })
    for place in entries.indices where entries[place].archivedAt == nil {
      let entry = entries[place]
      let isBeaten = best.map { Self.isBelow(entry, $0) && (entry.isConfirmed || $0.isConfirmed) } ?? false
      if isEnded(entry) || isBeaten { entries[place].archivedAt = now }
    }
    let kept = entries.filter { $0.archivedAt != nil }
      .sorted { $0.archivedAt! != $1.archivedAt! ? $0.archivedAt! > $1.archivedAt! : Self.isBelow($1, $0) }
      .prefix(4).filter { !isOver($0, now) }.map(\.name)
    entries.removeAll { $0.archivedAt != nil && !kept.contains($0.name) }
  }

  private func isOver(_ entry: Entry, _ now: UnixTime) -> Bool {
    entry.archivedAt.map { $0 + 30 * 86_400 < now } ?? false
  }

  // MARK: what is sent and what arrives

  /// An envelope on its way.
  struct Envelope {
    let session: SessionName
    let author: Int
    let hasPrelude: Bool
    let message: RatchetModel.Message
  }

  mutating func seal(on sid: Digest) -> Envelope {
    let place = entries.firstIndex { $0.name.sid == sid }!
    let entry = entries[place]
    return Envelope(
      session: entry.name, author: side, hasPrelude: entry.role == .initiator && !entry.isConfirmed,
      message: entries[place].ratchet.seal())
  }

  /// What was done to an envelope on its way, by who has no key.
  enum Harm: CaseIterable {
    case none, type, size, key, box0, ciphertext, box1, header, commitment, sealed

    /// Whether only a prelude can come to this harm.
    var needsPrelude: Bool { [.key, .box0, .ciphertext, .box1].contains(self) }
  }

  /// What becomes of it, and the state afterwards.
  mutating func receive(_ envelope: Envelope, _ harm: Harm, at now: UnixTime) -> Fate {
    if harm == .type || harm == .size { return .refused(.encoding) }
    if harm.needsPrelude { return .refused(handshakeRefusal(envelope, harm, now)!) }
    guard envelope.author != side else { return .refused(.header) }
    guard let place = entries.firstIndex(where: { $0.name == envelope.session && !isOver($0, now) }) else {
      return envelope.hasPrelude && !known.contains(envelope.session.sid)
        ? accept(envelope, harm, now) : .refused(.header)
    }
    if let stage = refusal(of: envelope, harm, by: entries[place].ratchet, now) { return .refused(stage) }
    let dropped = entries[place].ratchet.open(envelope.message, at: now)
    entries[place].isConfirmed = true
    keepHouse(now)
    return .shown(dropped: dropped)
  }

  enum Fate: Equatable {
    case shown(dropped: Int)
    case refused(RefusalStage)
  }

  private mutating func accept(_ envelope: Envelope, _ harm: Harm, _ now: UnixTime) -> Fate {
    if let stage = handshakeRefusal(envelope, harm, now) { return .refused(stage) }
    var entry = Entry(name: envelope.session, role: .responder, isConfirmed: true, ratchet: RatchetModel(.responder))
    if let stage = refusal(of: envelope, harm, by: entry.ratchet, now) { return .refused(stage) }
    let dropped = entry.ratchet.open(envelope.message, at: now)
    add(entry, now)
    return .shown(dropped: dropped)
  }

  /// The stages of a handshake, in their order. Its one-time key dies with the session that it opens.
  private func handshakeRefusal(_ envelope: Envelope, _ harm: Harm, _ now: UnixTime) -> RefusalStage? {
    if envelope.author == side || harm == .key || harm == .box0 { return .box0 }
    if known.contains(envelope.session.sid) || now > day + 44 * 86_400 { return .prekey }
    if harm == .ciphertext || harm == .box1 { return .box1 }
    return now > day + 30 * 86_400 + 300 ? .validity : nil
  }

  private func refusal(
    of envelope: Envelope, _ harm: Harm, by ratchet: RatchetModel, _ now: UnixTime
  ) -> RefusalStage? {
    if harm == .header { return .header }
    if let stage = ratchet.refusal(of: envelope.message, at: now) { return stage }
    switch harm {
    case .commitment: return .commitment
    case .sealed: return .message
    default: return nil
    }
  }
}
