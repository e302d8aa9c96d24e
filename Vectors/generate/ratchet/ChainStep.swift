import SottoCrypto
import SottoSession

@Sendable func chainStep(_ recorded: Recorded) throws -> VectorFile {
  func one(_ id: String, _ comment: String, _ chain: [UInt8]) -> Case {
    let step = ChainKey(Secret(copying: chain)).step()
    return Case(
      id, "ratchet.2", comment, ["chain": .bytes(chain)],
      output: [
        "chain": .bytes(step.next.secret.revealed()), "message_key": .bytes(step.message.secret.revealed()),
      ])
  }
  let first = try Talk(recorded).initiator.fields.sending!.chain
  let second = ChainKey(Secret(copying: first)).step().next.secret.revealed()
  return VectorFile(
    construction: "ratchet", operation: "chain-step", description: "P(chain, \"chain\")",
    cases: [
      one("example-0", "the example of Specs/Ratchet.md: MK 0", first),
      one("example-1", "the example: MK 1", second),
      one("fixed", "other bytes", seq(0x00, 32)),
    ])
}
