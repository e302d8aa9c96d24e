import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// What every store must do, whatever keeps its bytes. An adapter's suite makes a store and runs all of it.
struct StoreContract {
  let store: any RelayStore
  /// Opens what `store` keeps a second time.
  let open: @Sendable () throws -> any RelayStore
  let now: Int64 = 1_700_000_000
  let day: Int64 = 86_400

  typealias Clause = (name: String, run: @Sendable (StoreContract) async throws -> Void)

  static let all: [Clause] = own + prekeys + queues + blobs + registration

  private static let own: [Clause] = [
    ("cards", { try await $0.cards() }), ("mailboxes", { try await $0.mailboxes() }),
    ("sequences", { try await $0.sequences() }), ("capabilities", { try await $0.capabilities() }),
    ("deletion", { try await $0.deletion() }),
  ]

  // MARK: Helpers

  init(_ open: @escaping @Sendable () throws -> any RelayStore) throws {
    store = try open()
    self.open = open
  }

  /// The same, read anew, as after a crash: nothing is closed, flushed or told before.
  func restarted() throws -> StoreContract { try StoreContract(open) }

  static func mutation(_ seed: UInt8, _ sequence: UInt64, _ content: UInt8 = 0) -> Mutation {
    Mutation(
      key: Owner(seed).key.publicKey, sequence: sequence, digest: Digest.of("test", [content], [UInt8(sequence & 255)]))
  }

  func mutation(_ seed: UInt8, _ sequence: UInt64, _ content: UInt8 = 0) -> Mutation {
    Self.mutation(seed, sequence, content)
  }

  func refusal(_ body: () async throws -> Void) async -> Problem? {
    do {
      try await body()
      return nil
    } catch { return (error as? Refusal)?.problem }
  }

  func registered(_ seed: UInt8) async throws -> MailboxID {
    let owner = Owner(seed)
    try await store.createMailbox(owner.mailbox, by: mutation(seed, 1))
    try await store.setCapabilities(owner.mailbox, try owner.capabilities, by: mutation(seed, 2))
    return owner.mailbox
  }

  // MARK: The contract

  /// [relay.20] [relay.21] [relay.22]
  func cards() async throws {
    let id = try CardID([UInt8](repeating: 9, count: 16))
    let first = StoredCard(listSequence: 5, sealed: [1])
    let second = StoredCard(listSequence: 6, sealed: [2])
    #expect(try await store.card(id) == nil)
    #expect(await refusal { try await store.putCard(id, first, .replaces(4), by: mutation(1, 1)) } == .cardConflict)
    try await store.putCard(id, first, .absent, by: mutation(1, 1))
    try await store.putCard(id, first, .absent, by: mutation(1, 1))
    #expect(await refusal { try await store.putCard(id, second, .absent, by: mutation(1, 2)) } == .cardConflict)
    #expect(await refusal { try await store.putCard(id, second, .absent, by: mutation(2, 2)) } == .cardConflict)
    #expect(
      await refusal { try await store.putCard(id, second, .replaces(5), by: mutation(2, 2)) } == .signatureRefused)
    #expect(await refusal { try await store.putCard(id, second, .replaces(4), by: mutation(1, 2)) } == .cardConflict)
    #expect(await refusal { try await store.putCard(id, first, .replaces(5), by: mutation(1, 2)) } == .cardConflict)
    #expect(try await store.card(id) == first)
    try await store.putCard(id, second, .replaces(5), by: mutation(1, 2))
    #expect(try await store.card(id) == second)
    #expect(await refusal { try await store.deleteCard(id, by: mutation(2, 3)) } == .signatureRefused)
    #expect(await refusal { try await store.deleteCard(id, by: mutation(1, 1)) } == .sequenceStale)
    try await store.deleteCard(id, by: mutation(1, 3))
    try await store.deleteCard(id, by: mutation(1, 3))
    #expect(try await store.card(id) == nil)
  }

  /// [relay.13]
  func mailboxes() async throws {
    let mailbox = Owner(1).mailbox
    #expect(try await store.status(mailbox) == nil)
    #expect(try await store.lastIndex(mailbox) == nil)
    try await store.createMailbox(mailbox, by: mutation(1, 10))
    let status = try #require(try await store.status(mailbox))
    #expect(status.sequence == 10 && status.restoreEpoch == store.restoreEpoch && status.signedPart == nil)
    #expect(status.envelopes == 0 && status.oneTimeParts == 0 && status.capabilities.isEmpty)
    #expect(try await store.lastIndex(mailbox) == 0)
    try await store.ping()
  }

  /// [request.8]
  func sequences() async throws {
    let mailbox = try await registered(1)
    let set = try CapabilitySet([])
    #expect(await refusal { try await store.setCapabilities(mailbox, set, by: mutation(1, 2, 9)) } == .sequenceStale)
    #expect(await refusal { try await store.setCapabilities(mailbox, set, by: mutation(1, 1)) } == .sequenceStale)
    try await store.setCapabilities(mailbox, set, by: mutation(1, 2))
    #expect(try await store.status(mailbox)?.capabilities == [.knock, .contact], "a repeated request does nothing")
    try await store.createMailbox(mailbox, by: mutation(1, 3))
    #expect(try await store.status(mailbox)?.capabilities == [.knock, .contact], "what is there stays")
    #expect(await refusal { try await store.createMailbox(mailbox, by: mutation(1, 2)) } == .sequenceStale)
    try await store.setCapabilities(mailbox, set, by: mutation(1, 4))
    #expect(try await store.status(mailbox)?.capabilities == [])
    let missing = Owner(2).mailbox
    #expect(await refusal { try await store.setCapabilities(missing, set, by: mutation(2, 1)) } == .mailboxMissing)
  }

  /// [relay.24] [relay.25]
  func capabilities() async throws {
    let mailbox = try await registered(1)
    let unknown = await refusal { _ = try await accept(arrival(2, 1)) }
    let wrong = await refusal {
      _ = try await accept(
        Arrival(mailbox: mailbox, id: envelopeID(1), capability: Owner(2).contact.hash, bytes: envelope(1)))
    }
    #expect(unknown == .deliveryRefused && wrong == .deliveryRefused)
    let retiring = CapabilitySlot(.retiring, Owner(1).contact.hash, expires: UInt64(now))
    try await store.setCapabilities(mailbox, try CapabilitySet([retiring]), by: mutation(1, 3))
    #expect(try await accept(arrival(1, 1), now: now))
    #expect(await refusal { _ = try await accept(arrival(1, 2), now: now + 1) } == .deliveryRefused)
    #expect(await refusal { _ = try await accept(arrival(1, 2, knock: true)) } == .deliveryRefused, "revoked")
  }

  /// [relay.29]
  func deletion() async throws {
    let mailbox = try await registered(1)
    try await store.putSignedPart(mailbox, SignedPartUpload(id: 9, sealed: [1]), by: mutation(1, 3))
    try await store.putBatch(mailbox, 9, try upload(0..<3), by: mutation(1, 4))
    _ = try await accept(arrival(1, 1))
    #expect(await refusal { try await store.deleteMailbox(mailbox, by: mutation(1, 3)) } == .sequenceStale)
    try await store.deleteMailbox(mailbox, by: mutation(1, 5))
    try await store.deleteMailbox(mailbox, by: mutation(1, 5))
    #expect(try await store.status(mailbox) == nil)
    #expect(await refusal { _ = try await accept(arrival(1, 1)) } == .deliveryRefused)
    // A mailbox of the same name starts from nothing: low sequences, ids, batches and indexes are all new to it.
    _ = try await registered(1)
    let status = try #require(try await store.status(mailbox))
    #expect(status.envelopes == 0 && status.oneTimeParts == 0 && status.signedPart == nil && status.sequence == 2)
    #expect(try await accept(arrival(1, 1)))
    #expect(try await waiting(mailbox).map(\.index) == [1])
    try await store.putSignedPart(mailbox, SignedPartUpload(id: 1, sealed: [1]), by: mutation(1, 3))
    try await store.putBatch(mailbox, 1, try upload(0..<1), by: mutation(1, 4))
  }
}
