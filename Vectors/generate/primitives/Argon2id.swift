import SottoCrypto

@Sendable func argon2id(_: Recorded) throws -> VectorFile {
  func input(_ passphrase: String, _ salt: [UInt8], _ passes: UInt32, _ memory: UInt32) -> Named {
    [
      "passphrase": .bytes(Array(passphrase.utf8)), "salt": .bytes(salt), "passes": .number(Int(passes)),
      "memory_kib": .number(Int(memory)),
    ]
  }
  func one(_ id: String, _ comment: String, _ passphrase: String, _ passes: UInt32, _ memory: UInt32) throws -> Case {
    let key = try SealingKey(
      passphrase: Secret(copying: Array(passphrase.utf8)), salt: seq(0, 16),
      cost: PassphraseCost(operations: passes, memory: memory)
    ).bytes().revealed()
    return Case(
      id, "primitives.10", comment, input(passphrase, seq(0, 16), passes, memory), output: ["key": .bytes(key)])
  }
  func refused(
    _ id: String, _ comment: String, salt: Int = 16, _ passes: UInt32, _ memory: UInt32, _ stage: String = "cost"
  ) -> Case {
    Case(id, "primitives.10", comment, input("passphrase", seq(0, salt), passes, memory), refusedAt: stage)
  }
  return VectorFile(
    construction: "primitives", operation: "argon2id",
    description: "Argon2id (RFC 9106), version 0x13, one lane, 32 bytes of output",
    cases: [
      try one("standard", "the cost that a new identity uses", "correct horse battery staple", 3, 64 * 1024),
      try one("minimal", "the least cost", "correct horse battery staple", 1, 8),
      try one("empty", "an empty passphrase", "", 2, 16),
      try one("utf-8", "a passphrase is its UTF-8 bytes", "pässphräse", 1, 8),
      refused("no-passes", "no pass over the memory", 0, 8),
      refused("many-passes", "17 passes", 17, 8),
      refused("little-memory", "7 KiB", 1, 7),
      refused("much-memory", "1 GiB and 1 KiB", 1, 1024 * 1024 + 1),
      refused("short-salt", "a salt of 15 bytes", salt: 15, 1, 8, "encoding"),
      refused("long-salt", "a salt of 17 bytes", salt: 17, 1, 8, "encoding"),
    ])
}
