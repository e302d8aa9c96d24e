import SottoCrypto

/// RFC 8032 section 7.1, TEST 1 to 3.
let ed25519Figures = [
  (seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", message: ""),
  (seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", message: "72"),
  (seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", message: "af82"),
]

@Sendable func ed25519Sign(_: Recorded) throws -> VectorFile {
  var cases: [Case] = []
  for (index, figure) in ed25519Figures.enumerated() {
    let key = try SigningKey(seed: Secret(copying: hex(figure.seed)))
    let (publicKey, signature) = (key.publicKey.bytes, key.sign(hex(figure.message)))
    cases.append(
      Case(
        "rfc8032-\(index + 1)", "primitives.5", "RFC 8032 section 7.1, TEST \(index + 1)",
        ["seed": .text(figure.seed), "message": .text(figure.message)],
        output: ["public": .bytes(publicKey), "signature": .bytes(signature)]))
  }
  for count in [0, 31, 33, 64] {
    cases.append(
      Case(
        "seed-\(count)", "primitives.5", "a seed of \(count) bytes", ["seed": .bytes(seq(0, count)), "message": ""],
        refusedAt: "encoding"))
  }
  return VectorFile(
    construction: "primitives", operation: "ed25519-sign", description: "Ed25519 from a seed of 32 bytes", cases: cases)
}
