import SottoCrypto
import SottoWire

@Sendable func prf(_: Recorded) -> VectorFile {
  func one(_ id: String, _ comment: String, _ key: [UInt8], _ parts: [[UInt8]]) -> Case {
    var prf = SottoCrypto.PRF(key: Secret(copying: key), label: "example")
    for part in parts { prf = prf.absorbing(part) }
    let derived = prf.finish()
    return Case(
      id, "primitives.2", comment,
      ["key": .bytes(key), "label": "example", "parts": .list(parts.map(Hex.encode))],
      output: ["a": .bytes(derived.a().revealed()), "b": .bytes(derived.b().revealed())])
  }
  func refused(_ id: String, _ comment: String, _ key: [UInt8]) -> Case {
    Case(
      id, "primitives.2", comment, ["key": .bytes(key), "label": "example", "parts": .list([])], refusedAt: "encoding")
  }
  return VectorFile(
    construction: "primitives", operation: "prf", description: "P(key, label; parts..) = (a, b)",
    cases: [
      one("no-parts", "no parts", seq(0, 32), []),
      one("one-part", "one part", seq(0, 32), [Array("abc".utf8)]),
      one("zero-key", "a key of zeros is a key", [UInt8](repeating: 0, count: 32), [Array("abc".utf8)]),
      one("three-parts", "parts of 0, 64 and 200 bytes", seq(32, 32), [[], seq(0, 64), seq(0, 200)]),
      refused("short-key", "a key of 31 bytes", seq(0, 31)),
      refused("long-key", "a key of 33 bytes", seq(0, 33)),
      refused("no-key", "no key", []),
    ])
}
