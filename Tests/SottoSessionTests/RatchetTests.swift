import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Two people with an established session: both have opened a message of the other.
struct Pair {
  let alice: Person
  let bob: Person
  let fromAlice: SessionCell
  let fromBob: SessionCell

  init(seed: UInt64 = 1) throws {
    alice = try Person(seed: seed * 2, now: day, depth: 0)
    bob = try Person(seed: seed * 2 + 1, now: day, depth: 0)
    fromAlice = SessionCell(try alice.initiate(to: try bob.bundle(now: day), now: day))
    let flight = fromAlice.session.seal(alice.text("hello", at: day), from: &alice.entropy)!
    fromBob = try bob.respond(to: try Envelope(decoding: flight), now: day).0.cell
    try openAtAlice(sealAtBob("hello"))
  }

  func sealAtAlice(_ text: String) -> [UInt8] {
    fromAlice.session.seal(alice.text(text, at: day), from: &alice.entropy)!
  }
  func sealAtBob(_ text: String) -> [UInt8] { fromBob.session.seal(bob.text(text, at: day), from: &bob.entropy)! }

  @discardableResult func openAtAlice(_ bytes: [UInt8], now: UnixTime = day) throws -> Session.Opened {
    try fromAlice.session.open(try Envelope(decoding: bytes), now: now, from: &alice.entropy)
  }
  @discardableResult func openAtBob(_ bytes: [UInt8], now: UnixTime = day) throws -> Session.Opened {
    try fromBob.session.open(try Envelope(decoding: bytes), now: now, from: &bob.entropy)
  }

  /// Both parts of Bob's saved state.
  func stateOfBob() -> [UInt8] {
    fromBob.session.encoded().revealed() + fromBob.session.encodedSkippedKeys().revealed()
  }
}

@Suite(.sealsAreWatched) struct RatchetTests {
  // [ratchet.1] [ratchet.2] [ratchet.10] [ratchet.11] [ratchet.12] [sessions.2] [sessions.4]
  @Test func turnsAndChains() throws {
    let pair = try Pair()
    for turn in 0..<20 {
      for message in 0...(turn % 3) {
        let text = "\(turn).\(message)"
        if turn.isMultiple(of: 2) {
          #expect(try pair.openAtBob(pair.sealAtAlice(text)).content.text == text)
        } else {
          #expect(try pair.openAtAlice(pair.sealAtBob(text)).content.text == text)
        }
      }
    }
  }

  // [ratchet.6] [ratchet.13] [ratchet.16]
  @Test func lateMessagesOpenAcrossTurns() throws {
    let pair = try Pair()
    var late: [(String, [UInt8])] = []
    for turn in 0..<5 {
      for message in 0..<4 {
        let envelope = pair.sealAtAlice("\(turn).\(message)")
        if message == 3 { try pair.openAtBob(envelope) } else { late.append(("\(turn).\(message)", envelope)) }
      }
      try pair.openAtAlice(pair.sealAtBob("turn"))
    }
    for (text, envelope) in late.reversed() { #expect(try pair.openAtBob(envelope).content.text == text) }
    for (_, envelope) in late { #expect(stage { try pair.openAtBob(envelope) } != nil) }
  }

  // [ratchet.4]
  @Test func commitmentAndMessageAreTwoChecks() throws {
    let pair = try Pair()
    let envelope = pair.sealAtAlice("whole")
    var bent = envelope
    bent[1 + 80] ^= 1
    #expect(stage { try pair.openAtBob(bent) } == .commitment)
    bent = envelope
    bent[envelope.count - 1] ^= 1
    #expect(stage { try pair.openAtBob(bent) } == .message)
    bent = envelope
    bent[1] ^= 1
    #expect(stage { try pair.openAtBob(bent) } == .header)
  }

  // [ratchet.14]
  @Test func aJumpIsBounded() throws {
    let pair = try Pair()
    try pair.openAtBob(pair.sealAtAlice("first"))
    for _ in 0..<1000 { _ = pair.sealAtAlice("lost") }
    let reachable = pair.sealAtAlice("gap of 1000")
    let tooFar = pair.sealAtAlice("gap of 1001")
    let before = pair.stateOfBob()
    #expect(stage { try pair.openAtBob(tooFar) } == .gap)
    #expect(pair.stateOfBob() == before)
    #expect(try pair.openAtBob(reachable).dropped == 0)
    #expect(try pair.openAtBob(tooFar).content.text == "gap of 1001")
  }

  // [ratchet.15] [ratchet.17] From who has the header key: another DHr, and a number that no chain reaches.
  @Test func aHeaderBelongsToItsChain() throws {
    let pair = try Pair()
    try pair.openAtBob(pair.sealAtAlice("first"))
    let state = pair.fromBob.session.encoded().revealed()
    // The receiving chain's header key and DHr, counted from the end of what Specs/State.md lays out.
    let key = HeaderKey(Secret(copying: Array(state[(state.count - 140)..<(state.count - 108)])))
    let remote = try AgreementPublicKey(Array(state[(state.count - 104)..<(state.count - 72)]))
    let sid = pair.fromBob.session.info.sid
    func crafted(_ sender: AgreementPublicKey, _ number: UInt32) -> [UInt8] {
      let header = RatchetHeader(key: sender, previousCount: 0, number: number)
      let sealed = key.seal(header, sid: sid, from: &pair.alice.entropy)
      let message = MessageKey(Secret(copying: [UInt8](repeating: 1, count: 32)))
        .seal([UInt8](repeating: 0, count: 383), sid: sid, header: sealed)
      return Envelope.encode(prelude: nil, message: message)
    }
    let other = pair.alice.device.identity.publicKey
    #expect(stage { try pair.openAtBob(crafted(remote, 1)) } == .commitment, "the control: the chain is the right one")
    #expect(stage { try pair.openAtBob(crafted(other, 1)) } == .header)
    #expect(stage { try pair.openAtBob(crafted(remote, .max)) } == .gap)
  }

  // [ratchet.7] [ratchet.16]
  @Test func theOldestSkippedKeysGoFirstAndAreReported() throws {
    let pair = try Pair()
    var sent: [[UInt8]] = []
    var dropped = 0
    for _ in 0..<3 {
      for _ in 0..<900 { sent.append(pair.sealAtAlice("late")) }
      dropped += try pair.openAtBob(pair.sealAtAlice("on time")).dropped
    }
    #expect(dropped == 700)
    #expect(stage { try pair.openAtBob(sent[699]) } == .replay)
    #expect(stage { try pair.openAtBob(sent[700]) } == nil)
    #expect(stage { try pair.openAtBob(sent[2699]) } == nil)
  }

  // [ratchet.8]
  @Test func fivePastChainsAreKept() throws {
    let pair = try Pair()
    var late: [[UInt8]] = []
    for _ in 0..<7 {
      late.append(pair.sealAtAlice("late"))
      try pair.openAtBob(pair.sealAtAlice("on time"))
      try pair.openAtAlice(pair.sealAtBob("turn"))
    }
    try pair.openAtBob(pair.sealAtAlice("the eighth chain"))
    #expect(stage { try pair.openAtBob(late[1]) } == .header)
    #expect(stage { try pair.openAtBob(late[2]) } == nil)
  }

  // [ratchet.9]
  @Test func skippedKeysExpire() throws {
    let pair = try Pair()
    let kept = pair.sealAtAlice("a")
    let late = pair.sealAtAlice("b")
    try pair.openAtBob(pair.sealAtAlice("c"))
    try pair.openAtBob(kept, now: day + 30 * 86_400)
    #expect(try pair.openAtBob(pair.sealAtAlice("d"), now: day + 30 * 86_400 + 1).dropped == 1)
    #expect(stage { try pair.openAtBob(late, now: day + 30 * 86_400 + 1) } == .replay)
  }

  // [ratchet.9] Also where nothing else happened in between.
  @Test func skippedKeysExpireInAQuietSession() throws {
    let pair = try Pair()
    let late = pair.sealAtAlice("late")
    try pair.openAtBob(pair.sealAtAlice("on time"))
    let before = pair.stateOfBob()
    #expect(stage { try pair.openAtBob(late, now: day + 30 * 86_400 + 1) } == .replay)
    #expect(pair.stateOfBob() == before)
    #expect(stage { try pair.openAtBob(late, now: day + 30 * 86_400) } == nil)
  }

  // [ratchet.17] The last number there is would leave no next one: nobody seals it, and nobody opens it.
  @Test func aChainEndsBeforeItsNumbersDo() throws {
    let pair = try Pair()
    try pair.openAtBob(pair.sealAtAlice("first"))
    // Specs/State.md: both chains' counters stand behind their keys.
    let (sending, receiving) = (247, 315)
    let alice = try Self.reloaded(pair.fromAlice, counterAt: sending, .max - 1)
    let bob = try Self.reloaded(pair.fromBob, counterAt: receiving, .max - 1)
    let state = alice.session.encoded()
    let last = try #require(alice.session.seal(pair.alice.text("last", at: day), from: &pair.alice.entropy))
    #expect(alice.session.seal(pair.alice.text("none", at: day), from: &pair.alice.entropy) == nil)
    #expect(stage { try bob.session.open(try Envelope(decoding: last), now: day, from: &pair.bob.entropy) } == nil)
    // A contact who does not keep to it.
    let sid = alice.session.info.sid
    let header = RatchetHeader(
      key: try AgreementPrivateKey(state.slice(151..<183)).publicKey, previousCount: 0, number: .max)
    let sealed = HeaderKey(state.slice(215..<247)).seal(header, sid: sid, from: &pair.alice.entropy)
    let message = ChainKey(state.slice(183..<215)).step().message.seal(
      Padding.pad(pair.alice.text("one more", at: day).encoded(), to: 383), sid: sid, header: sealed)
    let forged = try Envelope(decoding: Envelope.encode(prelude: nil, message: message))
    #expect(stage { try bob.session.open(forged, now: day, from: &pair.bob.entropy) } == .gap)
  }

  private static func reloaded(_ cell: SessionCell, counterAt offset: Int, _ value: UInt32) throws -> SessionCell {
    var core = cell.session.encoded().revealed()
    core.replaceSubrange(offset..<offset + 4, with: (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - $0 * 8)) })
    let skipped = cell.session.encodedSkippedKeys()
    return SessionCell(try Session(decoding: Secret(copying: core), skippedKeys: skipped))
  }

  // [sessions.3]
  @Test func anotherSessionsMessageIsNotRecognised() throws {
    let pair = try Pair(seed: 1)
    let other = try Pair(seed: 2)
    let envelope = try Envelope(decoding: other.sealAtAlice("for someone else"))
    for trial in Session.Trial.allCases { #expect(!pair.fromBob.recognises(envelope, trial)) }
    let own = try Envelope(decoding: pair.sealAtAlice("for me"))
    #expect(pair.fromBob.recognises(own, .current))
  }

  // A clone heals: after one exchange the stolen state opens nothing.
  @Test func aClonedStateHeals() throws {
    let pair = try Pair()
    let stolen = try pair.fromBob.reloaded()
    try pair.openAtBob(pair.sealAtAlice("seen by both"))
    try pair.openAtAlice(pair.sealAtBob("a turn"))
    try pair.openAtBob(pair.sealAtAlice("and back"))
    try pair.openAtAlice(pair.sealAtBob("and forth"))
    let healed = try Envelope(decoding: pair.sealAtAlice("secret again"))
    #expect(stage { try stolen.session.open(healed, now: day, from: &pair.bob.entropy) } == .header)
  }
}
