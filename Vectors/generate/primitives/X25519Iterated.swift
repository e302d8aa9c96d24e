import SottoCrypto

@Sendable func x25519Iterated(_: Recorded) throws -> VectorFile {
  let start = [9] + [UInt8](repeating: 0, count: 31)
  func one(_ iterations: Int) throws -> Case {
    var (scalar, point) = (start, start)
    for _ in 0..<iterations {
      let shared = try AgreementPrivateKey(Secret(copying: scalar)).agree(with: AgreementPublicKey(point)).revealed()
      (point, scalar) = (scalar, shared)
    }
    return Case(
      "rfc7748-5.2-iterated-\(iterations)", "primitives.4", "RFC 7748 section 5.2, after \(iterations) iterations",
      ["private": .bytes(start), "public": .bytes(start), "iterations": .number(iterations)],
      output: ["shared": .bytes(scalar)])
  }
  return VectorFile(
    construction: "primitives", operation: "x25519-iterated",
    description: "Repeat: shared = DH(private, public); public = private; private = shared",
    cases: [try one(1), try one(1_000)])
}
