import SottoSession
import SottoWire

@Sendable func prekeyIDs(_: Recorded) throws -> VectorFile {
  func one(_ id: String, _ comment: String, _ ids: PrekeyIDs) throws -> Case {
    let encoded = ids.encoded()
    try expectEqual(try PrekeyIDs(decoding: encoded), ids, id)
    return Case(
      id, "handshake.4", comment,
      [
        "spk_id": .number(Int(ids.spkID)), "kind": .number(Int(ids.kind.rawValue)), "id": .number(Int(ids.id)),
        "index": .number(Int(ids.index)),
      ], output: ["encoded": .bytes(encoded)])
  }
  func refused(
    _ id: String, _ rule: String, _ comment: String, _ encoded: [UInt8], _ reason: WireError
  ) throws -> Case {
    do { _ = try PrekeyIDs(decoding: encoded) } catch {
      try expectEqual(error, reason, id)
      return Case(
        id, rule, comment, ["encoded": .bytes(encoded)], refusedAt: "encoding",
        reason == .invalidValue ? "invalid-value" : reason == .truncated ? "truncated" : "trailing")
    }
    throw WrongVerdict(description: "\(id) is accepted")
  }
  let oneTime = PrekeyIDs(spkID: 7, kind: .oneTime, id: 5, index: 0)
  let lastResort = PrekeyIDs(spkID: 7, kind: .lastResort, id: 7, index: 0)
  func bent(_ ids: PrekeyIDs, _ offset: Int, _ value: UInt8) -> [UInt8] {
    var bytes = ids.encoded()
    bytes[offset] = value
    return bytes
  }
  return VectorFile(
    construction: "handshake", operation: "prekey-ids", description: "The plaintext of box0",
    cases: [
      try one("one-time", "the example of Specs/Handshake.md", oneTime),
      try one("last-resort", "the same with the last resort", lastResort),
      try one(
        "numbers", "each number at its place, big-endian",
        PrekeyIDs(spkID: 0x01_0203_0405_0607, kind: .oneTime, id: 0x11_1213_1415_1617, index: 0x2122_2324)),
      try refused("kind-0", "handshake.4", "a kind that is not known", bent(oneTime, 8, 0), .invalidValue),
      try refused("kind-3", "handshake.4", "another", bent(oneTime, 8, 3), .invalidValue),
      try refused(
        "last-resort-index", "handshake.4", "an index with the last resort", bent(lastResort, 20, 1), .invalidValue),
      try refused("first-zero", "handshake.4", "the first of the zeros is none", bent(oneTime, 21, 1), .invalidValue),
      try refused("last-zero", "handshake.4", "the last of the zeros is none", bent(oneTime, 31, 1), .invalidValue),
      try refused("cut", "encoding.1", "a byte less", oneTime.encoded().dropLast(), .truncated),
      try refused("trailing", "encoding.2", "a byte more", oneTime.encoded() + [0], .trailingBytes),
    ])
}
