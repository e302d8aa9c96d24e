import SottoCrypto

@Sendable func blake2bFile(_: Recorded) -> VectorFile {
  func one(_ id: String, _ comment: String, _ message: [UInt8], key: [UInt8] = [], length: Int) -> Case {
    let digest = blake2b(message, key: Secret(copying: key), count: length)
    return Case(
      id, "primitives.1", comment, ["message": .bytes(message), "key": .bytes(key), "length": .number(length)],
      output: ["digest": .bytes(digest)])
  }
  return VectorFile(
    construction: "primitives", operation: "blake2b",
    description: "Plain BLAKE2b (RFC 7693), without labels and lengths; an empty key means none",
    cases: [
      one("rfc7693-a", "RFC 7693 appendix A", Array("abc".utf8), length: 64),
      one("abc-32", "32 bytes of output are not the first 32 of 64", Array("abc".utf8), length: 32),
      one("empty", "the empty message", [], length: 32),
      one("two-blocks", "129 bytes: one more than a block", seq(0, 129), length: 32),
      one("kat-keyed-0", "BLAKE2 reference package, blake2b-kat.txt, first", [], key: seq(0, 64), length: 64),
      one("kat-keyed-254", "BLAKE2 reference package, blake2b-kat.txt, last", seq(0, 255), key: seq(0, 64), length: 64),
      one("keyed-32", "a key of 32 bytes", seq(0, 10), key: seq(0, 32), length: 64),
    ])
}
