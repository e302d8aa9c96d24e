import SottoCrypto
import SottoSession

@Sendable func rootStep(_ recorded: Recorded) throws -> VectorFile {
  func one(_ id: String, _ comment: String, _ root: [UInt8], _ agreement: [UInt8]) -> Case {
    let step = RootKey(Secret(copying: root)).step(Secret(copying: agreement))
    return Case(
      id, "ratchet.1", comment, ["root": .bytes(root), "agreement": .bytes(agreement)],
      output: [
        "root": .bytes(step.root.secret.revealed()), "chain": .bytes(step.chain.secret.revealed()),
        "next_header_key": .bytes(step.nextHeader.bytes().revealed()),
      ])
  }
  let cast = try Cast(recorded)
  let root = try ScheduleInput.example(cast).run().root
  let signed = cast.responder.signedPrekey.part.signedKey
  let first = try AgreementPrivateKey(Secret(copying: seq(0x91, 32)))
  let second = try AgreementPrivateKey(Secret(copying: seq(0xb1, 32)))
  let agreement = try first.agree(with: signed).revealed()
  let step = RootKey(Secret(copying: root)).step(Secret(copying: agreement))
  return VectorFile(
    construction: "ratchet", operation: "root-step", description: "KDF_RK(root, agreement)",
    cases: [
      one("example-initiator", "the example of Specs/Ratchet.md: RK0 and DH of the initiator", root, agreement),
      one(
        "example-responder", "the example: the responder's second root step, from the same root as the initiator's",
        step.root.secret.revealed(), try second.agree(with: first.publicKey).revealed()),
      one("fixed", "other bytes", seq(0x00, 32), seq(0x20, 32)),
    ])
}
