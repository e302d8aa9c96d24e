import Foundation
import GRDB
import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

/// What becomes of a store whose disk fails, or is full. [operation.10]
@Suite struct DiskFaultTests {
  private static let now: Int64 = 1_700_000_000

  private static func put(_ store: SQLiteStore, _ number: Int) async -> Acceptance {
    let owner = Owner(1)
    let arrival = Arrival(
      mailbox: owner.mailbox, id: envelopeID(number), capability: owner.contact.hash, bytes: envelope(number, size: .k1)
    )
    return await withCheckedContinuation { continuation in
      store.submit([arrival], now: now) { _, _ in
      } done: {
        continuation.resume(returning: $0[0])
      }
    }
  }

  private static func waiting(_ store: SQLiteStore) async throws -> Int {
    try await store.envelopes(Owner(1).mailbox, after: 0, room: Room(count: 1_000, bytes: .max), now: now).count
  }

  private static func registered(_ store: SQLiteStore) async throws {
    let owner = Owner(1)
    try await store.createMailbox(owner.mailbox, by: StoreContract.mutation(1, 1))
    try await store.setCapabilities(owner.mailbox, try owner.capabilities, by: StoreContract.mutation(1, 2))
  }

  /// After a sync that failed nothing is tried again: the next one would lie.
  @Test func `A sync that fails is the last`() async throws {
    let folder = Folder()
    let disk = RecordedDisk(folder.path)
    defer { disk.end() }
    let codes = Mutex<[Int]>([])
    let store = try SQLiteStore(path: folder.path + "/store") { report in
      if case .broken(let code) = report { codes.withLock { $0.append(code) } }
    }
    try await Self.registered(store)
    #expect(await Self.put(store, 1) == .stored)
    disk.fail(.sync)
    let failed = await Self.put(store, 2)
    guard case .failed(.failed(let code)) = failed, code & 0xFF == 10 else {
      Issue.record("\(failed)")
      return
    }
    // The disk is well again. Nobody believes it.
    disk.fail(nil)
    let syncs = disk.syncs
    #expect(await Self.put(store, 3) == failed)
    await #expect(throws: StoreFailure.failed(code)) {
      try await store.createMailbox(Owner(2).mailbox, by: StoreContract.mutation(2, 1))
    }
    await #expect(throws: StoreFailure.failed(code)) { try await store.sweep(now: Self.now) }
    #expect(disk.syncs == syncs && codes.withLock { $0 } == [code])
    try? await store.close()
    // A start finds what was acknowledged, and what nobody was told of or not.
    let again = try SQLiteStore(path: folder.path + "/store")
    #expect(await Self.put(again, 1) == .repeated)
    #expect(try await (1...2).contains(Self.waiting(again)))
    #expect(await Self.put(again, 4) == .stored)
    try await again.close()
  }

  /// A full disk is no failure of the disk: it says so, keeps what it has, and goes on when there is room.
  @Test func `A full disk is said, and over when there is room`() async throws {
    let folder = Folder()
    let disk = RecordedDisk(folder.path)
    defer { disk.end() }
    let store = try SQLiteStore(path: folder.path + "/store")
    try await Self.registered(store)
    #expect(await Self.put(store, 1) == .stored)
    disk.fail(.full)
    #expect(await Self.put(store, 2) == .failed(.full))
    await #expect(throws: StoreFailure.full) {
      try await store.createMailbox(Owner(2).mailbox, by: StoreContract.mutation(2, 1))
    }
    #expect(try await Self.waiting(store) == 1)
    disk.fail(nil)
    #expect(await Self.put(store, 2) == .stored)
    try await store.createMailbox(Owner(2).mailbox, by: StoreContract.mutation(2, 1))
    try await store.close()
    let again = try SQLiteStore(path: folder.path + "/store")
    #expect(try await Self.waiting(again) == 2)
    try await again.close()
  }

  /// Both are 507; the alert on failed requests is for one of them. [operation.5]
  @Test func `A full mailbox is counted apart from a full disk`() async throws {
    let folder = Folder()
    let disk = RecordedDisk(folder.path)
    defer { disk.end() }
    let relay = try await TestRelay.start(in: folder) { $0.metrics = ListenAddress(host: "127.0.0.1", port: 0) }
    let owner = Owner(1)
    try await owner.register(at: relay)
    func put(_ number: Int, _ capability: Capability) async throws -> Answer {
      let route = Route.envelope(owner.mailbox, envelopeID(number))
      return try await relay.sender(.put, route, capability, body: envelope(number))
    }
    for number in 1...RelayLimits.knockEnvelopes { #expect(try await put(number, owner.knock).status == 201) }
    relay.clock.advance(60)
    #expect(try await put(1_000, owner.knock).problem == .mailboxFull)

    func upload(_ batch: UInt64, _ indexes: Range<UInt32>, sequence: UInt64) async throws -> Answer {
      let parts = try OneTimeUpload(indexes.map { OneTimePart(index: $0, sealed: [1]) })
      return try await relay.owner(
        owner.key, .put, .batch(owner.mailbox, batch), body: parts.encoded, sequence: sequence)
    }
    #expect(try await upload(1, 0..<256, sequence: 3).status == 204)
    #expect(try await upload(2, 0..<1, sequence: 4).problem == .prekeysFull)

    disk.fail(.full)
    #expect(try await put(1_001, owner.contact).problem == .storageFull)
    disk.fail(nil)
    func counted(_ path: String, _ status: String) async throws -> Int {
      let route = "/v1/mailboxes/{mailbox}" + path
      return try await relay.metric(#"sotto_relay_requests_total{route="\#(route)",status="\#(status)"}"#)
    }
    #expect(try await counted("/envelopes/{envelope}", "quota") == 1)
    #expect(try await counted("/envelopes/{envelope}", "5xx") == 1)
    #expect(try await counted("/prekeys/one-time/{batch}", "quota") == 1)
    #expect(try await counted("/prekeys/one-time/{batch}", "5xx") == 0)
    try await relay.stop()
  }

  /// A byte that the disk has changed is noticed before anybody is given it, by the doctor too. [operation.11]
  @Test func `A damaged envelope is not delivered`() async throws {
    let folder = Folder()
    let path = folder.path + "/relay.sqlite"
    let store = try SQLiteStore(path: path)
    try await Self.registered(store)
    let marked = Array("marked-bytes-of-an-envelope".utf8)
    let owner = Owner(1)
    let arrival = Arrival(
      mailbox: owner.mailbox, id: envelopeID(1), capability: owner.contact.hash,
      bytes: marked + [UInt8](repeating: 1, count: 1_024 - marked.count))
    #expect(try await store.accept(arrival, now: Self.now) { _ in })
    #expect(await Self.put(store, 2) == .stored)
    try await store.close()
    #expect(try StoreFile(path: path).check(quick: true).mailboxes == 1)

    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let place = try #require(bytes.firstRange(of: marked)?.lowerBound)
    bytes[place] ^= 1
    try Data(bytes).write(to: URL(filePath: path))
    let damaged = try SQLiteStore(path: path)
    await #expect(throws: (any Error).self) { _ = try await Self.waiting(damaged) }
    // The others of the mailbox come behind it; other mailboxes are served.
    #expect(await Self.put(damaged, 3) == .stored)
    try await damaged.close()
    #expect(throws: StoreFailure.failed(11)) { _ = try StoreFile(path: path).check(quick: true) }
  }

  /// The same for a row that says it is another mailbox's.
  @Test func `An envelope that has changed its mailbox is not delivered`() async throws {
    let folder = Folder()
    let path = folder.path + "/relay.sqlite"
    let store = try SQLiteStore(path: path)
    try await Self.registered(store)
    try await store.createMailbox(Owner(2).mailbox, by: StoreContract.mutation(2, 1))
    #expect(await Self.put(store, 1) == .stored)
    try await store.close()
    let queue = try DatabaseQueue(path: path)
    try await queue.write { try $0.execute(sql: "UPDATE queue SET mailbox = 2") }
    try queue.close()
    let damaged = try SQLiteStore(path: path)
    await #expect(throws: (any Error).self) {
      _ = try await damaged.envelopes(
        Owner(2).mailbox, after: 0, room: Room(count: 10, bytes: .max), now: Self.now)
    }
    try await damaged.close()
  }
}
