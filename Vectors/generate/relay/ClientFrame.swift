import SottoCrypto
import SottoWire

@Sendable func clientFrame(_: Recorded) throws -> VectorFile {
  let structure = RelayStructure(encode: \.encoded) { try SottoWire.ClientFrame(decoding: $0) }
  let key = try RelayExample.publicKey()
  let challenge = try StreamChallenge(restoreEpoch: 1, nonce: seq(32, 32))
  let answer = challenge.answer(
    authority: RelayExample.authority, signedBy: try SigningKey(seed: Secret(copying: RelayExample.seed)))
  guard case .authenticate(_, let signature) = answer else {
    throw WrongVerdict(id: "answer", verdict: "another frame")
  }
  let bytes = answer.encoded
  func ack(_ index: UInt64, _ epoch: UInt64) -> [UInt8] {
    wire { writer in
      writer.u8(0x82)
      writer.u64(index)
      writer.u64(epoch)
    }
  }
  func ack(_ id: String, _ comment: String, _ index: Int, _ epoch: Int) throws -> Case {
    try structure.one(
      id, "stream.6", comment, ["type": "ack", "index": .number(index), "restore_epoch": .number(epoch)],
      .ack(index: UInt64(index), restoreEpoch: UInt64(epoch)))
  }
  return VectorFile(
    construction: "relay", operation: "client-frame", description: "What an owner sends on a stream",
    cases: [
      try structure.one(
        "spec-authenticate", "stream.3", "the answer in Specs/Relay.md",
        ["type": "authenticate", "key": .bytes(key.bytes), "signature": .bytes(signature)], answer),
      try structure.accepted(
        "authenticate-zeros", "stream.3", "a frame, though no signature",
        [0x81] + [UInt8](repeating: 0, count: 96)),
      try ack("spec-ack", "the ack in Specs/Relay.md", 9, 1), try ack("ack-0", "of nothing", 0, 1),
      try structure.accepted("ack-greatest", "relay.6", "2^63 - 1", ack(greatest, greatest)),
      try structure.refused("nothing", "encoding.1", "no bytes", [], "truncated"),
      try structure.refused("type-0x80", "stream.1", "no such type", [0x80] + ack(9, 1).dropFirst(), "invalid-value"),
      try structure.refused("type-0x83", "stream.1", "no such type", [0x83] + ack(9, 1).dropFirst(), "invalid-value"),
      try structure.refused(
        "type-of-relay", "stream.1", "a caught-up, which only the relay sends",
        SottoWire.ServerFrame.caughtUp(index: 9).encoded, "invalid-value"),
      try structure.refused(
        "authenticate-cut", "encoding.1", "a signature of 63 bytes", bytes.dropLast(), "truncated"),
      try structure.refused("authenticate-trailing", "encoding.2", "a byte more", bytes + [0], "trailing"),
      try structure.refused("ack-index-2-63", "relay.6", "2^63", ack(tooLarge, 1), "out-of-range"),
      try structure.refused("ack-epoch-2-63", "relay.6", "2^63", ack(9, tooLarge), "out-of-range"),
      try structure.refused("ack-cut", "encoding.1", "the last byte is missing", ack(9, 1).dropLast(), "truncated"),
      try structure.refused("ack-trailing", "encoding.2", "a byte more", ack(9, 1) + [0], "trailing"),
    ])
}
