import SottoCrypto
import SottoWire

@Sendable func relayMailbox(_: Recorded) throws -> VectorFile {
  func one(_ id: String, _ comment: String, _ key: [UInt8]) throws -> Case {
    Case(
      id, "relay.1", comment, ["public": .bytes(key)],
      output: ["mailbox": .bytes(MailboxID(owner: try VerifyingKey(key)).bytes)])
  }
  func refused(_ count: Int) throws -> Case {
    guard (try? VerifyingKey(seq(0, count))) == nil else {
      throw WrongVerdict(id: "key-\(count)", verdict: "accepted")
    }
    return Case(
      "key-\(count)", "relay.1", "a key of \(count) bytes", ["public": .bytes(seq(0, count))], refusedAt: "encoding")
  }
  return VectorFile(
    construction: "relay", operation: "mailbox", description: "The name of a mailbox: H(\"mailbox\"; pkEd)[0..16]",
    cases: [
      try one("spec-example", "the owner in Specs/Relay.md", RelayExample.publicKey().bytes),
      try one("counting", "a name is a hash: whether the bytes are a point is not asked", seq(0, 32)),
      try one("zeros", "32 zero bytes", [UInt8](repeating: 0, count: 32)),
      try refused(0), try refused(31), try refused(33),
    ])
}
