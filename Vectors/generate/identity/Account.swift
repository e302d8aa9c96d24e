import SottoCrypto
import SottoSession

@Sendable func account(_: Recorded) throws -> VectorFile {
  func one(_ id: String, _ rule: String, _ comment: String, _ seeds: [UInt8]) throws -> Case {
    try Case(id, rule, comment, ["seeds": .bytes(seeds)]) {
      ["account": .bytes(AccountID(of: try HybridSigningKey(seeds: Secret(copying: seeds)).publicKey).bytes)]
    }
  }
  let example = try HybridSigningKey(seeds: Secret(copying: seq(0, 64))).publicKey
  try expectEqual(
    AccountID(of: example).bytes, hex("b7efb439a9e378afc2214bdcf76f4b3cf9ff846571552bd81628095627ec8654"), "A")
  return VectorFile(
    construction: "identity", operation: "account", description: "A, the hash of an account's two public keys",
    cases: [
      try one("example", "address.1", "the account of the examples in Specs/Identity.md", seq(0x00, 64)),
      try one("next", "list.4", "the next account key of the example", seq(0x40, 64)),
      try one("other", "address.1", "the other account of the safety number's example", seq(0xc0, 64)),
      try one("equal-seeds", "account.1", "the same seed for both keys", seq(0x00, 32) + seq(0x00, 32)),
      Case(
        "short-seeds", "account.1", "seeds of 63 bytes", ["seeds": .bytes(seq(0, 63))], refusedAt: "encoding"),
      Case("long-seeds", "account.1", "seeds of 65 bytes", ["seeds": .bytes(seq(0, 65))], refusedAt: "encoding"),
    ])
}
