#if Fleet
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoWire
  import Synchronization
  import Testing

  /// Where sockets are, as PostgreSQL keeps it.
  @Suite(.enabled(if: PostgreSQLCluster.isInstalled)) struct HomeStoreTests {
    /// What a store reported of others.
    private final class Reports: Sendable {
      private let all = Mutex<[CommitReport]>([])
      func add(_ report: CommitReport) { all.withLock { $0.append(report) } }
      /// Of each kind, the nodes that were named and their mailboxes.
      var elsewhere: [Notice.Kind: [NodeID: [SocketHandle]]] {
        all.withLock { all in
          all.reduce(into: [:]) { found, report in
            if case .elsewhere(let kind, let homes) = report {
              found[kind, default: [:]].merge(homes) { $0 + $1 }
            }
          }
        }
      }
      func clear() { all.withLock { $0 = [] } }
    }

    private func opening(_ mailbox: MailboxID, _ node: UInt128) -> SocketOpening {
      SocketOpening(mailbox, at: NodeID(number: node), SocketHandle(number: node + 100))
    }

    private let first = NodeID(number: 1)
    private let second = NodeID(number: 2)

    private func withStore(
      _ body: (PostgreSQLStore, StoreContract, Reports, (String) throws -> String) async throws -> Void
    )
      async throws
    {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let reports = Reports()
      let store = try PostgreSQLStore(address: cluster.address(name)) { reports.add($0) }
      try await body(store, try StoreContract { store }, reports) { try cluster.sql($0, in: name) }
      try await store.close()
    }

    /// Whichever of an envelope and a claim comes first: the other knows of it.
    @Test func anEnvelopeAndAClaimDoNotMissEachOther() async throws {
      try await withStore { store, contract, reports, _ in
        let mailbox = try await contract.registered(1)
        func put(_ number: Int) -> Arrival {
          Arrival(
            mailbox: mailbox, id: envelopeID(number), capability: Owner(1).contact.hash, bytes: envelope(number))
        }
        #expect(await submit([put(1), put(2)], to: store) == [.stored, .stored])
        #expect(reports.elsewhere.isEmpty, "nobody listens")
        #expect(try await store.claimHome(opening(mailbox, 1)) == HomeClaim(claim: 1, lastIndex: 2, lastWaiting: 2))
        #expect(await submit([put(3)], to: store) == [.stored])
        #expect(reports.elsewhere == [.arrived: [first: [SocketHandle(number: 101)]]])
        reports.clear()
        #expect(await submit([put(3)], to: store) == [.repeated])
        #expect(reports.elsewhere.isEmpty, "nothing has arrived")
        try await store.acknowledge(mailbox, upTo: 3)
        #expect(try await store.claimHome(opening(mailbox, 2)) == HomeClaim(claim: 2, lastIndex: 3, lastWaiting: 0))
        #expect(reports.elsewhere == [.changed: [first: [SocketHandle(number: 101)]]], "whoever had it is to know")
        #expect(try await store.claimHome(opening(MailboxID(number: 5), 1)) == nil)
      }
    }

    /// After a database fell back, another envelope may have an index that was sent. It stays, and whoever acknowledges hears of
    /// it: from the name, or because less was deleted than the store has said. [stream.6]
    @Test func whatWasNotSentIsNotDeleted() async throws {
      try await withStore { store, contract, _, sql in
        let mailbox = try await contract.registered(1)
        let arrivals = (1...4).map { number in
          Arrival(
            mailbox: mailbox, id: envelopeID(number), capability: Owner(1).contact.hash, bytes: envelope(number))
        }
        #expect(await submit(arrivals, to: store) == [.stored, .stored, .stored, .stored])
        func taken(_ sent: [(index: UInt64, number: Int)], former: UInt64 = 0) -> Acknowledgement {
          Acknowledgement(sent.map { SentEnvelope(index: $0.index, id: envelopeID($0.number)) }, former: former)
        }
        await #expect(throws: StoreFailure.fellBack) {
          try await store.acknowledge(mailbox, taken([(1, 1), (2, 9)]))
        }
        #expect(try await contract.waiting(mailbox).map(\.index) == [2, 3, 4], "the first was sent")
        await #expect(throws: StoreFailure.fellBack) {
          try await store.acknowledge(mailbox, taken([(5, 5)], former: 1))
        }
        try await store.acknowledge(mailbox, taken([(2, 2)], former: 1))
        #expect(try await store.homes([mailbox])[mailbox] == Home(socket: nil, claim: 0, lastIndex: 4, acknowledged: 2))
        // Said again on another connection: it was done.
        try await store.acknowledge(mailbox, taken([(2, 2)], former: 1))
        _ = try sql("UPDATE mailbox SET acknowledged = 1")
        await #expect(throws: StoreFailure.fellBack) {
          try await store.acknowledge(mailbox, taken([(4, 4)], former: 2))
        }
        #expect(try await contract.waiting(mailbox).map(\.index) == [3], "what was taken may go all the same")
        // That the last of several was there says nothing of the others.
        let later = (5...6).map { number in
          Arrival(
            mailbox: mailbox, id: envelopeID(number), capability: Owner(1).contact.hash, bytes: envelope(number))
        }
        #expect(await submit(later, to: store) == [.stored, .stored])
        await #expect(throws: StoreFailure.fellBack) {
          try await store.acknowledge(mailbox, taken([(5, 9), (6, 6)], former: 4))
        }
        #expect(try await contract.waiting(mailbox).map(\.index) == [3, 5])
      }
    }

    /// Two that race: all the while every envelope is reported to the node of the socket, or is in the answer to its claim.
    @Test func raceOfClaimsAndEnvelopes() async throws {
      try await withStore { store, contract, reports, _ in
        let mailbox = try await contract.registered(1)
        async let putting: Void = {
          for number in 0..<200 {
            let arrival = Arrival(
              mailbox: mailbox, id: envelopeID(number), capability: Owner(1).contact.hash, bytes: envelope(number))
            #expect(await submit([arrival], to: store) == [.stored])
          }
        }()
        var claims: [(node: NodeID, seen: UInt64)] = []
        for number in 1...50 as ClosedRange<UInt128> {
          let claim = try #require(try await store.claimHome(opening(mailbox, number)))
          claims.append((NodeID(number: number), claim.lastIndex))
        }
        await putting
        // From what a node saw when it claimed to what the next one saw, everything was reported to it.
        let reported = reports.elsewhere[.arrived] ?? [:]
        for (claim, next) in zip(claims, claims.dropFirst()) {
          #expect(UInt64(reported[claim.node]?.count ?? 0) == next.seen - claim.seen)
        }
        let last = try #require(claims.last)
        #expect(UInt64(reported[last.node]?.count ?? 0) == 200 - last.seen)
      }
    }

    @Test func onlyTheLastSocketCanBeLeft() async throws {
      try await withStore { store, contract, _, _ in
        let mailboxes = [try await contract.registered(1), try await contract.registered(2)]
        let handles = (1...3).map { SocketHandle(number: UInt128($0)) }
        for (mailbox, handle) in [(mailboxes[0], handles[0]), (mailboxes[1], handles[1]), (mailboxes[0], handles[2])] {
          _ = try await store.claimHome(SocketOpening(mailbox, at: first, handle))
        }
        try await store.leaveHomes([handles[0]: mailboxes[0], handles[1]: mailboxes[1]])
        #expect(
          try await store.homes(mailboxes + [MailboxID(number: 5)]) == [
            mailboxes[0]: Home(socket: handles[2], claim: 2, lastIndex: 0, acknowledged: 0),
            mailboxes[1]: Home(socket: nil, claim: 1, lastIndex: 0, acknowledged: 0),
          ])
        try await store.leaveHomes([handles[2]: mailboxes[1]])
        #expect(try await store.homes(mailboxes)[mailboxes[0]]?.socket == handles[2], "it is not this mailbox's")
      }
    }

    /// A claim that nobody waits for any more takes the mailbox from nobody.
    @Test func whatIsNotWantedIsNotClaimed() async throws {
      try await withStore { store, contract, reports, _ in
        let mailbox = try await contract.registered(1)
        _ = try await store.claimHome(opening(mailbox, 1))
        let late = SocketOpening(mailbox, at: second, SocketHandle(number: 9)) { throw CancellationError() }
        await #expect(throws: CancellationError.self) { try await store.claimHome(late) }
        #expect(try await store.homes([mailbox])[mailbox]?.claim == 1)
        #expect(reports.elsewhere.isEmpty)
      }
    }

    /// Nor one that is on its way, or waits for the lock, until nobody waits for it: it would take the mailbox from a
    /// newer socket.
    @Test func whatIsNoLongerWantedIsNotClaimed() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let store = try PostgreSQLStore(address: cluster.address(name))
      let mailbox = try await StoreContract { store }.registered(1)
      _ = try await store.claimHome(opening(mailbox, 1))
      let gone = FailingLedger.Counter()
      let late = SocketOpening(mailbox, at: second, SocketHandle(number: 9)) {
        if gone.value > 0 { throw CancellationError() }
      }
      let claim = try await cluster.holding("SELECT FROM mailbox FOR UPDATE", in: name) {
        let claim = Task.detached { try await store.claimHome(late) }
        try await until { try cluster.waiting(in: name) == 1 }
        gone.add()
        return claim
      }
      await #expect(throws: CancellationError.self) { _ = try await claim.value }
      let home = try await store.homes([mailbox])[mailbox]
      #expect(home == Home(socket: SocketHandle(number: 101), claim: 1, lastIndex: 0, acknowledged: 0))
      try await store.close()
    }

    @Test func whoeverDeletesAMailboxReportsIt() async throws {
      try await withStore { store, contract, reports, _ in
        let mailboxes = [try await contract.registered(1), try await contract.registered(2)]
        _ = try await store.claimHome(opening(mailboxes[0], 1))
        for seed in [1, 2] as [UInt8] {
          try await store.deleteMailbox(mailboxes[Int(seed) - 1], by: contract.mutation(seed, 9))
        }
        #expect(reports.elsewhere == [.changed: [first: [SocketHandle(number: 101)]]])
        #expect(try await store.homes(mailboxes).isEmpty)
      }
    }

    /// By the database's clock: those of relays may be wrong.
    @Test func whoeverIsSilentDoesNotRun() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let store = try PostgreSQLStore(address: cluster.address(name))
      func running() throws -> Int { try PostgreSQL().relays(cluster.address(name)) }
      #expect(try running() == 0)
      try await store.beat(first)
      try await store.beat(second)
      // What stands between two looks waits for no other test: it takes less than a lease on any machine.
      try cluster.sql("UPDATE node SET beat = now()", in: name)
      #expect(try running() == 2)
      try cluster.sql("UPDATE node SET beat = now() - interval '5 seconds'", in: name)
      #expect(try running() == 2)
      try cluster.sql("UPDATE node SET beat = now() - interval '16 seconds'", in: name)
      #expect(try running() == 0)
      try cluster.sql("UPDATE node SET beat = now() - interval '1 hour'", in: name)
      try await store.beat(first)
      try cluster.sql("UPDATE node SET beat = now() WHERE beat > now() - interval '10 minutes'", in: name)
      #expect(try running() == 1)
      try cluster.sql("UPDATE node SET beat = now() - interval '25 hours'", in: name)
      try await store.beat(second)
      #expect(try cluster.sql("SELECT count(*) FROM node", in: name) == "1\n", "what was killed long ago is forgotten")
      try await store.end(second)
      #expect(try running() == 0)
      try await store.close()
    }
  }
#endif
