import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// What a client says by itself of messages that arrived: little, late, and to few.
@Suite(.sealsAreWatched) struct ReceiptTests {
  /// As the shell does it: receipts go out when they are due.
  private func friends() throws -> (alice: Node, bob: Node, relay: WorldRelay) {
    let (alice, bob, relay) = try acquainted()
    for node in [alice, bob] { node.sendsReceipts = true }
    return (alice, bob, relay)
  }

  /// Lets the longest wait pass and everything go out.
  private func settle(_ nodes: Node...) throws {
    for node in nodes { node.now += 120 }
    for node in nodes { try node.flush() }
  }

  // [client.11]
  @Test func `A message is sent, then delivered, then read`() throws {
    let (alice, bob, _) = try friends()
    let message = try alice.send("news", to: "bob")
    #expect(try alice.state(message) == .sent)
    try bob.receive(showing: false)
    try settle(bob)
    try alice.receive()
    #expect(try alice.state(message) == .delivered)
    try bob.show()
    #expect(bob.shown.last == "news")
    try settle(bob)
    try alice.receive()
    #expect(try alice.state(message) == .read)
    #expect(alice.shown == ["hello yourself"], "receipts are not shown")
  }

  // [client.11]
  @Test func `Receipts wait a while, go together, and go along with a text`() throws {
    let (alice, bob, relay) = try friends()
    let mailbox = try alice.mailbox
    let messages = try (0..<5).map { try alice.send("\($0)", to: "bob") }
    try bob.receive()
    bob.now += 4
    try bob.flush()
    #expect(relay.queues[mailbox]?.isEmpty == true, "nothing within five seconds")
    try settle(bob)
    #expect(relay.queues[mailbox]?.count == 1, "one envelope for five messages")
    try alice.receive()
    for message in messages { #expect(try alice.state(message) == .read) }

    let more = try alice.send("more", to: "bob")
    try bob.receive()
    try bob.send("I see", to: "alice")
    #expect(relay.queues[mailbox]?.count == 1, "with the text")
    try settle(bob)
    #expect(relay.queues[mailbox]?.count == 1, "and not again")
    try alice.receive()
    #expect(try alice.state(more) == .read)
  }

  // [client.11]
  @Test func `Whoever probes ten times a second gets one envelope a minute`() throws {
    let (alice, bob, relay) = try friends()
    let mailbox = try alice.mailbox
    for second in 0..<180 {
      for _ in 0..<10 { try alice.send("probe", to: "bob") }
      (alice.now, bob.now) = (alice.now + 1, bob.now + 1)
      try bob.receive(atATime: 50)
      try bob.flush()
      #expect((relay.queues[mailbox]?.count ?? 0) <= second / 60 + 1)
    }
  }

  // [client.11] [client.3]
  @Test func `Strangers, repetitions, empty messages, receipts and the blocked get none`() throws {
    let (alice, bob, relay) = try friends()
    let carol = try Node("carol", relay, seed: 99)
    carol.sendsReceipts = true
    try carol.add(bob, as: "bob")
    let knock = try carol.send("who is there?", to: "bob")
    try bob.receive()
    try settle(bob)
    #expect(relay.queues[try carol.mailbox]?.isEmpty ?? true, "a stranger")
    #expect(try carol.state(knock) == .unconfirmed)

    // Accepting somebody does not tell them what was read before.
    try bob.add(carol, as: "carol")
    try settle(bob)
    #expect(relay.queues[try carol.mailbox]?.isEmpty ?? true)

    let dora = try Node("dora", relay, seed: 97)
    try dora.add(bob, as: "bob")
    try dora.send("not shown yet", to: "bob")
    try bob.receive(showing: false)
    try bob.add(dora, as: "dora")
    try bob.show()
    try settle(bob)
    #expect(relay.queues[try dora.mailbox]?.isEmpty ?? true, "a stranger when it arrived")

    let mailbox = try alice.mailbox
    try alice.send("once", to: "bob")
    let envelope = try #require(relay.queues[try bob.mailbox]?.first)
    try bob.receive()
    try settle(bob)
    try alice.receive()
    var entropy = SeededEntropy(seed: 3)
    try bob.step { try $0.receive(EnvelopeID(from: &entropy), envelope.bytes) }
    try alice.step { engine in try engine.setTimer(60, with: try #require(try engine.find("bob")).account) }
    try alice.flush()
    try bob.receive()
    try settle(bob, alice)
    #expect(relay.queues[mailbox]?.isEmpty == true, "a repetition, and a message without text")
    try bob.receive()
    try settle(bob, alice)
    #expect(relay.queues[mailbox]?.isEmpty == true, "a receipt is not acknowledged")

    try alice.send("before the block", to: "bob")
    try bob.receive()
    try bob.step { engine in try engine.block(try #require(try engine.find("alice")).account) }
    try settle(bob)
    #expect(relay.queues[mailbox]?.isEmpty == true, "the blocked")
  }

  @Test func `What could not be shown has not been read`() throws {
    let (alice, bob, _) = try friends()
    let message = try alice.send("unseen", to: "bob")
    try bob.receive(showing: false)
    let taken = try bob.step { try $0.takeUnshown(limit: 9) }
    try bob.step { try $0.giveBack(taken) }
    try settle(bob)
    try alice.receive()
    #expect(try alice.state(message) == .delivered)
    try bob.show()
    try settle(bob)
    try alice.receive()
    #expect(try alice.state(message) == .read)
  }

  @Test func `What a peer says of messages that it does not have changes nothing`() throws {
    let (alice, bob, relay) = try friends()
    let carol = try Node("carol", relay, seed: 98)
    try carol.add(alice, as: "alice")
    try alice.add(carol, as: "carol")
    let toBob = try alice.send("for bob", to: "bob")
    try carol.send("hi", to: "alice")
    try alice.receive()
    try carol.step { engine in
      let contact = try #require(try engine.find("alice"))
      try engine.enqueue([.receipt(.read, [toBob.id])], to: contact, id: try MessageID([UInt8](0..<16)))
    }
    try carol.flush()
    try alice.receive()
    #expect(try alice.state(toBob) == .sent)
    try bob.receive()
  }
}
