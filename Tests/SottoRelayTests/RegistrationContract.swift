import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// What a store remembers for a relay that does not let everybody in. [token.7] [token.9] [token.10]
extension StoreContract {
  static let registration: [Clause] = [
    ("tokens", { try await $0.tokens() }), ("racing tokens", { try await $0.racingTokens() }),
    ("token keys", { try await $0.tokenKeys() }), ("issuing", { try await $0.issuing() }),
    ("sponsored issuing", { try await $0.sponsoredIssuing() }),
    ("racing issues", { try await $0.racingIssues() }), ("leases", { try await $0.leases() }),
  ]

  private func token(_ number: UInt8, lastDay: Int64 = 100_000) -> Entitlement {
    .token(GenuineToken(id: Digest.of("test token", [number]), lastDay: lastDay))
  }

  private func card(_ number: UInt8) throws -> CardID { try CardID([UInt8](repeating: number, count: 16)) }

  /// One makes one thing, once, and only what is new needs one.
  func tokens() async throws {
    let (first, second) = (Owner(1).mailbox, Owner(2).mailbox)
    #expect(await refusal { try await store.createMailbox(first, by: mutation(1, 1), .missing) } == .tokenRequired)
    #expect(try await store.status(first) == nil)
    #expect(try await store.createMailbox(first, by: mutation(1, 1), token(1)).hasSpent)
    // The answer was lost.
    #expect(try await !store.createMailbox(first, by: mutation(1, 1), token(1)).hasSpent)
    #expect(try await !store.createMailbox(first, by: mutation(1, 2), .missing).hasSpent)
    #expect(await refusal { try await store.createMailbox(second, by: mutation(2, 1), token(1)) } == .tokenRefused)
    #expect(try await store.status(second) == nil)
    try await store.createMailbox(second, by: mutation(2, 1), token(2))

    let sealed = StoredCard(listSequence: 1, sealed: [1])
    func put(
      _ number: UInt8, _ card: StoredCard, _ condition: CardCondition, _ sequence: UInt64, _ entitlement: Entitlement
    )
      async throws -> Bool
    {
      try await store.putCard(self.card(number), card, condition, by: mutation(3, sequence), entitlement)
    }
    #expect(await refusal { _ = try await put(1, sealed, .absent, 1, .missing) } == .tokenRequired)
    #expect(await refusal { _ = try await put(1, sealed, .absent, 1, token(2)) } == .tokenRefused)
    #expect(try await store.card(card(1)) == nil)
    #expect(try await put(1, sealed, .absent, 1, token(3)))
    #expect(try await !put(1, sealed, .absent, 1, token(3)))
    #expect(try await !put(1, StoredCard(listSequence: 2, sealed: [2]), .replaces(1), 2, .missing))
    #expect(await refusal { _ = try await put(2, sealed, .absent, 3, token(3)) } == .tokenRefused)
    // What was refused has spent nothing.
    #expect(await refusal { _ = try await put(1, sealed, .absent, 9, token(4)) } == .cardConflict)
    #expect(try await put(2, sealed, .absent, 3, token(4)))

    // It is remembered for as long as it could be shown, and then forgotten.
    try await StoreContract(open).store.sweep(now: 100_002 * day)
    #expect(await refusal { _ = try await put(3, sealed, .absent, 4, token(4)) } == .tokenRefused)
    try await store.sweep(now: 100_003 * day)
    #expect(try await put(3, sealed, .absent, 4, token(4)))
  }

  private func paying(_ number: UInt8, until lease: Int64) -> Entitlement {
    .token(GenuineToken(id: Digest.of("test token", [number]), lastDay: 100_000, lease: lease))
  }

  /// Senders find a mailbox for as long as it is paid for; its owner always does. [token.13]
  func leases() async throws {
    let owner = Owner(1)
    let end = now + 100
    #expect(try await store.createMailbox(owner.mailbox, by: mutation(1, 1), paying(1, until: end)).lease == end)
    #expect(try await store.createMailbox(owner.mailbox, by: mutation(1, 1), paying(1, until: end)).lease == end)
    try await store.setCapabilities(owner.mailbox, try owner.capabilities, by: mutation(1, 2))
    try await store.putSignedPart(owner.mailbox, SignedPartUpload(id: 1, sealed: [1]), by: mutation(1, 3))
    func put(_ number: Int, at time: Int64, in store: any RelayStore) async -> Problem? {
      await refusal {
        let arrival = Arrival(
          mailbox: owner.mailbox, id: envelopeID(number), capability: owner.contact.hash, bytes: envelope(number))
        _ = try await store.accept(arrival, now: time) { _ in }
      }
    }
    func claim(at time: Int64) async -> Problem? {
      await refusal {
        _ = try await store.claim(owner.mailbox, capability: owner.contact.hash, now: time) { _ in }
      }
    }
    #expect(await put(1, at: end, in: store) == nil)
    #expect(await put(2, at: end + 1, in: store) == .deliveryRefused)
    #expect(await claim(at: end) == nil)
    #expect(await claim(at: end + 1) == .deliveryRefused)
    // What waits is its owner's, and a restart changes nothing.
    let again = try open()
    #expect(
      try await again.envelopes(owner.mailbox, after: 0, room: Room(count: 9, bytes: .max), now: end + 1).count == 1)
    #expect(await put(3, at: end + 1, in: again) == .deliveryRefused)
    // Without a token nothing changes; with one it goes on from there, and never back.
    #expect(try await store.createMailbox(owner.mailbox, by: mutation(1, 4), .missing).lease == end)
    #expect(
      await refusal { try await store.createMailbox(owner.mailbox, by: mutation(1, 5), paying(1, until: end + 9)) }
        == .tokenRefused)
    func pay(_ sequence: UInt64, _ entitlement: Entitlement) async throws -> Payment {
      try await store.createMailbox(owner.mailbox, by: mutation(1, sequence), entitlement)
    }
    #expect(try await pay(5, paying(2, until: end + 50)) == Payment(lease: end + 50, hasSpent: true))
    #expect(try await pay(5, paying(2, until: end + 50)) == Payment(lease: end + 50, hasSpent: false))
    #expect(try await pay(6, paying(3, until: end)) == Payment(lease: end + 50, hasSpent: true))
    #expect(await put(4, at: end + 50, in: store) == nil)
    #expect(await put(5, at: end + 51, in: store) == .deliveryRefused)
    // Where everybody is let in from now on, nothing has to be paid.
    try await store.forgiveLeases()
    #expect(await put(6, at: end + 1_000, in: store) == nil)
    #expect(await claim(at: end + 1_000) == nil)
    #expect(try await store.createMailbox(owner.mailbox, by: mutation(1, 7), .missing).lease == nil)
    // One that was made where anybody may is not paid for, and no token is spent on it.
    let other = Owner(2)
    #expect(try await store.createMailbox(other.mailbox, by: mutation(2, 1), .notNeeded).lease == nil)
    #expect(
      try await store.createMailbox(other.mailbox, by: mutation(2, 2), paying(4, until: end))
        == Payment(lease: nil, hasSpent: false))
    try await store.createMailbox(Owner(3).mailbox, by: mutation(3, 1), paying(4, until: end))
  }

  func racingTokens() async throws {
    let made = await withTaskGroup(of: Bool.self) { group in
      for seed in UInt8(1)...8 {
        group.addTask {
          (try? await store.createMailbox(Owner(seed).mailbox, by: mutation(seed, 1), token(1))) != nil
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(made == 1)
  }

  /// The first counts.
  func tokenKeys() async throws {
    #expect(try await store.tokenKey(5) == nil)
    #expect(try await store.keepTokenKey(5, [1]) == [1])
    #expect(try await store.keepTokenKey(5, [2]) == [1])
    #expect(try await store.keepTokenKey(6, [3]) == [3])
    #expect(try await StoreContract(open).store.tokenKey(5) == [1])
    // Of an epoch that is over for two: not before it is by the clock of every relay.
    try await store.sweep(now: (7 * 30 + 2) * day - 1)
    #expect(try await store.tokenKey(5) == [1])
    try await store.sweep(now: (7 * 30 + 2) * day)
    #expect(try await store.tokenKey(5) == nil)
    #expect(try await store.tokenKey(6) == [3])
  }

  private func issuance(
    _ account: UInt8, _ batch: UInt8, count: Int = 4, epoch: Int64 = 700, credential: UInt8? = nil
  ) -> Issuance {
    Issuance(
      account: Digest.of("test account", [account]),
      credential: credential.map { GenuineToken(id: Digest.of("test credential", [$0]), lastDay: 100_000) },
      batch: Digest.of("test batch", [batch]), count: count, limit: 10, epoch: epoch)
  }

  func issuing() async throws {
    try await store.issue(issuance(1, 1))
    try await store.issue(issuance(1, 2))
    // Repeated, it counts once, and after others it is a new request.
    try await store.issue(issuance(1, 2))
    #expect(await refusal { try await store.issue(issuance(1, 3)) } == .tokensExhausted)
    #expect(await refusal { try await store.issue(issuance(1, 1)) } == .tokensExhausted)
    try await store.issue(issuance(1, 4, count: 2))
    #expect(await refusal { try await store.issue(issuance(1, 5, count: 1)) } == .tokensExhausted)
    // Others, and the next epoch, have their own.
    try await store.issue(issuance(2, 3, count: 10))
    try await store.issue(issuance(1, 4, count: 9, epoch: 701))
    // A relay whose clock is behind goes on where the other is.
    #expect(await refusal { try await store.issue(issuance(1, 5, count: 2, epoch: 700)) } == .tokensExhausted)
    try await store.issue(issuance(1, 5, count: 1, epoch: 700))
    #expect(await refusal { try await store.issue(issuance(1, 6, count: 1, epoch: 701)) } == .tokensExhausted)
    #expect(await refusal { try await store.issue(issuance(3, 6, count: 11)) } == .tokensExhausted)

    // What can be shown once buys one batch, whoever shows it.
    try await store.issue(issuance(4, 7, credential: 1))
    try await store.issue(issuance(4, 7, credential: 1))
    #expect(await refusal { try await store.issue(issuance(4, 8, credential: 1)) } == .credentialRefused)
    #expect(await refusal { try await store.issue(issuance(5, 7, credential: 1)) } == .credentialRefused)
    try await store.issue(issuance(4, 8, credential: 2))
    // A credential that was refused for the count is not used up.
    #expect(await refusal { try await store.issue(issuance(4, 9, credential: 3)) } == .tokensExhausted)
    try await store.issue(issuance(6, 9, credential: 3))
  }

  /// What is bought with an inviter's invitation counts for the invitation, and for the inviter. [token.14]
  func sponsoredIssuing() async throws {
    func issue(_ account: UInt8, _ batch: UInt8, count: Int = 4, epoch: Int64 = 700) async throws {
      try await store.issue(
        Issuance(
          account: Digest.of("test account", [account]), credential: nil, batch: Digest.of("test batch", [batch]),
          count: count, limit: 10, epoch: epoch,
          sponsor: Issuance.Sponsor(account: Digest.of("test sponsor", []), limit: 13)))
    }
    try await issue(1, 1)
    // Repeated it counts once, for both.
    try await issue(1, 1)
    try await issue(2, 2)
    try await issue(3, 3)
    #expect(await refusal { try await issue(4, 4, count: 2) } == .tokensExhausted)
    // What was refused for the one has not counted for the other.
    #expect(await refusal { try await issue(1, 5, count: 7) } == .tokensExhausted)
    try await issue(4, 4, count: 1)
    #expect(await refusal { try await issue(1, 6, count: 1) } == .tokensExhausted)
    // Who was not invited by them has their own, and so has the next epoch.
    try await store.issue(issuance(5, 7, count: 10))
    try await issue(1, 8, count: 10, epoch: 701)
    let left = await withTaskGroup(of: Bool.self) { group in
      for account in UInt8(10)...17 {
        group.addTask { (try? await issue(account, account, count: 1, epoch: 701)) != nil }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(left == 3, "13 of all together")
  }

  func racingIssues() async throws {
    let issued = await withTaskGroup(of: Bool.self) { group in
      for batch in UInt8(1)...8 {
        group.addTask { (try? await store.issue(issuance(1, batch))) != nil }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(issued == 2)
  }
}
