import Foundation
import GRDB
import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

/// What the store has promised, and what it was asked and has not answered.
struct Promises: Sendable {
  /// Mailboxes that were acknowledged, by their owner's seed.
  var registered: Set<UInt8> = []
  /// Asked to be stored.
  var put: [EnvelopeID: [UInt8]] = [:]
  /// Acknowledged to the sender.
  var stored: Set<EnvelopeID> = []
  /// The owner has asked to delete them.
  var mayBeGone: Set<EnvelopeID> = []
  /// And was told that they are.
  var gone: Set<EnvelopeID> = []
  var hasPrekeys = false
  /// One-time parts that somebody was given.
  var claimed: Set<UInt32> = []
}

/// A power cut at every write and at every sync of a trace. [relay.26] [relay.28]
@Suite struct PowerCutTests {
  private static let now: Int64 = 1_700_000_000
  private static let seeds: [UInt8] = [1, 2, 3]
  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"

  @Test func `No power cut loses what was acknowledged`() async throws {
    let events = try await Self.trace()
    #expect(events.count > 100)
    let rounds = Self.isSoak ? 20 : 1
    for _ in 0..<rounds {
      let seed = UInt64.random(in: 0 ... .max)
      let found = try await Self.violations(events, DiskImage(), seed: seed)
      #expect(found.isEmpty, "seed \(seed): \(found.prefix(5))")
    }
  }

  @Test func `A disk that forgets to sync is found out`() async throws {
    let events = try await Self.trace()
    let found = try await Self.violations(
      events.suffix(events.count / 4), DiskImage(ignoringSyncs: true), seed: 1, of: [.none])
    #expect(found.contains { $0.contains("lost") || $0.contains("is gone") })
  }

  /// A store's life, as the disk saw it.
  private static func trace() async throws -> [RecordedDisk.Event] {
    let folder = Folder()
    let disk = RecordedDisk(folder.path)
    defer { disk.end() }
    let store = try SQLiteStore(path: folder.path + "/store")
    for seed in seeds {
      let owner = Owner(seed)
      try await store.createMailbox(owner.mailbox, by: StoreContract.mutation(seed, 1))
      try await store.setCapabilities(owner.mailbox, try owner.capabilities, by: StoreContract.mutation(seed, 2))
      disk.note { $0.registered.insert(seed) }
    }
    let parts = try OneTimeUpload((0..<12).map { OneTimePart(index: $0, sealed: [1, UInt8($0)]) })
    try await store.putSignedPart(
      Owner(1).mailbox, SignedPartUpload(id: 1, sealed: [9]), by: StoreContract.mutation(1, 3))
    try await store.putBatch(Owner(1).mailbox, 1, parts, by: StoreContract.mutation(1, 4))
    disk.note { $0.hasPrekeys = true }
    for round in 0..<8 {
      try await put(store, disk, round)
      try await acknowledge(store, disk, round)
      let claimed = try await store.claim(Owner(1).mailbox, capability: Owner(1).contact.hash, now: now) { _ in }
      if let index = claimed.oneTime?.index { disk.note { $0.claimed.insert(index) } }
      // Overwrites what is gone, and empties the log.
      if round % 3 == 2 { try await store.sweep(now: now) }
    }
    try await store.close()
    return disk.events
  }

  /// Envelopes of several sizes for several mailboxes, in one submission.
  private static func put(_ store: SQLiteStore, _ disk: RecordedDisk, _ round: Int) async throws {
    let numbers = (0..<7).map { round * 7 + $0 }
    let arrivals = numbers.map { number in
      let owner = Owner(seeds[number % seeds.count])
      let size: SizeClass = [.b512, .k1, .k4, .k16][number % 4]
      return Arrival(
        mailbox: owner.mailbox, id: envelopeID(number), capability: owner.contact.hash,
        bytes: envelope(number, size: size))
    }
    disk.note { promises in for arrival in arrivals { promises.put[arrival.id] = Array(arrival.bytes) } }
    await withCheckedContinuation { continuation in
      store.submit(arrivals, now: now) { _, _ in
      } done: { outcomes in
        // On the writer's thread, before anything else is written.
        disk.note { promises in
          for (arrival, outcome) in zip(arrivals, outcomes) where outcome == .stored {
            promises.stored.insert(arrival.id)
          }
        }
        continuation.resume()
      }
    }
  }

  /// One owner takes half of what waits.
  private static func acknowledge(_ store: SQLiteStore, _ disk: RecordedDisk, _ round: Int) async throws {
    let mailbox = Owner(seeds[round % seeds.count]).mailbox
    let waiting = try await all(store, mailbox)
    let taken = waiting.prefix(waiting.count / 2)
    guard let last = taken.last else { return }
    let ids = Set(taken.map(\.id))
    disk.note { $0.mayBeGone.formUnion(ids) }
    try await store.acknowledge(mailbox, upTo: last.index)
    disk.note { $0.gone.formUnion(ids) }
  }

  private static func all(_ store: SQLiteStore, _ mailbox: MailboxID) async throws -> [QueuedEnvelope] {
    try await store.envelopes(mailbox, after: 0, room: Room(count: 10_000, bytes: .max), now: now)
  }

  // MARK: Power cuts

  /// What is wrong after a power cut behind each of the events; one sentence each.
  private static func violations(
    _ events: some Collection<RecordedDisk.Event>, _ disk: DiskImage, seed: UInt64,
    of models: [DiskImage.Survivors] = DiskImage.Survivors.allCases
  ) async throws -> [String] {
    var (disk, promises, generator) = (disk, Promises(), SplitMix64(seed: seed))
    var found: [String] = []
    for (number, event) in events.enumerated() {
      disk.apply(event)
      if case .note(let change) = event {
        change(&promises)
        continue
      }
      for survivors in models {
        let folder = Folder()
        try disk.write(to: folder.path, survivors, using: &generator)
        do {
          found += try await broken(folder.path + "/store", promises).map { "event \(number), \(survivors): \($0)" }
        } catch {
          found.append("event \(number), \(survivors): the store does not open: \(error)")
        }
      }
    }
    return found
  }

  /// Which promises the store in this file breaks.
  private static func broken(_ path: String, _ promises: Promises) async throws -> [String] {
    let store = try SQLiteStore(path: path)
    var found: [String] = []
    var present: [EnvelopeID: [UInt8]] = [:]
    for seed in seeds {
      let mailbox = Owner(seed).mailbox
      guard try await store.status(mailbox) != nil else {
        if promises.registered.contains(seed) { found.append("mailbox \(seed) is gone") }
        continue
      }
      for envelope in try await all(store, mailbox) {
        if present.updateValue(envelope.bytes, forKey: envelope.id) != nil { found.append("\(envelope.id.text) twice") }
      }
    }
    for id in promises.stored.subtracting(promises.mayBeGone) where present[id] == nil {
      found.append("\(id.text) lost")
    }
    for id in promises.gone where present[id] != nil { found.append("\(id.text) is back") }
    for (id, bytes) in present where promises.put[id] != bytes { found.append("\(id.text) is another") }
    if promises.hasPrekeys { found += try await claimedAgain(store, promises.claimed) }
    try await store.close()
    let verdict = try await DatabaseQueue(path: path).read { try String.fetchAll($0, sql: "PRAGMA integrity_check") }
    if verdict != ["ok"] { found.append("the file is damaged: \(verdict)") }
    return found
  }

  private static func claimedAgain(_ store: SQLiteStore, _ claimed: Set<UInt32>) async throws -> [String] {
    let owner = Owner(1)
    var found: [String] = []
    while true {
      let answer = try await store.claim(owner.mailbox, capability: owner.contact.hash, now: now) { _ in }
      guard let index = answer.oneTime?.index else { return found }
      if claimed.contains(index) { found.append("one-time part \(index) again") }
    }
  }
}
