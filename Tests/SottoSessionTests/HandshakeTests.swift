import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// 2026-01-01, the day on which every test of this suite happens.
let day: UnixTime = 1_767_225_600

@Suite(.sealsAreWatched) struct HandshakeTests {
  @Test(arguments: [true, false]) func firstMessageAndReply(oneTime: Bool) throws {
    let alice = try Person(seed: 1, now: day)
    let bob = try Person(seed: 2, now: day)
    var session = try alice.initiate(to: try bob.bundle(oneTime: oneTime, now: day), now: day)
    let hello = alice.text("hello", at: day)
    let flight = try #require(session.seal(hello, from: &alice.entropy))
    // [handshake.14] One device, a short text: the first message fits 8 KiB.
    #expect(flight.count == 8192)
    let (meeting, opened) = try bob.respond(to: try Envelope(decoding: flight), now: day)
    #expect(opened.content == hello)
    #expect(meeting.initiator.card == alice.card)
    #expect(meeting.initiator.replyPath == (try alice.replyPath()))
    #expect(meeting.initiator.seen == bob.card.list.head)
    #expect(meeting.cell.session.info.sid == session.info.sid)
    let answer = bob.text("hello yourself", at: day)
    let reply = try #require(meeting.cell.session.seal(answer, from: &bob.entropy))
    #expect(reply.count == 512)
    let reopened = try session.open(try Envelope(decoding: reply), now: day, from: &alice.entropy)
    #expect(reopened.content == answer)
    // From the first authenticated reply on, the prelude is gone.
    #expect(session.seal(hello, from: &alice.entropy)?.count == 512)
  }
}
