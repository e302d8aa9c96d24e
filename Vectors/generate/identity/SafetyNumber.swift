import SottoCrypto
import SottoSession

@Sendable func safetyNumber(_ recorded: Recorded) throws -> VectorFile {
  let cast = try Cast(recorded)
  let (one, other) = (cast.responder.account.id, cast.initiator.account.id)
  func pair(_ id: String, _ comment: String, _ one: AccountID, _ other: AccountID) throws -> Case {
    try Case(id, "safety.1", comment, ["one": .bytes(one.bytes), "other": .bytes(other.bytes)]) {
      ["digits": .text(SottoSession.SafetyNumber.between(one, other))]
    }
  }
  func name(_ first: Int, _ count: Int = 32) throws -> AccountID { AccountID(try Digest(seq(first, count))) }
  try expectEqual(
    SottoSession.SafetyNumber.between(one, other), "365907041935735325839861683566240883506844314944369529473042",
    "the safety number")
  let last = AccountID(try Digest(Array(one.bytes.dropLast()) + [0x55]))
  return VectorFile(
    construction: "identity", operation: "safety-number", description: "The sixty digits that two people compare",
    cases: [
      try pair("example", "the example in Specs/Identity.md", one, other),
      try pair("other-side", "the same from the other side", other, one),
      try pair("first-byte", "bytes are compared as unsigned numbers: 7f.. is less than 80..", name(0x80), name(0x7f)),
      try pair("last-byte", "names that differ in their last byte", one, last),
      try pair("oneself", "an account with itself", one, one),
    ])
}
