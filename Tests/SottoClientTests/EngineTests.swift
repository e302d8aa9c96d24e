import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// The engine's rules, one by one.
@Suite(.sealsAreWatched) struct EngineTests {
  private func pair(seed: UInt64 = 1) throws -> (alice: Node, bob: Node, relay: WorldRelay) {
    let relay = WorldRelay()
    let alice = try Node("alice", relay, seed: seed)
    let bob = try Node("bob", relay, seed: seed + 1000)
    try alice.add(bob, as: "bob")
    return (alice, bob, relay)
  }

  @Test func `A conversation, from a stranger's request to a confirmed session`() throws {
    let (alice, bob, _) = try pair()
    let first = try alice.send("hello", to: "bob")
    #expect(try alice.state(first) == .unconfirmed)
    try bob.receive()
    #expect(bob.shown == ["hello"] && bob.requests == [true])
    try bob.send("yes?", to: try alice.address)
    try alice.receive()
    #expect(alice.shown == ["yes?"] && alice.requests == [false])
    #expect(try alice.state(first) == .sent)
    let second = try alice.send("now we talk", to: "bob")
    #expect(try alice.state(second) == .sent)
    try bob.receive()
    #expect(bob.shown == ["hello", "now we talk"] && bob.requests == [true, false])
  }

  // [client.9]
  @Test func `The reply path is learned, and from then on nobody knocks`() throws {
    let (alice, bob, _) = try pair()
    try alice.send("hello", to: "bob")
    try bob.receive()
    try bob.send("yes?", to: try alice.address)
    try alice.receive()
    let bobsMailbox = try bob.mailbox
    let alicesMailbox = try alice.mailbox
    let contact = try #require(try alice.step { try $0.find("bob") })
    #expect(contact.capabilities[bobsMailbox] != nil)
    #expect(contact.capability(for: bobsMailbox) != ContactKeys(contact.address).knock(for: bobsMailbox))
    let back = try #require(try bob.step { try $0.contacts() }.first)
    #expect(back.capabilities[alicesMailbox] != nil)
  }

  // [client.3] [client.11]
  @Test func `Nothing is contacted for a stranger before they are accepted`() throws {
    let (alice, bob, _) = try pair()
    try alice.send("hello", to: "bob")
    try bob.receive()
    let stranger = try #require(try bob.step { try $0.contacts() }.first)
    #expect(!stranger.isAccepted)
    #expect(try bob.step { try $0.accountsToServe() }.isEmpty)
    #expect(try bob.step { try $0.nextErrand(for: stranger.account, patient: false) } == nil)
  }

  // [client.4]
  @Test func `At most 100 strangers wait, each with one session`() throws {
    let relay = WorldRelay()
    let bob = try Node("bob", relay, seed: 1)
    relay.keepOneTimeParts(try bob.mailbox, 2)
    for number in 0..<101 {
      let stranger = try Node("stranger \(number)", relay, seed: UInt64(100 + number))
      try stranger.add(bob, as: "bob")
      try stranger.send("\(number)", to: "bob")
      if number == 0 {
        // The same stranger begins again: still one session.
        try stranger.step { engine in try engine.reset(try #require(try engine.find("bob")).account) }
        try stranger.send("0 again", to: "bob")
      }
    }
    try bob.receive()
    #expect(bob.shown == ["0", "0 again"] + (1..<100).map { "\($0)" })
    #expect(try bob.step { try $0.contacts() }.count == Limits.requests)
    #expect(try bob.step { try $0.sessions() }.count == Limits.requests)
  }

  // [client.8]
  @Test func `Envelopes that come again, in any order, are shown once`() throws {
    let (alice, bob, relay) = try pair()
    for text in ["1", "2", "3"] { try alice.send(text, to: "bob") }
    let mailbox = try bob.mailbox
    let all = relay.queues[mailbox] ?? []
    relay.reorder(mailbox)
    try bob.receive()
    #expect(bob.shown.sorted() == ["1", "2", "3"])
    // The relay hands them out again under their own ids, then under new ones.
    var entropy = SeededEntropy(seed: 9)
    for envelope in all { try bob.step { try $0.receive(envelope.id, envelope.bytes) } }
    for envelope in all { try bob.step { try $0.receive(EnvelopeID(from: &entropy), envelope.bytes) } }
    try bob.receive()
    #expect(bob.shown.count == 3)
    #expect(try bob.step { try $0.sessions() }.count == 1)
    #expect(try bob.step { try $0.sessions() }.allSatisfy { !$0.isSuspect })
  }

  // [client.6]
  @Test func `Junk changes nothing but that it was seen`() throws {
    let (alice, bob, relay) = try pair()
    try alice.send("hello", to: "bob")
    let envelope = try #require(relay.queues[try bob.mailbox]?.first)
    let before = bob.records.contents
    var entropy = SeededEntropy(seed: 5)
    for offset in stride(from: 0, to: envelope.bytes.count, by: 97) {
      var bent = envelope.bytes
      bent[offset] ^= 1
      try bob.step { try $0.receive(EnvelopeID(from: &entropy), bent) }
    }
    for junk in [[], [1], [UInt8](repeating: 0, count: 512), entropy.bytes(8192)] {
      try bob.step { try $0.receive(EnvelopeID(from: &entropy), junk) }
    }
    var after = bob.records.contents
    after[.seen] = nil
    #expect(after == before)
    try bob.receive()
    #expect(bob.shown == ["hello"])
  }

  @Test func `A one-time key dies with the message that used it, the last resort serves on`() throws {
    let (alice, bob, relay) = try pair()
    let before = try bob.step { try $0.records.count(.oneTimePrekey, group: nil) }
    try alice.send("hello", to: "bob")
    try bob.receive()
    #expect(try bob.step { try $0.records.count(.oneTimePrekey, group: nil) } == before - 1)
    relay.keepOneTimeParts(try bob.mailbox, 0)
    let carol = try Node("carol", relay, seed: 77)
    try carol.add(bob, as: "bob")
    try carol.send("no one-time part was left", to: "bob")
    try bob.receive()
    #expect(bob.shown == ["hello", "no one-time part was left"])
    #expect(try bob.step { try $0.records.count(.oneTimePrekey, group: nil) } == before - 1)
  }

  // [client.12] [state.8]
  @Test func `Prekeys are refilled when few are left, and every upload's private part is stored before`() throws {
    let (_, bob, relay) = try pair()
    let mailbox = try bob.mailbox
    relay.keepOneTimeParts(mailbox, 10)
    let status = MailboxStatus(
      sequence: 1, restoreEpoch: 1, signedPart: 1, oneTimeParts: 10, lastResortClaims: 0, envelopes: 0,
      envelopeBytes: 0, capabilities: [.knock, .contact])
    let before = try bob.step { try $0.records.count(.oneTimePrekey, group: nil) }
    try bob.step { try $0.statusArrived(status) }
    #expect(try bob.step { try $0.records.count(.oneTimePrekey, group: nil) } == before + 64)
    #expect(relay.left(mailbox) == 10)
    try bob.flushUploads()
    #expect(relay.left(mailbox) == 74)
    // Old parts and new ones open sessions alike.
    for number in 0..<12 {
      let stranger = try Node("s\(number)", relay, seed: UInt64(500 + number))
      try stranger.add(bob, as: "bob")
      try stranger.send("\(number)", to: "bob")
    }
    try bob.receive()
    #expect(bob.shown.count == 12)
  }

  // [client.12] [client.15] [client.16]
  @Test func `List and signed part are renewed each week, and old private parts go`() throws {
    let (alice, bob, _) = try pair()
    try bob.step { try $0.maintain() }
    #expect(try bob.step { try $0.nextUpload() } == nil, "nothing is due")
    for week in 1...8 {
      for node in [alice, bob] {
        node.now += 8 * 86_400
        try node.step { try $0.maintain() }
        try node.flushUploads()
      }
      try alice.send("week \(week)", to: "bob")
      try bob.receive()
    }
    #expect(bob.shown == (1...8).map { "week \($0)" })
    // A signed part lives 14 days and its private keys 30 more.
    #expect(try bob.step { try $0.records.count(.signedPrekey, group: nil) } <= 7)
    #expect(try bob.step { try $0.profile().listHead.sequence } == 9)
  }

  // [client.7]
  @Test func `An unconfirmed first flight is repeated after 1 hour, 1 day and 3 days, with the same message id`() throws
  {
    let (alice, bob, relay) = try pair()
    let mailbox = try bob.mailbox
    let message = try alice.send("lost", to: "bob")
    var elapsed: UInt64 = 0
    for (place, after) in ClientLimits.repeats.enumerated() {
      relay.lose(mailbox)
      alice.now += after - elapsed - 10
      try alice.flush()
      #expect(relay.queues[mailbox]?.isEmpty == true, "not before its time")
      alice.now += 20
      elapsed = after + 10
      let claims = relay.claims
      try alice.flush()
      #expect(relay.claims == claims + 1, "a fresh bundle")
      #expect(relay.queues[mailbox]?.count == 1, "repeat \(place + 1)")
    }
    bob.now = alice.now
    try bob.receive()
    #expect(bob.shown == ["lost"])
    try bob.send("found", to: try alice.address)
    try alice.receive()
    #expect(try alice.state(message) == .sent)
    alice.now += 10 * 86_400
    try alice.flush()
    #expect(relay.queues[mailbox]?.isEmpty == true, "no more repeats")
  }

  // [client.7] [client.8]
  // [client.7] Who writes every day to somebody who is away begins no more sessions than a pair keeps: an answer to the
  // oldest can be read.
  @Test func `An answer to the oldest of many first flights can be read`() throws {
    let (alice, bob, relay) = try pair()
    for day in 0..<14 {
      try alice.send("day \(day)", to: "bob")
      for _ in 0..<2 {
        alice.now += 43_200
        try alice.flush()
      }
    }
    let mailbox = try bob.mailbox
    bob.now = alice.now
    let oldest = try #require(relay.queues[mailbox]?.first)
    try bob.step { try $0.receive(oldest.id, oldest.bytes) }
    for text in ["first answer", "second answer"] { try bob.send(text, to: try alice.address) }
    try alice.receive()
    #expect(alice.shown == ["first answer", "second answer"])
    try bob.receive()
    try bob.send("third answer", to: try alice.address)
    try alice.receive()
    try alice.flush()
    try bob.receive()
    #expect(Set(bob.shown) == Set((0..<14).map { "day \($0)" }) && bob.shown.count == 14)
    #expect(alice.shown.last == "third answer")
  }

  @Test func `A repeated first flight that had arrived after all is shown once`() throws {
    let (alice, bob, relay) = try pair()
    try alice.send("once", to: "bob")
    alice.now += 3700
    bob.now = alice.now
    try alice.flush()
    #expect(relay.queues[try bob.mailbox]?.count == 2)
    try bob.receive()
    #expect(bob.shown == ["once"])
    try bob.send("got it", to: try alice.address)
    try alice.receive()
    #expect(alice.shown == ["got it"])
  }

  // [client.6] [client.11]
  @Test func `A session that lost step is repaired by the user's next message, and silently`() throws {
    let (alice, bob, relay) = try pair()
    try alice.send("hello", to: "bob")
    try bob.receive()
    try bob.send("yes?", to: try alice.address)
    try alice.receive()
    try bob.send("will be bent", to: try alice.address)
    let mailbox = try alice.mailbox
    var envelope = try #require(relay.queues[mailbox]?.first)
    relay.lose(mailbox)
    envelope.bytes[400] ^= 1
    try alice.step { try $0.receive(envelope.id, envelope.bytes) }
    #expect(try alice.step { try $0.sessions() }.contains { $0.isSuspect })
    try alice.flush()
    #expect(relay.queues[try bob.mailbox]?.isEmpty == true, "nothing is sent by itself")
    try alice.send("repaired", to: "bob")
    try bob.receive()
    try bob.send("indeed", to: try alice.address)
    try alice.receive()
    #expect(bob.shown == ["hello", "repaired"] && alice.shown == ["yes?", "will be bent", "indeed"])
    #expect(try alice.step { try $0.sessions() }.filter { $0.isSending }.map(\.info.generation) == [2])
  }

  // [client.6] [client.20]
  @Test func `A session that lost step is repaired though its user writes nothing, once a day`() throws {
    let (alice, bob, relay) = try acquainted()
    func bend(_ text: String) throws {
      try bob.send(text, to: "alice")
      let mailbox = try alice.mailbox
      var envelope = try #require(relay.queues[mailbox]?.last)
      relay.lose(mailbox)
      envelope.bytes[400] ^= 1
      try alice.step { try $0.receive(envelope.id, envelope.bytes) }
    }
    func later(_ hours: UInt64) throws {
      for node in [alice, bob] {
        node.now += hours * 3600
        try node.step { try $0.maintain() }
        try node.flush()
      }
    }
    try bend("bent")
    try later(0)
    #expect(relay.queues[try bob.mailbox]?.isEmpty == true, "not at once")
    try later(25)
    #expect(relay.queues[try bob.mailbox]?.count == 1)
    try bob.receive()
    try bob.flush()
    try alice.receive()
    #expect(alice.shown.last == "bent")
    try bend("bent again")
    try later(20)
    #expect(relay.queues[try bob.mailbox]?.isEmpty == true, "not twice in a day")
    try later(25)
    #expect(relay.queues[try bob.mailbox]?.count == 1)
  }

  // [client.16] A relay that takes nothing, and has no card, is asked once more, and not for ever.
  @Test func `A message to an account that was deleted fails`() throws {
    let (alice, bob, _) = try acquainted()
    try bob.step { try $0.retire() }
    try bob.flushUploads(retiring: true)
    alice.now += 3700
    let message = try alice.send("to nobody", to: "bob")
    #expect(try alice.state(message) == .failed)
  }

  /// Two who have talked, and two messages of Alice's that are lost.
  private func unheard(keeping receipts: Bool = false) throws -> (alice: Node, bob: Node, relay: WorldRelay) {
    let (alice, bob, relay) = try acquainted()
    bob.sendsReceipts = receipts
    for text in ["one", "two"] { try alice.send(text, to: "bob") }
    if receipts {
      try bob.receive()
      bob.now += 3600
      try bob.flush()
      try alice.receive()
    } else {
      relay.lose(try bob.mailbox)
    }
    return (alice, bob, relay)
  }

  private func beginAnew(_ bob: Node) throws {
    let account = try #require(try bob.step { try $0.find("alice") }).account
    try bob.step { try $0.reset(account) }
    try bob.flush()
  }

  // [client.20]
  @Test func `What was not heard goes again when its session ends`() throws {
    let (alice, bob, _) = try unheard()
    try beginAnew(bob)
    try alice.receive()
    try alice.flush()
    try bob.receive()
    #expect(bob.shown.filter { $0 != "hello" } == ["one", "two"])
    // It is over with the first answer but one.
    for text in ["three", "four"] {
      try bob.send(text, to: "alice")
      try alice.receive()
      try alice.send(text, to: "bob")
      try bob.receive()
    }
    #expect(try alice.records.count(.unheard, group: nil) <= 2)
    #expect(bob.shown.count == Set(bob.shown).count)
  }

  // [client.20]
  @Test func `Whoever begins one session after the other gets a message three times more, and no timer`() throws {
    let (alice, bob, relay) = try acquainted()
    try alice.send("one", to: "bob")
    let account = try #require(try alice.step { try $0.find("bob") }).account
    try alice.step { try $0.setTimer(3600, with: account) }
    try alice.flush()
    let mailbox = try bob.mailbox
    relay.lose(mailbox)
    var again = 0
    for _ in 0..<6 {
      try beginAnew(bob)
      try alice.receive()
      try alice.flush()
      again += relay.queues[mailbox]?.count ?? 0
      relay.lose(mailbox)
    }
    #expect(again == Int(ClientLimits.resends))
    try bob.receive()
    #expect(try bob.step { try $0.find("alice") }?.timer == 0)
  }

  // [client.20]
  @Test func `A receipt says that a message need not go again`() throws {
    let (alice, bob, _) = try unheard(keeping: true)
    #expect(bob.shown.suffix(2) == ["one", "two"])
    #expect(try alice.records.count(.unheard, group: nil) <= 1, "hello, at most")
  }

  // [client.17] [client.20]
  @Test func `To the blocked nothing goes again`() throws {
    let (alice, bob, _) = try unheard()
    let account = try #require(try alice.step { try $0.find("bob") }).account
    try alice.step { try $0.block(account) }
    #expect(try alice.records.count(.unheard, group: nil) == 0)
    try beginAnew(bob)
    try alice.receive()
    try alice.flush()
    try bob.receive()
    #expect(!bob.shown.contains("one"))
  }

  // [client.19] [client.20]
  @Test func `What has disappeared does not go again`() throws {
    let (alice, bob, relay) = try acquainted()
    let bobs = try #require(try alice.step { try $0.find("bob") }).account
    try alice.step { try $0.setTimer(60, with: bobs) }
    try alice.send("soon gone", to: "bob")
    relay.lose(try bob.mailbox)
    alice.now += 120
    try alice.step { try $0.maintain() }
    try beginAnew(bob)
    try alice.receive()
    try alice.flush()
    try bob.receive()
    #expect(!bob.shown.contains("soon gone"))
  }

  // [client.20]
  @Test func `Of somebody who never answers the newest is kept`() throws {
    let (alice, bob, relay) = try acquainted()
    for number in 1...300 { try alice.send("\(number)", to: "bob") }
    relay.lose(try bob.mailbox)
    #expect(try alice.records.count(.unheard, group: nil) == ClientLimits.unheard)
    try beginAnew(bob)
    try alice.receive()
    try alice.flush()
    try bob.receive()
    #expect(bob.shown.last == "300" && bob.shown.filter { Int($0) != nil }.count == ClientLimits.unheard)
  }

  // [client.13] [address.1] [address.2]
  @Test func `A rotated contact secret reaches contacts, and the old address leads nowhere`() throws {
    let (alice, bob, relay) = try pair()
    try alice.send("hello", to: "bob")
    try bob.receive()
    try bob.send("yes?", to: try alice.address)
    try alice.receive()
    let old = try Engine.address(try bob.address)
    try bob.step { try $0.rotateContactSecret() }
    try bob.flush()
    let new = try Engine.address(try bob.address)
    #expect(new.account == old.account && new.contactSecret != old.contactSecret)
    #expect(relay.card(ContactKeys(old).cardID) == nil && relay.card(ContactKeys(new).cardID) != nil)
    #expect(!relay.opens(try bob.mailbox, ContactKeys(old).knock(for: try bob.mailbox)))
    try alice.receive()
    #expect(try alice.step { try $0.find("bob") }?.address == new)
    #expect(alice.shown == ["yes?"], "nothing to see")
    alice.now += 7200
    try alice.send("still talking", to: "bob")
    try bob.receive()
    #expect(bob.shown == ["hello", "still talking"])
  }

  // [client.9] [client.13]
  @Test func `A slow first flight does not bring back an address that was replaced`() throws {
    let (alice, bob, relay) = try pair()
    try alice.send("slow", to: "bob")
    let slow = try #require(relay.queues[try bob.mailbox]?.first)
    relay.lose(try bob.mailbox)
    try alice.step { try $0.rotateContactSecret() }
    try alice.flush()
    relay.lose(try bob.mailbox)
    try bob.add(alice, as: "alice")
    try bob.step { try $0.receive(slow.id, slow.bytes) }
    try bob.receive()
    #expect(bob.shown == ["slow"])
    #expect(try bob.step { try $0.find("alice") }?.address.text == (try alice.address))
  }

  // [client.9]
  @Test func `A late message in the session does not bring back an address that was replaced`() throws {
    let (alice, bob, relay) = try pair()
    try alice.send("hello", to: "bob")
    try bob.receive()
    try bob.send("late", to: try alice.address)
    let late = try #require(relay.queues[try alice.mailbox]?.first)
    relay.lose(try alice.mailbox)
    try bob.step { try $0.rotateContactSecret() }
    try bob.flush()
    try alice.receive()
    #expect(try alice.step { try $0.find("bob") }?.address.text == (try bob.address))
    try alice.step { try $0.receive(late.id, late.bytes) }
    try alice.receive()
    #expect(alice.shown == ["late"])
    #expect(try alice.step { try $0.find("bob") }?.address.text == (try bob.address))
  }

  // [client.5]
  @Test func `A device with another identity key under its old name has no session any more`() throws {
    let (alice, bob, _) = try pair()
    try alice.send("hello", to: "bob")
    #expect(try alice.step { try $0.sessions() }.count == 1)
    let known = try #require(try alice.step { try $0.find("bob") }?.card)
    var entropy = SeededEntropy(seed: 7)
    let (card, address) = try bob.step { engine in
      let account = try AccountKeys(decoding: try engine.records.get(.own, Array("account keys".utf8))!)
      let old = try UnverifiedCard(decoding: known.encoded).verified(for: account.id, foundAt: nil, now: bob.now)
      let listed = try #require(old.list.devices.first)
      let other = Device(
        id: listed.id, signingKey: listed.signingKey, postQuantumKeyHash: listed.postQuantumKeyHash,
        identityKey: AgreementPrivateKey(from: &entropy).publicKey, relay: listed.relay, mailbox: listed.mailbox,
        versions: listed.versions)
      let list = DeviceList(
        account: account.id, sequence: 2, previous: known.head.hash, notBefore: bob.now, notAfter: bob.now + 86_400,
        nextAccount: account.nextID, relays: [listed.relay], devices: [other])
      return (try Card(list, signedBy: account), try engine.profile().address)
    }
    let keys = ContactKeys(address)
    let sealed = SealedKind.card(keys.cardID, sequence: 2).seal(card.encoded(), under: keys.cardKey(), from: &entropy)
    try alice.step { try $0.fetched(address.account, listSequence: 2, sealed: sealed) }
    #expect(try alice.step { try $0.sessions() }.isEmpty)
  }

  // [client.10] [client.16]
  @Test func `A newer list that a contact speaks of is looked for before the next message`() throws {
    let (alice, bob, _) = try pair()
    try alice.send("hello", to: "bob")
    try bob.receive()
    try bob.send("yes?", to: try alice.address)
    try alice.receive()
    for node in [alice, bob] { node.now += 8 * 86_400 }
    try alice.send("a week later", to: "bob")
    try bob.receive()
    #expect(try alice.step { try $0.find("bob") }?.card?.head.sequence == 1)
    try bob.step { try $0.maintain() }
    try bob.flushUploads()
    try bob.send("I have a new list", to: try alice.address)
    try alice.receive()
    // Within the hour: nothing but what Bob said makes Alice look.
    try alice.send("I found it", to: "bob")
    #expect(try alice.step { try $0.find("bob") }?.card?.head.sequence == 2)
  }

  @Test func `Waits grow at random below a bound that doubles, and the relay's own wish counts`() throws {
    let (alice, _, _) = try pair()
    let message = try alice.send("waiting", to: "bob", flushing: false)
    for attempt in 1...12 {
      try alice.step { try $0.postpone(message.account, retryAfter: nil) }
      let item = try #require(try alice.step { try $0.records.all(OutboxItem.self) }.first)
      #expect(item.attempts == UInt32(attempt))
      #expect(item.notBefore - alice.now * 1000 <= min(1000 << UInt64(attempt), ClientLimits.backoffLimit))
    }
    try alice.step { try $0.postpone(message.account, retryAfter: 1234) }
    #expect(try alice.step { try $0.nextErrand(for: message.account, patient: true) } == nil)
    #expect(try alice.step { try $0.nextErrand(for: message.account, patient: false) } != nil)
    alice.now += 1235
    #expect(try alice.step { try $0.nextErrand(for: message.account, patient: true) } != nil)
  }

  @Test func `A message to somebody whose mailbox is gone fails, and says so`() throws {
    let (alice, bob, _) = try pair()
    let message = try alice.send("hm", to: "bob", flushing: false)
    #expect(try alice.step { try $0.deliveryRefused(message.account, try bob.mailbox) } == false)
    #expect(try alice.state(message) == .failed)
  }
}
