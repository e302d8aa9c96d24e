import SottoCrypto
import SottoSession

@Sendable func listChain(_ recorded: Recorded) throws -> VectorFile {
  let alice = try Cast(recorded).responder
  let first = alice.card.list
  let later = try LaterLists(of: alice)
  func input(_ list: DeviceList, _ known: ListHead) -> Named {
    ["list": .bytes(list.encoded()), "known": .bytes(known.encoded)]
  }
  func accepted(_ id: String, _ comment: String, _ list: DeviceList, _ known: ListHead) throws -> Case {
    try Case(id, "list.6", comment, input(list, known)) {
      try list.check(after: known)
      return [:]
    }
  }
  func refused(_ id: String, _ comment: String, _ list: DeviceList, _ known: ListHead) throws -> Case {
    try Case(id, "list.6", comment, input(list, known), refusedAt: .chain) { try list.check(after: known) }
  }
  func head(_ sequence: UInt64, _ hash: Digest) -> ListHead { ListHead(sequence: sequence, hash: hash) }
  let last = alice.list(sequence: .max, previous: first.hash)
  return VectorFile(
    construction: "identity", operation: "list-chain", description: "Whether a list may follow a known one",
    cases: [
      try accepted("first", "the first list, and none is known", first, .none),
      try accepted("late-acquaintance", "the fourth list, and none is known", later.fourth, .none),
      try accepted("same", "the known list", first, first.head),
      try accepted("next", "the next list, with the known hash as previous", later.second, first.head),
      try accepted("skipped", "two numbers further: the list between them was missed", later.third, first.head),
      try accepted("skipped-to-the-end", "the greatest number there is", last, later.second.head),
      try accepted(
        "next-to-last", "the greatest number, directly after the known one", last, head(.max - 1, first.hash)),
      try refused("rewritten", "the known number with another hash", later.second, head(2, first.hash)),
      try refused("older", "a lower number", first, later.second.head),
      try refused("much-older", "a number lower by three", first, later.fourth.head),
      try refused("before-the-end", "the greatest number is known", later.second, head(.max, first.hash)),
      try refused("fork", "the next number, but previous is another hash", later.second, head(1, later.second.hash)),
      try refused(
        "fork-at-the-end", "the greatest number, directly after the known one, with another hash as previous", last,
        head(.max - 1, later.second.hash)),
    ])
}
