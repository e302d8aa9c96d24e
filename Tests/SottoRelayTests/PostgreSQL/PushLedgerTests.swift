#if Fleet
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoWire
  import Testing

  /// Who is to be woken, as PostgreSQL keeps it. [push.2] [push.4]
  @Suite(.enabled(if: PostgreSQLCluster.isInstalled)) struct PushLedgerTests {
    private let here = NodeID(number: 1)
    private let there = NodeID(number: 2)

    private struct Ledger {
      let store: PostgreSQLStore
      let contract: StoreContract
      let mailbox: MailboxID
      let sql: (String) throws -> String
      let reports: FailingLedger.Counter

      /// One envelope more.
      func put(_ number: Int) async {
        let arrival = Arrival(
          mailbox: mailbox, id: envelopeID(number), capability: Owner(1).contact.hash, bytes: envelope(number))
        #expect(await submit([arrival], to: store) == [.stored])
      }

      /// What the relay `node` takes now.
      func due(_ node: NodeID) async throws -> [DuePush] { try await store.takePushes(limit: 10, by: node) }

      func opening(_ socket: UInt128, at node: NodeID) -> SocketOpening {
        SocketOpening(mailbox, at: node, SocketHandle(number: socket))
      }

      /// As if whoever was asked was asked long ago, also by the clock of these tests.
      func passDays() throws { _ = try sql("UPDATE mailbox SET push = 1 WHERE push > 0") }

      /// As if the relay had not been heard of for long.
      func silence(_ node: NodeID) throws {
        _ = try sql("UPDATE node SET beat = now() - interval '16 seconds' WHERE id = '\(text(of: node))'")
      }

      private func text(of node: NodeID) -> String {
        let digits = Hex.encode(node.number.bytes)
        return "\(digits.prefix(8))-0000-0000-0000-\(digits.suffix(12))"
      }
    }

    /// A mailbox with a subscription, and both relays heard of for longer than a test takes on any machine.
    private func withLedger(_ body: (Ledger) async throws -> Void) async throws {
      // Whoever was asked is asked again on the next day.
      try await awayFromMidnight()
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let reports = FailingLedger.Counter()
      let store = try PostgreSQLStore(address: cluster.address(name)) { report in
        if case .pushDue = report { reports.add() }
      }
      let contract = try StoreContract { store }
      let mailbox = try await contract.registered(1)
      try await store.setPush(mailbox, [7, 7], by: contract.mutation(1, 3))
      for node in [here, there] { try await store.beat(node) }
      try cluster.sql("UPDATE node SET beat = now() + interval '1 hour'", in: name)
      try await body(
        Ledger(
          store: store, contract: contract, mailbox: mailbox, sql: { try cluster.sql($0, in: name) }, reports: reports))
      try await store.close()
    }

    @Test func oneForAllThatComesUntilTheOwnerLooks() async throws {
      try await withLedger { ledger in
        #expect(try await ledger.due(here).isEmpty, "nothing waits")
        await ledger.put(1)
        #expect(ledger.reports.value == 1)
        let first = try #require(try await ledger.due(here).first)
        #expect(first.mailbox == ledger.mailbox && first.job.sealed == [7, 7])
        try await ledger.store.giveBackAllPushes(by: here)
        #expect(try await ledger.due(here) == [first], "it is due until the queue has it")
        try await ledger.store.queued([first], by: here)
        #expect(try await ledger.due(here).isEmpty)
        await ledger.put(2)
        #expect(try await ledger.due(here).isEmpty, "it was asked for")
        #expect(ledger.reports.value == 1)
        // The owner looks, takes what there is and goes.
        let claim = try await ledger.store.claimHome(ledger.opening(9, at: here))
        #expect(claim?.lastIndex == 2)
        await ledger.put(3)
        #expect(try await ledger.due(here).isEmpty, "somebody listens")
        try await ledger.store.acknowledge(ledger.mailbox, upTo: 3)
        try await ledger.store.leaveHomes([SocketHandle(number: 9): ledger.mailbox])
        #expect(try await ledger.due(here).isEmpty, "nothing waits")
        await ledger.put(4)
        #expect(try await ledger.due(here) == [first], "the same subscription")
      }
    }

    /// What is to wait is not told to the database at each look: who has taken it gets it again only when it gives it back, and
    /// it takes no place of others. [push.12]
    @Test func whatIsTakenIsTakenOnce() async throws {
      try await withLedger { ledger in
        let (store, mailbox) = (ledger.store, ledger.mailbox)
        await ledger.put(1)
        let taken = try await ledger.due(here)
        #expect(taken.count == 1)
        #expect(try await ledger.due(here).isEmpty, "it has it")
        try await store.giveBackPushes([mailbox], by: there)
        try await store.giveBackAllPushes(by: there)
        try await store.giveBackPushes([Owner(2).mailbox], by: here)
        #expect(try await ledger.due(here).isEmpty, "it has it still")
        #expect(try await ledger.due(there).isEmpty)
        try await store.giveBackPushes([Owner(2).mailbox, mailbox], by: here)
        #expect(try await ledger.due(there) == taken, "whoever looks first")
        try await store.giveBackAllPushes(by: there)
        #expect(try await ledger.due(here) == taken)
        try await store.queued(taken, by: here)
        try await store.giveBackAllPushes(by: here)
        #expect(try await ledger.due(here).isEmpty, "the queue has it")
      }
    }

    /// What others were in the way of has taken nothing, so it is tried again; only a lost answer leaves that open.
    @Test func aCollisionLeavesNothingInDoubt() async throws {
      try await withLedger { ledger in
        await ledger.put(1)
        // Of the attempts to take it these collide: what a sequence has counted is not rolled back.
        _ = try ledger.sql(
          """
          CREATE SEQUENCE attempts;
          CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN
            IF nextval('attempts') IN (1, 2) THEN RAISE EXCEPTION USING ERRCODE = '40P01'; END IF;
            RETURN NEW;
          END $$;
          CREATE TRIGGER collide BEFORE UPDATE ON push FOR EACH ROW EXECUTE FUNCTION collide();
          """)
        let taken = try await ledger.due(here)
        #expect(taken.map(\.mailbox) == [ledger.mailbox])
      }
    }

    /// Of two who lock the same rows none waits for the other while the other waits for it: the order is that of the ids, which
    /// is neither that of the table's parts nor that of the arguments.
    @Test func rowsAreLockedInTheOrderOfTheirIDs() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let store = try PostgreSQLStore(address: cluster.address(name))
      try cluster.sql(
        """
        INSERT INTO push (mailbox, handle, sealed, due)
        SELECT md5(n::text)::uuid, md5(n::text)::uuid, '\\x01', true FROM generate_series(1, 200) AS n
        """, in: name)
      let all = try await store.takePushes(limit: 9_999, by: here)
      // The first by its id is in a part of the table that comes after that of the other.
      let pair = try cluster.sql(
        """
        SELECT a.mailbox, b.mailbox FROM push a JOIN push b ON a.mailbox < b.mailbox AND a.tableoid > b.tableoid LIMIT 1
        """, in: name
      ).split(whereSeparator: { "|\n".contains($0) }).map(String.init)
      try #require(pair.count == 2)
      let both = try pair.reversed().map { id -> DuePush in
        let text = id.filter { $0 != "-" }
        return try #require(all.first { $0.mailbox.text == text })
      }
      func locksInOrder(_ change: @escaping @Sendable () async throws -> Void) async throws {
        let isFree = "SELECT FROM push WHERE mailbox = '\(pair[1])' FOR UPDATE SKIP LOCKED"
        let changing = try await cluster.holding(
          "SELECT FROM push WHERE mailbox = '\(pair[0])' FOR UPDATE", in: name
        ) {
          let changing = Task { try await change() }
          try await until { try cluster.waiting(in: name) > 0 }
          let free = try cluster.sql("SELECT count(*) FROM (\(isFree)) AS free", in: name)
          #expect(free == "1\n", "it waits for the first, and has no other meanwhile")
          return changing
        }
        try await changing.value
      }
      try await locksInOrder { try await store.giveBackPushes(both.map(\.mailbox), by: here) }
      let again = try await store.takePushes(limit: 9_999, by: here)
      #expect(Set(again.map(\.mailbox)) == Set(both.map(\.mailbox)))
      try await locksInOrder { try await store.queued(both, by: here) }
      try await store.giveBackAllPushes(by: here)
      let left = try await store.takePushes(limit: 9_999, by: here)
      #expect(left.count == 198, "the queue has those two")
      try await locksInOrder { try await store.endPushes(both.map(\.job.handle)) }
      let rows = try cluster.sql("SELECT count(*) FROM push", in: name)
      #expect(rows == "198\n")
      try await store.close()
    }

    /// However many there are, more than one page.
    @Test func everythingIsGivenBack() async throws {
      try await withLedger { ledger in
        _ = try ledger.sql(
          """
          INSERT INTO push (mailbox, handle, sealed, due)
          SELECT md5(n::text)::uuid, md5(n::text)::uuid, '\\x01', true FROM generate_series(1, 2500) AS n
          """)
        func take() async throws -> Int { try await ledger.store.takePushes(limit: 9_999, by: here).count }
        #expect(try await take() == 2_500)
        #expect(try await take() == 0)
        try await ledger.store.giveBackAllPushes(by: here)
        #expect(try await take() == 2_500)
      }
    }

    /// A device that vanished without a word had a stream all the while: what was written to it waits when that is given up.
    @Test func whatWasSentIntoTheVoidWakes() async throws {
      try await withLedger { ledger in
        _ = try await ledger.store.claimHome(ledger.opening(9, at: here))
        await ledger.put(1)
        #expect(try await ledger.due(here).isEmpty)
        // Not by one that counts no more.
        try await ledger.store.leaveHomes([SocketHandle(number: 8): ledger.mailbox])
        #expect(try await ledger.due(here).isEmpty)
        try await ledger.store.leaveHomes([SocketHandle(number: 9): ledger.mailbox])
        #expect(try await ledger.due(here).count == 1)
        #expect(ledger.reports.value == 1)
      }
    }

    @Test func onceADayAsLongAsNobodyLooks() async throws {
      try await withLedger { ledger in
        await ledger.put(1)
        try await ledger.store.queued(try await ledger.due(here), by: here)
        try ledger.passDays()
        #expect(try await ledger.due(here).isEmpty, "nothing new has come")
        let day = try await ledger.store.askAgain(after: 0)
        let again = try await ledger.due(here)
        #expect(again.count == 1)
        try await ledger.store.queued(again, by: here)
        try ledger.passDays()
        #expect(try await ledger.store.askAgain(after: day) == day)
        #expect(try await ledger.due(here).isEmpty, "it is the same day")
        await ledger.put(2)
        #expect(try await ledger.due(here).count == 1)
      }
    }

    /// What became due once more while the job was on its way to the queue is not taken for done.
    @Test func aSecondReasonIsNotLostInTheFirst() async throws {
      try await withLedger { ledger in
        await ledger.put(1)
        let first = try await ledger.due(here)
        _ = try await ledger.store.claimHome(ledger.opening(9, at: there))
        try await ledger.store.leaveHomes([SocketHandle(number: 9): ledger.mailbox])
        try await ledger.store.queued(first, by: here)
        #expect(try await ledger.due(here) == first)
      }
    }

    /// Whoever opens a stream is awake, and what was due is not any more.
    @Test func whoCameByItselfIsNotWoken() async throws {
      try await withLedger { ledger in
        await ledger.put(1)
        _ = try await ledger.store.claimHome(ledger.opening(9, at: there))
        #expect(try await ledger.due(here).isEmpty)
      }
    }

    /// A job that one relay has taken is no other's, unless it dies. [push.4]
    @Test func onlyADeadRelaysJobsAreTakenOver() async throws {
      try await withLedger { ledger in
        await ledger.put(1)
        let taken = try await ledger.due(here)
        #expect(taken.count == 1)
        #expect(try await ledger.due(there).isEmpty)
        try ledger.silence(here)
        #expect(try await ledger.due(there) == taken)
        try await ledger.store.beat(here)
        #expect(try await ledger.due(here).isEmpty, "it is the other's now")
      }
    }

    /// A relay that died had the stream: what comes before that is noticed wakes the owner once it is.
    @Test func aDeadRelayHoldsNobody() async throws {
      try await withLedger { ledger in
        _ = try await ledger.store.claimHome(ledger.opening(9, at: there))
        await ledger.put(1)
        #expect(try await ledger.store.leaveDeadHomes() == 0, "it has been heard of")
        #expect(try await ledger.due(here).isEmpty)
        try ledger.silence(there)
        #expect(try await ledger.store.leaveDeadHomes() == 1)
        #expect(try await ledger.due(here).count == 1)
        #expect(try await ledger.store.homes([ledger.mailbox])[ledger.mailbox]?.socket == nil)
        #expect(try await ledger.store.leaveDeadHomes() == 0)

        // Where nothing waits nobody is woken, until something comes.
        try await ledger.store.beat(there)
        _ = try await ledger.store.claimHome(ledger.opening(10, at: there))
        try await ledger.store.acknowledge(ledger.mailbox, upTo: 1)
        try ledger.silence(there)
        #expect(try await ledger.store.leaveDeadHomes() == 1)
        #expect(try await ledger.due(here).isEmpty)
        await ledger.put(2)
        #expect(try await ledger.due(here).count == 1)
      }
    }

    /// A subscription is a new one with a new handle, and a job of the old one says nothing about it. [push.1]
    @Test func aSubscriptionCanBeReplacedAndTakenAway() async throws {
      try await withLedger { ledger in
        let (store, contract, mailbox) = (ledger.store, ledger.contract, ledger.mailbox)
        await ledger.put(1)
        let old = try await ledger.due(here)
        try await store.setPush(mailbox, [8], by: contract.mutation(1, 4))
        #expect(try await ledger.due(here).isEmpty, "who has just said so is awake")
        await ledger.put(2)
        try await store.queued(old, by: here)
        let new = try await ledger.due(here)
        #expect(new.map(\.job.sealed) == [[8]] && new[0].job.handle != old[0].job.handle)
        // A repetition is the same request. [request.8]
        try await store.setPush(mailbox, [8], by: contract.mutation(1, 4))
        try await store.giveBackPushes([mailbox], by: here)
        #expect(try await ledger.due(here) == new)
        try await store.setPush(mailbox, nil, by: contract.mutation(1, 5))
        #expect(try await ledger.due(here).isEmpty)
        await ledger.put(3)
        #expect(try await ledger.due(here).isEmpty)
        #expect(try ledger.sql("SELECT count(*) FROM push") == "0\n")
        await #expect(throws: Refusal(.mailboxMissing)) {
          try await store.setPush(Owner(2).mailbox, [1], by: contract.mutation(2, 1))
        }
      }
    }

    /// What a gateway says is over is taken away, and nothing else; the owner may come back with another. [push.9]
    @Test func aSubscriptionThatIsOverIsTakenAway() async throws {
      try await withLedger { ledger in
        let (store, contract, mailbox) = (ledger.store, ledger.contract, ledger.mailbox)
        let other = try await contract.registered(2)
        try await store.setPush(other, [9], by: contract.mutation(2, 3))
        await ledger.put(1)
        let old = try #require(try await ledger.due(here).first).job.handle
        try await store.endPushes([PushHandle(number: 5)])
        try await store.setPush(mailbox, [8], by: contract.mutation(1, 4))
        try await store.endPushes([old])
        #expect(try ledger.sql("SELECT count(*) FROM push") == "2\n", "it was replaced meanwhile")
        await ledger.put(2)
        let new = try #require(try await ledger.due(here).first).job.handle
        try await store.endPushes([new, old, new])
        #expect(try await ledger.due(here).isEmpty)
        await ledger.put(3)
        #expect(try await ledger.due(here).isEmpty)
        #expect(try ledger.sql("SELECT count(*) FROM push") == "1\n")
        #expect(try ledger.sql("SELECT count(*) FROM mailbox WHERE push IS NOT NULL") == "1\n")
        try await store.setPush(mailbox, [6], by: contract.mutation(1, 5))
        await ledger.put(4)
        #expect(try await ledger.due(here).map(\.job.sealed) == [[6]])
        try await store.endPushes([])
      }
    }

    /// [relay.29]
    @Test func aDeletedMailboxLeavesNone() async throws {
      try await withLedger { ledger in
        await ledger.put(1)
        try await ledger.store.deleteMailbox(ledger.mailbox, by: ledger.contract.mutation(1, 4))
        #expect(try ledger.sql("SELECT count(*) FROM push") == "0\n")
        #expect(try await ledger.due(here).isEmpty)
      }
    }

    /// A mailbox without a subscription, as all were before there was push, wakes nobody and is not asked about.
    @Test func whoDidNotAskIsNotWoken() async throws {
      try await withLedger { ledger in
        let other = try await ledger.contract.registered(2)
        let arrival = Arrival(mailbox: other, id: envelopeID(1), capability: Owner(2).contact.hash, bytes: envelope(1))
        #expect(await submit([arrival], to: ledger.store) == [.stored])
        #expect(try await ledger.due(here).isEmpty)
        #expect(ledger.reports.value == 0)
      }
    }
  }
#endif
