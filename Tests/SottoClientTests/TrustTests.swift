import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Whom a user trusts, whom not, and what they are told of changes.
@Suite(.sealsAreWatched) struct TrustTests {
  private func account(_ node: Node, _ name: String) throws -> AccountID {
    try node.step { try #require(try $0.find(name)).account }
  }

  private func notices(_ node: Node, _ name: String) throws -> [String] {
    let account = try account(node, name)
    return try node.step { try $0.history(with: account, limit: 100).filter { $0.direction == .notice }.map(\.text) }
  }

  // MARK: blocking

  // [client.17]
  @Test func `The blocked are not heard, and cannot write any more when the old right ends`() throws {
    let (alice, bob, relay) = try acquainted()
    let mailbox = try bob.mailbox
    let before = try bob.step { try $0.profile().contactCapability }
    try bob.step { try $0.block(try account(bob, "alice")) }
    try bob.flush()
    let after = try bob.step { try $0.profile().contactCapability }
    #expect(before != after && relay.opens(mailbox, before) && relay.opens(mailbox, after))
    try alice.send("are you there?", to: "bob")
    try alice.step { engine in try engine.setTimer(60, with: try #require(try engine.find("bob")).account) }
    try alice.flush()
    try alice.step { engine in try engine.reset(try #require(try engine.find("bob")).account) }
    try alice.send("and now?", to: "bob")
    let sessions = try bob.step { try $0.sessions() }.count
    try bob.receive()
    #expect(bob.shown == ["hello"])
    #expect(try bob.step { try #require(try $0.find("alice")).timer } == 0)
    #expect(try bob.step { try $0.sessions() }.count == sessions, "what they begin ends without a trace")
    #expect(try bob.step { try $0.search("there", with: nil, limit: 9) } == [])

    bob.now += 8 * 86_400
    try bob.step { try $0.maintain() }
    try bob.flush()
    #expect(!relay.opens(mailbox, before) && relay.opens(mailbox, after), "a week later the old right is gone")
  }

  // [client.17] [client.9]
  @Test func `The others learn the new right, in whatever order their news arrive`() throws {
    let (_, bob, relay) = try acquainted()
    let carol = try Node("carol", relay, seed: 60)
    try carol.add(bob, as: "bob")
    try bob.add(carol, as: "carol")
    try carol.send("hi", to: "bob")
    try bob.receive()
    try bob.send("hi carol", to: "carol")
    try carol.receive()
    let mailbox = try bob.mailbox
    try bob.step { try $0.block(try account(bob, "alice")) }
    try bob.flush()
    relay.reorder(try carol.mailbox)
    try carol.receive()
    let after = try bob.step { try $0.profile().contactCapability }
    #expect(try carol.step { try #require(try $0.find("bob")).capabilities[mailbox] } == after)
    bob.now += 8 * 86_400
    carol.now = bob.now
    try bob.step { try $0.maintain() }
    try bob.flush()
    try carol.send("still here", to: "bob")
    try bob.receive()
    #expect(bob.shown.last == "still here")
  }

  // [client.17]
  @Test func `Nobody writes to the blocked by mistake, and unblocking makes of them what they were`() throws {
    let (alice, bob, _) = try acquainted()
    try bob.step { try $0.block(try account(bob, "alice")) }
    for name in ["alice", try alice.address] {
      #expect(throws: ClientError.self) { try bob.send("no", to: name) }
    }
    let before = bob.records.contents
    let blocked = try account(bob, "alice")
    #expect(throws: ClientError.self) { try bob.step { try $0.setTimer(60, with: blocked) } }
    #expect(throws: ClientError.self) { try bob.step { try $0.reset(blocked) } }
    #expect(bob.records.contents == before)
    try bob.step { try $0.unblock(try account(bob, "alice")) }
    try bob.flush()
    try alice.send("again?", to: "bob")
    try bob.receive()
    #expect(bob.shown.last == "again?" && bob.requests.last == false)
    try bob.send("yes", to: "alice")
    try alice.receive()
    #expect(alice.shown.last == "yes")
  }

  // [client.9]
  @Test func `What changes before the first answer is told all the same`() throws {
    let relay = WorldRelay()
    let alice = try Node("alice", relay, seed: 1)
    let bob = try Node("bob", relay, seed: 1001)
    try alice.add(bob, as: "bob")
    try alice.send("hello", to: "bob")
    try alice.step { try $0.rotateContactSecret() }
    try alice.flush()
    try alice.send("from my new address", to: "bob")
    try bob.receive()
    let address = try Engine.address(try alice.address)
    #expect(try bob.step { try $0.contact(address.account)?.address } == address)
  }

  // [client.17]
  @Test func `Seventeen blocks in a week fit the sixteen slots of a mailbox`() throws {
    let relay = WorldRelay()
    let bob = try Node("bob", relay, seed: 1)
    relay.keepOneTimeParts(try bob.mailbox, 0)
    for number in 0..<17 {
      let other = try Node("other \(number)", relay, seed: UInt64(200 + number))
      try bob.add(other, as: "other \(number)")
      try bob.step { try $0.block(try account(bob, "other \(number)")) }
      try bob.flush()
    }
    #expect(relay.opens(try bob.mailbox, try bob.step { try $0.profile().contactCapability }))
  }

  // MARK: verification

  // [client.18]
  @Test func `Equal digits verify, others do not`() throws {
    let (alice, bob, _) = try acquainted()
    let account = try account(alice, "bob")
    let number = try bob.step { try $0.safetyNumber(with: try #require(try $0.find("alice"))) }
    let groups = stride(from: 0, to: 60, by: 5).map { String(number.dropFirst($0).prefix(5)) }
    for wrong in ["", "1", String(number.dropLast()), number + "0", String(number.reversed())] {
      #expect(try alice.step { try $0.verify(account, digits: wrong) } == false)
    }
    #expect(try alice.step { try $0.find("bob")?.isVerified } == false)
    #expect(try alice.step { try $0.verify(account, digits: groups.joined(separator: " \n")) })
    #expect(try alice.step { try $0.find("bob")?.isVerified } == true)
    try alice.step { try $0.unverify(account) }
    #expect(try alice.step { try $0.find("bob")?.isVerified } == false)
  }

  // [client.18] [client.10]
  @Test func `Evidence against a verified contact stops sending until it was looked at; others are warned of`() throws {
    let (alice, bob, _) = try acquainted()
    let number = try alice.step { try $0.safetyNumber(with: try #require(try $0.find("bob"))) }
    let account = try account(alice, "bob")
    #expect(try alice.step { try $0.verify(account, digits: number) })

    // Somebody shows Bob another list of Alice's than the one that she signed.
    func lie() throws {
      let head = try alice.step { try $0.profile().listHead }
      let forged = ListHead(sequence: head.sequence, hash: Digest.of("forged", []))
      try bob.step { engine in
        let contact = try #require(try engine.find("alice"))
        try engine.enqueue(
          [.heads(own: try engine.profile().listHead, yours: forged)], to: contact,
          id: try MessageID([UInt8](repeating: 5, count: 16)))
      }
      try bob.flush()
      try alice.receive()
    }
    try lie()
    #expect(try notices(alice, "bob").count == 1)
    let before = alice.records.contents
    #expect(throws: ClientError.self) { try alice.send("a secret", to: "bob") }
    #expect(alice.records.contents == before, "nothing was kept or sealed")
    for change in [{ try $0.setTimer(60, with: account) }, { try $0.reset(account) }] as [(inout Engine) throws -> Void]
    {
      #expect(throws: ClientError.self) { try alice.step(change) }
    }
    #expect(alice.records.contents == before)
    // Nor does the client say anything by itself.
    try alice.step { try $0.tellContacts() }
    #expect(try alice.step { try $0.nextErrand(for: account, patient: false) } == nil)
    try alice.receive()
    #expect(try alice.step { try $0.verify(account, digits: number) })
    try alice.send("a secret", to: "bob")
    try bob.receive()
    #expect(bob.shown.last == "a secret")

    try alice.step { try $0.unverify(account) }
    try lie()
    #expect(try notices(alice, "bob").count == 2)
    try alice.send("not verified anyway", to: "bob")
  }

  // [client.18]
  @Test func `What waits for a verified contact stays when evidence against them comes`() throws {
    let (alice, bob, relay) = try acquainted()
    let account = try account(alice, "bob")
    let number = try alice.step { try $0.safetyNumber(with: try #require(try $0.find("bob"))) }
    #expect(try alice.step { try $0.verify(account, digits: number) })
    let waiting = try alice.send("waiting", to: "bob", flushing: false)
    try alice.step { engine in
      var contact = try #require(try engine.find("bob"))
      contact.hasForkEvidence = true
      try engine.records.save(contact)
    }
    try alice.flush()
    #expect(relay.queues[try bob.mailbox]?.isEmpty == true)
    #expect(try alice.state(waiting) == .queued)
    #expect(try alice.step { try $0.verify(account, digits: number) })
    try alice.flush()
    try bob.receive()
    #expect(bob.shown.last == "waiting")
  }

  // [client.5]
  @Test func `Contacts see that a device was replaced`() throws {
    let (alice, bob, relay) = try acquainted()
    let exported = try bob.step { try $0.exportAccount() }
    let card = relay.card(ContactKeys(try Engine.address(try bob.address)).cardID)
    let second = try Node(restoring: exported, card: card, "bob", relay, seed: 4000)
    alice.now += 4000
    second.now = alice.now
    try alice.send("hello again", to: "bob")
    try second.receive()
    #expect(second.shown == ["hello again"])
    #expect(try notices(alice, "bob") == ["They have replaced a device by a device."])
  }
}
