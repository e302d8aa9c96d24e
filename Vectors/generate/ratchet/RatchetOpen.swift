import SottoCrypto
import SottoSession

@Sendable func ratchetOpen(_ recorded: Recorded) throws -> VectorFile {
  var cases = OpenCases()
  try conversation(recorded, &cases)
  try trials(recorded, &cases)
  try jumps(recorded, &cases)
  try store(recorded, &cases)
  try damage(recorded, &cases)
  return VectorFile(
    construction: "ratchet", operation: "open",
    description: "One envelope opened by its session; the first cases are one conversation, each with the state that "
      + "the one before left",
    cases: cases.cases)
}

/// What one side is told in order and late, across turns, and that nothing opens twice.
private func conversation(_ recorded: Recorded, _ cases: inout OpenCases) throws {
  var talk = try Talk(recorded)
  var example = talk
  example.initiator = try example.initiator.withoutPrelude()
  try cases.accept(
    "example", "ratchet.12", "the example of Specs/Ratchet.md: the responder's first turn", &example.responder,
    try example.initiator.seal(Talk.hello))

  // The first flight, twice, and an answer.
  let first = try talk.initiator.seal(Talk.text("1.0"))
  try cases.accept("first", "ratchet.12", "the first message, with its prelude", &talk.responder, first)
  try cases.refuse(
    "first-again", "ratchet.16", "the same envelope a second time", talk.responder, first, at: .replay)
  try cases.accept(
    "prelude-known", "handshake.3", "the next message, with the same prelude", &talk.responder,
    try talk.initiator.seal(Talk.text("1.1"), nonce: seq(0x41, 24)))
  try cases.accept(
    "answer", "ratchet.11", "the initiator's first turn: from now on it is confirmed, and has no prelude",
    &talk.initiator, try talk.responder.seal(Talk.text("2.0"), nonce: seq(0x42, 24)), ratchetKey: seq(0xa1, 32))

  // The initiator's second chain: some of it in order, some late.
  let turn = try talk.initiator.seal(Talk.text("3.0"), nonce: seq(0x43, 24))
  try cases.accept(
    "turn", "ratchet.10", "a turn: PN is 2, so nothing of the old chain is missing", &talk.responder, turn,
    ratchetKey: seq(0xb2, 32))
  let inOrder = try talk.initiator.seal(Talk.text("3.1"), nonce: seq(0x44, 24))
  try cases.accept("in-order", "ratchet.2", "the current chain goes on", &talk.responder, inOrder)
  let late2 = try talk.initiator.seal(Talk.text("3.2"), nonce: seq(0x45, 24))
  let late3 = try talk.initiator.seal(Talk.text("3.3"), nonce: seq(0x46, 24))
  let late4 = try talk.initiator.seal(Talk.text("3.4"), nonce: seq(0x47, 24))
  try cases.accept(
    "skipped", "ratchet.6", "number 5 before 2, 3 and 4: their keys are kept", &talk.responder,
    try talk.initiator.seal(Talk.text("3.5"), nonce: seq(0x48, 24)), now: Cast.now + 60)
  try cases.refuse(
    "below-without-key", "ratchet.16", "number 1 was opened in order: there is no key of it", talk.responder, inOrder,
    at: .replay)
  try cases.accept(
    "late", "ratchet.16", "number 3 with its key, which stood between two others", &talk.responder, late3,
    now: Cast.now + 120)
  try cases.refuse(
    "late-again", "ratchet.16", "number 3 a second time: its key is gone", talk.responder, late3, at: .replay)

  // Number 6 is lost; the initiator turns before it knows.
  let late6 = try talk.initiator.seal(Talk.text("3.6"), nonce: seq(0x49, 24))
  let cloned = talk.initiator
  try cases.accept(
    "turn-of-the-initiator", "ratchet.10", "the other side turns", &talk.initiator,
    try talk.responder.seal(Talk.text("4.0"), nonce: seq(0x4a, 24)), ratchetKey: seq(0xa2, 32))
  let next0 = try talk.initiator.seal(Talk.text("5.0"), nonce: seq(0x4b, 24))
  try cases.accept(
    "turn-with-missing", "ratchet.8",
    "number 1 of a new chain: the keys of numbers 2, 4 and 6 of the old one and 0 of the new one are kept",
    &talk.responder, try talk.initiator.seal(Talk.text("5.1"), nonce: seq(0x4c, 24)), ratchetKey: seq(0xb3, 32),
    now: Cast.now + 180)
  try cases.accept(
    "late-past-chain", "ratchet.16", "number 4 of the past chain", &talk.responder, late4, now: Cast.now + 240)
  try cases.refuse(
    "late-past-chain-again", "ratchet.16", "number 4 of the past chain a second time", talk.responder, late4,
    at: .replay)
  try cases.refuse(
    "past-chain-in-order", "ratchet.16", "number 1 of the past chain, which was opened in order", talk.responder,
    inOrder, at: .replay)
  try cases.refuse(
    "past-chain-beyond", "ratchet.16", "a past chain does not go on: number 7 under its keys", talk.responder,
    try CraftedMessage(of: cloned).envelope, at: .replay)
  try cases.accept(
    "late-new-chain", "ratchet.16", "number 0 of the current chain", &talk.responder, next0, now: Cast.now + 300)
  try cases.accept("late-past-chain-2", "ratchet.16", "number 2 of the past chain", &talk.responder, late2)
  try cases.accept(
    "last-of-past-chain", "ratchet.8", "number 6: with the last key of a past chain its header key goes",
    &talk.responder, late6)
  try cases.refuse(
    "past-chain-gone", "ratchet.13", "number 6 again: no header key opens it any more", talk.responder, late6,
    at: .header)

  // The other side, two messages of one chain in the wrong order.
  let first4 = try talk.responder.seal(Talk.text("6.0"), nonce: seq(0x4d, 24))
  try cases.accept(
    "initiator-skips", "ratchet.6", "the initiator turns with number 1 before 0", &talk.initiator,
    try talk.responder.seal(Talk.text("6.1"), nonce: seq(0x4e, 24)), ratchetKey: seq(0xa3, 32))
  try cases.accept("initiator-late", "ratchet.16", "and opens number 0", &talk.initiator, first4)
}

/// Which header key decides. States in which two keys could open one header do not occur in honest conversations; the
/// order is normative all the same.
private func trials(_ recorded: Recorded, _ cases: inout OpenCases) throws {
  let talk = try Talk.established(recorded)
  let goesOn = try CraftedMessage(of: talk.initiator)
  let receiving = talk.responder.fields.receiving!
  var both = try talk.responder.with { $0.nextReceivingHeader = receiving.header }
  try cases.accept(
    "current-before-next", "ratchet.13", "the current and the next header key are the same: the current one decides",
    &both, goesOn.envelope)

  let turned = try CraftedMessage(of: Talk.turned(talk).initiator)
  let key = turned.headerKey
  let run = SkippedFields.Run(chain: 0, first: 0, storedAt: Cast.now, keys: [seq(0x01, 32)])
  var nextBeforePast = try talk.responder.with(SkippedFields(past: [(0, key)], runs: [run]))
  try cases.accept(
    "next-before-past", "ratchet.13", "the next header key and that of a past chain are the same: a turn",
    &nextBeforePast, turned.envelope)

  // Two past chains with one header key; the message is of the newer.
  let past = goesOn.with { $0.headerKey = seq(0x20, 32) }
  var newestFirst = try talk.responder.with { $0.receiving!.number = 2 }.with(
    SkippedFields(
      past: [(0, past.headerKey), (1, past.headerKey)],
      runs: [
        SkippedFields.Run(chain: 0, first: past.number, storedAt: Cast.now, keys: [seq(0x01, 32)]),
        SkippedFields.Run(chain: 1, first: past.number, storedAt: Cast.now, keys: [past.messageKey]),
      ]))
  try cases.accept(
    "newest-past-first", "ratchet.13", "two past chains have the same header key: the newer one decides", &newestFirst,
    past.envelope)

  try cases.refuse(
    "other-ratchet-key", "ratchet.15", "the current header key opens, but the header has another ratchet key",
    talk.responder, goesOn.with { $0.key = turned.key }.envelope, at: .header)
  try cases.refuse(
    "no-header-key", "ratchet.13", "a header under a key that the session does not have", talk.responder,
    goesOn.with { $0.headerKey = seq(0x20, 32) }.envelope, at: .header)
  try cases.refuse(
    "own-chain", "ratchet.13", "the responder's own message comes back", talk.responder,
    try CraftedMessage(of: talk.responder).envelope, at: .header)
  for (name, message) in [("current", goesOn), ("next", turned)] {
    try cases.refuse(
      "\(name)-key-with-top-bit", "ratchet.5", "the \(name) header key opens; the ratchet key has the top bit set",
      talk.responder, message.with { $0.key[31] |= 0x80 }.envelope, at: .header)
  }
  try cases.refuse(
    "next-key-not-reduced", "ratchet.5", "a ratchet key of 2^255 - 18, which is another name of 1", talk.responder,
    turned.with { $0.key = [0xee] + [UInt8](repeating: 0xff, count: 30) + [0x7f] }.envelope, at: .header)
  for (name, key) in lowOrder {
    try cases.refuse(
      "next-key-\(name)", "primitives.4", "a turn to a ratchet key of small order: the agreement is all zero",
      talk.responder, turned.with { $0.key = key }.envelope, at: .key)
  }
  var afterTurn = talk.responder
  try cases.accept(
    "next-control", "ratchet.13", "the message whose ratchet key the cases before falsify", &afterTurn, turned.envelope)
}

/// Keys whose agreement with any other is all zero, each in its canonical encoding.
let lowOrder: [(name: String, key: [UInt8])] = [
  ("zero", [UInt8](repeating: 0, count: 32)), ("one", [1] + [UInt8](repeating: 0, count: 31)),
  ("of-order-8", hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
]

extension Talk {
  /// Both have opened a message of the other; the initiator's second chain has one message, which opened.
  static func established(_ recorded: Recorded, _ kind: PrekeyKind = .oneTime) throws -> Talk {
    var talk = try Talk(recorded, kind)
    _ = try talk.responder.open(try talk.initiator.seal(text("one")), ratchetKey: seq(0xb1, 32))
    _ = try talk.initiator.open(try talk.responder.seal(text("two")), ratchetKey: seq(0xa1, 32))
    _ = try talk.responder.open(try talk.initiator.seal(text("three")), ratchetKey: seq(0xb2, 32))
    return talk
  }

  /// The initiator has opened an answer: its next message is a turn of the responder.
  static func turned(_ talk: Talk) throws -> Talk {
    var talk = talk
    _ = try talk.initiator.open(try talk.responder.seal(text("four")), ratchetKey: seq(0xa2, 32))
    return talk
  }
}
