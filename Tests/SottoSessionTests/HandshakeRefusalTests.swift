import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// What a responder refuses, and that nothing changes when it does.
@Suite(.sealsAreWatched) struct HandshakeRefusalTests {
  let alice: Person
  let bob: Person
  let mallory: Person

  init() throws {
    alice = try Person(seed: 1, now: day)
    bob = try Person(seed: 2, now: day)
    mallory = try Person(seed: 9, now: day)
  }

  /// The stage at which Bob refuses; nothing of his has changed.
  private func refused(_ flight: [UInt8], known: DeviceList? = nil, at now: UnixTime = day) -> RefusalStage? {
    let keys = bob.oneTime.count
    let stage = stage { try bob.respond(to: try Envelope(decoding: flight), known: known, now: now) }
    if stage != nil { #expect(bob.oneTime.count == keys) }
    return stage
  }

  private func claims(
    card: Card? = nil, device: DeviceID? = nil, generation: UInt32 = 1, reset: Bool = false
  ) throws -> [UInt8] {
    Box1.encode(
      card: card ?? alice.card, device: device ?? alice.device.id, replyPath: try alice.replyPath(),
      generation: generation, reset: reset, seen: bob.card.list.head)
  }

  // [handshake.6] [handshake.7] [handshake.9] [handshake.10]
  @Test func aFlightMadeByHandOpens() throws {
    #expect(refused(try CraftedFlight.make(from: alice, to: try bob.bundle(now: day))) == nil)
  }

  // [handshake.2] The padding of box1 hides the number of devices: another size is no encoding.
  @Test func box1HasWholeBlocks() throws {
    let plain = try claims()
    for count in [plain.count - 1, plain.count + 1] {
      let odd = Array((plain + [0]).prefix(count))
      #expect(refused(try CraftedFlight.make(from: alice, to: try bob.bundle(now: day), claims: odd)) == .encoding)
    }
  }

  // [handshake.4]
  @Test func idsHaveOneSpelling() throws {
    let bundle = try bob.bundle(now: day)
    let honest = PrekeyIDs(of: bundle).encoded()
    #expect(try PrekeyIDs(decoding: honest) == PrekeyIDs(of: bundle))
    for (offset, value) in [(8, 0), (8, 3), (21, 1), (31, 1)] as [(Int, UInt8)] {
      var bent = honest
      bent[offset] = value
      #expect(refused(try CraftedFlight.make(from: alice, to: bundle, ids: bent)) == .encoding)
    }
    let lastResort = PrekeyIDs(of: try bob.bundle(oneTime: false, now: day)).encoded()
    var indexed = lastResort
    indexed[20] = 1
    #expect(refused(try CraftedFlight.make(from: alice, to: bundle, ids: indexed)) == .encoding)
  }

  // [handshake.15] [handshake.11] Ids of other keys, and the other marker, are refused however well the rest is made.
  @Test func idsThatDoNotMatchAreRefused() throws {
    let bundle = try bob.bundle(now: day)
    let honest = PrekeyIDs(of: bundle).encoded()
    var bent = honest
    bent[7] = 9
    #expect(refused(try CraftedFlight.make(from: alice, to: bundle, ids: bent)) == .prekey)
    bent = honest
    bent[20] = 3
    #expect(refused(try CraftedFlight.make(from: alice, to: bundle, ids: bent)) == .box1)
    let lastResort = PrekeyIDs(of: try bob.bundle(oneTime: false, now: day)).encoded()
    #expect(refused(try CraftedFlight.make(from: alice, to: bundle, ids: lastResort)) == .box1)
    let unlisted = try bob.bundle(oneTime: false, now: day)
    #expect(refused(try CraftedFlight.make(from: alice, to: unlisted, ids: honest)) == .box1)
  }

  // [handshake.8]
  @Test func aGenerationOutOfRangeIsRefused() throws {
    let bundle = try bob.bundle(now: day)
    for generation in [0, (1 << 31) + 1, UInt32.max] as [UInt32] {
      let claims = try claims(generation: generation)
      #expect(refused(try CraftedFlight.make(from: alice, to: bundle, claims: claims)) == .generation)
    }
  }

  // [handshake.12] Identity misbinding: box1 names Alice, the keys are Mallory's.
  @Test func nobodySpeaksAsAnother() throws {
    let bundle = try bob.bundle(now: day)
    // Mallory shows Alice's card, which she may have, but cannot do DH1 as Alice's device.
    let asAlice = try CraftedFlight.make(
      from: mallory, to: bundle, claims: try claims(), card: alice.card, device: alice.device.listed(at: alice.relay))
    #expect(refused(asAlice) == .header)
    // Mallory lists Alice's identity key as her own device: a session would be Mallory's, and DH1 still fails.
    let stolen = Device(
      id: mallory.device.id, signingKey: mallory.device.signing.publicKey.classical,
      postQuantumKeyHash: .zero, identityKey: alice.device.identity.publicKey, relay: mallory.relay,
      mailbox: mallory.device.mailbox, versions: [1])
    let card = try Card(list(of: mallory, devices: [stolen]), signedBy: mallory.account)
    #expect(refused(try CraftedFlight.make(from: mallory, to: bundle, card: card, device: stolen)) == .header)
  }

  // [handshake.12] [handshake.17] [list.1]
  @Test func theDeviceMustBeListed() throws {
    let bundle = try bob.bundle(now: day)
    let other = try claims(device: mallory.device.id)
    #expect(refused(try CraftedFlight.make(from: alice, to: bundle, claims: other)) == .device)
    let listed = alice.device.listed(at: alice.relay)
    let ancient = Device(
      id: listed.id, signingKey: listed.signingKey, postQuantumKeyHash: listed.postQuantumKeyHash,
      identityKey: listed.identityKey, relay: listed.relay, mailbox: listed.mailbox, versions: [2])
    let card = try Card(list(of: alice, devices: [ancient]), signedBy: alice.account)
    #expect(refused(try CraftedFlight.make(from: alice, to: bundle, card: card, device: ancient)) == .device)
  }

  // [handshake.12] [list.6] [handshake.16] [list.1]
  @Test func aKnownListBindsTheInitiator() throws {
    let bundle = try bob.bundle(now: day)
    let flight = try CraftedFlight.make(from: alice, to: bundle)
    let newer = list(of: alice, sequence: 2, previous: alice.card.list.hash)
    #expect(refused(flight, known: newer) == nil, "a slow first flight with an older list")
    let second = try bob.bundle(now: day)
    let revoked = list(
      of: alice, sequence: 2, previous: alice.card.list.hash, devices: [mallory.device.listed(at: alice.relay)])
    #expect(refused(try CraftedFlight.make(from: alice, to: second), known: revoked) == .device)
    let forked = list(of: alice, until: day + 86_400)
    #expect(refused(try CraftedFlight.make(from: alice, to: second), known: forked) == .chain)
  }

  // [handshake.12]
  @Test func anExpiredListIsRefused() throws {
    let flight = try CraftedFlight.make(from: alice, to: try bob.bundle(now: day))
    #expect(refused(flight, at: day + 30 * 86_400 + 301) == .validity)
    #expect(refused(flight, at: day + 30 * 86_400 + 300) == nil)
  }

  // [prekeys.7] Private keys past their life are not there any more.
  @Test func keysPastTheirLifeAreRefused() throws {
    bob.card = try Card(list(of: bob), signedBy: bob.account)
    let flight = try CraftedFlight.make(from: alice, to: try bob.bundle(oneTime: false, now: day))
    let end = day + 44 * 86_400
    #expect(refused(flight, at: end) == .validity, "the list inside has expired before")
    #expect(refused(flight, at: end + 1) == .prekey)
  }

  // [prekeys.6] A card may have expired, or name another version, since it was verified.
  @Test func aCardIsCheckedWhenItIsUsed() throws {
    let late = bob.card.list.notAfter + 301
    try bob.publishPrekeys(id: 2, depth: 0, now: late)
    #expect(stage { try bob.bundle(oneTime: false, now: late) } == .validity)
    let listed = bob.device.listed(at: bob.relay)
    let ancient = Device(
      id: listed.id, signingKey: listed.signingKey, postQuantumKeyHash: listed.postQuantumKeyHash,
      identityKey: listed.identityKey, relay: listed.relay, mailbox: listed.mailbox, versions: [2])
    bob.card = try Card(list(of: bob, devices: [ancient]), signedBy: bob.account)
    #expect(stage { try bob.bundle(oneTime: false, now: day) } == .device)
  }

  // [handshake.3] [sessions.3] A flight comes back to its author, or goes to someone else.
  @Test func aFlightIsForOneDevice() throws {
    let session = SessionCell(try alice.initiate(to: try bob.bundle(now: day), now: day))
    let flight = try #require(session.session.seal(alice.text("hello", at: day), from: &alice.entropy))
    let envelope = try Envelope(decoding: flight)
    #expect(stage { try mallory.respond(to: envelope, now: day) } == .box0)
    #expect(stage { try alice.respond(to: envelope, now: day) } == .box0)
    #expect(stage { try session.session.open(envelope, now: day, from: &alice.entropy) } == .header)
    for trial in Session.Trial.allCases { #expect(!session.recognises(envelope, trial)) }
  }

  // [handshake.1] Byte-identical each time, until an authenticated reply.
  @Test func thePreludeIsRepeated() throws {
    let session = SessionCell(try alice.initiate(to: try bob.bundle(now: day), now: day))
    let one = try #require(session.session.seal(alice.text("one", at: day), from: &alice.entropy))
    let two = try #require(session.session.seal(alice.text("two", at: day), from: &alice.entropy))
    let (first, second) = (try Envelope(decoding: one), try Envelope(decoding: two))
    #expect(first.prelude == second.prelude && first.prelude?.digest == session.session.info.preludeDigest)
  }

  // [handshake.13] [primitives.4] A point of small order is refused wherever it may stand.
  @Test func smallOrderIsRefusedInEverySlot() throws {
    let zero = try AgreementPublicKey([UInt8](repeating: 0, count: 32))
    let one = try AgreementPublicKey([1] + [UInt8](repeating: 0, count: 31))
    for point in [zero, one] {
      // EK, before anything else is done.
      var flight = try CraftedFlight.make(from: alice, to: try bob.bundle(oneTime: false, now: day))
      flight.replaceSubrange(1..<33, with: point.bytes)
      #expect(refused(flight) == .key)
      // IK_I, in a list that its account signed.
      let listed = alice.device.listed(at: alice.relay)
      let weak = Device(
        id: listed.id, signingKey: listed.signingKey, postQuantumKeyHash: listed.postQuantumKeyHash,
        identityKey: point, relay: listed.relay, mailbox: listed.mailbox, versions: [1])
      let card = try Card(list(of: alice, devices: [weak]), signedBy: alice.account)
      let bundle = try bob.bundle(oneTime: false, now: day)
      #expect(refused(try CraftedFlight.make(from: alice, to: bundle, card: card, device: weak)) == .key)
      // IK_R, seen by an initiator.
      let weakBob = Device(
        id: bob.device.id, signingKey: bob.device.signing.publicKey.classical,
        postQuantumKeyHash: Device.keyHash(bob.device.signing.publicKey.postQuantum), identityKey: point,
        relay: bob.relay, mailbox: bob.device.mailbox, versions: [1])
      let honest = bob.card
      bob.card = try Card(list(of: bob, devices: [weakBob]), signedBy: bob.account)
      #expect(stage { SessionCell(try alice.initiate(to: try bob.bundle(oneTime: false, now: day), now: day)) } == .key)
      bob.card = honest
    }
  }

  private func list(
    of person: Person, sequence: UInt64 = 1, previous: Digest = .zero, until: UnixTime = day + 30 * 86_400,
    devices: [Device]? = nil
  ) -> DeviceList {
    DeviceList(
      account: person.account.id, sequence: sequence, previous: previous, notBefore: day, notAfter: until,
      nextAccount: person.account.nextID, relays: [person.relay],
      devices: devices ?? [person.device.listed(at: person.relay)])
  }
}
