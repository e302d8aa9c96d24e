import SottoCrypto

@Sendable func sha256File(_: Recorded) -> VectorFile {
  func one(_ id: String, _ comment: String, _ message: String) -> Case {
    Case(
      id, "primitives.13", comment, ["message": .bytes(Array(message.utf8))],
      output: ["digest": .bytes(sha256(Array(message.utf8)))])
  }
  return VectorFile(
    construction: "primitives", operation: "sha256", description: "SHA-256 (FIPS 180-4), for Content-Digest alone",
    cases: [
      one("empty", "the empty message", ""), one("abc", "FIPS 180-4, one block", "abc"),
      one("two-blocks", "FIPS 180-4, two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
    ])
}
