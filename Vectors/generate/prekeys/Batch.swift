import SottoCrypto
import SottoSession
import SottoWire

@Sendable func batch(_ recorded: Recorded) throws -> VectorFile {
  let alice = try Cast(recorded).responder
  func one(
    _ id: String, _ comment: String, device: [UInt8] = seq(0xd0, 8), batch: UInt64,
    _ keys: [(agreement: [UInt8], kem: [UInt8])]
  ) throws -> Case {
    try Case(
      id, "prekeys.1", comment,
      [
        "device": .bytes(device), "batch": .number(Int(batch)),
        "agreement_keys": .list(keys.map { Hex.encode($0.agreement) }),
        "kem_seeds": .list(keys.map { Hex.encode($0.kem) }),
      ]
    ) {
      var drawn = FixedEntropy(keys.flatMap { $0.agreement + $0.kem })
      let made = try OneTimeBatch(
        batch: batch, depth: keys.count.trailingZeroBitCount, device: DeviceID(device), from: &drawn)
      return [
        "root": .bytes(made.root.root.bytes), "parts": .list(made.parts.map { Hex.encode($0.encoded()) }),
      ]
    }
  }
  let example = [(seq(0x10, 32), seq(0x40, 64)), (seq(0x30, 32), seq(0x80, 64))]
  try expectEqual(
    alice.batch.root.root.bytes, hex("895cb49968b1ee32bb8c5e31682d6062b4d9e41f793f16b8586aa048eb10ee1b"), "the root")
  try expectEqual(alice.batch.parts[0].encoded().count, 1_645, "the number of bytes of the part")
  let eight = (0..<8).map { (seq(0x11 * $0, 32), seq(0x13 * $0 + 7, 64)) }
  return VectorFile(
    construction: "prekeys", operation: "batch", description: "A batch of one-time keys and the tree over it",
    cases: [
      try one("example", "the example in Specs/Prekeys.md", batch: 5, example),
      try one("one", "one key: the root is its leaf", batch: 5, [example[0]]),
      try one("eight", "eight keys: paths of three", batch: 1 << 52, eight),
      try one("swapped", "the keys of the example in the other order", batch: 5, example.reversed()),
      try one("other-batch", "the keys of the example in batch 6", batch: 6, example),
      try one("other-device", "the keys of the example for another device", device: seq(0xe0, 8), batch: 5, example),
    ])
}
