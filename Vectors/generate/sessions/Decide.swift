import SottoCrypto
import SottoSession
import SottoWire

@Sendable func sessionDecides(_ recorded: Recorded) throws -> VectorFile {
  typealias Kept = (saved: SavedSession, isArchived: Bool)
  func decide(_ kept: [Kept], _ envelope: [UInt8]) throws -> [UInt8] {
    let envelope = try Envelope(decoding: envelope)
    let live = try kept.map { (LiveSession(try $0.saved.live()), $0.isArchived) }
    if let prelude = envelope.prelude {
      if let decides = live.first(where: { $0.0.session.accepts(prelude) }) { return decides.0.session.info.sid.bytes }
      throw Refused(.header)
    }
    for (isArchived, trial) in SessionRules.trials {
      for (cell, flag) in live where flag == isArchived && cell.session.recognises(envelope, trial) {
        return cell.session.info.sid.bytes
      }
    }
    throw Refused(.header)
  }
  func input(_ kept: [Kept], _ envelope: [UInt8]) -> Named {
    [
      "sessions": .list(kept.map { Hex.encode($0.saved.session) }),
      "skipped": .list(kept.map { Hex.encode($0.saved.skipped) }),
      "archived": .list(kept.map { $0.isArchived ? "yes" : "no" }), "envelope": .bytes(envelope),
    ]
  }
  func one(_ id: String, _ comment: String, _ kept: [Kept], _ envelope: [UInt8], by saved: SavedSession) throws
    -> Case
  {
    try Case(id, "sessions.3", comment, input(kept, envelope)) {
      let sid = try decide(kept, envelope)
      try expectEqual(sid, saved.fields.sid, id)
      return ["sid": .bytes(sid)]
    }
  }
  func refused(
    _ id: String, _ comment: String, _ kept: [Kept], _ envelope: [UInt8], rule: String = "sessions.3",
    at stage: RefusalStage = .header
  ) throws -> Case {
    try Case(id, rule, comment, input(kept, envelope), refusedAt: stage) { _ = try decide(kept, envelope) }
  }

  // The responder's sessions: one with a past chain, and another with the same device.
  var talk = try Talk.established(recorded)
  let late = try talk.initiator.seal(Talk.text("late"))
  let (turned, other) = (try Talk.turned(talk), try Talk.established(recorded, .lastResort))
  let next = try CraftedMessage(of: turned.initiator)
  var one1 = talk.responder
  _ = try one1.open(next.with { $0.previousCount = 2 }.envelope, ratchetKey: seq(0xb3, 32))
  let current = try CraftedMessage(of: turned.initiator, number: 1).envelope
  let two = other.responder
  let fromTwo = try CraftedMessage(of: other.initiator)
  let both: [Kept] = [(one1, false), (two, false)]
  let prelude = try Talk(recorded).prelude
  let alone = try CraftedMessage(of: other.initiator, count: 4096 - 129 - prelude.count).with {
    $0.prelude = prelude
  }.envelope
  var gone = one1
  _ = try gone.open(late, ratchetKey: OpenCases.ratchetKey)
  // A session of which two messages with the prelude are on their way.
  let begun = try Talk(recorded)
  var (sender, first) = (begun.initiator, begun.responder)
  let own = try sender.seal(Talk.text("first"))
  let second = try sender.seal(Talk.text("second"), nonce: seq(0x41, 24))
  _ = try first.open(own, ratchetKey: OpenCases.ratchetKey)

  return VectorFile(
    construction: "sessions", operation: "decide", description: "Which session an envelope belongs to",
    cases: [
      try one("current", "the current chain of the first", both, current, by: one1),
      try one("current-of-the-second", "the current chain of the second", both, fromTwo.envelope, by: two),
      try one(
        "next", "the next chain of the first", [(talk.responder, false), (two, false)], next.envelope,
        by: talk.responder),
      try one("past", "a past chain of the first", both, late, by: one1),
      try one(
        "past-of-the-second", "a past chain of the second, behind one that does not know it",
        [(two, false), (one1, false)], late, by: one1),
      try one("archived", "the current chain of an archived session", [(two, false), (one1, true)], current, by: one1),
      try one("archived-past", "a past chain of an archived session", [(one1, true), (two, false)], late, by: one1),
      try one("prelude", "a prelude that is known decides", [(two, false), (first, false)], second, by: first),
      try one(
        "prelude-alone", "a prelude decides alone: the header is one of the second session's", both,
        alone, by: one1),
      try one("prelude-archived", "a prelude of an archived session", [(two, false), (one1, true)], own, by: one1),
      try refused("none", "no header key opens", [(two, false)], current),
      try refused("no-session", "there is no session", [], current),
      try refused(
        "past-chain-gone", "the header key of the past chain is gone", [(gone, false)], late, rule: "ratchet.8"),
      try refused("bent", "one bit of the header", both, current.flipped(60)),
      try refused("reflected", "the own first message comes back", [(begun.initiator, false)], own),
      try refused(
        "reflected-answered", "the same after an answer", [(talk.initiator, false)], own),
      try refused("type", "an envelope of type 3", both, [3] + current.dropFirst(), rule: "envelope.3", at: .encoding),
    ])
}

/// A session in a collection.
private final class LiveSession {
  let session: Session

  init(_ session: consuming Session) { self.session = session }
}
