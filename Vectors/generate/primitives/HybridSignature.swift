import SottoCrypto

@Sendable func hybridSignature(_ recorded: Recorded) throws -> VectorFile {
  let path = "primitives/hybrid-signature.json"
  let (seeds, label, payload) = (seq(0, 64), "example", Array("payload".utf8))
  // The ML-DSA half: Wycheproof mldsa_65_sign_seed_test.json, tcId 68, of ACVP's known answer tests.
  let published = seq(0, 32) + hex("464756a985e5df03739d95dd309c1ed9c5b04254cc294e7e7eb9b9365ee15117")

  /// Recorded once, because ML-DSA signing is randomised; verified each time.
  func signature(_ id: String, over payload: [UInt8], seeds: [UInt8] = seeds) throws -> [UInt8] {
    let key = try HybridSigningKey(seeds: Secret(copying: seeds))
    guard let bytes = try recorded.bytes(path, id, "signature") else {
      return try key.sign(Label(text: label), payload).bytes
    }
    guard try key.publicKey.verify(SottoCrypto.HybridSignature(bytes), Label(text: label), over: payload) else {
      throw StaleRecord(description: "\(path): the recorded signature of \(id) does not verify")
    }
    return bytes
  }
  func input(_ payload: [UInt8], _ label: String = label, _ seeds: [UInt8] = seeds) -> Named {
    ["seeds": .bytes(seeds), "label": .text(label), "payload": .bytes(payload)]
  }
  func accepted(
    _ id: String, _ comment: String, _ payload: [UInt8], _ signature: [UInt8], seeds: [UInt8] = seeds
  ) throws -> Case {
    let publicKey = try HybridSigningKey(seeds: Secret(copying: seeds)).publicKey
    return Case(
      id, "primitives.6", comment, given: ["signature": .bytes(signature)], input(payload, label, seeds),
      output: [
        "classical_public": .bytes(publicKey.classical.bytes),
        "post_quantum_public": .bytes(publicKey.postQuantum.bytes), "signer": .bytes(publicKey.signer.bytes),
      ])
  }
  let original = input(payload)
  func refused(
    _ id: String, _ comment: String, _ signature: [UInt8], _ input: Named? = nil, at stage: String = "signature"
  ) -> Case {
    Case(
      id, "primitives.6", comment, (input ?? original) + ["signature": .bytes(signature)], refusedAt: stage)
  }
  let good = try signature("good", over: payload)
  let empty = try signature("empty-payload", over: [])
  try figure(
    "published-key",
    HybridSigningKey(seeds: Secret(copying: published)).publicKey.postQuantum.bytes.isPublished(
      "4e146494f781174907565ff4ba19328f7c6c1fee15e380b02bbb25ba2f416e58"))
  let (classical, postQuantum) = (Array(good[..<64]), Array(good[64...]))
  return VectorFile(
    construction: "primitives", operation: "hybrid-signature",
    description: "Sign(label; payload) under the keys of two seeds, Ed25519's and ML-DSA-65's",
    cases: [
      try accepted("good", "both halves verify", payload, good),
      try accepted("empty-payload", "an empty payload", [], empty),
      try accepted(
        "published-key", "the ML-DSA-65 seed and key of Wycheproof mldsa_65_sign_seed_test, tcId 68", payload,
        try signature("published-key", over: payload, seeds: published), seeds: published),
      refused("classical-of-another", "the Ed25519 half of another payload", Array(empty[..<64]) + postQuantum),
      refused("post-quantum-of-another", "the ML-DSA half of another payload", classical + Array(empty[64...])),
      refused("no-classical", "the Ed25519 half is zero", [UInt8](repeating: 0, count: 64) + postQuantum),
      refused("no-post-quantum", "the ML-DSA half is zero", classical + [UInt8](repeating: 0, count: 3_309)),
      refused("altered-post-quantum", "one bit of the ML-DSA half", good.flipped(2_000)),
      refused("other-label", "another label", good, input(payload, "another")),
      refused("other-payload", "another payload", good, input(payload + [0])),
      refused(
        "other-post-quantum-key", "the signer's ML-DSA key is another: the Ed25519 half does not verify either", good,
        input(payload, label, seq(0, 32) + seq(99, 32))),
      refused("classical-only", "64 bytes", classical, at: "encoding"),
      refused("post-quantum-only", "3,309 bytes", postQuantum, at: "encoding"),
      refused("long", "a byte more", good + [0], at: "encoding"),
      refused("short-seeds", "seeds of 63 bytes", good, input(payload, label, seq(0, 63)), at: "encoding"),
    ])
}
