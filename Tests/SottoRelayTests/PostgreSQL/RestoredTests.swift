#if Fleet
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoWire
  import Testing

  /// `sotto-relay db restored`: what a database must forget and remember when it was brought back. [operation.7]
  @Suite(.enabled(if: PostgreSQLCluster.isInstalled)) struct RestoredTests {
    private static let now: Int64 = 1_700_000_060
    private let node = NodeID(number: 7)

    private func failure(_ address: String) -> StartFailure? {
      do {
        _ = try PostgreSQL().restored(address, now: Self.now)
        return nil
      } catch { return error }
    }

    /// Every row that the command may change.
    private func rows(_ cluster: PostgreSQLCluster, _ name: String) throws -> [String] {
      try ["store", "mailbox", "card", "batch", "push", "node"].map {
        try cluster.sql("SELECT * FROM \($0) AS t ORDER BY t", in: name)
      }
    }

    /// A mailbox with an envelope, parts, a socket and a push that a relay has taken; that relay was not stopped.
    private func fill(_ address: String) async throws {
      let store = try PostgreSQLStore(address: address)
      let contract = try StoreContract { store }
      let mailbox = try await contract.registered(1)
      let part = SignedPartUpload(id: 1, sealed: [1])
      try await store.putSignedPart(mailbox, part, by: contract.mutation(1, 3))
      try await store.putBatch(mailbox, 1, try contract.upload(0..<4), by: contract.mutation(1, 4))
      let card = StoredCard(listSequence: 1, sealed: [1])
      try await contract.store.putCard(
        try CardID([UInt8](repeating: 9, count: 16)), card, .absent, by: contract.mutation(1, 5))
      try await store.setPush(mailbox, [7], by: contract.mutation(1, 6))
      #expect(try await contract.accept(contract.arrival(1, 1)))
      let handed = try await store.claim(mailbox, capability: Owner(1).contact.hash, now: contract.now) { _ in }
      #expect(handed.oneTime != nil)
      #expect(try await store.takePushes(limit: 9, by: node).count == 1)
      _ = try await contract.registered(2)
      let opening = SocketOpening(Owner(2).mailbox, at: node, SocketHandle(number: 107))
      #expect(try await store.claimHome(opening)?.claim == 1)
      try await store.beat(node)
      try await store.close()
    }

    @Test func aRestoredDatabaseForgetsPartsAndRemembersSequences() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let address = cluster.address(name)
      try await fill(address)

      // Heard of for longer than a test takes on any machine.
      try cluster.sql("UPDATE node SET beat = now() + interval '1 hour'", in: name)
      let before = try rows(cluster, name)
      #expect(failure(address)?.exitCode == 75 && failure(address)?.next.contains("Stop all") == true, "a relay runs")
      #expect(try rows(cluster, name) == before)
      try cluster.sql("UPDATE node SET beat = now() - interval '1 hour'", in: name)
      let silent = try rows(cluster, name)
      let held = try await cluster.holding("LOCK TABLE store IN ACCESS SHARE MODE", in: name) { failure(address) }
      #expect(held?.exitCode == 75 && held?.what.contains("Another program") == true)
      #expect(try rows(cluster, name) == silent)

      #expect(try PostgreSQL().restored(address, now: Self.now) == RestoredStore(mailboxes: 2, cards: 1))
      let dead = "SELECT (SELECT count(*) FROM mailbox WHERE home IS NOT NULL OR socket IS NOT NULL)"
      let taken = " + (SELECT count(*) FROM push WHERE taker IS NOT NULL) + (SELECT count(*) FROM node)"
      #expect(try cluster.sql(dead + taken, in: name) == "0\n")
      let sequence = UInt64(Self.now + 300) * 1_000
      #expect(try cluster.sql("SELECT sequence FROM card", in: name) == "\(sequence)\n")

      let store = try PostgreSQLStore(address: address)
      let contract = try StoreContract { store }
      let mailbox = Owner(1).mailbox
      let after = try #require(try await store.status(mailbox))
      #expect(after.oneTimeParts == 0 && after.signedPart == 1 && after.envelopes == 1)
      #expect(after.sequence == sequence && after.capabilities == [.knock, .contact])
      #expect(after.restoreEpoch == UInt64(Self.now))
      let capability = Owner(1).contact.hash
      let claimed = try await store.claim(mailbox, capability: capability, now: contract.now) { _ in }
      #expect(claimed.oneTime == nil && claimed.signedPart.sealed == [1])
      #expect(
        await contract.refusal {
          try await store.setCapabilities(mailbox, try CapabilitySet([]), by: contract.mutation(1, 7))
        } == .sequenceStale, "signed before")
      // A batch that is sent once more is known; the next is taken.
      try await store.putBatch(mailbox, 1, try contract.upload(0..<4), by: contract.mutation(1, sequence + 1))
      #expect(try await store.status(mailbox)?.oneTimeParts == 0)
      try await store.putBatch(mailbox, 2, try contract.upload(0..<3), by: contract.mutation(1, sequence + 2))
      #expect(try await store.status(mailbox)?.oneTimeParts == 3)
      #expect(try await contract.accept(contract.arrival(1, 1)) == false, "its name is known")
      #expect(try await contract.accept(contract.arrival(1, 2)))
      #expect(try await contract.waiting(mailbox).map(\.index) == [1, 2], "one after the other, in another epoch")
      try await store.close()

      // To the same moment once more, or said twice: the epoch rises again.
      _ = try PostgreSQL().restored(address, now: Self.now)
      #expect(try cluster.sql("SELECT restore_epoch FROM store", in: name) == "\(Self.now + 1)\n")
    }

    @Test func aDatabaseThatIsNotReadyIsRefused() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let address = cluster.address(name)
      #expect(failure("host=\(cluster.folder)/none dbname=\(name)")?.exitCode == 69)
      try cluster.sql("UPDATE store SET version = version + 1", in: name)
      #expect(failure(address)?.what.contains("newer") == true, "it knows of something that this program does not")
      try cluster.sql("UPDATE store SET version = 2", in: name)
      #expect(failure(address)?.next.contains("sotto-relay db migrate") == true)
      try cluster.sql("UPDATE store SET version = 6, oldest = 2147483647", in: name)
      #expect(failure(address)?.exitCode == 78 && failure(address)?.next.contains("db convert") == true)
      #expect(try cluster.sql("SELECT restore_epoch FROM store", in: name) == "1\n")
    }
  }
#endif
