import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// What a relay can do with prekeys and first messages, and what a client makes of it.
@Suite(.sealsAreWatched) struct PrekeyUseTests {
  let relay = WorldRelay()
  let alice: Node
  let bob: Node
  let carol: Node

  init() throws {
    alice = try Node("alice", relay, seed: 1)
    bob = try Node("bob", relay, seed: 2)
    carol = try Node("carol", relay, seed: 3)
    for node in [alice, carol] { try node.add(bob, as: "bob") }
  }

  private func use() throws -> PrekeyUse { try bob.step { try $0.prekeyUse() } }

  // [prekeys.8] [client.7]
  @Test func `A part that is handed out twice serves once, and the second message is repeated`() throws {
    relay.rearrange(try bob.mailbox) { $0.insert($0[0], at: 0) }
    try alice.send("first", to: "bob")
    let unlucky = try carol.send("second", to: "bob")
    try bob.receive()
    #expect(bob.shown == ["first"])
    #expect(try use().repeated == 1 && use().oneTime == 1 && use().outOfOrder == 0)
    #expect(try bob.step { try $0.accountsToServe() }.isEmpty, "nothing is sent because of it")
    #expect(try carol.state(unlucky) == .unconfirmed, "and its author sees that nobody confirmed it")
    carol.now += ClientLimits.repeats[0] + 10
    bob.now = carol.now
    try carol.flush()
    try bob.receive()
    #expect(bob.shown == ["first", "second"])
    #expect(try carol.state(unlucky) == .unconfirmed)
    try bob.send("got it", to: try carol.address)
    try carol.receive()
    #expect(try carol.state(unlucky) == .sent)
    #expect(try use().repeated == 1 && use().oneTime == 2)
  }

  // [prekeys.8]
  @Test func `Parts that are handed out of order, or from an old batch, are counted and serve`() throws {
    relay.rearrange(try bob.mailbox) { $0.reverse() }
    try alice.send("the last part", to: "bob")
    try carol.send("the one before", to: "bob")
    try bob.receive()
    #expect(try use().oneTime == 2 && use().outOfOrder == 1 && use().oldBatch == 0)
    let dave = try Node("dave", relay, seed: 4)
    try dave.add(bob, as: "bob")
    try dave.send("slow", to: "bob")
    // With a new contact secret no signed part vouches for the old batch any more.
    try bob.step { try $0.rotateContactSecret() }
    try bob.flush()
    try bob.receive()
    #expect(bob.shown == ["the last part", "the one before", "slow"])
    #expect(try use().oneTime == 3 && use().outOfOrder == 2 && use().oldBatch == 1 && use().repeated == 0)
  }

  @Test func `Messages with the last-resort key are counted`() throws {
    relay.keepOneTimeParts(try bob.mailbox, 1)
    try alice.send("one-time", to: "bob")
    try carol.send("last resort", to: "bob")
    try bob.receive()
    #expect(bob.shown.count == 2)
    #expect(try use().oneTime == 1 && use().lastResort == 1)
  }

  // [prekeys.6] [handshake.9] Whatever the relay serves instead: nothing is encapsulated, stored or sent.
  @Test func `Prekeys that are not the contact's stop a message, which is kept`() throws {
    let (alices, bobs, carols) = (try alice.mailbox, try bob.mailbox, try carol.mailbox)
    let message = try alice.send("kept", to: "bob", flushing: false)
    for change in [
      { relay.serve(bobs, signedPartOf: carols) }, { relay.serve(bobs, oneTimePartsOf: carols) },
      { relay.serve(bobs, signedPartOf: carols, oneTimePartsOf: carols) }, { relay.serve(bobs, signedPartOf: alices) },
    ] {
      let honest = WorldRelay(copying: relay)
      change()
      let before = alice.records.contents
      #expect(throws: ClientError.self) { try alice.flush() }
      #expect(alice.records.contents == before && relay.queues[bobs] == nil)
      #expect(try alice.state(message) == .queued)
      relay.serve(like: honest, bobs)
    }
    try alice.flush()
    try bob.receive()
    #expect(bob.shown == ["kept"])
  }

  // [handshake.3] A first message that used no one-time part, a thousand times, under new names, after its session ended.
  @Test func `A first message is shown once, also when its session is gone`() throws {
    let bobs = try bob.mailbox
    relay.keepOneTimeParts(bobs, 0)
    try alice.send("once", to: "bob")
    let flight = try #require(relay.queues[bobs]?.first).bytes
    try bob.receive()
    let first = try bob.step { try $0.sessions() }.map(\.info.sid)
    // A stranger has one session: a new one ends it.
    try alice.step { engine in try engine.reset(try #require(try engine.find("bob")).account) }
    try alice.flush()
    try bob.receive()
    #expect(try bob.step { try $0.sessions() }.map(\.info.sid) != first)
    var before = bob.records.contents
    var entropy = SeededEntropy(seed: 8)
    for _ in 0..<1000 { try bob.step { try $0.receive(EnvelopeID(from: &entropy), flight) } }
    var after = bob.records.contents
    (before[.seen], after[.seen]) = (nil, nil)
    #expect(after == before)
    try bob.receive()
    #expect(bob.shown == ["once"])
    #expect(try bob.step { try $0.accountsToServe() }.isEmpty, "nothing is sent because of it")
  }
}
