import SottoCrypto
import SottoSession
import SottoWire

/// How far a header may jump. The senders here keep to no bound; only the number is out of range.
func jumps(_ recorded: Recorded, _ cases: inout OpenCases) throws {
  let fresh = try Talk(recorded)
  let talk = try Talk.established(recorded)
  let turned = try Talk.turned(talk).initiator

  var current = talk.responder
  try cases.accept(
    "gap-current-1000", "ratchet.14", "the current chain: N - Nr is 1,000", &current,
    try CraftedMessage(of: talk.initiator, number: 1001).envelope)
  try cases.refuse(
    "gap-current-1001", "ratchet.14", "the current chain: N - Nr is 1,001", talk.responder,
    try CraftedMessage(of: talk.initiator, number: 1002).envelope, at: .gap)

  var next = talk.responder
  try cases.accept(
    "gap-next-1000", "ratchet.14", "the next chain: N is 1,000", &next,
    try CraftedMessage(of: turned, number: 1000).envelope)
  try cases.refuse(
    "gap-next-1001", "ratchet.14", "the next chain: N is 1,001", talk.responder,
    try CraftedMessage(of: turned, number: 1001).envelope, at: .gap)

  let first = try CraftedMessage(of: turned)
  try cases.refuse(
    "gap-previous-1001", "ratchet.14", "the next chain: PN - Nr is 1,001", talk.responder,
    first.with { $0.previousCount = 1002 }.envelope, at: .gap)
  try cases.refuse(
    "previous-below", "ratchet.14", "the next chain: PN is 0, but a message of the old chain was opened",
    talk.responder, first.with { $0.previousCount = 0 }.envelope, at: .gap)
  try cases.refuse(
    "previous-without-chain", "ratchet.14", "the first chain there is: PN is 1", fresh.responder,
    try CraftedMessage(of: fresh.initiator).with { $0.previousCount = 1 }.envelope, at: .gap)
  try cases.refuse(
    "gap-first-1001", "ratchet.14", "the first chain there is: N is 1,001", fresh.responder,
    try CraftedMessage(of: fresh.initiator, number: 1001).envelope, at: .gap)

  // A chain near its end.
  let sender = try talk.initiator.with { $0.sending!.next = .max - 1 }
  var receiver = try talk.responder.with { $0.receiving!.next = .max - 1 }
  let last = try CraftedMessage(of: sender)
  try cases.accept("last-number", "ratchet.17", "2^32 - 2 is the last number of a chain", &receiver, last.envelope)
  try cases.refuse(
    "number-after-the-last", "ratchet.17", "N is 2^32 - 1", receiver,
    try CraftedMessage(of: sender, number: .max).envelope, at: .gap)
}

/// How many skipped keys are kept, and for how long.
func store(_ recorded: Recorded, _ cases: inout OpenCases) throws {
  let month: UInt64 = 2_592_000
  var talk = try Talk.established(recorded)
  let late1 = try talk.initiator.seal(Talk.text("late"))
  let late2 = try talk.initiator.seal(Talk.text("later"))
  _ = try talk.responder.open(try talk.initiator.seal(Talk.text("in time")), ratchetKey: seq(0xb3, 32))
  let kept = talk.responder
  var old = kept
  try cases.accept(
    "30-days", "ratchet.9", "a skipped key opens its message until 30 days after it was stored", &old, late1,
    now: Cast.now + month)
  try cases.refuse(
    "30-days-and-a-second", "ratchet.9", "a second later it does not", kept, late1, now: Cast.now + month + 1,
    at: .replay)
  var expired = kept
  try cases.accept(
    "expired", "ratchet.9", "two keys expire when the next message opens, and are reported", &expired,
    try talk.initiator.seal(Talk.text("next")), now: Cast.now + month + 1, dropped: 2)
  try cases.refuse(
    "expired-key-gone", "ratchet.16", "what has expired does not come back with the clock", expired, late2,
    at: .replay)

  // One key of another chain, and the longest jump there is.
  func key(_ number: Int) -> [UInt8] { seq(number, 32) }
  let start = try Talk.established(recorded)
  let turned = try Talk.turned(start).initiator
  var full = try start.responder.with(
    SkippedFields(
      past: [(0, seq(0x20, 32))],
      runs: [SkippedFields.Run(chain: 0, first: 0, storedAt: Cast.now, keys: [key(0)])]))
  try cases.accept(
    "2000-keys", "ratchet.7",
    "PN - Nr is 1,000 and N is 1,000, both at the bound: of 2,001 keys the oldest goes, and is reported", &full,
    try CraftedMessage(of: turned, number: 1000).with { $0.previousCount = 1001 }.envelope, dropped: 1)

  // Five past chains and one that ends.
  func run(_ chain: UInt32, _ keys: [[UInt8]]) -> SkippedFields.Run {
    SkippedFields.Run(chain: chain, first: 4, storedAt: Cast.now, keys: keys)
  }
  let past = try CraftedMessage(of: start.initiator, number: 4)
  let oldest = past.with { $0.headerKey = seq(0x20, 32) }
  let fivePast = try start.responder.with { $0.receiving!.number = 5 }.with(
    SkippedFields(
      past: (0..<5).map { (UInt32($0), seq(0x20 + $0, 32)) },
      runs: [run(0, [past.messageKey, key(5)])] + (1..<5).map { run($0, [key(Int($0))]) }))
  let first = try CraftedMessage(of: turned)
  var sixth = fivePast
  try cases.accept(
    "sixth-past-chain", "ratchet.8", "the oldest of five past chains goes with its two keys, which are reported",
    &sixth, first.with { $0.previousCount = 2 }.envelope, dropped: 2)
  try cases.refuse(
    "past-chain-dropped", "ratchet.8", "a message of the chain that went", sixth, oldest.envelope, at: .header)
  var open = fivePast
  try cases.accept(
    "past-chain-kept", "ratchet.8", "the same message, had no sixth chain come", &open, oldest.envelope)
  var fifth = fivePast
  try cases.accept(
    "no-sixth-past-chain", "ratchet.8", "of the chain that ends nothing is missing: it is not kept, and none goes",
    &fifth, first.envelope)
}

/// Messages of which one part is wrong.
func damage(_ recorded: Recorded, _ cases: inout OpenCases) throws {
  let talk = try Talk.established(recorded)
  let good = try CraftedMessage(of: talk.initiator)
  let next = try CraftedMessage(of: Talk.turned(talk).initiator)
  var skipping = talk.responder
  _ = try skipping.open(
    try CraftedMessage(of: talk.initiator, number: 2).envelope, ratchetKey: OpenCases.ratchetKey)
  for (place, state, message) in [
    ("current", talk.responder, good), ("next", talk.responder, next), ("skipped", skipping, good),
  ] {
    let envelope = message.envelope
    try cases.refuse(
      "commitment-\(place)", "ratchet.4", "one bit of the commitment; key: \(place)", state, envelope.flipped(81),
      at: .commitment)
    try cases.refuse(
      "tag-\(place)", "ratchet.4", "one bit of the tag; key: \(place)", state, envelope.flipped(511), at: .message)
    try cases.refuse(
      "padding-\(place)", "messages.2", "zeros without a marker; key: \(place)", state,
      message.with { $0.padded = [UInt8](repeating: 0, count: 383) }.envelope, at: .padding)
    try cases.refuse(
      "content-\(place)", "messages.4", "content that ends too early; key: \(place)", state,
      message.with { $0.padded = Padding.pad(Array(Talk.hello.encoded().dropLast()), to: 383) }.envelope, at: .content)
  }
  var control = skipping
  try cases.accept(
    "skipped-control", "ratchet.16", "the message with a skipped key that the cases before falsify", &control,
    good.envelope)
  let other = good.with { $0.nonce = seq(0x61, 24) }.envelope
  try cases.refuse(
    "header-sealed-again", "ratchet.4", "the same header under another nonce: the commitment binds its bytes",
    talk.responder, [1] + other[1..<81] + good.envelope[81...], at: .commitment)
  try cases.refuse(
    "header-bent", "ratchet.13", "one bit of the header", talk.responder, good.envelope.flipped(40), at: .header)
  try cases.refuse(
    "padding-other-marker", "messages.2", "the last byte that is not zero is 01", talk.responder,
    good.with { $0.padded = Talk.hello.encoded() + [1] + [UInt8](repeating: 0, count: 350) }.envelope, at: .padding)
  try contents(talk, good, &cases)
  try envelopes(recorded, talk, good, &cases)
}

/// Authentic content that is not valid is refused before the commit.
private func contents(_ talk: Talk, _ good: CraftedMessage, _ cases: inout OpenCases) throws {
  func content(_ parts: [UInt8]) -> CraftedMessage {
    let encoded = Talk.hello.id.bytes + [0, 0, 1, 0x9b, 0x76, 0xda, 0xa8, 0] + [UInt8(parts.count)] + parts
    return good.with { $0.padded = Padding.pad(encoded, to: 383) }
  }
  for (id, comment, parts) in [
    ("content-kind", "a kind below 128 that is not known", [5, 0]),
    ("content-text", "text that is not UTF-8", [1, 1, 0xff]),
    ("content-missing", "a message id of 15 bytes", [4, 15] + seq(0, 15)),
  ] as [(String, String, [UInt8])] {
    try cases.refuse(id, "messages.4", comment, talk.responder, content(parts).envelope, at: .content)
  }
  let (low, high) = (seq(0x00, 16) + seq(0x07, 32), seq(0x10, 16) + seq(0x07, 32))
  let path = [13] + Array("relay.example".utf8) + seq(0xa0, 16) + [0, 0, 0, 0, 0, 0, 0, 1] + [0x40, 96]
  func replyPath(_ rights: [UInt8]) -> CraftedMessage {
    let body = path + rights
    return good.with {
      $0.padded = Padding.pad(
        Talk.hello.id.bytes + [0, 0, 1, 0x9b, 0x76, 0xda, 0xa8, 0] + [0x40, UInt8(body.count + 3), 2, 0x40]
          + [UInt8(body.count)] + body, to: 383)
    }
  }
  var control = talk.responder
  try cases.accept(
    "reply-path", "handshake.5", "a reply path with two mailboxes, ascending", &control, replyPath(low + high).envelope)
  try cases.refuse(
    "reply-path-order", "handshake.5", "the mailboxes are not in order", talk.responder, replyPath(high + low).envelope,
    at: .content)
  try cases.refuse(
    "reply-path-twice", "handshake.5", "a mailbox occurs twice", talk.responder, replyPath(low + low).envelope,
    at: .content)
  var empty = talk.responder
  try cases.accept(
    "no-parts", "messages.5", "content without parts carries nothing but the ratchet", &empty, content([]).envelope)
}

private func envelopes(
  _ recorded: Recorded, _ talk: Talk, _ good: CraftedMessage, _ cases: inout OpenCases
) throws {
  for (id, comment, count) in [
    ("envelope-511", "511 bytes", 382), ("envelope-513", "513 bytes", 384), ("envelope-768", "768 bytes", 639),
    ("envelope-256", "256 bytes", 127),
  ] {
    let message = try CraftedMessage(of: talk.initiator, count: count)
    try cases.refuse(id, "envelope.3", comment, talk.responder, message.envelope, at: .encoding)
  }
  for type in [0, 3, 0x81] as [UInt8] {
    try cases.refuse(
      "envelope-type-\(type)", "envelope.3", "an envelope of type \(type)", talk.responder,
      [type] + good.envelope.dropFirst(), at: .encoding)
  }
  try cases.refuse(
    "envelope-without-its-prelude", "envelope.3", "type 2, but what follows is no prelude", talk.responder,
    [2] + good.envelope.dropFirst(), at: .encoding)

  // Preludes whose digest the session knows: nothing but their encoding is wrong.
  func flight(_ prelude: [UInt8]) throws -> [UInt8] {
    try CraftedMessage(of: talk.initiator, count: 4096 - 129 - prelude.count).with { $0.prelude = prelude }.envelope
  }
  func session(knowing prelude: Prelude) throws -> SavedSession {
    try talk.responder.with { $0.preludeDigest = prelude.digest.bytes }
  }
  func bytes(_ prelude: Prelude) -> [UInt8] {
    var writer = WireWriter()
    prelude.write(to: &writer)
    return writer.bytes
  }
  let known = try ScheduleInput.example(Cast(recorded)).run().prelude
  func prelude(box1: [UInt8]) -> Prelude {
    Prelude(ephemeralKey: known.ephemeralKey, box0: known.box0, ciphertext: known.ciphertext, box1: box1)
  }
  for (id, comment, count) in [
    ("box1-empty", "box1 is a tag alone", 16), ("box1-271", "box1 has 271 bytes", 271),
    ("box1-273", "box1 has 273 bytes", 273), ("box1-256", "box1 has 256 bytes, a multiple without a tag", 256),
  ] {
    let odd = prelude(box1: seq(0, count))
    try cases.refuse(id, "handshake.2", comment, try session(knowing: odd), try flight(bytes(odd)), at: .encoding)
  }
  let whole = prelude(box1: seq(0, 528))
  var control = try session(knowing: whole)
  try cases.accept("box1-528", "handshake.2", "box1 has 528 bytes", &control, try flight(bytes(whole)))
  var bent = bytes(known)
  bent[31] |= 0x80
  try cases.refuse(
    "ephemeral-key-with-top-bit", "primitives.3", "EK of the prelude has the top bit set", talk.responder,
    try flight(bent), at: .encoding)
  try cases.refuse(
    "prelude-of-another", "sessions.3", "a prelude that is not the one of this session", talk.responder,
    try flight(bytes(whole)), at: .header)

  var begun = try Talk(recorded).initiator
  try cases.refuse(
    "reflected", "sessions.3", "the initiator's own first message comes back", begun, try begun.seal(Talk.hello),
    at: .header)
}
