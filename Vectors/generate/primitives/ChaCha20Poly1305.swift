import SottoCrypto

let sunscreen = Array(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    .utf8)

@Sendable func chaCha20Poly1305(_: Recorded) -> VectorFile {
  let key = seq(0x80, 32)
  let zero = [UInt8](repeating: 0, count: 12)
  func sealed(_ plaintext: [UInt8], _ ad: [UInt8], _ nonce: [UInt8]) -> [UInt8] {
    SingleUseKey(Secret(copying: key)).seal(plaintext, ad: ad, nonce: nonce)
  }
  func one(_ id: String, _ comment: String, _ plaintext: [UInt8], ad: [UInt8], nonce: [UInt8]) -> Case {
    Case(
      id, "primitives.8", comment,
      ["key": .bytes(key), "nonce": .bytes(nonce), "ad": .bytes(ad), "plaintext": .bytes(plaintext)],
      output: ["sealed": .bytes(sealed(plaintext, ad, nonce))])
  }
  let ad = hex("50515253c0c1c2c3c4c5c6c7")
  let good = sealed([1, 2, 3], ad, zero)
  func refused(
    _ id: String, _ comment: String, _ sealed: [UInt8], ad other: [UInt8]? = nil, key otherKey: [UInt8]? = nil
  ) -> Case {
    Case(
      id, "primitives.8", comment,
      [
        "key": .bytes(otherKey ?? key), "nonce": .bytes(zero), "ad": .bytes(other ?? ad), "sealed": .bytes(sealed),
      ], refusedAt: "open")
  }
  return VectorFile(
    construction: "primitives", operation: "chacha20-poly1305",
    description: "ChaCha20-Poly1305 (RFC 8439). Sotto itself always uses the nonce of zeros and a key once",
    cases: [
      one("rfc8439-2.8.2", "RFC 8439 section 2.8.2", sunscreen, ad: ad, nonce: hex("070000004041424344454647")),
      one("zero-nonce", "seal(key, plaintext; ad)", sunscreen, ad: ad, nonce: zero),
      one("empty", "nothing, with nothing beside it", [], ad: [], nonce: zero),
      one("no-ad", "65 bytes: one more than a block", seq(0, 65), ad: [], nonce: zero),
      refused("altered-ciphertext", "one bit of the ciphertext", good.flipped(0)),
      refused("altered-tag", "one bit of the tag", good.flipped(good.count - 1)),
      refused("other-ad", "one bit of the associated data", good, ad: ad.flipped(0)),
      refused("no-ad-given", "the associated data is missing", good, ad: []),
      refused("other-key", "one bit of the key", good, key: key.flipped(0)),
      refused("cut", "the last byte is missing", Array(good.dropLast())),
      refused("long", "a byte more", good + [0]),
      refused("shorter-than-a-tag", "15 bytes", Array(good.prefix(15))),
      refused("nothing", "no bytes", []),
    ])
}
