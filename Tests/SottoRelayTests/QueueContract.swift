import SottoCrypto
import SottoRelay
import SottoWire
import Testing

extension RelayStore {
  /// Stores one envelope; whether it is new.
  func accept(_ arrival: Arrival, now: Int64, admit: @escaping Admission) async throws -> Bool {
    try await withCheckedThrowingContinuation { continuation in
      submit([arrival], now: now) { kind, _ in
        try admit(kind)
      } done: {
        continuation.resume(with: $0[0].isNew)
      }
    }
  }

  /// What an owner does who was sent all that waits up to `index`, and took it.
  func acknowledge(_ id: MailboxID, upTo index: UInt64) async throws {
    let waiting = try await envelopes(id, after: 0, room: Room(count: 10_000, bytes: .max), now: 0)
    let sent = waiting.filter { $0.index <= index }.map { SentEnvelope(index: $0.index, id: $0.id) }
    if !sent.isEmpty { try await acknowledge(id, Acknowledgement(sent)) }
  }
}

/// What a store keeps of envelopes, and for how long. [stream.4] [relay.25] [relay.26] [relay.27] [relay.28]
extension StoreContract {
  static let queues: [Clause] = [
    ("envelopes", { try await $0.envelopes() }), ("repeated ids", { try await $0.repeatedIDs() }),
    ("quotas", { try await $0.quotas() }), ("acknowledgements", { try await $0.acknowledgements() }),
    ("expiry", { try await $0.expiry() }), ("many at once", { try await $0.manyAtOnce() }),
    ("one submission", { try await $0.oneSubmission() }), ("restart", { try await $0.restart() }),
    ("restart of an empty queue", { try await $0.restartEmpty() }),
    ("restart after expiry", { try await $0.restartAfterExpiry() }),
    ("names forgotten by age", { try await $0.namesForgottenByAge() }),
    ("names forgotten by number", { try await $0.namesForgottenByNumber() }),
  ]

  func arrival(
    _ seed: UInt8, _ number: Int, knock: Bool = false, size: SizeClass = .b512
  ) -> Arrival {
    let owner = Owner(seed)
    return Arrival(
      mailbox: owner.mailbox, id: envelopeID(number), capability: (knock ? owner.knock : owner.contact).hash,
      bytes: envelope(number, size: size))
  }

  func accept(_ arrival: Arrival, now: Int64? = nil) async throws -> Bool {
    try await store.accept(arrival, now: now ?? self.now) { _ in }
  }

  func waiting(_ id: MailboxID, after index: UInt64 = 0, now: Int64? = nil) async throws -> [QueuedEnvelope] {
    try await store.envelopes(id, after: index, room: Room(count: 10_000, bytes: .max), now: now ?? self.now)
  }

  /// [stream.4] [relay.30]
  func envelopes() async throws {
    let mailbox = try await registered(1)
    for number in 1...5 { #expect(try await accept(arrival(1, number, knock: number == 3))) }
    let found = try await waiting(mailbox)
    #expect(found.map(\.index) == [1, 2, 3, 4, 5])
    #expect(found.map(\.id) == (1...5).map(envelopeID))
    #expect(found.map(\.bytes) == (1...5).map { envelope($0) })
    #expect(try await waiting(mailbox, after: 3).map(\.index) == [4, 5])
    #expect(try await store.lastIndex(mailbox) == 5)
    let room = Room(count: 2, bytes: .max)
    #expect(try await store.envelopes(mailbox, after: 1, room: room, now: now).map(\.index) == [2, 3])
    let bytes = Room(count: 100, bytes: 513)
    #expect(try await store.envelopes(mailbox, after: 1, room: bytes, now: now).map(\.index) == [2, 3])
    #expect(try await store.status(mailbox)?.envelopes == 5)
    #expect(try await store.status(mailbox)?.envelopeBytes == 5 * 512)
    let refused = await refusal {
      _ = try await store.accept(arrival(1, 6), now: now) { _ in throw Refusal(.tooManyRequests) }
    }
    #expect(refused == .tooManyRequests)
    #expect(try await waiting(mailbox).count == 5)
  }

  /// [relay.26]
  func repeatedIDs() async throws {
    let mailbox = try await registered(1)
    #expect(try await accept(arrival(1, 1)))
    #expect(try await !accept(arrival(1, 1)))
    #expect(try await !accept(arrival(1, 1, size: .k1)))
    #expect(try await waiting(mailbox).map(\.bytes) == [envelope(1)])
    try await store.acknowledge(mailbox, upTo: 1)
    #expect(try await !accept(arrival(1, 1)), "delivered, and still known")
    #expect(try await waiting(mailbox).isEmpty)
    _ = try await registered(2)
    #expect(try await accept(arrival(2, 1)), "names are the mailbox's own")
  }

  /// [relay.27]
  func quotas() async throws {
    let mailbox = try await registered(1)
    for number in 0..<100 { #expect(try await accept(arrival(1, number, knock: true))) }
    #expect(await refusal { _ = try await accept(arrival(1, 100, knock: true)) } == .mailboxFull)
    #expect(try await !accept(arrival(1, 5, knock: true)), "a repetition is not refused for the quota")
    #expect(try await accept(arrival(1, 200)), "contacts get through")
    try await store.acknowledge(mailbox, upTo: 1)
    #expect(try await accept(arrival(1, 100, knock: true)), "an acknowledgement makes room")
    _ = try await registered(2)
    for number in 0..<32 { #expect(try await accept(arrival(2, number, knock: true, size: .k64))) }
    #expect(await refusal { _ = try await accept(arrival(2, 33, knock: true)) } == .mailboxFull, "2 MiB")
  }

  /// [stream.6]
  func acknowledgements() async throws {
    let mailbox = try await registered(1)
    for number in 1...4 { _ = try await accept(arrival(1, number, knock: number == 2)) }
    try await store.acknowledge(mailbox, upTo: 2)
    #expect(try await waiting(mailbox).map(\.index) == [3, 4])
    #expect(try await store.status(mailbox)?.envelopes == 2)
    // What is said twice was done the first time.
    let taken = (1...2).map { SentEnvelope(index: UInt64($0), id: envelopeID($0)) }
    try await store.acknowledge(mailbox, Acknowledgement(taken))
    #expect(try await waiting(mailbox).map(\.index) == [3, 4])
    try await store.acknowledge(mailbox, upTo: 4)
    #expect(try await store.status(mailbox)?.envelopeBytes == 0)
    _ = try await accept(arrival(1, 5))
    #expect(try await waiting(mailbox).map(\.index) == [5], "an index is never used again")
    try await store.acknowledge(Owner(2).mailbox, Acknowledgement(taken))
  }

  /// [relay.28]
  func expiry() async throws {
    let mailbox = try await registered(1)
    _ = try await accept(arrival(1, 1))
    _ = try await accept(arrival(1, 2, knock: true))
    _ = try await accept(arrival(1, 3), now: now + 5 * day)
    #expect(try await waiting(mailbox, now: now + 30 * day).count == 3)
    #expect(try await waiting(mailbox, now: now + 31 * day).map(\.index) == [3], "not delivered")
    try await store.sweep(now: now + 31 * day)
    #expect(try await waiting(mailbox).map(\.index) == [3], "not kept")
    #expect(try await store.status(mailbox)?.envelopes == 1)
    #expect(try await store.status(mailbox)?.envelopeBytes == 512)
  }

  /// Jobs that share a transaction do not disturb each other.
  func manyAtOnce() async throws {
    let mailbox = try await registered(1)
    let accepted = try await withThrowingTaskGroup { group in
      for number in 0..<600 {
        group.addTask {
          // Every third one is refused, every third one is a repetition of its neighbour.
          switch number % 3 {
          case 0: try await accept(arrival(1, number)) ? 1 : 0
          case 1: try await accept(arrival(1, number - 1)) ? 1 : 0
          default: await refusal { _ = try await accept(arrival(9, number)) } == .deliveryRefused ? 0 : 1000
          }
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(accepted == 200)
    let found = try await waiting(mailbox)
    #expect(found.map(\.index) == Array(1...200))
    #expect(Set(found.map(\.id)).count == 200)
  }

  /// One answer each, in order, and what is judged later sees what was taken before it.
  func oneSubmission() async throws {
    let mailbox = try await registered(1)
    let arrivals =
      [arrival(1, 1), arrival(1, 1), arrival(9, 1), arrival(1, 2, knock: true), arrival(1, 3)]
      + (10..<200).map { arrival(1, $0, knock: true) }
    let outcomes = await withCheckedContinuation { continuation in
      store.submit(arrivals, now: now) { _, of in
        #expect(of == mailbox)
      } done: {
        continuation.resume(returning: $0)
      }
    }
    #expect(outcomes.count == arrivals.count)
    let refused = Acceptance.refused(Refusal(.deliveryRefused))
    #expect(Array(outcomes[..<5]) == [.stored, .repeated, refused, .stored, .stored])
    #expect(outcomes[5...].filter { $0 == .stored }.count == 99)
    #expect(outcomes[5...].drop { $0 == .stored }.allSatisfy { $0 == .refused(Refusal(.mailboxFull)) })
    #expect(try await waiting(mailbox).map(\.index) == Array(1...102))
  }

  // MARK: What a restart must find again

  /// Order, names, counters and capabilities are what they were. [stream.4] [relay.25] [relay.26] [relay.27]
  func restart() async throws {
    let mailbox = try await registered(1)
    let other = try await registered(2)
    for number in 1...6 {
      _ = try await accept(arrival(1, number, knock: number == 3))
      _ = try await accept(arrival(2, number))
    }
    try await store.acknowledge(mailbox, upTo: 2)
    let again = try restarted()
    #expect(try await again.waiting(mailbox).map(\.index) == [3, 4, 5, 6])
    #expect(try await again.waiting(mailbox).map(\.bytes) == (3...6).map { envelope($0) })
    #expect(try await again.waiting(other).map(\.id) == (1...6).map(envelopeID))
    #expect(try await again.store.status(mailbox)?.envelopes == 4)
    #expect(try await again.store.status(mailbox)?.envelopeBytes == 4 * 512)
    #expect(try await again.store.lastIndex(mailbox) == 6)
    for number in 1...6 { #expect(try await !again.accept(arrival(1, number)), "\(number) is known") }
    let wrong = Arrival(mailbox: mailbox, id: envelopeID(9), capability: Owner(2).contact.hash, bytes: envelope(9))
    #expect(await refusal { _ = try await again.accept(wrong) } == .deliveryRefused)
    #expect(try await again.accept(arrival(1, 7)))
    #expect(try await again.waiting(mailbox).map(\.index) == [3, 4, 5, 6, 7])
    for number in 100..<199 { #expect(try await again.accept(arrival(1, number, knock: true))) }
    #expect(await refusal { _ = try await again.accept(arrival(1, 200, knock: true)) } == .mailboxFull)
  }

  /// An index is never given twice, also when nothing is left to remember it by. [stream.4]
  func restartEmpty() async throws {
    let mailbox = try await registered(1)
    for number in 1...3 { _ = try await accept(arrival(1, number)) }
    try await store.acknowledge(mailbox, upTo: 99)
    #expect(try await restarted().waiting(mailbox).isEmpty, "before it was swept")
    try await store.sweep(now: now)
    let again = try restarted()
    #expect(try await again.waiting(mailbox).isEmpty)
    #expect(try await again.store.lastIndex(mailbox) == 0)
    #expect(try await again.store.status(mailbox)?.envelopes == 0)
    #expect(try await !again.accept(arrival(1, 2)), "delivered, swept, restarted, and still known")
    #expect(try await again.accept(arrival(1, 4)))
    #expect(try await again.waiting(mailbox).map(\.index) == [4])
    try await again.store.deleteMailbox(mailbox, by: mutation(1, 3))
    let anew = try again.restarted()
    #expect(try await anew.store.status(mailbox) == nil)
    _ = try await anew.registered(1)
    #expect(try await anew.accept(arrival(1, 2)), "of what was deleted nothing is known")
    #expect(try await anew.waiting(mailbox).map(\.index) == [1])
  }

  /// [relay.28]
  func restartAfterExpiry() async throws {
    let mailbox = try await registered(1)
    for number in 1...2 { _ = try await accept(arrival(1, number, knock: true)) }
    _ = try await accept(arrival(1, 3), now: now + 5 * day)
    #expect(try await restarted().waiting(mailbox, now: now + 31 * day).map(\.index) == [3], "the day was kept")
    try await store.sweep(now: now + 31 * day)
    let again = try restarted()
    #expect(try await again.waiting(mailbox).map(\.index) == [3])
    try await again.store.sweep(now: now + 36 * day)
    #expect(try await again.store.status(mailbox)?.envelopes == 0)
    #expect(try await again.restarted().accept(arrival(1, 4)))
    #expect(try await again.restarted().waiting(mailbox).map(\.index) == [4])
  }

  /// [relay.26]
  func namesForgottenByAge() async throws {
    let mailbox = try await registered(1)
    _ = try await accept(arrival(1, 1))
    _ = try await accept(arrival(1, 2), now: now + 5 * day)
    try await store.acknowledge(mailbox, upTo: 2)
    try await store.sweep(now: now + 30 * day)
    #expect(try await !accept(arrival(1, 1)))
    try await store.sweep(now: now + 31 * day)
    #expect(try await !restarted().accept(arrival(1, 2)))
    #expect(try await !accept(arrival(1, 2)))
    #expect(try await accept(arrival(1, 1), now: now + 31 * day), "no longer known")
    #expect(try await restarted().waiting(mailbox, now: now + 31 * day).map(\.index) == [3])
  }

  /// [relay.26]
  func namesForgottenByNumber() async throws {
    let mailbox = try await registered(1)
    for start in stride(from: 0, to: 16_384, by: 4_096) {
      let arrivals = (start..<start + 4_096).map { arrival(1, $0) }
      let outcomes = await withCheckedContinuation { continuation in
        store.submit(arrivals, now: now) { _, _ in
        } done: {
          continuation.resume(returning: $0)
        }
      }
      #expect(outcomes.allSatisfy { $0 == .stored })
      try await store.acknowledge(mailbox, upTo: UInt64(start + 4_096))
    }
    try await store.sweep(now: now)
    for contract in [self, try restarted()] {
      #expect(try await !contract.accept(arrival(1, 16_383)))
      #expect(try await !contract.accept(arrival(1, 8_192)), "among the last 8,192")
    }
    #expect(try await accept(arrival(1, 1)), "not among the last 8,192")
    #expect(try await restarted().waiting(mailbox).map(\.index) == [16_385])
  }
}

extension Acceptance {
  /// Whether the envelope is new, or why it is not there.
  fileprivate var isNew: Result<Bool, any Error> {
    switch self {
    case .stored: .success(true)
    case .repeated: .success(false)
    case .refused(let refusal): .failure(refusal)
    case .failed(let failure): .failure(failure)
    }
  }
}
