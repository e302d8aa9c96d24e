import SottoCrypto
import SottoSession
import SottoSimulation
import Testing

@Suite(.sealsAreWatched) struct SessionRulesTests {
  private func candidate(
    _ sid: UInt8, _ generation: UInt32, confirmed: Bool, role: SessionRole = .initiator, archivedAt: UnixTime? = nil
  ) throws -> SessionRules.Candidate {
    let pair = try Person(seed: 1, now: day, depth: 0)
    let info = SessionInfo(
      sid: try Digest([UInt8](repeating: sid, count: 32)), role: role, generation: generation, isConfirmed: confirmed,
      createdAt: day, preludeDigest: .zero, peerAccount: pair.account.id, peerDevice: pair.device.id)
    return SessionRules.Candidate(info: info, archivedAt: archivedAt)
  }

  private func sid(_ byte: UInt8) throws -> Digest { try Digest([UInt8](repeating: byte, count: 32)) }

  // [sessions.6]
  @Test func generationsCountUpToABound() throws {
    #expect(SessionRules.nextGeneration(after: []) == 1)
    #expect(SessionRules.nextGeneration(after: [try candidate(1, 7, confirmed: true).info]) == 8)
    #expect(SessionRules.nextGeneration(after: [try candidate(1, (1 << 31) - 1, confirmed: true).info]) == 1 << 31)
    #expect(SessionRules.nextGeneration(after: [try candidate(1, 1 << 31, confirmed: true).info]) == nil)
  }

  // [sessions.7]
  @Test func theHighestConfirmedIsSentOn() throws {
    let low = try candidate(9, 1, confirmed: true, role: .responder)
    let high = try candidate(1, 2, confirmed: true)
    let pending = try candidate(2, 3, confirmed: false)
    #expect(SessionRules.sending(among: [low, high, pending])?.sid == high.info.sid)
    #expect(SessionRules.sending(among: [pending])?.sid == pending.info.sid)
    let twin = try candidate(3, 2, confirmed: true)
    #expect(SessionRules.sending(among: [twin, high])?.sid == twin.info.sid)
    let archived = try candidate(7, 9, confirmed: true, archivedAt: day)
    #expect(SessionRules.sending(among: [archived, low])?.sid == low.info.sid)
    #expect(SessionRules.sending(among: []) == nil)
  }

  // [sessions.8]
  @Test func theRestIsArchivedAndDeleted() throws {
    let low = try candidate(1, 1, confirmed: true)
    let high = try candidate(2, 2, confirmed: true)
    let pending = try candidate(3, 3, confirmed: false)
    #expect(SessionRules.housekeeping([low, high, pending], now: day).archive == [low.info.sid])
    // A reset of generation 3 ends everything below it, whoever was chosen.
    let reset = try candidate(4, 3, confirmed: true, role: .responder)
    let ended = SessionRules.housekeeping([low, high, reset], reset: reset.info, now: day).archive
    #expect(Set(ended) == [low.info.sid, high.info.sid])
    // Also at the side that began it, where the new session is not confirmed yet. [sessions.9]
    let own = try candidate(5, 3, confirmed: false)
    let begun = SessionRules.housekeeping([low, high, own], reset: own.info, now: day).archive
    #expect(Set(begun) == [low.info.sid, high.info.sid])
    // Of our own first flights that nobody answered each may still be; the newest that was ends those below it.
    let older = try candidate(6, 2, confirmed: false)
    #expect(SessionRules.housekeeping([older, own], now: day).archive.isEmpty)
    let answered = try candidate(5, 3, confirmed: true)
    #expect(SessionRules.housekeeping([older, answered], now: day).archive == [older.info.sid])
    var archives: [SessionRules.Candidate] = [high]
    for byte in 10..<16 as Range<UInt8> {
      archives.append(try candidate(byte, 1, confirmed: true, archivedAt: day + UInt64(byte)))
    }
    #expect(Set(SessionRules.housekeeping(archives, now: day + 20).delete) == [try sid(10), try sid(11)])
    // What is archived together goes by rank, and what goes at once is not archived first.
    let ends = try (1...5 as ClosedRange<UInt8>).map { try candidate(20 - $0, UInt32($0), confirmed: true) }
    let work = SessionRules.housekeeping(ends + [try candidate(30, 6, confirmed: true)], now: day)
    #expect(work.delete == [try sid(19)] && Set(work.archive) == Set(ends.dropFirst().map(\.info.sid)))
    let old = [high, try candidate(9, 1, confirmed: true, archivedAt: day)]
    #expect(SessionRules.housekeeping(old, now: day + 30 * 86_400).delete.isEmpty)
    #expect(SessionRules.housekeeping(old, now: day + 30 * 86_400 + 1).delete == [try sid(9)])
    // A clock that was far ahead leaves a time to which nothing can be added.
    let ahead = try candidate(9, 1, confirmed: true, archivedAt: .max)
    #expect(!ahead.isOver(at: day) && !ahead.isOver(at: .max))
    #expect(SessionRules.housekeeping([ahead], now: day).delete.isEmpty)
  }

  // [sessions.1] [handshake.8]
  @Test func aGenerationOutOfRangeIsRefused() throws {
    let alice = try Person(seed: 1, now: day)
    let bob = try Person(seed: 2, now: day)
    let bundle = try bob.bundle(now: day)
    for generation in [0, (1 << 31) + 1, UInt32.max] as [UInt32] {
      #expect(stage { _ = try alice.initiate(to: bundle, generation: generation, now: day) } == .generation)
    }
  }

  // [sessions.9]
  @Test func aResetTakesEffectOnBothSides() throws {
    let alice = Correspondent(try Person(seed: 1, now: day))
    let bob = Correspondent(try Person(seed: 2, now: day))
    try alice.initiate(to: bob, now: day)
    bob.receive(try #require(alice.send("a", now: day)).1, now: day)
    alice.receive(try #require(bob.send("b", now: day)).1, now: day)
    let first = try #require(alice.chosen)
    try alice.initiate(to: bob, reset: true, now: day)
    #expect(alice.chosen?.generation == 2)
    bob.receive(try #require(alice.send("again", now: day)).1, now: day)
    #expect(bob.chosen?.generation == 2 && bob.shown.count == 2)
    #expect(bob.sessions.first { $0.cell.session.info.sid == first.sid }?.archivedAt == day)
  }

  // A repeated first flight is the same session, or nothing.
  @Test func aFirstFlightCountsOnce() throws {
    let alice = Correspondent(try Person(seed: 1, now: day))
    let bob = Correspondent(try Person(seed: 2, now: day))
    try alice.initiate(to: bob, now: day)
    let (first, flight) = try #require(alice.send("once", now: day))
    for _ in 0..<100 {
      bob.receive(flight, now: day)
      try bob.restart()
    }
    #expect(bob.shown == [first] && bob.sessions.count == 1)
    let (second, again) = try #require(alice.send("twice", now: day))
    bob.receive(again, now: day)
    #expect(bob.shown == [first, second] && bob.sessions.count == 1)
  }

  @Test func simultaneousInitiationConverges() throws {
    for seed in 1...8 as ClosedRange<UInt64> {
      let alice = Correspondent(try Person(seed: seed * 2, now: day))
      let bob = Correspondent(try Person(seed: seed * 2 + 1, now: day))
      try alice.initiate(to: bob, now: day)
      try bob.initiate(to: alice, now: day)
      let one = try #require(alice.send("a", now: day))
      let other = try #require(bob.send("b", now: day))
      bob.receive(one.1, now: day)
      alice.receive(other.1, now: day)
      for _ in 0..<2 {
        alice.receive(try #require(bob.send("b", now: day)).1, now: day)
        bob.receive(try #require(alice.send("a", now: day)).1, now: day)
      }
      #expect(alice.chosen?.sid == bob.chosen?.sid)
      #expect(alice.shown.count == 3 && bob.shown.count == 3)
    }
  }
}
