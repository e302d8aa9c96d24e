import SottoCrypto

@Sendable func kemEncapsulationKey(_: Recorded) throws -> VectorFile {
  let good = try KEMPrivateKey(seed: Secret(copying: kemSeed)).publicKey.bytes
  func refused(_ id: String, _ comment: String, _ bytes: [UInt8]) -> Case {
    Case(id, "primitives.7", comment, ["public": .bytes(bytes)], refusedAt: "encoding")
  }
  // Two coefficients of 12 bits stand in three bytes.
  var (first, last, allOnes) = (good, good, good)
  (first[0], first[1]) = (0x01, good[1] & 0xf0 | 0x0d)
  (last[1_534], last[1_535]) = (good[1_534] & 0x0f | 0x10, 0xd0)
  (allOnes[0], allOnes[1], allOnes[2]) = (0xff, 0xff, 0xff)
  var greatest = good
  (greatest[0], greatest[1]) = (0x00, good[1] & 0xf0 | 0x0d)
  return VectorFile(
    construction: "primitives", operation: "ml-kem-1024-encapsulation-key",
    description: "Decoding an encapsulation key; a case with an empty output must be accepted",
    cases: [
      Case("good", "primitives.7", "a key from a seed", ["public": .bytes(good)], output: [:]),
      Case(
        "greatest", "primitives.7", "the first coefficient is q - 1 = 3,328", ["public": .bytes(greatest)], output: [:]),
      refused("modulus-first", "the first coefficient is q = 3,329", first),
      refused("modulus-last", "the last coefficient is q = 3,329", last),
      refused("modulus-ones", "two coefficients of 4,095", allOnes),
      refused("short", "1,567 bytes", Array(good.dropLast())), refused("long", "1,569 bytes", good + [0]),
      refused("empty", "no bytes", []),
    ])
}
