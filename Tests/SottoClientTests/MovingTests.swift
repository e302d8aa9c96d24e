import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// An account that moves to another relay: contacts follow, and nothing is lost on the way. [client.21]
@Suite(.sealsAreWatched) struct MovingTests {
  private let there = RelayAuthority("elsewhere.example")!

  private func move(_ node: Node) throws {
    try node.step { try $0.move(to: there) }
    try node.flush()
  }

  private func cardID(_ node: Node) throws -> CardID { ContactKeys(try Engine.address(try node.address)).cardID }

  @Test func `Contacts follow to the new relay, and what was written to the old mailbox arrives`() throws {
    let (alice, bob, relay) = try acquainted()
    let old = try (bob.mailbox, bob.address)
    try alice.send("before it knew", to: "bob")
    try move(bob)
    #expect(try bob.mailbox != old.0 && bob.address != old.1)
    #expect(try Engine.address(bob.address).relay == there)
    try alice.receive()
    let known = try alice.step { try #require(try $0.find("bob")) }
    let mailbox = try bob.mailbox
    #expect(known.relay == there && known.card?.devices.map(\.mailbox) == [mailbox])
    let capability = try bob.step { try $0.profile().contactCapability }
    #expect(known.capabilities[mailbox] == capability)
    try alice.send("after it knew", to: "bob")
    #expect(relay.queues[try bob.mailbox]?.count == 1)
    try bob.receive()
    #expect(bob.shown.suffix(2) == ["before it knew", "after it knew"])
    try bob.send("from elsewhere", to: "alice")
    try alice.receive()
    #expect(alice.shown.last == "from elsewhere")
    #expect(try alice.step { try $0.sessions() }.count == 1, "the session goes on")
    let one = try alice.step { try $0.safetyNumber(with: known) }
    let other = try bob.step { try $0.safetyNumber(with: try #require(try $0.find("alice"))) }
    #expect(one == other)
  }

  @Test func `Whoever has only the old address finds the new place, and contacts who are away follow by it`() throws {
    let (alice, bob, relay) = try acquainted()
    let address = try bob.address
    try move(bob)
    // What Bob has told Alice is lost; her next message goes by the card.
    relay.lose(try alice.mailbox)
    alice.now += 3700
    bob.now = alice.now
    try alice.send("by the old card", to: "bob")
    try bob.receive()
    #expect(bob.shown.last == "by the old card")
    let carol = try Node("carol", relay, seed: 50)
    carol.now = alice.now
    let old = try Engine.address(address)
    let card = try #require(relay.card(ContactKeys(old).cardID))
    _ = try carol.step { engine in
      try engine.add(old, name: "bob", card: try engine.verify(card.sealed, listSequence: card.sequence, for: old))
    }
    try carol.send("hello", to: "bob")
    try bob.receive()
    #expect(bob.shown.last == "hello" && bob.requests.last == true)
  }

  @Test func `After thirty days nothing is left at the old relay, and a new address ends the old one at once`() throws {
    let (alice, bob, relay) = try acquainted()
    let (mailbox, id) = try (bob.mailbox, cardID(bob))
    try move(bob)
    try alice.receive()
    #expect(relay.holds(mailbox) && relay.card(id) != nil && relay.card(id, at: there) != nil)
    // Time goes in steps, as for somebody who looks in now and then.
    for _ in 0..<32 {
      for node in [alice, bob] {
        node.now += 86_400
        try node.step { try $0.maintain() }
        try node.flush()
        try node.receive()
        try node.step { try $0.maintain() }
        try node.flush()
      }
    }
    #expect(!relay.holds(mailbox) && relay.card(id) == nil && relay.card(id, at: there) != nil)
    #expect(try bob.step { try $0.formerMailboxes() }.isEmpty)
    try alice.send("still here", to: "bob")
    try bob.receive()
    #expect(bob.shown.last == "still here")
  }

  @Test
  func `A new contact secret withdraws the card at the old relay, and a deleted account leaves nothing at either`()
    throws
  {
    let (_, bob, relay) = try acquainted()
    let (mailbox, id) = try (bob.mailbox, cardID(bob))
    try move(bob)
    try bob.step { try $0.rotateContactSecret() }
    try bob.flush()
    #expect(relay.card(id) == nil && relay.card(id, at: there) == nil && relay.holds(mailbox))
    let new = try (bob.mailbox, cardID(bob))
    try bob.step { try $0.retire() }
    try bob.flushUploads(retiring: true)
    #expect(!relay.holds(mailbox) && !relay.holds(new.0) && relay.card(new.1, at: there) == nil)
  }

  @Test func `Nobody is told before the new relay has everything`() throws {
    let (alice, bob, relay) = try acquainted()
    let id = try cardID(bob)
    let before = try #require(relay.card(id)).sequence
    try bob.step { try $0.move(to: there) }
    #expect(try bob.step { try $0.queued() } == 0 && relay.card(id)?.sequence == before)
    try alice.send("meanwhile", to: "bob")
    try bob.flush()
    #expect(relay.card(id)?.sequence == before + 1)
    try bob.receive()
    #expect(bob.shown.last == "meanwhile")
  }

  @Test func `The old place stays as long as the new relay does not take the account`() throws {
    let (alice, bob, relay) = try acquainted()
    let (id, mailbox) = try (cardID(bob), bob.mailbox)
    try bob.step { try $0.move(to: there) }
    for node in [alice, bob] { node.now += 2 * ClientLimits.former }
    try bob.step { try $0.maintain() }
    #expect(try bob.step { try $0.formerMailboxes() }.map(\.mailbox) == [mailbox])
    #expect(try bob.step { try $0.nextUpload(at: mailbox) } == nil, "nothing is taken away there")
    try bob.flush()
    #expect(relay.holds(mailbox) && relay.card(id, at: there) != nil)
    try alice.receive()
    try alice.send("late", to: "bob")
    try bob.receive()
    #expect(bob.shown.last == "late")
  }

  @Test func `What the old relay had still to be told is told`() throws {
    let (alice, bob, relay) = try acquainted()
    let (old, address) = try (cardID(bob), bob.address)
    try bob.step { try $0.rotateContactSecret() }
    try bob.step { try $0.move(to: there) }
    try bob.flush()
    #expect(relay.card(old) == nil, "the address from before the rotation leads nowhere")
    #expect(try relay.card(cardID(bob)) != nil && address != bob.address)
    try alice.receive()
    try alice.send("hello again", to: "bob")
    try bob.receive()
    #expect(bob.shown.last == "hello again")
  }

  @Test func `Who cannot move is refused, and nothing is changed`() throws {
    let home = try Household()
    let refused = { (node: Node, relay: RelayAuthority) in
      let before = try node.step { try $0.profile() }
      var isRefused = false
      do { try node.step { try $0.move(to: relay) } } catch let error as ClientError {
        isRefused = error.code == .refused
      }
      #expect(try node.step { try $0.profile() } == before)
      return isRefused
    }
    #expect(try refused(home.bob, there), "it has a linked device")
    #expect(try refused(home.phone, there), "it is a linked device")
    #expect(try refused(home.alice, RelayAuthority("relay.example")!), "it is there")
    try move(home.alice)
    #expect(try refused(home.alice, RelayAuthority("relay.example")!), "it has just come from there")
  }

  // [client.21] Only the account's own, newer card counts.
  @Test func `A card that a contact tells must be theirs, and newer`() throws {
    let (alice, bob, relay) = try acquainted()
    let carol = try Node("carol", relay, seed: 60)
    func card(_ node: Node) throws -> UnverifiedCard {
      try UnverifiedCard(decoding: node.step { try $0.profile().card })
    }
    let old = try card(bob)
    try move(bob)
    try alice.receive()
    let known = try alice.step { try #require(try $0.find("bob")).card }
    for (number, card) in [old, try card(carol)].enumerated() {
      let id = try MessageID([UInt8](repeating: UInt8(number), count: MessageID.count))
      let account = try bob.step { try #require(try $0.find("alice")).account }
      try bob.step { engine in
        try engine.enqueue([.link(.card(card))], to: try #require(try engine.contact(account)), id: id)
      }
      try bob.flush()
      try alice.receive()
      #expect(try alice.step { try #require(try $0.find("bob")).card } == known)
    }
  }

  // [client.1]
  @Test func `Dying anywhere while an account moves loses nothing, and moves it or not`() throws {
    let (alice, bob, relay) = try acquainted()
    try alice.send("on its way", to: "bob")
    var (sites, isKilled) = (0, true)
    while isKilled {
      isKilled = false
      try SealLedger().watching {
        let world = WorldRelay(copying: relay)
        let (alice, bob) = (Node(copying: alice, world), Node(copying: bob, world))
        bob.records.fuse.left = sites
        do { try move(bob) } catch is Crash { isKilled = true }
        bob.records.fuse.left = nil
        try bob.flush()
        try alice.receive()
        try alice.send("after it", to: "bob")
        try bob.receive()
        #expect(bob.shown.suffix(2) == ["on its way", "after it"], "died at \(sites)")
        let isThere = try bob.step { try $0.profile().relay } == there
        #expect(try alice.step { try #require(try $0.find("bob")).relay == there } == isThere, "died at \(sites)")
      }
      sites += 1
    }
    print("FIGURE crash at every call, move: \(sites - 1) sites")
    #expect(sites > 20)
  }
}
