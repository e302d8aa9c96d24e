import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// What a store keeps of prekeys, and hands out. [relay.15] [relay.16] [relay.17]
extension StoreContract {
  static let prekeys: [Clause] = [
    ("signed parts", { try await $0.signedParts() }), ("batches", { try await $0.batches() }),
    ("claims", { try await $0.claims() }), ("racing claims", { try await $0.racingClaims() }),
  ]

  func claim(_ seed: UInt8) async throws -> ClaimedPrekeys {
    let owner = Owner(seed)
    return try await store.claim(owner.mailbox, capability: owner.contact.hash, now: now) { _ in }
  }

  func upload(_ indexes: Range<UInt32>, _ content: UInt8 = 1) throws -> OneTimeUpload {
    try OneTimeUpload(indexes.map { OneTimePart(index: $0, sealed: [content, UInt8($0 & 255)]) })
  }

  /// [relay.15]
  func signedParts() async throws {
    let mailbox = try await registered(1)
    #expect(await refusal { _ = try await claim(1) } == .prekeysMissing)
    let part = SignedPartUpload(id: 4, sealed: [4])
    try await store.putSignedPart(mailbox, part, by: mutation(1, 3))
    try await store.putSignedPart(mailbox, part, by: mutation(1, 4))
    for other in [SignedPartUpload(id: 4, sealed: [5]), SignedPartUpload(id: 3, sealed: [4])] {
      #expect(await refusal { try await store.putSignedPart(mailbox, other, by: mutation(1, 5)) } == .prekeyConflict)
    }
    #expect(try await store.status(mailbox)?.sequence == 4, "a refused request does not count")
    #expect(try await claim(1) == ClaimedPrekeys(signedPart: part, oneTime: nil))
    _ = try await claim(1)
    #expect(try await store.status(mailbox)?.lastResortClaims == 2)
    try await store.putSignedPart(mailbox, SignedPartUpload(id: 5, sealed: [5]), by: mutation(1, 5))
    #expect(try await store.status(mailbox)?.lastResortClaims == 0)
    #expect(try await claim(1).signedPart.id == 5)
  }

  /// [relay.16] [relay.17]
  func batches() async throws {
    let mailbox = try await registered(1)
    try await store.putSignedPart(mailbox, SignedPartUpload(id: 1, sealed: [1]), by: mutation(1, 3))
    let batch = try upload(0..<2)
    try await store.putBatch(mailbox, 1, batch, by: mutation(1, 4))
    try await store.putBatch(mailbox, 1, batch, by: mutation(1, 5))
    #expect(try await store.status(mailbox)?.oneTimeParts == 2)
    _ = try await claim(1)
    try await store.putBatch(mailbox, 1, batch, by: mutation(1, 6))
    #expect(try await store.status(mailbox)?.oneTimeParts == 1, "what was handed out stays away")
    let altered = try upload(0..<2, 7)
    #expect(await refusal { try await store.putBatch(mailbox, 1, altered, by: mutation(1, 7)) } == .prekeyConflict)
    #expect(await refusal { try await store.putBatch(mailbox, 0, altered, by: mutation(1, 7)) } == .prekeyConflict)
    let full = try upload(0..<256)
    #expect(await refusal { try await store.putBatch(mailbox, 2, full, by: mutation(1, 7)) } == .prekeysFull)
    try await store.withdrawOneTimeParts(mailbox, by: mutation(1, 7))
    try await store.putBatch(mailbox, 1, batch, by: mutation(1, 8))
    #expect(try await store.status(mailbox)?.oneTimeParts == 0, "what was withdrawn stays away")
    try await store.putBatch(mailbox, 2, full, by: mutation(1, 9))
    #expect(try await store.status(mailbox)?.oneTimeParts == 256)
    try await store.withdrawOneTimeParts(mailbox, by: mutation(1, 10))
    for number in 3..<20 {
      try await store.putBatch(mailbox, UInt64(number), batch, by: mutation(1, UInt64(8 + number)))
    }
    #expect(await refusal { try await store.putBatch(mailbox, 1, batch, by: mutation(1, 99)) } == .prekeyConflict)
    try await store.putBatch(mailbox, 4, batch, by: mutation(1, 99))
  }

  /// [relay.18]
  func claims() async throws {
    let mailbox = try await registered(1)
    try await store.putSignedPart(mailbox, SignedPartUpload(id: 1, sealed: [1]), by: mutation(1, 3))
    try await store.putBatch(mailbox, 7, try upload(0..<3), by: mutation(1, 4))
    try await store.putBatch(mailbox, 8, try upload(0..<1), by: mutation(1, 5))
    var order: [String] = []
    for _ in 0..<5 { order.append(try await claim(1).oneTime.map { "\($0.batch)/\($0.index)" } ?? "-") }
    #expect(order == ["7/0", "7/1", "7/2", "8/0", "-"])
    #expect(try await store.status(mailbox)?.lastResortClaims == 1)
    let wrong = Owner(2).contact.hash
    #expect(
      await refusal { _ = try await store.claim(mailbox, capability: wrong, now: now) { _ in } } == .deliveryRefused)
    try await store.putBatch(mailbox, 9, try upload(0..<1), by: mutation(1, 6))
    let refused = await refusal {
      _ = try await store.claim(mailbox, capability: Owner(1).knock.hash, now: now) { kind in
        #expect(kind == .knock)
        throw Refusal(.tooManyRequests)
      }
    }
    #expect(refused == .tooManyRequests)
    #expect(try await store.status(mailbox)?.oneTimeParts == 1, "a refused claim costs nothing")
    _ = try await claim(1)
    try await store.putBatch(mailbox, 10, try upload(.max - 2 ..< .max), by: mutation(1, 7))
    var indexes: [UInt32] = []
    for _ in 0..<2 { indexes.append(try #require(try await claim(1).oneTime).index) }
    #expect(indexes == [.max - 2, .max - 1])
  }

  /// [relay.18]
  func racingClaims() async throws {
    let mailbox = try await registered(1)
    try await store.putSignedPart(mailbox, SignedPartUpload(id: 1, sealed: [1]), by: mutation(1, 3))
    try await store.putBatch(mailbox, 1, try upload(0..<200), by: mutation(1, 4))
    let handed = try await withThrowingTaskGroup { group in
      for _ in 0..<64 {
        group.addTask { try await [claim(1), claim(1), claim(1), claim(1)].map { $0.oneTime?.index } }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    let parts = handed.compactMap { $0 }
    #expect(parts.count == 200 && Set(parts).count == 200, "none twice, none lost")
    #expect(try await store.status(mailbox)?.lastResortClaims == 56)
  }
}
