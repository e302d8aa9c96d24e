import SottoCrypto
import SottoSession
import SottoWire

/// The inputs of identity/card.
private struct CardInput {
  let card: [UInt8]
  var account: AccountID
  var place: (relay: String, sequence: UInt64)?
  var known: ListHead?
  var now = Cast.now

  init(_ card: [UInt8], of player: Player, sequence: UInt64 = 1, now: UnixTime = Cast.now) {
    self.card = card
    self.now = now
    account = player.account.id
    place = (player.relay.text, sequence)
  }

  var named: Named {
    var fields: Named = ["account": .bytes(account.bytes)]
    if let place { fields = fields + ["relay": .text(place.relay), "sequence": .number(Int(place.sequence))] }
    if let known { fields = fields + ["known": .bytes(known.encoded)] }
    return fields + ["now": .number(Int(now))]
  }

  func output() throws -> Named {
    let verified = try UnverifiedCard(decoding: card).verified(
      for: account, foundAt: place.map { RelayAuthority($0.relay)! }, as: place?.sequence, now: now)
    if let known { try verified.check(after: known) }
    return [
      "head": .bytes(verified.list.head.encoded),
      "devices": .list(verified.list.devices.map { Hex.encode($0.id.bytes) }),
    ]
  }

  func with(_ change: (inout CardInput) -> Void) -> CardInput {
    var changed = self
    change(&changed)
    return changed
  }
}

/// The lists of the responder's account after its first.
struct LaterLists {
  /// A week later, chained to the first.
  let second: DeviceList
  /// Chained to the second; its one device speaks version 2 only.
  let third: DeviceList
  /// With three devices at two relays.
  let fourth: DeviceList

  init(of player: Player) throws {
    func list(
      _ sequence: UInt64, after previous: DeviceList, relays: [RelayAuthority]? = nil, _ devices: [Device]
    ) -> DeviceList {
      let begin = Cast.begin + (sequence - 1) * 7 * Cast.day
      return DeviceList(
        account: player.account.id, sequence: sequence, previous: previous.hash, notBefore: begin,
        notAfter: begin + 30 * Cast.day, nextAccount: player.account.nextID, relays: relays ?? [player.relay],
        devices: devices)
    }
    let listed = player.device.listed(at: player.relay)
    let other = RelayAuthority("127.0.0.1:8080")!
    second = list(2, after: player.card.list, [listed])
    third = list(3, after: second, [listed.with(versions: [2])])
    fourth = list(
      4, after: third, relays: [player.relay, other],
      [
        listed.with(versions: [1, 2]), try fillerDevice(1, at: other), try fillerDevice(2, at: player.relay, [2, 255]),
      ])
  }
}

@Sendable func card(_ recorded: Recorded) throws -> VectorFile {
  let cast = try Cast(recorded)
  let (alice, other) = (cast.responder, cast.initiator)
  let lists = try LaterLists(of: alice)
  let first = CardInput(alice.card.encoded(), of: alice)
  let second = CardInput(
    try recorded.card("second-list", lists.second.encoded(), by: alice.account), of: alice, sequence: 2,
    now: Cast.begin + 8 * Cast.day)
  let (content, classical, postQuantum) = signatureHalves(of: first.card)
  let (_, otherClassical, otherPostQuantum) = signatureHalves(of: second.card)
  try expectEqual(first.card.count, 5_619, "the number of bytes of the card")
  // Specs/Identity.md has the Ed25519 half of this card.
  try expectEqual(
    classical,
    hex(
      """
      17172a18230ba917a4a24a9ff1c848eb9278454be9d60ed3e5b6e0863953d3fcf5aef63e705386ff3f42a8fc2b5a8a244a4002d2784d56c50
      f5b7f1ddfb8a004
      """), "the Ed25519 half")

  func accepted(
    _ id: String, _ rule: String, _ comment: String, _ input: CardInput, isRecorded: Bool = false
  ) throws -> Case {
    let card: Named = ["card": .bytes(input.card)]
    return try Case(
      id, rule, comment, given: isRecorded ? card : [:], (isRecorded ? [:] : card) + input.named, by: input.output)
  }
  func refused(
    _ id: String, _ rule: String, _ comment: String, _ input: CardInput, at stage: RefusalStage,
    isRecorded: Bool = false
  ) throws -> Case {
    let card: Named = ["card": .bytes(input.card)]
    return try Case(
      id, rule, comment, given: isRecorded ? card : [:], (isRecorded ? [:] : card) + input.named, refusedAt: stage
    ) { _ = try input.output() }
  }
  func bytes(_ card: [UInt8]) -> CardInput { CardInput(card, of: alice) }
  /// A card that the account signed and should not have.
  func signed(
    _ id: String, _ rule: String, _ comment: String, _ list: DeviceList, at stage: RefusalStage
  ) throws -> Case {
    let card = try recorded.card(id, list.encoded(), by: alice.account)
    return try refused(
      id, rule, comment, CardInput(card, of: alice, sequence: list.sequence), at: stage, isRecorded: true)
  }
  let end = alice.card.list.notAfter
  let listed = alice.card.list.devices[0]
  let forked = ListHead(sequence: 1, hash: lists.second.hash)
  let listAt = 32 + 1_952 + 2

  let positive = [
    try accepted("example", "card.4", "the card of the example in Specs/Identity.md", first, isRecorded: true),
    try accepted(
      "other-account", "card.4", "another account", CardInput(other.card.encoded(), of: other), isRecorded: true),
    try accepted(
      "in-a-handshake", "card.5", "found at no relay, so none must be in its list", first.with { $0.place = nil }),
    try accepted("earliest", "card.4", "300 seconds before not_before", first.with { $0.now = Cast.begin - 300 }),
    try accepted("latest", "card.4", "300 seconds after not_after", first.with { $0.now = end + 300 }),
    try accepted(
      "none-known", "list.5", "a head that says that no list was seen", first.with { $0.known = ListHead.none }),
    try accepted(
      "same-list", "list.6", "the list that is known", first.with { $0.known = alice.card.list.head }),
    try accepted(
      "second-list", "list.6", "a list that chains to the known one",
      second.with { $0.known = alice.card.list.head }, isRecorded: true),
    try accepted(
      "other-version", "list.2", "a list with a device that speaks version 2 only: the list is as good as any",
      CardInput(
        try recorded.card("other-version", lists.third.encoded(), by: alice.account), of: alice, sequence: 3,
        now: lists.third.notBefore), isRecorded: true),
    try accepted(
      "skipped-list", "list.6", "three devices at two relays, found at the second; lists were missed in between",
      CardInput(
        try recorded.card("skipped-list", lists.fourth.encoded(), by: alice.account), of: alice, sequence: 4,
        now: lists.fourth.notBefore
      ).with {
        $0.place?.relay = "127.0.0.1:8080"
        $0.known = lists.second.head
      }, isRecorded: true),
  ]
  let decoding = [
    try refused("cut", "encoding.1", "a byte less", bytes(first.card.dropLast()), at: .encoding),
    try refused("trailing", "encoding.2", "a byte more", bytes(first.card + [0]), at: .encoding),
    try refused(
      "longer-length", "encoding.3", "the list's length in four bytes",
      bytes(Array(first.card[..<(listAt - 2)] + [0x80, 0, 1, 4] + first.card[listAt...])), at: .encoding),
    try signed(
      "doubled-device", "list.3", "one device twice", alice.list(devices: [listed, listed]), at: .encoding),
    try signed(
      "long-validity", "list.7", "valid for 30 days and a second", alice.list(until: end + 1), at: .validity),
    try signed(
      "first-with-previous", "list.8", "the first list follows another", alice.list(previous: forked.hash), at: .chain),
  ]
  let trust = [
    try refused(
      "another-is-wanted", "card.4", "the account of another address", first.with { $0.account = other.account.id },
      at: .account),
    try refused(
      "exchanged-post-quantum-key", "card.4", "the ML-DSA key is another's",
      bytes(Array(first.card[..<32] + other.card.encoded()[32..<1_984] + first.card[1_984...])), at: .account),
    try signed(
      "list-of-another", "card.4", "signed, but the list's account is another", alice.list(account: other.account.id),
      at: .account),
    try refused(
      "classical-of-another", "card.4", "the Ed25519 half of the second list",
      bytes(content + otherClassical + postQuantum), at: .signature),
    try refused(
      "post-quantum-of-another", "card.4", "the ML-DSA half of the second list",
      bytes(content + classical + otherPostQuantum), at: .signature),
    try refused(
      "altered-list", "card.4", "one bit of next_account", bytes(first.card.flipped(listAt + 32 + 8 + 32 + 16)),
      at: .signature),
    try refused(
      "early", "card.4", "301 seconds before not_before", first.with { $0.now = Cast.begin - 301 }, at: .validity),
    try refused("late", "card.4", "301 seconds after not_after", first.with { $0.now = end + 301 }, at: .validity),
    try signed(
      "end-of-time", "card.4", "not_after is 2^64 - 1: the sum with 300 has no 64 bits",
      alice.list(from: .max - 1, until: .max), at: .validity),
    try refused(
      "elsewhere", "card.5", "found at a relay that the list does not name",
      first.with { $0.place?.relay = "elsewhere.example" }, at: .account),
    try refused(
      "other-number", "card.2", "found with the number 2 in clear", first.with { $0.place?.sequence = 2 }, at: .chain),
    try refused(
      "rewritten", "list.6", "the known list has the same sequence and another hash", first.with { $0.known = forked },
      at: .chain),
    try refused(
      "older", "list.6", "the known list has a greater sequence", first.with { $0.known = lists.second.head },
      at: .chain),
    try refused(
      "fork", "list.6", "the next sequence, but previous is not the known hash", second.with { $0.known = forked },
      at: .chain),
  ]
  return VectorFile(
    construction: "identity", operation: "card",
    description: "What a reader checks of a card, in the order of [card.4]",
    cases: positive + decoding + trust)
}
