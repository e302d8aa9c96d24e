import Foundation
import GRDB
import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// The SQLite adapter: the contract, and what is its own.
@Suite struct SQLiteStoreTests {
  @Test(arguments: StoreContract.all.map(\.name)) func contract(_ name: String) async throws {
    let folder = Folder()
    let clause = try #require(StoreContract.all.first { $0.name == name })
    let contract = try StoreContract { try SQLiteStore(path: folder.path + "/store") }
    try await clause.run(contract)
    try await contract.store.close()
  }

  @Test func synchronousIsFull() throws {
    let store = try SQLiteStore(path: Folder().path + "-store")
    #expect(try store.synchronous() == 2)
  }

  @Test func survivesReopening() async throws {
    let folder = Folder()
    let path = folder.path + "/store"
    let id = try CardID([UInt8](repeating: 1, count: 16))
    let card = StoredCard(listSequence: 1, sealed: [1, 2, 3])
    var store = try SQLiteStore(path: path)
    try await store.putCard(id, card, .absent, by: StoreContract.mutation(1, 1))
    try await store.close()
    store = try SQLiteStore(path: path)
    #expect(try await store.card(id) == card)
    try await store.close()
  }

  @Test func olderSchemaIsRefused() async throws {
    let folder = Folder()
    let path = folder.path + "/store"
    try await SQLiteStore(path: path).close()
    try await Self.write(path, "UPDATE store SET version = 1")
    let before = try await Self.contents(path)
    #expect(throws: StoreFailure.olderSchema) { _ = try SQLiteStore(path: path) }
    #expect(try await Self.contents(path) == before)
  }

  @Test func newerSchemaIsRefused() async throws {
    let folder = Folder()
    let path = folder.path + "/store"
    let store = try SQLiteStore(path: path)
    try await store.close()
    try await Self.write(path, "UPDATE store SET version = version + 1; CREATE TABLE of_the_future (a)")
    let before = try await Self.contents(path)
    #expect(throws: StoreFailure.newerSchema) { _ = try SQLiteStore(path: path) }
    #expect(try await Self.contents(path) == before)
    try await Self.write(path, "UPDATE store SET version = version - 1")
    try await SQLiteStore(path: path).close()
  }

  private static func write(_ path: String, _ sql: String) async throws {
    let queue = try DatabaseQueue(path: path)
    try await queue.write { try $0.execute(sql: sql) }
    try queue.close()
  }

  /// The tables and the version.
  private static func contents(_ path: String) async throws -> [String] {
    let queue = try DatabaseQueue(path: path)
    defer { try? queue.close() }
    return try await queue.read {
      try String.fetchAll($0, sql: "SELECT name FROM sqlite_master UNION SELECT version FROM store ORDER BY 1")
    }
  }

  /// A mailbox of its own, and an envelope in it whose bytes and name can be looked for.
  private func canary(_ store: SQLiteStore, _ number: UInt8) async throws -> (Arrival, [[UInt8]]) {
    let owner = Owner(number)
    try await store.createMailbox(owner.mailbox, by: StoreContract.mutation(number, 1))
    try await store.setCapabilities(owner.mailbox, try owner.capabilities, by: StoreContract.mutation(number, 2))
    let content = Array("canary-of-deleted-bytes-\(number)".utf8)
    let name = Array("canary-by-name-\(number)".utf8)
    let bytes = Array(repeatElement(content, count: 30).joined().prefix(512))
    let arrival = Arrival(
      mailbox: owner.mailbox, id: try EnvelopeID(name), capability: owner.contact.hash, bytes: bytes)
    _ = try await store.accept(arrival, now: 0) { _ in }
    return (arrival, [content, name])
  }

  /// What is acknowledged leaves no bytes in the file after the sweep; what is deleted leaves no name either, whatever
  /// state it was in. [relay.29] [stream.6]
  @Test func deletedBytesAreOverwritten() async throws {
    let folder = Folder()
    let store = try SQLiteStore(path: folder.path + "/store")
    let (delivered, ofDelivered) = try await canary(store, 1)
    let (acknowledged, ofAcknowledged) = try await canary(store, 2)
    let (waiting, ofWaiting) = try await canary(store, 3)
    func isFound(_ canary: [UInt8]) -> Bool { Scan.files(in: folder.path, contain: canary) }
    #expect([ofDelivered, ofAcknowledged, ofWaiting].joined().allSatisfy(isFound), "stored while they wait")
    try await store.acknowledge(delivered.mailbox, upTo: 1)
    try await store.sweep(now: 0)
    #expect(!isFound(ofDelivered[0]) && isFound(ofDelivered[1]), "the name is remembered")
    try await store.acknowledge(acknowledged.mailbox, upTo: 1)
    for (arrival, number) in [(delivered, 1), (acknowledged, 2), (waiting, 3)] {
      try await store.deleteMailbox(arrival.mailbox, by: StoreContract.mutation(UInt8(number), 3))
    }
    try await store.sweep(now: 0)
    for canary in [ofDelivered, ofAcknowledged, ofWaiting].joined() { #expect(!isFound(canary)) }
    try await store.close()
  }

  /// A commit that fails takes everything of it back: the next one starts where it would have.
  @Test func aFailedCommitChangesNothing() async throws {
    let folder = Folder()
    let path = folder.path + "/store"
    let store = try SQLiteStore(path: path)
    let (first, _) = try await canary(store, 1)
    let arrivals = (1...3).map {
      Arrival(mailbox: first.mailbox, id: envelopeID($0), capability: first.capability, bytes: first.bytes)
    }
    let stranger = Arrival(mailbox: Owner(9).mailbox, id: first.id, capability: first.capability, bytes: first.bytes)
    func submit() async -> [Acceptance] {
      await withCheckedContinuation { continuation in
        store.submit(arrivals + [arrivals[0], stranger], now: 0) { _, _ in
        } done: {
          continuation.resume(returning: $0)
        }
      }
    }
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: path, configuration: configuration)
    // Nobody else can write while this one may.
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    let refused = Acceptance.refused(Refusal(.deliveryRefused))
    let outcomes = await submit()
    #expect(outcomes[..<4].allSatisfy { if case .failed = $0 { true } else { false } }, "also the repetition")
    #expect(outcomes[4] == refused)
    #expect(try await store.status(first.mailbox)?.envelopes == 1)
    try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    #expect(await submit() == [.stored, .stored, .stored, .repeated, refused])
    let found = try await store.envelopes(first.mailbox, after: 0, room: Room(count: 9, bytes: .max), now: 0)
    #expect(found.map(\.index) == [1, 2, 3, 4] && found.dropFirst().map(\.id) == (1...3).map(envelopeID))
    try await store.close()
  }

  /// Thousands of queued envelopes of 1 KiB, with everything beside them, in at most 1.25 of their own bytes.
  @Test func theFileIsLittleLargerThanWhatWaits() async throws {
    let folder = Folder()
    let path = folder.path + "/store"
    let store = try SQLiteStore(path: path)
    for number in 1...8 as ClosedRange<UInt8> {
      let (first, _) = try await canary(store, number)
      let arrivals = (0..<1_000).map { _ in
        var entropy = SystemEntropy()
        let bytes = entropy.bytes(1_024)
        return Arrival(
          mailbox: first.mailbox, id: EnvelopeID(from: &entropy), capability: first.capability, bytes: bytes)
      }
      let outcomes = await withCheckedContinuation { continuation in
        store.submit(arrivals, now: 0) { _, _ in
        } done: {
          continuation.resume(returning: $0)
        }
      }
      #expect(outcomes.allSatisfy { $0 == .stored })
    }
    try await store.close()
    let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    #expect(size < 8_000 * 1_024 * 5 / 4)
  }
}

/// Looks for bytes in every file of a folder.
enum Scan {
  static func files(in folder: String, contain bytes: [UInt8]) -> Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.contains { name in
      FileManager.default.contents(atPath: folder + "/" + name)?.range(of: Data(bytes)) != nil
    }
  }
}
