import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Published attacks on what a client does with sessions, each against the engine. Specs/Attacks.md has their sources.
@Suite(.sealsAreWatched) struct AttackTests {
  private let relay = WorldRelay()
  private let alice: Node
  private let bob: Node

  init() throws {
    alice = try Node("alice", relay, seed: 1)
    bob = try Node("bob", relay, seed: 2)
    try alice.add(bob, as: "bob")
    try alice.send("hello", to: "bob")
    try bob.receive()
    try bob.send("yes?", to: try alice.address)
    try alice.receive()
  }

  /// What a relay, and whoever stands behind it, can see of a client.
  private struct Reaction: Equatable {
    let envelopes: Int
    let claims: Int
    let waiting: [AccountID]
    let isUploading: Bool
    let shown: [String]
  }

  private func reaction(of node: Node) throws -> Reaction {
    try node.flush()
    let (waiting, upload) = try node.step { (try $0.accountsToServe(), try $0.nextUpload()) }
    return Reaction(
      envelopes: relay.put.count, claims: relay.claims, waiting: waiting, isUploading: upload != nil, shown: node.shown)
  }

  /// What the node has, but for which envelopes it saw.
  private func contents(of node: Node) -> [Table: [[UInt8]: [UInt8]]] {
    node.records.contents.filter { $0.key != .seen }
  }

  private func take(_ node: Node) throws -> [UInt8] {
    let bytes = try #require(relay.queues[try node.mailbox]?.first?.bytes)
    relay.lose(try node.mailbox)
    return bytes
  }

  // [client.6] [client.11] A12, A18: no bit that is turned, and nothing else that does not open, brings forth a reaction.
  @Test func `Whatever a relay bends, it learns nothing from any reaction`() throws {
    try bob.send("whole", to: try alice.address)
    let envelope = try take(alice)
    let first = try stranger().begin(1).bytes
    var entropy = SeededEntropy(seed: 8)
    let before = try reaction(of: alice)
    let state = contents(of: alice)
    // What no header opens leaves nothing at all behind.
    let junk: [[UInt8]] =
      (0..<81 * 8).map { envelope.flipping($0) } + [[], [1], entropy.bytes(512), entropy.bytes(8192)]
      + [1 + 4, 40, 100, 2000, first.count - 1].map { first.flipping($0 * 8) }
    try alice.step { engine in
      for bytes in junk { try engine.receive(EnvelopeID(from: &entropy), bytes) }
    }
    #expect(contents(of: alice) == state)
    // What a known header opens is remembered, and told to nobody.
    try alice.step { engine in
      for bit in 81 * 8..<envelope.count * 8 { try engine.receive(EnvelopeID(from: &entropy), envelope.flipping(bit)) }
    }
    #expect(try alice.step { try $0.sessions() }.contains { $0.isSuspect })
    for wait in [0, 3700, 86_400, 3 * 86_400] as [UInt64] {
      alice.now += wait
      #expect(try reaction(of: alice) == before)
    }
    // And then the message itself: no harm was done, and no new session is needed.
    try alice.step { try $0.receive(EnvelopeID(from: &entropy), envelope) }
    try alice.receive()
    #expect(alice.shown == ["yes?", "whole"])
    let claims = relay.claims
    try alice.send("fine", to: "bob")
    #expect(relay.claims == claims)
  }

  // [sessions.8] A14: an archive is over after 30 days, also when nothing else happened in between.
  @Test func `A clone of an archived session is not heard after 30 days`() throws {
    let thief = Node(copying: bob, relay)
    let account = try #require(try alice.step { try $0.find("bob") }).account
    try alice.step { try $0.reset(account) }
    try alice.flush()
    try bob.receive()
    try bob.send("healed", to: try alice.address)
    try alice.receive()
    try thief.send("I am Bob", to: try alice.address)
    let early = relay.queues[try alice.mailbox] ?? []
    relay.lose(try alice.mailbox)
    alice.now += 30 * 86_400 + 1
    let state = contents(of: alice)
    for envelope in early { try alice.step { try $0.receive(envelope.id, envelope.bytes) } }
    #expect(contents(of: alice) == state && !early.isEmpty)
    try alice.receive()
    #expect(alice.shown == ["yes?", "healed"])
    // Its keys go with the client's own upkeep.
    #expect(try alice.step { try $0.sessions() }.count == 2)
    try alice.step { try $0.maintain() }
    #expect(try alice.step { try $0.sessions() }.map(\.isArchived) == [false])
  }

  // [client.5] [client.14] A15, A30: who is restored has no sessions and begins anew; who was replaced, with every old key
  // and all that the relay has, opens nothing later and is not heard.
  @Test func `A restored account begins anew, and the device that it replaced is deaf and dumb`() throws {
    let ex = Node(copying: bob, relay)
    let keys = ContactKeys(try Engine.address(try bob.address))
    let exported = try bob.step { try $0.exportAccount() }
    let restored = try Node(restoring: exported, card: relay.card(keys.cardID), "bob again", relay, seed: 77)
    #expect(try restored.step { try $0.sessions() }.isEmpty)
    try restored.add(alice, as: "alice")
    try restored.send("restored", to: "alice")
    let old = try #require(try alice.step { try $0.sessions() }.first).info
    try alice.receive()
    #expect(alice.shown == ["yes?", "restored"])
    let sessions = try alice.step { try $0.sessions() }
    #expect(sessions.count == 1 && sessions[0].info.sid != old.sid && sessions[0].info.peerDevice != old.peerDevice)

    for text in ["one", "two"] { try alice.send(text, to: "bob") }
    let later = relay.queues[try restored.mailbox] ?? []
    let before = contents(of: ex)
    for envelope in later { try ex.step { try $0.receive(envelope.id, envelope.bytes) } }
    // What may not have been read goes to the device that has taken the place. [client.20]
    #expect(contents(of: ex) == before && later.count == 3)
    try ex.send("still me", to: try alice.address)
    let account = try #require(try ex.step { try $0.contacts() }.first).account
    try ex.step { try $0.reset(account) }
    try ex.flush()
    #expect((relay.queues[try alice.mailbox] ?? []).count >= 2, "on the old session, and on a new one")
    let state = contents(of: alice)
    try alice.receive()
    #expect(contents(of: alice) == state && alice.shown == ["yes?", "restored"])
    try restored.receive()
    #expect(restored.shown == ["hello", "one", "two"])
  }

  // [list.6] [list.8] [card.2] A28: a list that is older, another of the same number, and one cut short.
  @Test func `A list that was rolled back, forked or cut short replaces nothing`() throws {
    let address = try Engine.address(try bob.address)
    let keys = ContactKeys(address)
    let stale = try #require(relay.card(keys.cardID))
    for node in [alice, bob] { node.now += 8 * 86_400 }
    try bob.step { try $0.maintain() }
    try bob.flushUploads()
    let newest = try #require(relay.card(keys.cardID))
    try alice.step { try $0.fetched(address.account, listSequence: newest.sequence, sealed: newest.sealed) }
    let known = try #require(try alice.step { try $0.find("bob") }?.card)
    #expect(known.head.sequence == 2 && stale.sequence == 1)

    let forked = try bob.step { engine in
      let account = try AccountKeys(decoding: try engine.records.get(.own, Array("account keys".utf8))!)
      let list = try UnverifiedCard(decoding: known.encoded).verified(for: account.id, foundAt: nil, now: bob.now).list
      let other = DeviceList(
        account: list.account, sequence: 2, previous: list.previous, notBefore: list.notBefore,
        notAfter: list.notAfter - 1, nextAccount: list.nextAccount, relays: list.relays, devices: list.devices)
      return try Card(other, signedBy: account).encoded()
    }
    var entropy = SeededEntropy(seed: 3)
    let sealedFork = SealedKind.card(keys.cardID, sequence: 2).seal(forked, under: keys.cardKey(), from: &entropy)
    var served = [(stale.sequence, stale.sealed), (2, stale.sealed), (1, newest.sealed), (2, sealedFork)]
    for count in stride(from: 0, to: newest.sealed.count, by: 61) { served.append((2, Array(newest.sealed[..<count]))) }
    let sessions = contents(of: alice)[.session]
    for (sequence, sealed) in served {
      let stage: RefusalStage? = try alice.step { engine in
        do throws(Refused) {
          _ = try engine.verify(sealed, listSequence: sequence, for: address)
          return nil
        } catch { return error.stage }
      }
      #expect(stage == .chain || stage == .seal)
      try alice.step { try $0.fetched(address.account, listSequence: sequence, sealed: sealed) }
      #expect(try alice.step { try $0.find("bob") }?.card == known)
    }
    #expect(contents(of: alice)[.session] == sessions)
  }

  // [client.4] [sessions.8] A18: the rules bound what one identity can make of first messages; here they are real ones.
  @Test func `A thousand first messages of one identity leave five sessions, and the one in use`() throws {
    let person = try stranger()
    let used = try person.begin(1_000_000)
    try bob.step { try $0.receive(used.id, used.bytes) }
    _ = try bob.step { try $0.add(person.person.address, name: "carol", card: person.person.card) }
    let sid = used.cell.session.info.sid
    for hundred in 0..<10 {
      let flights = try (1...100).map { try person.begin(UInt32(hundred * 100 + $0)) }
      try bob.step { engine in for flight in flights { try engine.receive(flight.id, flight.bytes) } }
      let carols = try bob.step { try $0.sessions() }.filter { $0.info.peerAccount == person.person.account.id }
      #expect(carols.count == 5 && carols.filter(\.isSending).map(\.info.sid) == [sid])
    }
    _ = try bob.step { try $0.compose("still here", to: "carol") }
    let item = try #require(
      try bob.step { try $0.records.all(OutboxItem.self, group: person.person.account.id.bytes) }.first)
    guard case .sealed(sid, _, let bytes) = item.stage else {
      Issue.record("not sealed on the session in use: \(item.stage)")
      return
    }
    let opened = try used.cell.session.open(
      try Envelope(decoding: bytes), now: bob.now, from: &person.person.entropy)
    #expect(opened.content.text == "still here")
  }

  private func stranger() throws -> Stranger { try Stranger(to: bob, relay) }
}

/// Somebody who makes first flights to one device by hand, as many as they like, with the last-resort key.
private final class Stranger {
  struct Flight {
    let cell: SessionCell
    let id: EnvelopeID
    let bytes: [UInt8]
  }

  let person: Person
  private let bundle: VerifiedBundle
  private let now: UInt64

  init(to node: Node, _ relay: WorldRelay) throws {
    now = node.now
    person = try Person(seed: 1234, now: now, depth: 0)
    let address = try Engine.address(try node.address)
    let keys = ContactKeys(address)
    let (sequence, sealed) = try #require(relay.card(keys.cardID))
    let plaintext = try SealedKind.card(keys.cardID, sequence: sequence).open(sealed, under: keys.cardKey())
    let card = try UnverifiedCard(decoding: plaintext).verified(for: address.account, foundAt: nil, now: now)
    relay.keepOneTimeParts(try node.mailbox, 0)
    let part = try relay.claim(try node.mailbox).signedPart
    bundle = try VerifiedBundle(
      card: card, device: card.list.devices[0].id, spkID: part.id, sealedSignedPart: part.sealed, oneTime: nil,
      keys: keys, now: now)
  }

  func begin(_ generation: UInt32) throws -> Flight {
    let cell = SessionCell(try person.initiate(to: bundle, generation: generation, now: now))
    let bytes = try #require(cell.session.seal(person.text("\(generation)", at: now), from: &person.entropy))
    return Flight(cell: cell, id: EnvelopeID(from: &person.entropy), bytes: bytes)
  }
}
