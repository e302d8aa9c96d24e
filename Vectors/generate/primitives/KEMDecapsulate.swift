import SottoCrypto

@Sendable func kemDecapsulate(_ recorded: Recorded) throws -> VectorFile {
  let path = "primitives/ml-kem-1024-decapsulate.json"
  let key = try KEMPrivateKey(seed: Secret(copying: kemSeed))
  func one(_ id: String, _ rule: String, _ comment: String, _ ciphertext: [UInt8], isGiven: Bool = false) throws -> Case
  {
    let secret = try key.decapsulate(ciphertext).revealed()
    let field: Named = ["ciphertext": .bytes(ciphertext)]
    if isGiven {
      return Case(id, rule, comment, given: field, ["seed": .bytes(kemSeed)], output: ["secret": .bytes(secret)])
    }
    return Case(
      id, rule, comment, ["seed": .bytes(kemSeed), "ciphertext": .bytes(ciphertext)], output: ["secret": .bytes(secret)]
    )
  }
  func refused(_ count: Int) -> Case {
    Case(
      "ciphertext-\(count)", "primitives.7", "a ciphertext of \(count) bytes",
      ["seed": .bytes(kemSeed), "ciphertext": .bytes([UInt8](repeating: 0, count: count))], refusedAt: "encoding")
  }
  // Recorded once, because encapsulation draws randomness that the library does not take from outside.
  let publicKey = key.publicKey
  let good = try recorded.bytes(path, "good", "ciphertext") ?? publicKey.encapsulate().ciphertext
  return VectorFile(
    construction: "primitives", operation: "ml-kem-1024-decapsulate", description: "Decaps(seed, ciphertext)",
    cases: [
      try one("good", "primitives.7", "an encapsulation for this key", good, isGiven: true),
      try one(
        "implicit-rejection", "primitives.12", "one bit of it: SHAKE256(z || ciphertext, 32), and no error",
        good.flipped(700)),
      try one(
        "implicit-rejection-zeros", "primitives.12", "zeros are no encapsulation for any key",
        [UInt8](repeating: 0, count: 1_568)),
      refused(0), refused(1_567), refused(1_569),
    ])
}
