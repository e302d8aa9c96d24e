import SottoCrypto
import SottoSession

@Sendable func linkCode(_ recorded: Recorded) throws -> VectorFile {
  let cast = try Cast(recorded)
  let (one, other) = (cast.responder.account.id, cast.initiator.account.id)
  func code(_ id: String, _ comment: String, _ account: AccountID, _ guest: AccountID, _ sid: [UInt8]) throws -> Case {
    let inputs: Named = ["account": .bytes(account.bytes), "guest": .bytes(guest.bytes), "sid": .bytes(sid)]
    return try Case(id, "devices.4", comment, inputs) {
      ["digits": .text(SottoSession.LinkCode.of(account: account, guest: guest, sid: try Digest(sid)))]
    }
  }
  return VectorFile(
    construction: "devices", operation: "link-code", description: "The fifteen digits that both devices of a link show",
    cases: [
      try code("example", "the account and the guest of the cast", one, other, seq(0, 32)),
      try code("other-side", "the account is the guest, and the guest the account", other, one, seq(0, 32)),
      try code("other-session", "another session of the two", one, other, seq(1, 32)),
      try code("zero", "a sid of zeros", one, other, [UInt8](repeating: 0, count: 32)),
    ])
}
