import Foundation
import GRDB
import SottoRelay
import SottoWire
import Testing

/// The SQLite adapter: the contract, and what is its own.
@Suite struct SQLiteStoreTests {
  @Test(arguments: StoreContract.all.map(\.name)) func contract(_ name: String) async throws {
    let folder = Folder()
    let store = try SQLiteStore(path: folder.path + "/store")
    let clause = try #require(StoreContract.all.first { $0.name == name })
    try await clause.run(StoreContract(store: store))
    try await store.close()
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

  /// What is acknowledged or deleted leaves no bytes in the file. [relay.29]
  @Test func deletedBytesAreOverwritten() async throws {
    let folder = Folder()
    let path = folder.path + "/store"
    let store = try SQLiteStore(path: path)
    let canary = Array("canary-of-deleted-bytes".utf8)
    let owner = Owner(1)
    try await store.createMailbox(owner.mailbox, by: StoreContract.mutation(1, 1))
    try await store.setCapabilities(owner.mailbox, try owner.capabilities, by: StoreContract.mutation(1, 2))
    let bytes = Array(repeatElement(canary, count: 30).joined().prefix(512))
    let arrival = Arrival(mailbox: owner.mailbox, id: envelopeID(1), capability: owner.contact.hash, bytes: bytes)
    _ = try await store.accept(arrival, now: 0) { _ in }
    try await store.sweep(now: 0)
    #expect(Scan.files(in: folder.path, contain: canary), "stored while it waits")
    try await store.acknowledge(owner.mailbox, upTo: 1)
    try await store.sweep(now: 0)
    #expect(!Scan.files(in: folder.path, contain: canary))
    try await store.close()
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
