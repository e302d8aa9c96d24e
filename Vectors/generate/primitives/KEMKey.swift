import SottoCrypto

/// NIST ACVP ML-KEM keyGen FIPS203 1.1.0.40, tcId 51: d || z.
let kemSeed = hex(
  """
  2b5330c4f23bfdfd5c31f050ba3b38235324bf032372fc12d04dd08920f0bd59
  0a064d6c06ceab73e59cfca9ff6402255a326aef1e9cb678bf36929dafe29a58
  """)

@Sendable func kemKey(_: Recorded) throws -> VectorFile {
  /// `published`: the unkeyed BLAKE2b-256 of the public key that was published with the seed.
  func one(_ id: String, _ comment: String, _ seed: [UInt8], published: String? = nil) throws -> Case {
    let publicKey = try KEMPrivateKey(seed: Secret(copying: seed)).publicKey.bytes
    if let published { try figure(id, publicKey.isPublished(published)) }
    return Case(id, "primitives.7", comment, ["seed": .bytes(seed)], output: ["public": .bytes(publicKey)])
  }
  func refused(_ count: Int) -> Case {
    Case(
      "seed-\(count)", "primitives.7", "a seed of \(count) bytes", ["seed": .bytes(seq(0, count))],
      refusedAt: "encoding")
  }
  return VectorFile(
    construction: "primitives", operation: "ml-kem-1024-key",
    description: "The ML-KEM-1024 encapsulation key of a seed d || z (FIPS 203)",
    cases: [
      try one(
        "acvp-51", "NIST ACVP ML-KEM keyGen FIPS203 1.1.0.40, tcId 51", kemSeed,
        published: "2c9e13186287d81a1f6931da896ca919ec054944db48533edfcfcb932b4c60ac"),
      try one("counting", "d || z counts up from 0", seq(0, 64)), refused(32), refused(63), refused(65),
    ])
}
