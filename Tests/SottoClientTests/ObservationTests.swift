import SottoClient
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// What engines tell of their sessions.
@Suite(.sealsAreWatched) struct ObservationTests {
  @Test func `Nothing is told unless somebody asks`() throws {
    let (alice, _, _) = try acquainted()
    #expect(alice.observations == nil)
  }

  @Test func `Each seal and each opening is told in order, with where the session stands`() throws {
    let relay = WorldRelay()
    let (alice, bob) = (try Node("alice", relay, seed: 1), try Node("bob", relay, seed: 2))
    (alice.observations, bob.observations) = ([], [])
    try alice.add(bob, as: "bob")
    try alice.send("first", to: "bob")
    try alice.send("second", to: "bob")
    let sent = relay.queues[try bob.mailbox]!
    // The second comes first.
    relay.reorder(try bob.mailbox)
    try bob.receive()
    try bob.send("answer", to: try alice.address)
    let answer = relay.queues[try alice.mailbox]![0]
    try alice.receive()

    func alices(_ steps: Int) -> SessionPosition {
      SessionPosition(role: .initiator, sending: .init(number: 1, steps: steps))
    }
    #expect(
      alice.observations == [
        .began(.initiator, usesOneTimePrekey: true),
        .sealed(sent[0].id, bytes: 8192, hasPrelude: true, text: "first", alices(1)),
        .sealed(sent[1].id, bytes: 8192, hasPrelude: true, text: "second", alices(2)),
        .opened(
          answer.id, text: "answer",
          SessionPosition(
            role: .initiator, sending: .init(number: 2, steps: 0), receiving: .init(number: 1, steps: 1))),
      ])
    func bobs(_ sent: Int, _ skipped: [SessionPosition.SkippedKey]) -> SessionPosition {
      SessionPosition(
        role: .responder, sending: .init(number: 1, steps: sent), receiving: .init(number: 1, steps: 2),
        skipped: skipped)
    }
    #expect(
      bob.observations == [
        .began(.responder, usesOneTimePrekey: true), .oneTimePrekeyGone,
        .opened(sent[1].id, text: "second", bobs(0, [.init(chain: 1, number: 0)])),
        .opened(sent[0].id, text: "first", bobs(0, [])),
        .sealed(answer.id, bytes: answer.bytes.count, hasPrelude: false, text: "answer", bobs(1, [])),
      ])
  }

  @Test func `With the last-resort key no one-time prekey is told of`() throws {
    let relay = WorldRelay()
    let (alice, bob) = (try Node("alice", relay, seed: 1), try Node("bob", relay, seed: 2))
    bob.observations = []
    relay.keepOneTimeParts(try bob.mailbox, 0)
    try alice.add(bob, as: "bob")
    try alice.send("first", to: "bob")
    try bob.receive()
    #expect(bob.observations?.first == .began(.responder, usesOneTimePrekey: false))
    #expect(bob.observations?.count == 2)
  }

  @Test func `What a session refuses is not told`() throws {
    let (alice, bob, relay) = try acquainted()
    bob.observations = []
    try alice.send("once", to: "bob")
    let envelope = relay.queues[try bob.mailbox]![0]
    try bob.receive()
    var entropy = SeededEntropy(seed: 3)
    try bob.step { try $0.receive(.init(from: &entropy), envelope.bytes) }
    #expect(bob.observations?.count == 1)
  }
}
