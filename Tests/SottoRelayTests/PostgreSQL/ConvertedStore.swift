#if Fleet
  import Foundation
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoWire
  import Testing

  /// A relay's file with something of everything in it, and what must be true of whatever it becomes.
  struct ConvertedStore {
    static let now: Int64 = 1_700_000_000
    static let card = try! CardID([UInt8](repeating: 7, count: 16))
    private static let everything = Room(count: 10_000, bytes: .max)
    private static let batches: ClosedRange<UInt64> = 1...20

    let folder = Folder()
    var file: String { folder.path + "/relay.sqlite" }
    var configuration: RelayConfiguration {
      var configuration = RelayConfiguration(dataDirectory: folder.path)
      configuration.now = { Self.now }
      return configuration
    }

    /// What owners see.
    struct View: Equatable {
      let statuses: [MailboxStatus?]
      let waiting: [[QueuedEnvelope]]
      let card: StoredCard?
      let blobs: [Upload]
      let whole: StoredBlob?
      let abandoned: [BlobFile]
    }

    private static func arrival(_ seed: UInt8, _ number: Int, knock: Bool = false, _ size: SizeClass = .b512) -> Arrival
    {
      let owner = Owner(seed)
      return Arrival(
        mailbox: owner.mailbox, id: envelopeID(number), capability: (knock ? owner.knock : owner.contact).hash,
        bytes: envelope(number, size: size))
    }

    private static func target(_ number: UInt8) throws -> UploadTarget {
      UploadTarget(
        mailbox: Owner(2).mailbox, blob: try BlobID([UInt8](repeating: number, count: 16)),
        capability: Owner(2).contact.hash)
    }

    private static func part(_ batch: UInt64, _ leaf: UInt32) -> OneTimePart {
      OneTimePart(index: leaf, sealed: [UInt8(batch), UInt8(leaf), 9])
    }

    /// Every kind of row, each in every state that it can be in. `more` envelopes to a mailbox of their own.
    func fill(more: Int = 0) async throws {
      let path = file
      let contract = try StoreContract { try SQLiteStore(path: path) }
      let store = contract.store
      for seed in [1, 2, 3, 4] as [UInt8] { _ = try await contract.registered(seed) }
      try await store.putCard(
        Self.card, StoredCard(listSequence: 5, sealed: [1, 2, 3]), .absent, by: contract.mutation(1, 8))
      try await fillQueues(store)
      try await fillPrekeys(store, contract)
      try await fillBlobs(store, contract)
      try await fillRegistrations(store, contract)
      try await fillPushes(store as! SQLiteStore, contract)
      for start in stride(from: 0, to: more, by: 250) {
        let arrivals = (start..<min(start + 250, more)).map {
          Self.arrival(4 + UInt8($0 / 5_000), 10_000 + $0, .b512)
        }
        if start % 5_000 == 0, start > 0 { _ = try await contract.registered(4 + UInt8(start / 5_000)) }
        let outcomes = await submit(arrivals, to: store, now: Self.now)
        #expect(outcomes.allSatisfy { $0 == .stored })
      }
      try await store.close()
    }

    /// Some waits, some is gone and overwritten, some is gone and not overwritten, some is too old.
    private func fillQueues(_ store: any RelayStore) async throws {
      let old = Self.now - 40 * 86_400
      _ = await submit([Self.arrival(3, 900), Self.arrival(3, 901)], to: store, now: old)
      _ = await submit((0..<40).map { Self.arrival(1, $0, knock: $0 % 3 == 0) }, to: store, now: Self.now - 86_400)
      try await store.acknowledge(Owner(1).mailbox, upTo: 15)
      // Overwrites what was acknowledged.
      try await store.sweep(now: old)
      _ = await submit([Self.arrival(1, 40, .k16), Self.arrival(2, 0)], to: store, now: Self.now)
      try await store.acknowledge(Owner(1).mailbox, upTo: 20)
    }

    private func fillPrekeys(_ store: any RelayStore, _ contract: StoreContract) async throws {
      let mailbox = Owner(1).mailbox
      try await store.putSignedPart(mailbox, SignedPartUpload(id: 3, sealed: [3]), by: contract.mutation(1, 20))
      // More than are remembered, with parts left of the oldest.
      for batch in Self.batches {
        let upload = try OneTimeUpload((0..<3).map { Self.part(batch, $0) })
        try await store.putBatch(mailbox, batch, upload, by: contract.mutation(1, 20 + batch))
      }
      for expected in [(1, 0), (1, 1)] as [(UInt64, UInt32)] {
        let claimed = try await store.claim(mailbox, capability: Owner(1).contact.hash, now: Self.now) { _ in }
        #expect(claimed.oneTime?.batch == expected.0 && claimed.oneTime?.index == expected.1)
      }
      try await store.putSignedPart(
        Owner(2).mailbox, SignedPartUpload(id: 1, sealed: [4]), by: contract.mutation(2, 20))
      _ = try await store.claim(Owner(2).mailbox, capability: Owner(2).contact.hash, now: Self.now) { _ in }
    }

    /// A mailbox that was paid for, a key, and an account that has signed in.
    private func fillRegistrations(_ store: any RelayStore, _ contract: StoreContract) async throws {
      let made = try await store.createMailbox(
        Owner(77).mailbox, by: contract.mutation(77, 1), .token(Self.token))
      #expect(made.lease == Self.token.lease)
      _ = try await store.keepTokenKey(900, [7])
      try await store.issue(Self.issuance)
    }

    /// One that is due, one that is not, and one who was asked already.
    private func fillPushes(_ store: SQLiteStore, _ contract: StoreContract) async throws {
      for seed in [1, 2, 3] as [UInt8] {
        try await store.setPush(Owner(seed).mailbox, [seed, seed], by: contract.mutation(seed, 50))
      }
      let due = try await store.makePushesDue(
        [Owner(1).mailbox, Owner(2).mailbox], today: 19_000, first: 1, unless: { _ in false })
      #expect(due.count == 2)
      try await store.settlePushes(done: try await store.duePushes([2]), gone: [])
    }

    /// Who is to be woken now is woken, the others when something comes. [push.4]
    static func expectPushesKept(_ store: PostgreSQLStore) async throws {
      let node = NodeID(number: 5)
      try await store.beat(node)
      let due = try await store.takePushes(limit: 10, by: node)
      #expect(due.first { $0.mailbox == Owner(1).mailbox }?.job.sealed == [1, 1])
      _ = await submit([arrival(2, 5_000)], to: store, now: now)
      let later = try await store.takePushes(limit: 10, by: node)
      #expect(Set((due + later).map(\.job.sealed)).isSuperset(of: [[1, 1], [2, 2]]))
    }

    static let token = GenuineToken(id: Digest.of("test", [7]), lastDay: 100_000, lease: now + 86_400)
    static let issuance = Issuance(
      account: Digest.of("test", [8]), credential: GenuineToken(id: Digest.of("test", [9]), lastDay: 100_000),
      batch: Digest.of("test", [10]), count: 3, limit: 4, epoch: 900)

    /// What was spent is spent, and what was counted is counted. [token.10]
    static func expectRegistrationsKept(_ contract: StoreContract) async throws {
      let store = contract.store
      #expect(try await store.tokenKey(900) == [7])
      let kept = try await store.createMailbox(Owner(77).mailbox, by: contract.mutation(77, 1), .missing)
      #expect(kept.lease == token.lease)
      #expect(
        await contract.refusal {
          try await store.createMailbox(Owner(78).mailbox, by: contract.mutation(78, 1), .token(token))
        } == .tokenRefused)
      try await store.issue(issuance)
      let more = Issuance(
        account: issuance.account, credential: nil, batch: Digest.of("test", [11]), count: 2, limit: 4, epoch: 900)
      #expect(await contract.refusal { try await store.issue(more) } == .tokensExhausted)
    }

    private func fillBlobs(_ store: any RelayStore, _ contract: StoreContract) async throws {
      for number in [1, 2, 3] as [UInt8] {
        let part = try PartName([UInt8](repeating: number, count: 16))
        _ = try await store.claimBlob(try Self.target(number), .smallest, part: part, now: Self.now) {}
      }
      let parts = try [1, 2].map { try PartName([UInt8](repeating: $0, count: 16)) }
      try await store.saveUpload(parts[0], upTo: 77)
      try await store.finishUpload(parts[1], as: Digest.of("test", [1]), now: Self.now)
      try await store.deleteUploads(Owner(2).mailbox, try Self.target(3).blob, by: contract.mutation(2, 30))
    }

    static func view(_ store: any RelayStore) async throws -> View {
      var (statuses, waiting): ([MailboxStatus?], [[QueuedEnvelope]]) = ([], [])
      for seed in [1, 2, 3, 4, 9] as [UInt8] {
        statuses.append(try await store.status(Owner(seed).mailbox))
        waiting.append(try await store.envelopes(Owner(seed).mailbox, after: 0, room: everything, now: now))
      }
      return View(
        statuses: statuses, waiting: waiting, card: try await store.card(card),
        blobs: [try await store.upload(try target(1), now: now), try await store.upload(try target(2), now: now)],
        whole: try await store.blob(try target(2).blob, now: now),
        abandoned: try await store.abandonedFiles(limit: 9))
    }

    /// What the file had promised, asked of the store that it has become. It changes that. [relay.18] [relay.26] [request.8]
    static func expectPromisesKept(_ contract: StoreContract) async throws {
      let store = contract.store
      // Names of what waits, of what is gone, and of what is gone and overwritten.
      let known = await submit([3, 17, 25, 40].map { arrival(1, $0) }, to: store, now: now)
      #expect(known == [.repeated, .repeated, .repeated, .repeated])
      #expect(await submit([arrival(1, 41), arrival(3, 902)], to: store, now: now) == [.stored, .stored])
      #expect(try await store.lastIndex(Owner(1).mailbox) == 42)
      #expect(try await store.lastIndex(Owner(3).mailbox) == 3, "an index is never given again")
      #expect(
        await contract.refusal {
          try await contract.store.createMailbox(
            Owner(1).mailbox, by: contract.mutation(1, 39))
        } == .sequenceStale)
      #expect(
        await contract.refusal { try await store.deleteCard(card, by: contract.mutation(1, 7)) } == .sequenceStale)
      for expected in [(1, 2), (2, 0), (2, 1)] as [(UInt64, UInt32)] {
        let claimed = try await store.claim(Owner(1).mailbox, capability: Owner(1).contact.hash, now: now) { _ in }
        #expect(claimed.oneTime?.batch == expected.0 && claimed.oneTime?.index == expected.1)
        #expect(claimed.oneTime?.sealed == part(expected.0, expected.1).sealed && claimed.signedPart.id == 3)
      }
      let upload = { (batch: UInt64) in try OneTimeUpload((0..<3).map { part(batch, $0) }) }
      // One that is remembered is the same; one that is not, though parts of it are left, is a conflict as before.
      try await store.putBatch(Owner(1).mailbox, 20, try upload(20), by: contract.mutation(1, 50))
      #expect(
        await contract.refusal {
          try await store.putBatch(Owner(1).mailbox, 3, try upload(3), by: contract.mutation(1, 51))
        } == .prekeyConflict)
      #expect(try await store.status(Owner(1).mailbox)?.oneTimeParts == 55)
      #expect(try await store.status(Owner(2).mailbox)?.lastResortClaims == 1)
      // What goes, goes with its account.
      try await store.acknowledge(Owner(1).mailbox, upTo: 42)
      try await store.sweep(now: now)
      #expect(try await store.status(Owner(1).mailbox)?.envelopes == 0)
      #expect(try await store.status(Owner(1).mailbox)?.envelopeBytes == 0)
      #expect(try await store.status(Owner(3).mailbox)?.envelopes == 1, "what was too old is gone, the new one waits")
      #expect(await submit([arrival(1, 3)], to: store, now: now) == [.repeated], "remembered all the same")
    }
  }
#endif
