import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Published attacks on ratchets, each against this one. Specs/Attacks.md has their sources.
@Suite(.sealsAreWatched) struct RatchetAttackTests {
  // [ratchet.14] [ratchet.17] A11: what a header says costs nothing before it has been found to be possible.
  @Test func aJumpOf4294967295CostsNoDerivation() throws {
    let pair = try Pair()
    try pair.openAtBob(pair.sealAtAlice("first"))
    let forger = try Forger(pair.fromAlice)
    let ledger = try #require(SealLedger.current)
    // One message of the current chain has opened: Nr is 1.
    for number in [1002, 1 << 16, 1 << 31, .max - 1, .max] as [UInt32] {
      try refused(.gap, forger.envelope(number: number), by: pair)
    }
    let fresh = AgreementPrivateKey(from: &pair.alice.entropy).publicKey
    for (previous, number) in [(1, 1001), (1, .max), (1002, 0), (.max, 0), (.max, .max), (0, 0)] as [(UInt32, UInt32)] {
      try refused(.gap, forger.envelope(on: .next, key: fresh, previousCount: previous, number: number), by: pair)
    }
    // The control: what is allowed makes its steps, and one that is refused makes them too.
    var before = ledger.chainSteps
    let control = forger.envelope(number: 1001)
    #expect(stage { try pair.openAtBob(control) } == .commitment)
    #expect(ledger.chainSteps - before == 1002, "1,001 here, one in the forger's own")
    for _ in 0..<1000 { _ = pair.sealAtAlice("lost") }
    let last = pair.sealAtAlice("last")
    before = ledger.chainSteps
    try pair.openAtBob(last)
    #expect(ledger.chainSteps - before == 1001)
  }

  private func refused(_ expected: RefusalStage, _ envelope: [UInt8], by pair: Pair) throws {
    let ledger = try #require(SealLedger.current)
    let (state, steps) = (pair.stateOfBob(), ledger.chainSteps)
    #expect(stage { try pair.openAtBob(envelope) } == expected)
    #expect(ledger.chainSteps == steps && pair.stateOfBob() == state)
  }

  // [ratchet.6] [ratchet.7] A11: up to the bound nothing is lost, whatever the order in which it comes.
  @Test func aFullStoreOf2000LosesNothing() throws {
    let pair = try Pair()
    var late: [[UInt8]] = []
    for _ in 0..<2 {
      for _ in 0..<1000 { late.append(pair.sealAtAlice("late")) }
      #expect(try pair.openAtBob(pair.sealAtAlice("on time")).dropped == 0)
      try pair.openAtAlice(pair.sealAtBob("turn"))
    }
    late.shuffle(using: &pair.alice.entropy)
    for envelope in late { #expect(stage { try pair.openAtBob(envelope) } == nil) }
    let left = pair.fromBob.session.encodedSkippedKeys().revealed()
    #expect(left == [1, 0, 0])
  }

  // [ratchet.7] A11: beyond it the oldest go, one for one, and every one of them is reported.
  @Test func whatIsBeyondTheBoundIsReportedOneForOne() throws {
    let pair = try Pair()
    var late: [[UInt8]] = []
    for _ in 0..<2000 {
      late.append(pair.sealAtAlice("late"))
      if late.count.isMultiple(of: 500) { try pair.openAtBob(pair.sealAtAlice("on time")) }
    }
    for number in 0..<5 {
      late.append(pair.sealAtAlice("one more"))
      #expect(try pair.openAtBob(pair.sealAtAlice("on time")).dropped == 1)
      let before = pair.stateOfBob()
      #expect(stage { try pair.openAtBob(late[number]) } == .replay)
      #expect(pair.stateOfBob() == before)
    }
    for envelope in late.dropFirst(5) { #expect(stage { try pair.openAtBob(envelope) } == nil) }
  }

  /// Where the next message of Alice stands for Bob.
  enum Place: CaseIterable {
    case current, skipped, next, past
  }

  // [ratchet.3] [ratchet.4] [ratchet.5] [ratchet.10] [envelope.2] [envelope.3] A12: each refused at its own stage, each
  // without a trace, and then the message itself opens.
  @Test(arguments: Place.allCases) func everyBitCountsAndLeavesNoTrace(_ place: Place) throws {
    let pair = try Pair()
    if place != .next { try pair.openAtBob(pair.sealAtAlice("first")) }
    let envelope = pair.sealAtAlice("whole")
    if place == .skipped || place == .past { try pair.openAtBob(pair.sealAtAlice("before it")) }
    if place == .past {
      try pair.openAtAlice(pair.sealAtBob("turn"))
      try pair.openAtBob(pair.sealAtAlice("the next chain"))
    }
    let before = pair.stateOfBob()
    for bit in 0..<envelope.count * 8 {
      let expected: RefusalStage =
        switch bit / 8 {
        case 0: .encoding
        case 1..<81: .header
        case 81..<113: .commitment
        default: .message
        }
      #expect(stage { try pair.openAtBob(envelope.flipping(bit)) } == expected)
      #expect(pair.stateOfBob() == before)
    }
    #expect(try pair.openAtBob(envelope).content.text == "whole")
    #expect(pair.stateOfBob() != before)
  }

  // [envelope.3] [ratchet.4] A13: cut anywhere, also where a smaller envelope would end.
  @Test func whatIsCutShortIsRefused() throws {
    let pair = try Pair()
    let envelope = pair.sealAtAlice(String(repeating: "long", count: 400))
    #expect(envelope.count == 2048)
    let before = pair.stateOfBob()
    for count in 0..<envelope.count {
      let isSize = SizeClass(rawValue: count) != nil
      #expect(stage { try pair.openAtBob(Array(envelope[..<count])) } == (isSize ? .message : .encoding))
    }
    let longer = envelope + [UInt8](repeating: 0, count: 2048)
    #expect(stage { try pair.openAtBob(longer) } == .message)
    #expect(pair.stateOfBob() == before)
    #expect(stage { try pair.openAtBob(envelope) } == nil)
  }

  // [ratchet.3] [sessions.3] A13: parts of different messages, and of different sessions.
  @Test func splicedMessagesAreRefused() throws {
    let (pair, other) = (try Pair(seed: 1), try Pair(seed: 2))
    let (one, two) = (pair.sealAtAlice("one"), pair.sealAtAlice("two"))
    let foreign = other.sealAtAlice("foreign")
    let back = pair.sealAtBob("back")
    let before = pair.stateOfBob()
    let cases: [([UInt8], RefusalStage)] = [
      (one.joined(to: two, at: 81), .commitment), (one.joined(to: two, at: 113), .message),
      (two.joined(to: one, at: 81), .commitment), (one.joined(to: foreign, at: 81), .commitment),
      (one.joined(to: foreign, at: 113), .message), (foreign.joined(to: one, at: 81), .header), (foreign, .header),
      (back, .header),
    ]
    for (spliced, expected) in cases { #expect(stage { try pair.openAtBob(spliced) } == expected) }
    #expect(pair.stateOfBob() == before)
    for envelope in [two, one] { #expect(stage { try pair.openAtBob(envelope) } == nil) }
  }

  // [ratchet.10] A12: authentic, and yet not valid content: the key was not used up.
  @Test func authenticNonsenseLeavesNoTrace() throws {
    let pair = try Pair()
    try pair.openAtBob(pair.sealAtAlice("first"))
    let forger = try Forger(pair.fromAlice)
    let before = pair.stateOfBob()
    let unpadded = [UInt8](repeating: 0, count: 383)
    #expect(stage { try pair.openAtBob(forger.envelope(number: 1, padded: unpadded)) } == .padding)
    #expect(stage { try pair.openAtBob(forger.envelope(number: 1)) } == .content)
    #expect(pair.stateOfBob() == before)
    #expect(try pair.openAtBob(pair.sealAtAlice("the same key")).content.text == "the same key")
  }

  // A14: after one exchange a stolen state neither reads nor speaks.
  @Test func aCloneIsDeafAndDumbAfterOneExchange() throws {
    let pair = try Pair()
    let stolen = try pair.fromBob.reloaded()
    #expect(stage { try Self.open(pair.sealAtAlice("read by both"), by: stolen, pair.bob) } == nil)
    _ = try pair.openAtBob(pair.sealAtAlice("opened by Bob alone"))
    try pair.openAtAlice(pair.sealAtBob("a turn that the thief cannot follow"))
    try pair.openAtBob(pair.sealAtAlice("and back"))
    try pair.openAtAlice(pair.sealAtBob("and forth"))
    for _ in 0..<3 {
      #expect(stage { try Self.open(pair.sealAtAlice("healed"), by: stolen, pair.bob) } == .header)
    }
    let forged = stolen.session.seal(pair.bob.text("I am Bob", at: day), from: &pair.bob.entropy)!
    let before = pair.fromAlice.session.encoded().revealed()
    #expect(stage { try pair.openAtAlice(forged) } == .header)
    #expect(pair.fromAlice.session.encoded().revealed() == before)
  }

  private static func open(_ envelope: [UInt8], by cell: SessionCell, _ person: Person) throws -> String? {
    try cell.session.open(try Envelope(decoding: envelope), now: day, from: &person.entropy).content.text
  }
}
