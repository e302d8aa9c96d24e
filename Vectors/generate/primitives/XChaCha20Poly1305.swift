import SottoCrypto

@Sendable func xChaCha20Poly1305(_: Recorded) -> VectorFile {
  let (key, nonce) = (seq(0x80, 32), seq(0x40, 24))
  func sealed(_ plaintext: [UInt8], _ ad: [UInt8]) -> [UInt8] {
    nonce + SealingKey(Secret(copying: key)).seal(plaintext, ad: ad, nonce: nonce)
  }
  func one(_ id: String, _ comment: String, _ plaintext: [UInt8], ad: [UInt8]) -> Case {
    Case(
      id, "primitives.9", comment,
      ["key": .bytes(key), "nonce": .bytes(nonce), "ad": .bytes(ad), "plaintext": .bytes(plaintext)],
      output: ["sealed": .bytes(sealed(plaintext, ad))])
  }
  let ad = hex("50515253c0c1c2c3c4c5c6c7")
  let good = sealed([1, 2, 3], ad)
  func refused(
    _ id: String, _ comment: String, _ sealed: [UInt8], ad other: [UInt8]? = nil, key otherKey: [UInt8]? = nil
  ) -> Case {
    Case(
      id, "primitives.9", comment,
      ["key": .bytes(otherKey ?? key), "ad": .bytes(other ?? ad), "sealed": .bytes(sealed)], refusedAt: "open")
  }
  return VectorFile(
    construction: "primitives", operation: "xchacha20-poly1305",
    description: "XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with the nonce in front",
    cases: [
      one("draft-a.3.1", "draft-irtf-cfrg-xchacha-03 appendix A.3.1", sunscreen, ad: ad),
      one("empty", "nothing, with nothing beside it", [], ad: []),
      one("no-ad", "65 bytes: one more than a block", seq(0, 65), ad: []),
      refused("altered-nonce", "one bit of the nonce", good.flipped(23)),
      refused("altered-ciphertext", "one bit of the ciphertext", good.flipped(24)),
      refused("altered-tag", "one bit of the tag", good.flipped(good.count - 1)),
      refused("other-ad", "one bit of the associated data", good, ad: ad.flipped(0)),
      refused("other-key", "one bit of the key", good, key: key.flipped(0)),
      refused("cut", "the last byte is missing", Array(good.dropLast())),
      refused("long", "a byte more", good + [0]),
      refused("shorter-than-a-tag", "39 bytes", Array(good.prefix(39))),
      refused("nothing", "no bytes", []),
    ])
}
