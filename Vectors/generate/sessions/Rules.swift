import SottoCrypto
import SottoSession
import SottoWire

/// A session as the rules see it.
private struct Known {
  var sid: [UInt8]
  var role = SessionRole.initiator
  var generation: UInt32 = 1
  var isConfirmed = false
  var archivedAt: UnixTime?

  /// One that this side began, and nobody has answered.
  static func begun(_ sid: [UInt8], _ generation: UInt32 = 1) -> Known { Known(sid: sid, generation: generation) }

  /// One that this side began, and that was answered.
  static func answered(_ sid: [UInt8], _ generation: UInt32 = 1) -> Known {
    Known(sid: sid, generation: generation, isConfirmed: true)
  }

  /// One that the other side began.
  static func opened(_ sid: [UInt8], _ generation: UInt32 = 1) -> Known {
    Known(sid: sid, role: .responder, generation: generation, isConfirmed: true)
  }

  func archived(_ at: UnixTime) -> Known {
    var archived = self
    archived.archivedAt = at
    return archived
  }

  func candidate(_ peer: Player) throws -> SessionRules.Candidate {
    SessionRules.Candidate(
      info: SessionInfo(
        sid: try Digest(sid), role: role, generation: generation, isConfirmed: isConfirmed, createdAt: Cast.begin,
        preludeDigest: .zero, peerAccount: peer.account.id, peerDevice: peer.device.id), archivedAt: archivedAt)
  }
}

@Sendable func sessionRules(_ recorded: Recorded) throws -> VectorFile {
  let peer = try Cast(recorded).responder
  func one(
    _ id: String, _ rule: String, _ comment: String, _ known: [Known], reset: [UInt8]? = nil, now: UnixTime = Cast.now
  ) throws -> Case {
    let candidates = try known.map { try $0.candidate(peer) }
    let begun = reset.map { sid in candidates.first { $0.info.sid.bytes == sid }!.info }
    let work = SessionRules.housekeeping(candidates, reset: begun, now: now)
    let left = candidates.filter { !work.archive.contains($0.info.sid) && !work.delete.contains($0.info.sid) }
    func ascending(_ sids: [Digest]) -> Value { .list(sids.map { Hex.encode($0.bytes) }.sorted()) }
    return Case(
      id, rule, comment,
      [
        "sids": .list(known.map { Hex.encode($0.sid) }),
        "roles": .list(known.map { $0.role == .initiator ? "initiator" : "responder" }),
        "generations": .list(known.map { String($0.generation) }),
        "confirmed": .list(known.map { $0.isConfirmed ? "yes" : "no" }),
        "archived_at": .list(known.map { $0.archivedAt.map { String($0) } ?? "" }),
      ] + (reset.map { ["reset": .bytes($0)] } ?? [:]) + ["now": .number(Int(now))],
      output: [
        "next_generation": .number(Int(SessionRules.nextGeneration(after: candidates.map(\.info)) ?? 0)),
        "sending": .bytes(SessionRules.sending(among: left)?.sid.bytes ?? []), "archive": ascending(work.archive),
        "delete": ascending(work.delete),
      ])
  }
  return VectorFile(
    construction: "sessions", operation: "rules",
    description: "Which session of a pair of devices is sent on, and which end",
    cases: try simultaneous(one) + choice(one) + resets(one) + archives(one))
}

private typealias Maker = (String, String, String, [Known], [UInt8]?, UnixTime) throws -> Case

/// Two sides begin at once: what each of them holds, step by step, until both send on the same session.
private func simultaneous(_ one: Maker) throws -> [Case] {
  let now = Cast.now
  // What A began, and what B began; B's has the greater sid.
  let (a, b) = (seq(0x10, 32), seq(0x20, 32))
  return [
    try one("nothing", "sessions.7", "no session: one is to be begun", [], nil, now),
    try one("both-begin-a", "sessions.7", "A has begun one", [.begun(a)], nil, now),
    try one("both-begin-b", "sessions.7", "B has begun one at the same time", [.begun(b)], nil, now),
    try one(
      "first-flights-a", "sessions.8",
      "A has opened B's first message and answers on that session; its own ranks below the one that is confirmed",
      [.begun(a), .opened(b)], nil, now),
    try one(
      "first-flights-b", "sessions.8",
      "B has opened A's first message and answers on that session; its own ranks above and may still be confirmed",
      [.begun(b), .opened(a)], nil, now),
    try one(
      "answers-a", "sessions.5", "A has opened B's answer on its own session, which is archived and stays so",
      [.answered(a).archived(now), .opened(b)], nil, now + 60),
    try one(
      "answers-b", "sessions.5", "B has opened A's answer on its own session: both sides send on that one",
      [.answered(b), .opened(a)], nil, now + 60),
  ]
}

/// The order, and the numbers.
private func choice(_ one: Maker) throws -> [Case] {
  let now = Cast.now
  let (low, high) = (seq(0x10, 32), seq(0x20, 32))
  var last = low
  last[31] += 1
  let most: UInt32 = 1 << 31
  return [
    try one(
      "generation-before-sid", "sessions.5", "the greater generation, whatever the sid",
      [.answered(high, 1), .opened(low, 2)], nil, now),
    try one(
      "generation-as-number", "sessions.5", "generation 10 is greater than 9", [.answered(low, 10), .opened(high, 9)],
      nil, now),
    try one(
      "equal-generations", "sessions.5", "of one generation the greater sid", [.answered(high, 3), .opened(low, 3)],
      nil,
      now),
    try one(
      "sids-differ-at-the-end", "sessions.5", "the sids differ in the last byte",
      [.answered(low, 3), .opened(last, 3)], nil, now),
    try one(
      "sids-unsigned", "sessions.5", "a byte from 80 on is greater than one below",
      [.answered(seq(0x7f, 32)), .opened(seq(0x80, 32))], nil, now),
    try one(
      "two-unconfirmed", "sessions.8", "two own sessions that nobody has answered: the higher is sent on, both stay",
      [.begun(high, 1), .begun(low, 2)], nil, now),
    try one(
      "lower-answered", "sessions.8", "the lower of two own sessions was answered: it is sent on, the higher stays",
      [.answered(high, 1), .begun(low, 2)], nil, now),
    try one(
      "higher-answered", "sessions.8", "the higher of two own sessions was answered: the lower is archived",
      [.begun(high, 1), .answered(low, 2)], nil, now),
    try one(
      "archived-does-not-send", "sessions.7", "an archived session is higher, and counts for the generation alone",
      [.answered(high, 7).archived(now), .opened(low, 2)], nil, now),
    try one(
      "only-archived", "sessions.7", "only archived sessions: one is to be begun", [.answered(low, 4).archived(now)],
      nil, now),
    try one(
      "last-generation", "sessions.6", "generation 2^31 - 1 is known: one more can be begun",
      [.answered(low, most - 1)], nil, now),
    try one(
      "no-generation-left", "sessions.6", "generation 2^31 is known: no session can be begun", [.answered(low, most)],
      nil, now),
    try one(
      "no-generation-left-archived", "sessions.6", "the same of an archived session",
      [.opened(high, 5), .answered(low, most).archived(now)], nil, now),
  ]
}

private func resets(_ one: Maker) throws -> [Case] {
  let now = Cast.now
  let (old, own, new) = (seq(0x30, 32), seq(0x20, 32), seq(0x10, 32))
  return [
    try one(
      "reset-by-the-other", "sessions.9", "the other side began with reset: every lower generation ends",
      [.answered(old, 1), .begun(own, 2), .opened(new, 3)], new, now),
    try one(
      "reset-by-this-side", "sessions.9", "this side began with reset: every lower generation ends before an answer",
      [.answered(old, 1), .opened(own, 2), .begun(new, 3)], new, now),
    try one(
      "without-reset", "sessions.8", "the same without reset: the confirmed one is sent on",
      [.answered(old, 1), .opened(own, 2), .begun(new, 3)], nil, now),
    try one(
      "reset-equal-generation", "sessions.9", "an own session of the same generation does not end by a reset",
      [.answered(old, 1), .begun(own, 2), .opened(new, 2)], new, now),
    try one(
      "reset-lower-unconfirmed", "sessions.9",
      "an own session of a lower generation ends, although nothing that is confirmed ranks above it",
      [.begun(old, 1), .begun(new, 2)], new, now),
    try one(
      "reset-higher", "sessions.9", "a reset ends nothing of a higher generation",
      [.answered(old, 4), .opened(new, 3)], new, now),
  ]
}

private func archives(_ one: Maker) throws -> [Case] {
  let (now, month) = (Cast.begin + 60 * Cast.day, UInt64(2_592_000))
  let sending = Known.answered(seq(0x01, 32), 20)
  func archived(_ number: Int, _ at: UnixTime) -> Known {
    Known.answered(seq(0x10 * number, 32), UInt32(number)).archived(at)
  }
  let four = (1...4).map { archived($0, now - UInt64($0) * 60) }
  let below = (1...6).map { Known.answered(seq(0xf0 - 0x10 * $0, 32), UInt32($0)) }
  return [
    try one("four-archived", "sessions.8", "four archived sessions are kept", [sending] + four, nil, now),
    try one(
      "five-archived", "sessions.8", "of five the one that was archived first is deleted",
      [sending] + four + [archived(5, now - 1)], nil, now),
    try one(
      "archiving-a-fifth", "sessions.8", "one is archived now: the oldest of the four is deleted",
      [sending, .opened(seq(0x70, 32), 7)] + four, nil, now),
    try one(
      "archived-together", "sessions.8", "six are archived at once: the four of the highest rank are kept",
      [sending] + below, nil, now),
    try one(
      "archived-together-sids", "sessions.8", "five of one generation are archived at once: the greatest sids are kept",
      [sending] + (1...5).map { .answered(seq(0x10 * $0, 32), 3) }, nil, now),
    try one(
      "archived-30-days", "sessions.8", "archived for 30 days", [sending, archived(1, now - month)], nil, now),
    try one(
      "archived-longer", "sessions.8", "archived for 30 days and a second: deleted",
      [sending, archived(1, now - month - 1)], nil, now),
    try one(
      "archived-longer-and-alone", "sessions.8", "the same without another session",
      [archived(1, now - month - 1)], nil, now),
  ]
}
