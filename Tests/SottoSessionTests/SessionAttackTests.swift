import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Published attacks on the handling of sessions, each against this one. Specs/Attacks.md has their sources.
@Suite(.sealsAreWatched) struct SessionAttackTests {
  private let alice: Correspondent
  private let bob: Correspondent

  init() throws {
    alice = Correspondent(try Person(seed: 1, now: day))
    bob = Correspondent(try Person(seed: 2, now: day))
    try alice.initiate(to: bob, now: day)
    try exchange()
  }

  private func exchange(now: UnixTime = day) throws {
    bob.receive(try #require(alice.send("ping", now: now)).1, now: now)
    alice.receive(try #require(bob.send("pong", now: now)).1, now: now)
  }

  private func only(_ person: Correspondent) throws -> SessionCell {
    try #require(person.sessions.first).cell
  }

  private func seal(_ cell: SessionCell, as person: Person, _ text: String = "I am Bob") throws -> [UInt8] {
    try #require(cell.session.seal(person.text(text, at: day), from: &person.entropy))
  }

  private func isShown(_ outcome: Correspondent.Outcome) -> Bool {
    if case .shown = outcome { true } else { false }
  }

  // [sessions.7] [sessions.8] [sessions.9] A14: who stole a session can still speak in it once it is archived, and that is
  // all: it never becomes active again, so nobody answers in it, and after 30 days it is over.
  @Test func aCloneOfAnArchivedSessionGetsNothing() throws {
    let stolen = try only(bob).reloaded()
    try alice.initiate(to: bob, reset: true, now: day)
    try exchange()
    let healed = try #require(alice.chosen)
    #expect(healed.generation == 2 && alice.sessions[0].archivedAt == day)

    #expect(isShown(alice.receive(try seal(stolen, as: bob.person), now: day)))
    #expect(alice.chosen == healed && alice.sessions[0].archivedAt == day, "it stays archived")
    for _ in 0..<3 {
      let (_, answer) = try #require(alice.send("not for the thief", now: day))
      let envelope = try Envelope(decoding: answer)
      #expect(stage { try stolen.session.open(envelope, now: day, from: &bob.person.entropy) } == .header)
      #expect(isShown(bob.receive(answer, now: day)))
    }
    let last = try seal(stolen, as: bob.person)
    #expect(isShown(alice.receive(last, now: day + 30 * 86_400)))
  }

  // [sessions.8] A14: also when nothing else happened in between.
  @Test func anArchiveIsOverAfter30Days() throws {
    let stolen = try only(bob).reloaded()
    try alice.initiate(to: bob, reset: true, now: day)
    try exchange()
    let late = try seal(stolen, as: bob.person)
    let before = alice.sessions.map { $0.cell.session.encoded().revealed() }
    #expect(alice.receive(late, now: day + 30 * 86_400 + 1) == .refused(.header))
    #expect(alice.sessions.map { $0.cell.session.encoded().revealed() } == before)
    try exchange(now: day + 30 * 86_400 + 1)
    #expect(alice.sessions.count == 1, "and with the next message its keys go")
  }

  // [sessions.3] A7, A18: a first flight that comes again opens nothing, also when its session is gone.
  @Test func aFirstFlightOfADeletedSessionOpensNothing() throws {
    try alice.initiate(to: bob, reset: true, now: day)
    let (_, flight) = try #require(alice.send("first", now: day))
    #expect(isShown(bob.receive(flight, now: day)))
    for _ in 0..<6 {
      try alice.initiate(to: bob, reset: true, now: day)
      try exchange()
    }
    let count = bob.sessions.count
    #expect(count == 5)
    #expect(bob.receive(flight, now: day) == .refused(.header))
    #expect(bob.sessions.count == count)
  }

  // [sessions.3] [handshake.3] A13: a prelude of one session before a message of another.
  @Test func aPreludeOfAnotherSessionDecidesAlone() throws {
    let message = try #require(alice.send("on the first session", now: day)).1
    let session = try alice.person.initiate(to: try bob.person.bundle(now: day), generation: 2, now: day)
    let begun = SessionCell(session)
    let first = try seal(begun, as: alice.person, "first")
    #expect(isShown(bob.receive(first, now: day)))
    // The known prelude in front of a message that another session would open.
    let prelude = begun.session.encodedPrelude!
    let spliced = [2] + prelude + message[1...]
    let size = try #require(SizeClass(holding: spliced.count)).rawValue
    let states = bob.sessions.map { $0.cell.session.encoded().revealed() }
    #expect(bob.receive(spliced + [UInt8](repeating: 0, count: size - spliced.count), now: day) == .refused(.header))
    #expect(bob.sessions.map { $0.cell.session.encoded().revealed() } == states)
    #expect(isShown(bob.receive(message, now: day)))
  }

  // [sessions.8] A18: however many sessions a peer begins, and however they rank, a pair keeps five; those that rank below
  // the one in use never displace it.
  @Test(arguments: [true, false]) func thousandsOfFirstMessagesLeaveFiveSessions(_ ranksAbove: Bool) throws {
    let info = try #require(bob.chosen)
    let inUse = SessionRules.Candidate(
      info: SessionInfo(
        sid: info.sid, role: .responder, generation: 20_000, isConfirmed: true, createdAt: day,
        preludeDigest: info.preludeDigest, peerAccount: info.peerAccount, peerDevice: info.peerDevice))
    var kept = [inUse]
    for number in 1...10_000 as ClosedRange<UInt32> {
      kept.append(
        SessionRules.Candidate(
          info: SessionInfo(
            sid: Digest.of("flood", Array("\(number)".utf8)), role: .responder,
            generation: ranksAbove ? 20_000 + number : number, isConfirmed: true, createdAt: day, preludeDigest: .zero,
            peerAccount: info.peerAccount, peerDevice: info.peerDevice)))
      let work = SessionRules.housekeeping(kept, now: day + UInt64(number))
      kept = kept.filter { !work.delete.contains($0.info.sid) }.map { candidate in
        var candidate = candidate
        if work.archive.contains(candidate.info.sid) { candidate.archivedAt = day + UInt64(number) }
        return candidate
      }
      #expect(kept.count <= 5)
      #expect((SessionRules.sending(among: kept)?.sid == info.sid) == !ranksAbove)
    }
  }

  // [client.5] [handshake.16] [prekeys.6] A30: whoever was a device of an account, with every key that it had and
  // everything the relay has, opens nothing that is sent later, and opens no session.
  @Test func aDeviceThatWasRemovedOpensNothingLater() throws {
    let (ex, exSession) = (bob.person, try only(bob).reloaded())
    // The account lists another device in its place: here a second person's, with its own prekeys.
    let next = try Person(seed: 3, now: day)
    let list = DeviceList(
      account: ex.account.id, sequence: 2, previous: ex.card.list.hash, notBefore: day, notAfter: day + 86_400,
      nextAccount: ex.account.nextID, relays: [ex.relay], devices: [next.device.listed(at: ex.relay)])
    let card = try Card(list, signedBy: ex.account)
    let stale = try ex.bundle(now: day)
    ex.card = card
    #expect(stage { try ex.bundle(now: day) } == .device, "its prekeys are nobody's any more")
    // It begins a session of its own, with the list in which it still stood: who knows the newer one refuses.
    ex.card = stale.card
    let flight = try seal(
      SessionCell(try ex.initiate(to: try alice.person.bundle(now: day), generation: 9, now: day)), as: ex)
    #expect(stage { try alice.person.respond(to: try Envelope(decoding: flight), known: list, now: day) } == .device)

    // What goes to the new device, and all of it is seen.
    let signed = try SignedPrekey(
      id: 1, account: ex.account.id, device: next.device.id, batches: [], now: day, from: &next.entropy)
    let keys = ContactKeys(ex.address)
    let sealed = SealedKind.signedPart(next.device.mailbox, id: 1).seal(
      try signed.part.published(signedBy: next.device.signing), under: keys.cardKey(), from: &next.entropy)
    let bundle = try VerifiedBundle(
      card: card, device: next.device.id, spkID: 1, sealedSignedPart: sealed, oneTime: nil, keys: keys, now: day)
    let later = SessionCell(try alice.person.initiate(to: bundle, generation: 1, now: day))
    for text in ["one", "two", "three"] {
      let envelope = try Envelope(decoding: try seal(later, as: alice.person, text))
      for trial in Session.Trial.allCases { #expect(!exSession.recognises(envelope, trial)) }
      #expect(stage { try exSession.session.open(envelope, now: day, from: &ex.entropy) } == .header)
      #expect(stage { try ex.respond(to: envelope, now: day) } == .box0)
    }
  }
}
