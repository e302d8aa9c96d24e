import SottoCrypto
import SottoWire

@Sendable func relayCapability(_: Recorded) throws -> VectorFile {
  func one(_ id: String, _ comment: String, _ bytes: [UInt8]) throws -> Case {
    Case(
      id, "relay.4", comment, ["capability": .bytes(bytes)], output: ["hash": .bytes(try Capability(bytes).hash.bytes)])
  }
  func refused(_ count: Int) throws -> Case {
    guard (try? Capability(seq(0, count))) == nil else {
      throw WrongVerdict(id: "capability-\(count)", verdict: "accepted")
    }
    return Case(
      "capability-\(count)", "relay.4", "a capability of \(count) bytes", ["capability": .bytes(seq(0, count))],
      refusedAt: "encoding")
  }
  return VectorFile(
    construction: "relay", operation: "capability",
    description: "What a relay stores of a capability: H(\"capability\"; capability)",
    cases: [
      try one("spec-example", "the capability in Specs/Relay.md", RelayExample.capability),
      try one("counting", "32 bytes that count up", seq(0, 32)),
      try one("zeros", "32 zero bytes", [UInt8](repeating: 0, count: 32)),
      try refused(0), try refused(16), try refused(31), try refused(33),
    ])
}
