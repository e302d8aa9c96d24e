import SottoCrypto
import SottoSession
import SottoWire

@Sendable func signedPart(_ recorded: Recorded) throws -> VectorFile {
  let alice = try Cast(recorded).responder
  try expectEqual(alice.signedPart().encoded().count, 1_714, "the number of bytes of the content")
  try expectEqual(
    alice.signedPart().hash.bytes, hex("7466a2795ecfd8d95f2455c0909c605668a2a7cda4cdb75fc5131b1c4c73f087"), "the hash")
  return VectorFile(
    construction: "prekeys", operation: "signed-part",
    description: "The content of a signed part; what no reader takes for one, whoever signed it",
    cases: try goodParts(of: alice) + badParts(of: alice) + badPartBytes(of: alice))
}

private func root(_ batch: UInt64, depth: UInt8 = 0) throws -> BatchRoot {
  BatchRoot(batch: batch, depth: depth, root: try Digest(seq(Int(batch % 256), 32)))
}

private func goodParts(of alice: Player) throws -> [Case] {
  func written(_ id: String, _ rule: String, _ comment: String, _ part: SignedPart) throws -> Case {
    let batches = part.batches.map { batch in
      var writer = WireWriter()
      batch.write(to: &writer)
      return Hex.encode(writer.bytes)
    }
    return try Case(
      id, rule, comment,
      [
        "account": .bytes(part.account.bytes), "device": .bytes(part.device.bytes), "spk_id": .number(Int(part.id)),
        "signed_key": .bytes(alice.signedPrekey.signedKey.secret.revealed()),
        "last_resort_id": .number(Int(part.lastResortID)),
        "last_resort_seed": .bytes(alice.signedPrekey.lastResort.seed.revealed()), "batches": .list(batches),
        "not_before": .number(Int(part.notBefore)), "not_after": .number(Int(part.notAfter)),
      ]
    ) {
      try expectEqual(try SignedPart.decode(part.encoded()), part, "the part, read again")
      return ["content": .bytes(part.encoded()), "hash": .bytes(part.hash.bytes)]
    }
  }
  func read(_ id: String, _ rule: String, _ comment: String, _ part: SignedPart) throws -> Case {
    try Case(id, rule, comment, ["content": .bytes(part.encoded())]) {
      ["hash": .bytes(try SignedPart.decode(part.encoded()).hash.bytes)]
    }
  }
  return [
    try written("example", "prekeys.4", "the signed part of the example in Specs/Prekeys.md", alice.signedPart()),
    try written("no-batches", "prekeys.4", "no batches: last resort only", alice.signedPart(id: 1, batches: [])),
    try written(
      "most-batches", "encoding.4", "64 batches", alice.signedPart(batches: try (1...64).map { try root($0) })),
    try written(
      "depths", "prekeys.9", "depths 0 and 8, batches in no order",
      alice.signedPart(batches: [try root(9, depth: 8), try root(2, depth: 0)])),
    try written(
      "last-resort-id", "prekeys.4", "the last-resort key has a number of its own",
      alice.signedPart(lastResortID: 1 << 52)),
    try written(
      "shortest-validity", "prekeys.10", "valid for a second", alice.signedPart(until: Cast.begin + 1)),
    try read(
      "end-of-numbers", "prekeys.3", "the greatest numbers that a device may use, and the last second there is",
      alice.signedPart(
        id: .max / 2, lastResortID: .max / 2, batches: [try root(.max / 2, depth: 8)], from: .max - 1, until: .max)),
  ]
}

/// Parts of well-formed bytes.
private func badParts(of alice: Player) throws -> [Case] {
  func refused(
    _ id: String, _ rule: String, _ comment: String, _ part: SignedPart, at stage: RefusalStage = .encoding
  ) throws -> Case {
    try Case(id, rule, comment, ["content": .bytes(part.encoded())], refusedAt: stage) {
      _ = try SignedPart.decode(part.encoded())
    }
  }
  let end = alice.signedPart().notAfter
  return [
    try refused(
      "doubled-batch", "prekeys.9", "a batch is named twice, with the same root",
      alice.signedPart(batches: [try root(5), try root(5)])),
    try refused(
      "batch-with-two-roots", "prekeys.9", "a batch is named twice, with two roots, and not in a row",
      alice.signedPart(batches: [try root(5), try root(6), try root(5, depth: 1)])),
    try refused("deep-batch", "prekeys.9", "depth 9", alice.signedPart(batches: [try root(5, depth: 9)])),
    try refused("deepest-batch", "prekeys.9", "depth 255", alice.signedPart(batches: [try root(5, depth: 255)])),
    try refused(
      "sixty-five-batches", "encoding.4", "65 batches", alice.signedPart(batches: try (1...65).map { try root($0) })),
    try refused(
      "no-validity", "prekeys.10", "not_before is not_after", alice.signedPart(until: Cast.begin), at: .validity),
    try refused(
      "validity-backwards", "prekeys.10", "not_before is after not_after", alice.signedPart(until: Cast.begin - 1),
      at: .validity),
    try refused(
      "long-validity", "prekeys.10", "valid for 14 days and a second", alice.signedPart(until: end + 1), at: .validity),
  ]
}

/// Bytes that no part is encoded as.
private func badPartBytes(of alice: Player) throws -> [Case] {
  let content = alice.signedPart().encoded()
  func refused(_ id: String, _ rule: String, _ comment: String, _ bytes: [UInt8]) throws -> Case {
    try Case(id, rule, comment, ["content": .bytes(bytes)], refusedAt: .encoding) { _ = try SignedPart.decode(bytes) }
  }
  func with(_ offset: Int, _ bytes: [UInt8]) -> [UInt8] {
    Array(content[..<offset] + bytes + content[(offset + bytes.count)...])
  }
  // SPK stands at 48, the last-resort key at 88, the length of the batches at 1,656.
  let prime = [0xed] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
  return [
    try refused("signed-key-prime", "primitives.3", "SPK is 2^255 - 19", with(48, prime)),
    try refused("signed-key-top-bit", "primitives.3", "the top bit of SPK", with(79, [content[79] | 0x80])),
    try refused(
      "last-resort-modulus", "primitives.7", "the first coefficient of the last-resort key is 3,329",
      with(88, [0x01, content[89] & 0xf0 | 0x0d])),
    try refused("cut", "encoding.1", "a byte less", content.dropLast()),
    try refused("empty", "encoding.1", "no bytes", []),
    try refused("trailing", "encoding.2", "a byte more", content + [0]),
    try refused(
      "batch-cut", "encoding.1", "the batches end within a root",
      Array(content[..<1_656] + [0x2a] + content[1_657..<1_698] + [0] + content[1_698...])),
    try refused(
      "longer-length", "encoding.3", "the length of the batches in two bytes",
      Array(content[..<1_656] + [0x40, 0x29] + content[1_657...])),
  ]
}
