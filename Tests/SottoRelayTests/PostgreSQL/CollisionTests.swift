#if Fleet
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoWire
  import Testing

  /// What becomes of work when others are in its way.
  @Suite(.enabled(if: PostgreSQLCluster.isInstalled)) struct CollisionTests {
    private func withDatabase(_ body: (PostgreSQLCluster, String) async throws -> Void) async throws {
      let cluster = try await PostgreSQLCluster.shared()
      try await body(cluster, try cluster.database())
    }

    /// What is tried again, as others were in its way, has not failed: nobody is called for it.
    @Test func aCollisionThatIsTriedAgainIsNoFailure() async throws {
      try await withDatabase { cluster, name in
        let failures = FailingLedger.Counter()
        let store = try PostgreSQLStore(address: cluster.address(name)) {
          if case .failed = $0 { failures.add() }
        }
        let mailbox = try await StoreContract { store }.registered(1)
        // Of the attempts to insert these collide: what a sequence has counted is not rolled back.
        try cluster.sql(
          """
          CREATE SEQUENCE attempts;
          CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN
            IF nextval('attempts') IN (1, 2, 4, 5, 6) THEN RAISE EXCEPTION USING ERRCODE = '40001'; END IF;
            RETURN NEW;
          END $$;
          CREATE TRIGGER collide BEFORE INSERT ON envelope FOR EACH ROW EXECUTE FUNCTION collide();
          """, in: name)
        func put(_ number: Int) async -> [Acceptance] {
          let arrival = Arrival(
            mailbox: mailbox, id: envelopeID(number), capability: Owner(1).contact.hash, bytes: envelope(number))
          return await submit([arrival], to: store)
        }
        #expect(await put(1) == [.stored])
        #expect(failures.value == 0)
        #expect(await put(2) != [.stored])
        #expect(failures.value == 1, "three times is one failure")
        #expect(await put(2) == [.stored])
        #expect(failures.value == 1)
        try await store.close()
      }
    }

    /// Where another relay writes to a mailbox, its envelopes wait, in their order, and no others. [operation.12]
    @Test func whoWritesToOneMailboxKeepsNoOtherWaiting() async throws {
      try await withDatabase { cluster, name in
        let store = try PostgreSQLStore(address: cluster.address(name))
        let contract = try StoreContract { store }
        let first = try await contract.registered(1)
        // Of the same thread.
        var (number, second): (UInt8, MailboxID) = (2, try await contract.registered(2))
        while second.number % 2 != first.number % 2 {
          number += 1
          second = try await contract.registered(number)
        }
        let other = (mailbox: second, contact: Owner(number).contact.hash)
        func toFirst(_ number: Int) -> Arrival {
          Arrival(
            mailbox: first, id: envelopeID(number), capability: Owner(1).contact.hash, bytes: envelope(number))
        }
        func toSecond(_ number: Int) -> Arrival {
          Arrival(
            mailbox: other.mailbox, id: envelopeID(number), capability: other.contact, bytes: envelope(number))
        }
        #expect(await submit([toFirst(1)], to: store) == [.stored])
        let hex = String(first.number, radix: 16)
        let id = String(repeating: "0", count: 32 - hex.count) + hex
        let room = Room(count: 9, bytes: .max)
        let arrivals = [toFirst(2), toSecond(4), toFirst(3)]
        let start = ContinuousClock.now
        let both = try await cluster.holding("SELECT FROM mailbox WHERE id = '\(id)' FOR UPDATE", in: name) {
          let both = Task { await submit(arrivals, to: store) }
          try await until {
            try await store.envelopes(other.mailbox, after: 0, room: room, now: 1_700_000_000).count == 1
          }
          for number in 5..<9 { #expect(await submit([toSecond(number)], to: store) == [.stored]) }
          return both
        }
        // A busy machine may hold it for longer than anybody waits for a database; then they are told, and say it again.
        let isShortly = .now - start < .seconds(3)
        let outcomes = await both.value
        #expect(outcomes[1] == .stored && (outcomes == [.stored, .stored, .stored] || !isShortly))
        if !isShortly { _ = await submit(arrivals, to: store) }
        let found = try await store.envelopes(first, after: 0, room: room, now: 1_700_000_000)
        #expect(found.map(\.id) == [1, 2, 3].map { envelopeID($0) } && found.map(\.index) == [1, 2, 3])
        try await store.close()
      }
    }

    /// An account that a sweep forgets just when somebody comes back to it begins anew, which is no failure. [token.10]
    @Test func anAccountThatIsForgottenMeanwhileBeginsAnew() async throws {
      try await withDatabase { cluster, name in
        let store = try PostgreSQLStore(address: cluster.address(name))
        // At the first attempt the row is not there when it is to be locked.
        try cluster.sql(
          """
          CREATE SEQUENCE attempts;
          CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN
            IF nextval('attempts') = 1 THEN RETURN NULL; END IF;
            RETURN NEW;
          END $$;
          CREATE TRIGGER vanish BEFORE INSERT ON issued FOR EACH ROW EXECUTE FUNCTION vanish();
          """, in: name)
        try await store.issue(
          Issuance(
            account: Digest.of("test account", [1]), credential: nil, batch: Digest.of("test batch", [1]), count: 4,
            limit: 10, epoch: 700))
        #expect(try cluster.sql("SELECT epoch, count FROM issued", in: name) == "700|4\n")
        try await store.close()
      }
    }

    /// Leases are forgiven a few mailboxes at a time, and around those that somebody has: nobody waits. The next sweep has
    /// the rest. [token.13]
    @Test func leasesAreForgivenAroundWhatIsLocked() async throws {
      try await withDatabase { cluster, name in
        let store = try PostgreSQLStore(address: cluster.address(name))
        try cluster.sql(
          """
          INSERT INTO mailbox (id, sequence, digest, lease)
          SELECT md5(n::text)::uuid, 1, ''::bytea, 1 FROM generate_series(1, 3000) AS n
          """, in: name)
        func paid() throws -> String { try cluster.sql("SELECT count(lease) FROM mailbox", in: name) }
        #expect(try paid() == "3000\n")
        try await cluster.holding("SELECT FROM mailbox WHERE id = md5('7')::uuid FOR UPDATE", in: name) {
          try await store.forgiveLeases()
          let left = try paid()
          #expect(left == "1\n")
        }
        try await store.forgiveLeases()
        #expect(try paid() == "0\n")
        try await store.close()
      }
    }

    /// Anybody may ask whether a relay is ready, as often as they like: the database has one question at a time. [limits.2]
    @Test func whoeverAsksWhetherARelayIsReadySharesAQuestion() async throws {
      try await withDatabase { cluster, name in
        let relay = try await TestRelay.start { $0.store = .postgreSQL(cluster.address(name)) }
        let asking = (0..<16).map { _ in
          Task { while !Task.isCancelled { _ = try? await relay.send("GET", "/readyz") } }
        }
        try await cluster.holding("LOCK TABLE store", in: name) {
          try await until { try cluster.waiting(in: name) > 0 }
          for _ in 0..<20 {
            try await Task.sleep(for: .milliseconds(50))
            let questions = try cluster.waiting(in: name)
            #expect(questions <= 1)
          }
        }
        for task in asking {
          task.cancel()
          await task.value
        }
        try await until { try await relay.send("GET", "/readyz").status == 200 }
        try await relay.stop()
      }
    }
  }
#endif
