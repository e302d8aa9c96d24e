import SottoCrypto
import SottoSession

/// Cases of ratchet/open: each runs the code, and a refusal must leave the session as it was.
struct OpenCases {
  private(set) var cases: [Case] = []
  /// What a receiver draws when it turns, unless a case says another.
  static let ratchetKey = seq(0xb1, 32)

  /// `state` opens the envelope and goes on.
  mutating func accept(
    _ id: String, _ rule: String, _ comment: String, _ state: inout SavedSession, _ envelope: [UInt8],
    ratchetKey: [UInt8] = Self.ratchetKey, now: UnixTime = Cast.now, dropped: Int = 0
  ) throws {
    let before = state
    let opened: Session.Opened
    do { opened = try state.open(envelope, ratchetKey: ratchetKey, now: now) } catch {
      throw WrongVerdict(description: "\(id): \(error), expected to be accepted")
    }
    guard opened.dropped == dropped else { throw WrongVerdict(description: "\(id): \(opened.dropped) keys dropped") }
    cases.append(
      Case(
        id, rule, comment, Self.input(before, envelope, ratchetKey, now),
        output: [
          "content": .bytes(opened.content.encoded()), "session": .bytes(state.session),
          "skipped": .bytes(state.skipped), "dropped": .number(opened.dropped),
        ]))
  }

  mutating func refuse(
    _ id: String, _ rule: String, _ comment: String, _ state: SavedSession, _ envelope: [UInt8],
    ratchetKey: [UInt8] = Self.ratchetKey, now: UnixTime = Cast.now, at stage: RefusalStage
  ) throws {
    cases.append(
      try Case(id, rule, comment, Self.input(state, envelope, ratchetKey, now), refusedAt: stage) {
        var state = state
        _ = try state.open(envelope, ratchetKey: ratchetKey, now: now)
      })
  }

  private static func input(
    _ state: SavedSession, _ envelope: [UInt8], _ ratchetKey: [UInt8], _ now: UnixTime
  ) -> Named {
    state.inputs
      + ["envelope": .bytes(envelope), "ratchet_key": .bytes(ratchetKey), "now": .number(Int(now))]
  }
}
