import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// A first message, a thousand times: one session, one plaintext. [handshake.3] [prekeys.8]
@Suite(.sealsAreWatched) struct FlightReplayTests {
  let alice: Person
  let bob: Correspondent

  init() throws {
    alice = try Person(seed: 1, now: day)
    bob = Correspondent(try Person(seed: 2, now: day, depth: 0))
  }

  @Test(arguments: [true, false]) func aFirstMessageCountsOnce(oneTime: Bool) throws {
    let bundle = try bob.person.bundle(oneTime: oneTime, now: day)
    let flight = try CraftedFlight.make(from: alice, to: bundle)
    bob.receive(flight, now: day)
    #expect(bob.shown.count == 1 && bob.sessions.count == 1)
    let keys = bob.person.snapshot()
    let session = bob.sessions[0].cell.session.encoded().revealed()
    for turn in 1..<1000 {
      if turn.isMultiple(of: 10) { try bob.restart() }
      bob.receive(flight, now: day)
    }
    #expect(bob.shown.count == 1 && bob.sessions.count == 1)
    #expect(bob.refused == [.replay: 999])
    #expect(bob.person.snapshot() == keys && bob.sessions[0].cell.session.encoded().revealed() == session)
  }

  // The session is gone, and what was remembered of it: the prekey is gone too, and says so.
  @Test func aUsedPrekeyOpensNothing() throws {
    let flight = try CraftedFlight.make(from: alice, to: try bob.person.bundle(now: day))
    #expect(refusal(of: flight, by: bob.person) == nil)
    for _ in 0..<1000 { #expect(refusal(of: flight, by: bob.person) == .prekey) }
  }

  // Two first messages that name one one-time part, as when a relay hands it out twice: the second is refused.
  @Test func aPrekeyHandedOutTwiceServesOnce() throws {
    let bundle = try bob.person.bundle(now: day)
    let carol = try Person(seed: 3, now: day)
    let flights = [
      try CraftedFlight.make(from: alice, to: bundle), try CraftedFlight.make(from: carol, to: bundle),
    ]
    #expect(refusal(of: flights[0], by: bob.person) == nil)
    #expect(refusal(of: flights[1], by: bob.person) == .prekey)
  }
}
