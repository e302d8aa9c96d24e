import Foundation
import GRDB
import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

/// Who is to be woken, as the file of a single relay keeps it. [push.2] [push.10]
@Suite struct SQLitePushTests {
  private final class Ledger: Sendable {
    let path: String
    let store: SQLiteStore
    let contract: StoreContract
    let mailbox: MailboxID
    private let folder = Folder()
    private let listening = Mutex<Set<MailboxID>>([])
    private let number = Mutex<Int64>(1)

    init() async throws {
      path = folder.path + "/store"
      let store = try SQLiteStore(path: path)
      self.store = store
      contract = try StoreContract { store }
      mailbox = try await contract.registered(1)
      try await store.setPush(mailbox, [7, 7], by: contract.mutation(1, 3))
    }

    func put(_ number: Int) async {
      let arrival = Arrival(
        mailbox: mailbox, id: envelopeID(number), capability: Owner(1).contact.hash, bytes: envelope(number))
      #expect(await submit([arrival], to: store) == [.stored])
    }

    func listens(_ listens: Bool) {
      listening.withLock { _ = listens ? $0.insert(mailbox).inserted : $0.remove(mailbox) != nil }
    }

    /// As the desk does when something may wait; what is due then, of all.
    func due(today: Int64 = 20_000) async throws -> [PushOrder] {
      let due = try await store.makePushesDue([mailbox], today: today, first: number.withLock { $0 }) { id in
        self.listening.withLock { $0.contains(id) }
      }
      number.withLock { $0 += Int64(due.count) }
      return try await store.duePushes(after: 0, limit: 10)
    }

    func close() async throws { try await store.close() }
  }

  private func withLedger(_ body: (Ledger) async throws -> Void) async throws {
    let ledger = try await Ledger()
    try await body(ledger)
    try await ledger.close()
  }

  @Test func oneForAllThatComesUntilTheOwnerLooks() async throws {
    try await withLedger { ledger in
      #expect(try await ledger.due().isEmpty, "nothing waits")
      await ledger.put(1)
      let first = try #require(try await ledger.due().first)
      #expect(first.push.mailbox == ledger.mailbox && first.push.job.sealed == [7, 7] && first.number == 1)
      #expect(try await ledger.due() == [first], "it is due until the gateway has confirmed it")
      #expect(try await ledger.store.duePushes([1, 2]) == [first])
      #expect(try await ledger.store.duePushes(after: 1, limit: 10).isEmpty)
      try await ledger.store.settlePushes(done: [first], gone: [])
      await ledger.put(2)
      #expect(try await ledger.due().isEmpty, "it was asked for today")
      // The owner looks, and goes without taking it.
      ledger.listens(true)
      try await ledger.store.isAwake(ledger.mailbox)
      await ledger.put(3)
      #expect(try await ledger.due().isEmpty, "somebody listens")
      ledger.listens(false)
      let second = try #require(try await ledger.due().first)
      #expect(second.number == 2 && second.push == first.push, "the same subscription")
      try await ledger.store.acknowledge(ledger.mailbox, upTo: 3)
      try await ledger.store.isAwake(ledger.mailbox)
      #expect(try await ledger.due().isEmpty, "nothing waits")
    }
  }

  @Test func onceADayAsLongAsNobodyLooks() async throws {
    try await withLedger { ledger in
      await ledger.put(1)
      try await ledger.store.settlePushes(done: try await ledger.due(), gone: [])
      #expect(try await ledger.due().isEmpty)
      #expect(try await ledger.due(today: 20_001).count == 1)
      // A clock that was set back keeps nobody asleep for days.
      try await ledger.store.settlePushes(done: try await ledger.due(today: 20_001), gone: [])
      #expect(try await ledger.due(today: 19_000).count == 1)
    }
  }

  /// A verdict about what was due before is none about what became due since.
  @Test func aSecondReasonIsNotLostInTheFirst() async throws {
    try await withLedger { ledger in
      await ledger.put(1)
      let first = try await ledger.due()
      try await ledger.store.isAwake(ledger.mailbox)
      let second = try await ledger.due()
      #expect(second.map(\.number) == [2])
      try await ledger.store.settlePushes(done: first, gone: [])
      #expect(try await ledger.due() == second)
    }
  }

  /// A subscription is a new one with a new handle, and what a gateway says of the old one says nothing about it. [push.9]
  @Test func aSubscriptionCanBeReplacedAndTakenAway() async throws {
    try await withLedger { ledger in
      let (store, contract, mailbox) = (ledger.store, ledger.contract, ledger.mailbox)
      await ledger.put(1)
      let old = try await ledger.due()
      try await store.setPush(mailbox, [8], by: contract.mutation(1, 4))
      #expect(try await store.duePushes(after: 0, limit: 10).isEmpty, "who has just said so is awake")
      let new = try await ledger.due()
      #expect(new.map(\.push.job.sealed) == [[8]] && new[0].push.job.handle != old[0].push.job.handle)
      try await store.settlePushes(done: [], gone: old)
      #expect(try await ledger.due() == new)
      // A repetition is the same request. [request.8]
      try await store.setPush(mailbox, [8], by: contract.mutation(1, 4))
      #expect(try await ledger.due() == new)
      try await store.settlePushes(done: [], gone: new)
      #expect(try await ledger.due(today: 20_001).isEmpty)
      try await store.setPush(mailbox, [9], by: contract.mutation(1, 5))
      #expect(try await ledger.due().map(\.push.job.sealed) == [[9]])
      try await store.setPush(mailbox, nil, by: contract.mutation(1, 6))
      #expect(try await ledger.due(today: 20_002).isEmpty)
      let (subscribed, _) = try await store.pushes()
      #expect(subscribed.isEmpty)
      await #expect(throws: Refusal(.mailboxMissing)) {
        try await store.setPush(Owner(2).mailbox, [1], by: contract.mutation(2, 1))
      }
    }
  }

  /// [relay.29]
  @Test func aDeletedMailboxLeavesNone() async throws {
    try await withLedger { ledger in
      await ledger.put(1)
      let due = try await ledger.due()
      try await ledger.store.deleteMailbox(ledger.mailbox, by: ledger.contract.mutation(1, 4))
      #expect(try await ledger.due().isEmpty)
      try await ledger.store.settlePushes(done: due, gone: due)
      let queue = try DatabaseQueue(path: ledger.path)
      #expect(try await queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM push") } == 0)
      try queue.close()
    }
  }

  /// A relay that wakes nobody writes down nothing of who looked: who was asked before may be asked again.
  @Test func aRelayWithoutPushForgetsWhoWasAsked() async throws {
    let folder = Folder()
    let path = folder.path + "/relay.sqlite"
    var store = try SQLiteStore(path: path)
    let contract = try StoreContract { [store] in store }
    let mailbox = try await contract.registered(1)
    try await store.setPush(mailbox, [1], by: contract.mutation(1, 3))
    let arrival = Arrival(
      mailbox: mailbox, id: envelopeID(1), capability: Owner(1).contact.hash, bytes: envelope(1))
    #expect(await submit([arrival], to: store) == [.stored])
    #expect(try await store.makePushesDue([mailbox], today: 20_000, first: 1, unless: { _ in false }) == [mailbox])
    try await store.close()
    let relay = try await TestRelay.start(in: folder)
    try await relay.stop()
    store = try SQLiteStore(path: path)
    #expect(try await store.duePushes(after: 0, limit: 10).isEmpty)
    #expect(try await store.makePushesDue([mailbox], today: 20_000, first: 1, unless: { _ in false }) == [mailbox])
    try await store.close()
  }

  /// What is due and who was asked is in the file; a program that knew nothing of it may have deleted mailboxes.
  @Test func aRestartForgetsNothing() async throws {
    let folder = Folder()
    let path = folder.path + "/store"
    var store = try SQLiteStore(path: path)
    var contract = try StoreContract { [store] in store }
    for seed in [1, 2, 3] as [UInt8] {
      _ = try await contract.registered(seed)
      try await store.setPush(Owner(seed).mailbox, [seed], by: contract.mutation(seed, 3))
      let arrival = Arrival(
        mailbox: Owner(seed).mailbox, id: envelopeID(Int(seed)), capability: Owner(seed).contact.hash,
        bytes: envelope(Int(seed)))
      #expect(await submit([arrival], to: store) == [.stored])
    }
    let all = [1, 2, 3].map { Owner($0).mailbox }
    let some = Array(all.prefix(2))
    #expect(try await store.makePushesDue(some, today: 20_000, first: 5, unless: { _ in false }) == some)
    let due = try await store.duePushes(after: 0, limit: 10)
    try await store.settlePushes(done: [due[0]], gone: [])
    try await store.close()
    let queue = try DatabaseQueue(path: path)
    try await queue.write { try $0.execute(sql: "DELETE FROM mailbox WHERE n = 3") }
    try queue.close()

    store = try SQLiteStore(path: path)
    contract = try StoreContract { [store] in store }
    let (subscribed, last) = try await store.pushes()
    #expect(Set(subscribed) == Set(all.prefix(2)) && last == 6)
    #expect(try await store.duePushes(after: 0, limit: 10) == [due[1]])
    #expect(try await store.makePushesDue(all, today: 20_000, first: 7, unless: { _ in false }).isEmpty)
    #expect(try await store.makePushesDue(all, today: 20_001, first: 7, unless: { _ in false }) == some)
    try await store.close()
  }
}
