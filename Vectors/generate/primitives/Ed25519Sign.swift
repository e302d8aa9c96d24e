import SottoCrypto

@Sendable func ed25519Sign(_: Recorded) throws -> VectorFile {
  var cases = try ed25519Figures.map { figure in
    Case(
      figure.id, "primitives.5", figure.comment,
      ["seed": .bytes(figure.seed), "message": .bytes(figure.message)],
      output: ["public": .bytes(try figure.publicKey()), "signature": .bytes(figure.signature)])
  }
  for count in [0, 31, 33, 64] {
    cases.append(
      Case(
        "seed-\(count)", "primitives.5", "a seed of \(count) bytes", ["seed": .bytes(seq(0, count)), "message": ""],
        refusedAt: "encoding"))
  }
  return VectorFile(
    construction: "primitives", operation: "ed25519-sign", description: "Ed25519 from a seed of 32 bytes", cases: cases)
}
