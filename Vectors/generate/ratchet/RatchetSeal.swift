import SottoCrypto
import SottoSession

@Sendable func ratchetSeal(_ recorded: Recorded) throws -> VectorFile {
  var cases: [Case] = []
  func seal(
    _ id: String, _ rule: String, _ comment: String, _ state: inout SavedSession, _ content: Content,
    nonce: [UInt8] = seq(0x40, 24)
  ) throws {
    let before = state
    let envelope = try state.seal(content, nonce: nonce)
    guard state.skipped == before.skipped else { throw WrongVerdict(description: "\(id): sealing skipped keys") }
    cases.append(
      Case(
        id, rule, comment,
        before.inputs + ["content": .bytes(content.encoded()), "nonce": .bytes(nonce)],
        output: ["envelope": .bytes(envelope), "session": .bytes(state.session)]))
  }

  var talk = try Talk(recorded)
  var confirmed = try talk.initiator.withoutPrelude()
  try seal("example", "ratchet.3", "the example of Specs/Ratchet.md", &confirmed, Talk.hello)
  try seal(
    "second", "ratchet.2", "the next message of the chain: MK 1", &confirmed, Talk.text("second"),
    nonce: seq(0x41, 24))

  try seal(
    "first-flight", "sessions.2", "the initiator's first message has the prelude", &talk.initiator, Talk.hello)
  let first = try talk.initiator.seal(Talk.text("again"), nonce: seq(0x41, 24))
  try seal(
    "prelude-repeated", "handshake.1", "and each one until an answer has opened", &talk.initiator,
    Talk.text("and again"), nonce: seq(0x42, 24))
  _ = try talk.responder.open(first, ratchetKey: seq(0xb1, 32))
  try seal(
    "answer", "ratchet.12", "the responder's first message; its ratchet turned when it opened one", &talk.responder,
    Talk.text("answer"), nonce: seq(0x43, 24))
  _ = try talk.initiator.open(
    try talk.responder.seal(Talk.text("answer again"), nonce: seq(0x44, 24)), ratchetKey: seq(0xa1, 32))
  try seal(
    "after-a-turn", "sessions.2", "the initiator's next chain: PN is 3, and no prelude any more", &talk.initiator,
    Talk.text("turn"), nonce: seq(0x45, 24))

  let full = Content(
    id: Talk.hello.id, sentAt: Talk.hello.sentAt, parts: [.text(String(repeating: "x", count: 353))])
  let overfull = Content(
    id: Talk.hello.id, sentAt: Talk.hello.sentAt, parts: [.text(String(repeating: "x", count: 354))])
  guard full.encoded().count == 382, overfull.encoded().count == 383 else {
    throw WrongVerdict(description: "not the content that fills an envelope")
  }
  try seal("full-512", "envelope.2", "382 bytes of content fill 512", &talk.initiator, full, nonce: seq(0x46, 24))
  try seal(
    "first-1024", "envelope.2", "383 bytes of content need 1,024", &talk.initiator, overfull, nonce: seq(0x47, 24))
  var last = try talk.initiator.with { $0.sending!.next = .max - 1 }
  try seal(
    "last-number", "ratchet.17", "2^32 - 2 is the last number of a chain", &last, Talk.text("last"),
    nonce: seq(0x48, 24))
  return VectorFile(
    construction: "ratchet", operation: "seal", description: "The next message of a session", cases: cases)
}

extension SavedSession {
  var inputs: Named { ["session": .bytes(session), "skipped": .bytes(skipped)] }

  /// As if an answer had opened: the examples of Specs/ have no prelude.
  func withoutPrelude() throws -> SavedSession {
    try with {
      $0.isConfirmed = true
      $0.prelude = nil
    }
  }
}
