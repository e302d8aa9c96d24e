import SottoWire

@Sendable func serverFrame(_: Recorded) throws -> VectorFile {
  let structure = RelayStructure(encode: \.encoded) { try SottoWire.ServerFrame(decoding: $0) }
  let (id, nonce) = (seq(0, 16), seq(32, 32))
  func envelope(_ name: String, _ comment: String, index: Int, _ bytes: [UInt8]) throws -> Case {
    try structure.one(
      name, "stream.4", comment,
      ["type": "envelope", "index": .number(index), "id": .bytes(id), "bytes": .bytes(bytes)],
      .envelope(index: UInt64(index), id: try EnvelopeID(id), bytes: bytes))
  }
  func bytes(_ size: Int) -> [UInt8] { [UInt8](repeating: 0xaa, count: size) }
  func frame(_ index: UInt64, _ bytes: [UInt8]) -> [UInt8] {
    wire { writer in
      writer.u8(2)
      writer.u64(index)
      writer.fixed(id)
      writer.vector(bytes)
    }
  }
  func challenge(_ epoch: UInt64, _ nonce: [UInt8]) -> [UInt8] {
    wire { writer in
      writer.u8(1)
      writer.u64(epoch)
      writer.fixed(nonce)
    }
  }
  func caughtUp(_ index: UInt64) -> [UInt8] {
    wire { writer in
      writer.u8(3)
      writer.u64(index)
    }
  }
  func closing(_ reason: UInt16) throws -> Case {
    try structure.refused(
      "reason-\(reason)", "stream.9", "no such reason", [4] + wire { $0.u16(reason) }, "invalid-value")
  }
  let positive = [
    try structure.one(
      "spec-challenge", "stream.2", "the challenge in Specs/Relay.md",
      ["type": "challenge", "restore_epoch": .number(1), "nonce": .bytes(nonce)],
      .challenge(try StreamChallenge(restoreEpoch: 1, nonce: nonce))),
    try structure.accepted("greatest-epoch", "relay.6", "2^63 - 1", challenge(greatest, nonce)),
    try envelope("spec-envelope", "the envelope in Specs/Relay.md", index: 9, bytes(512)),
    try envelope("largest-envelope", "65,536 bytes", index: 1, seq(0, 65_536)),
    try structure.accepted("greatest-envelope-index", "relay.6", "2^63 - 1", frame(greatest, bytes(512))),
    try structure.one(
      "spec-caught-up", "stream.7", "the frame in Specs/Relay.md", ["type": "caught-up", "index": .number(9)],
      .caughtUp(index: 9)),
    try structure.one(
      "caught-up-empty", "stream.7", "the queue was empty", ["type": "caught-up", "index": .number(0)],
      .caughtUp(index: 0)),
    try structure.accepted("greatest-caught-up-index", "relay.6", "2^63 - 1", caughtUp(greatest)),
  ]
  let reasons = try CloseReason.allCases.map { reason in
    try structure.one(
      "closing-\(reason.name.replacing(" ", with: "-"))", "stream.9", reason.name,
      ["type": "closing", "reason": .number(Int(reason.rawValue))], .closing(reason))
  }
  let negative = [
    try structure.refused("nothing", "encoding.1", "no bytes", [], "truncated"),
    try structure.refused("type-0", "stream.1", "no such type", [0] + caughtUp(9).dropFirst(), "invalid-value"),
    try structure.refused("type-5", "stream.1", "no such type", [5] + caughtUp(9).dropFirst(), "invalid-value"),
    try structure.refused(
      "type-of-client", "stream.1", "an ack, which only the owner sends",
      ClientFrame.ack(index: 9, restoreEpoch: 1).encoded, "invalid-value"),
    try structure.refused("epoch-2-63", "relay.6", "2^63", challenge(tooLarge, nonce), "out-of-range"),
    try structure.refused("short-nonce", "stream.2", "31 random bytes", challenge(1, nonce.dropLast()), "truncated"),
    try structure.refused("long-nonce", "stream.2", "33 random bytes", challenge(1, nonce + [0]), "trailing"),
    try structure.refused("envelope-index-2-63", "relay.6", "2^63", frame(tooLarge, bytes(512)), "out-of-range"),
    try structure.refused("envelope-empty", "stream.1", "an envelope of no bytes", frame(9, []), "invalid-value"),
    try structure.refused(
      "envelope-511", "stream.1", "an envelope of 511 bytes", frame(9, bytes(511)), "invalid-value"),
    try structure.refused(
      "envelope-513", "stream.1", "an envelope of 513 bytes", frame(9, bytes(513)), "invalid-value"),
    try structure.refused(
      "envelope-1536", "stream.1", "three times 512 bytes", frame(9, bytes(1_536)), "invalid-value"),
    try structure.refused(
      "envelope-65537", "stream.1", "one byte more than the largest", frame(9, bytes(65_537)), "out-of-range"),
    try structure.refused(
      "envelope-cut", "encoding.1", "the last byte is missing", frame(9, bytes(512)).dropLast(), "truncated"),
    try structure.refused("envelope-trailing", "encoding.2", "a byte more", frame(9, bytes(512)) + [0], "trailing"),
    try structure.refused(
      "envelope-longer-length", "encoding.3", "the length has a shorter form",
      frame(9, []).dropLast() + hex("80000200") + bytes(512), "non-minimal"),
    try structure.refused("caught-up-index-2-63", "relay.6", "2^63", caughtUp(tooLarge), "out-of-range"),
    try structure.refused("caught-up-cut", "encoding.1", "seven bytes", caughtUp(9).dropLast(), "truncated"),
    try structure.refused("caught-up-trailing", "encoding.2", "a byte more", caughtUp(9) + [0], "trailing"),
    try structure.refused("closing-cut", "encoding.1", "one byte", hex("040f"), "truncated"),
    try structure.refused("closing-trailing", "encoding.2", "a byte more", hex("040fa200"), "trailing"),
    try closing(0), try closing(1000), try closing(1013), try closing(4000), try closing(4006),
  ]
  return VectorFile(
    construction: "relay", operation: "server-frame", description: "What a relay sends on a stream",
    cases: positive + reasons + negative)
}
