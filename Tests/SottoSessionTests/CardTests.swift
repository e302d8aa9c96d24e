import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// The stage at which `body` is refused; nil when it is not.
func stage<R>(_ body: () throws -> R) -> RefusalStage? {
  do {
    _ = try body()
    return nil
  } catch { return (error as? Refused)?.stage }
}

@Suite(.sealsAreWatched) struct CardTests {
  let alice: Person
  let mallory: Person
  init() throws {
    alice = try Person(seed: 1, now: day)
    mallory = try Person(seed: 9, now: day)
  }

  private func list(
    of person: Person, sequence: UInt64 = 1, previous: Digest = .zero, from: UnixTime = day,
    until: UnixTime = day + 30 * 86_400, relays: [RelayAuthority]? = nil, devices: [Device]? = nil
  ) -> DeviceList {
    DeviceList(
      account: person.account.id, sequence: sequence, previous: previous, notBefore: from, notAfter: until,
      nextAccount: person.account.nextID, relays: relays ?? [person.relay],
      devices: devices ?? [person.device.listed(at: person.relay)])
  }

  private func verify(_ card: Card, for person: Person? = nil, at now: UnixTime = day) throws -> Card {
    let person = person ?? alice
    return try UnverifiedCard(decoding: card.encoded()).verified(
      for: person.account.id, foundAt: person.relay, now: now)
  }

  // [card.3] [card.4] [list.2] [list.4]
  @Test func anHonestCardIsVerified() throws {
    #expect(try verify(alice.card) == alice.card)
    #expect(try verify(alice.card).list.nextAccount == alice.account.nextID)
  }

  // [card.4] [account.1] [address.1]
  @Test func anotherAccountsCardIsRefused() throws {
    #expect(stage { try verify(mallory.card, for: alice) } == .account)
    // Mallory signs a list that claims to be Alice's.
    let forged = try Card(list(of: mallory), signedBy: mallory.account).encoded()
    var bent = forged
    let offset = 32 + 1952 + 2
    bent.replaceSubrange(offset..<offset + 32, with: alice.account.id.bytes)
    #expect(
      stage {
        try UnverifiedCard(decoding: bent).verified(for: mallory.account.id, foundAt: nil, now: day)
      } == .account)
  }

  // [card.4] [primitives.6]
  @Test func eitherHalfOfTheSignatureMatters() throws {
    let encoded = alice.card.encoded()
    for offset in [encoded.count - 1, encoded.count - 3309 - 1] {
      var bent = encoded
      bent[offset] ^= 1
      #expect(
        stage { try UnverifiedCard(decoding: bent).verified(for: alice.account.id, foundAt: nil, now: day) }
          == .signature)
    }
  }

  // [card.4] [list.7]
  @Test func validityHasEdges() throws {
    let end = alice.card.list.notAfter
    #expect(stage { try verify(alice.card, at: end + 300) } == nil)
    #expect(stage { try verify(alice.card, at: end + 301) } == .validity)
    #expect(stage { try verify(alice.card, at: day - 300) } == nil)
    #expect(stage { try verify(alice.card, at: day - 301) } == .validity)
    let long = try Card(list(of: alice, until: day + 30 * 86_400 + 1), signedBy: alice.account)
    #expect(stage { try verify(long) } == .validity)
  }

  // [card.4] [card.5]
  @Test func aCardFoundElsewhereIsRefused() throws {
    let elsewhere = RelayAuthority("other.example")!
    #expect(
      stage {
        try UnverifiedCard(decoding: alice.card.encoded()).verified(
          for: alice.account.id, foundAt: elsewhere, now: day)
      } == .account)
  }

  // [list.3]
  @Test func oneNameOneDevice() throws {
    let device = alice.device.listed(at: alice.relay)
    let doubled = try Card(list(of: alice, devices: [device, device]), signedBy: alice.account)
    #expect(stage { try verify(doubled) } == .encoding)
    let none = try Card(list(of: alice, devices: []), signedBy: alice.account)
    #expect(stage { try verify(none) } == .encoding)
  }

  // [list.6] [list.8]
  @Test func listsChain() throws {
    let first = alice.card
    let second = try Card(list(of: alice, sequence: 2, previous: first.list.hash), signedBy: alice.account)
    let forked = try Card(list(of: alice, sequence: 2, previous: second.list.hash), signedBy: alice.account)
    let rewritten = try Card(list(of: alice, until: day + 86_400), signedBy: alice.account)
    #expect(stage { try second.check(after: first.list.head) } == nil)
    #expect(stage { try first.check(after: first.list.head) } == nil)
    #expect(stage { try first.check(after: second.list.head) } == .chain)
    #expect(stage { try forked.check(after: first.list.head) } == .chain)
    #expect(stage { try rewritten.check(after: first.list.head) } == .chain)
    #expect(stage { try verify(try Card(list(of: alice, sequence: 2), signedBy: alice.account)) } == .chain)
  }

  // [card.1] [card.2]
  // [card.6]
  @Test func sealedSizesAreWholeBlocks() throws {
    var entropy = SeededEntropy(seed: 2)
    let key = SealingKey(Secret(count: 32, from: &entropy))
    let kind = SealedKind.signedPart(try MailboxID(entropy.bytes(16)), id: 1)
    for (plaintext, sealed) in [(0, 1024), (1023, 1024), (1024, 2048), (5000, 5120)] {
      #expect(kind.seal([UInt8](repeating: 1, count: plaintext), under: key, from: &entropy).count == sealed + 40)
    }
    let unpadded = key.seal([1, 2, 3], ad: kind.associatedData, from: &entropy)
    #expect(stage { try kind.open(unpadded, under: key) } == .padding)
  }

  @Test func sealedThingsStayInTheirPlace() throws {
    let keys = ContactKeys(alice.address)
    let key = keys.cardKey()
    var entropy = SeededEntropy(seed: 4)
    let kinds: [SealedKind] = [
      .card(keys.cardID, sequence: 1), .card(keys.cardID, sequence: 2),
      .signedPart(try MailboxID(keys.cardID.bytes), id: 1), .signedPart(alice.device.mailbox, id: 1),
      .oneTimePart(alice.device.mailbox, batch: 1, index: 0), .oneTimePart(alice.device.mailbox, batch: 1, index: 1),
      .oneTimePart(alice.device.mailbox, batch: 2, index: 0),
    ]
    for (place, kind) in kinds.enumerated() {
      let sealed = kind.seal([1, 2, 3], under: key, from: &entropy)
      for (other, reader) in kinds.enumerated() {
        #expect(stage { try reader.open(sealed, under: key) } == (place == other ? nil : .seal))
      }
    }
  }

  @Test func everyTruncationIsRefused() throws {
    let encoded = alice.card.encoded()
    for count in stride(from: 0, to: encoded.count, by: 97) {
      #expect(stage { try UnverifiedCard(decoding: Array(encoded[..<count])) } == .encoding)
    }
    #expect(stage { try UnverifiedCard(decoding: encoded + [0]) } == .encoding)
  }
}
