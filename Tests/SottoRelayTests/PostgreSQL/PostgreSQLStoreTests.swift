#if Fleet
  import Foundation
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoSimulation
  import SottoWire
  import Testing

  /// The PostgreSQL adapter: the contract, what several relays with one database owe each other, and what is its own.
  @Suite(.enabled(if: PostgreSQLCluster.isInstalled)) struct PostgreSQLStoreTests {
    /// One after the other: each has several stores, and each store several connections.
    @Suite(.enabled(if: PostgreSQLCluster.isInstalled), .serialized) struct Contract {
      private static let database = Task { try await PostgreSQLCluster.shared().database() }

      @Test(arguments: StoreContract.all.map(\.name)) func contract(_ name: String) async throws {
        let cluster = try await PostgreSQLCluster.shared()
        // One for all: to empty it takes a fifth of the time that a new one does.
        let database = try await Self.database.value
        try cluster.empty(database)
        let address = cluster.address(database)
        let clause = try #require(StoreContract.all.first { $0.name == name })
        let contract = try StoreContract { try PostgreSQLStore(address: address) }
        try await clause.run(contract)
        try await contract.store.close()
      }
    }

    private func withDatabase(_ body: (PostgreSQLCluster, String) async throws -> Void) async throws {
      let cluster = try await PostgreSQLCluster.shared()
      try await body(cluster, try cluster.database())
    }

    // MARK: Two relays

    /// Two stores take in what overlaps: every index once and none left out, every name once. [stream.4] [relay.26]
    @Test func twoStoresAcceptIntoOneMailbox() async throws {
      try await withDatabase { cluster, name in
        let stores = try [0, 1].map { _ in try PostgreSQLStore(address: cluster.address(name)) }
        let contract = try StoreContract { stores[0] }
        let mailboxes = [try await contract.registered(1), try await contract.registered(2)]
        let stored = await withTaskGroup(of: Int.self) { group in
          for (store, seeds) in zip(stores, [[1, 2], [2, 1]] as [[UInt8]]) {
            group.addTask {
              // One after the other at each store, so that the two are at work at the same time all the while. Every name
              // is sent four times, and the mailboxes come in both orders.
              var stored = 0
              for round in 0..<60 {
                let arrivals = (round * 10..<round * 10 + 20).flatMap { number in
                  seeds.map { seed in
                    Arrival(
                      mailbox: Owner(seed).mailbox, id: envelopeID(number), capability: Owner(seed).contact.hash,
                      bytes: envelope(number))
                  }
                }
                let outcomes = await submit(arrivals, to: store)
                #expect(outcomes.allSatisfy { $0 == .stored || $0 == .repeated }, "nobody is turned away")
                stored += outcomes.count { $0 == .stored }
              }
              return stored
            }
          }
          return await group.reduce(0, +)
        }
        #expect(stored == 2 * 610, "each name is new once")
        for mailbox in mailboxes {
          let found = try await stores[0].envelopes(
            mailbox, after: 0, room: Room(count: 9_999, bytes: .max), now: contract.now)
          #expect(found.map(\.index) == Array(1...610))
          #expect(Set(found.map(\.id)) == Set((0..<610).map(envelopeID)))
          #expect(try await stores[1].status(mailbox)?.envelopeBytes == 610 * 512)
        }
        for store in stores { try await store.close() }
      }
    }

    /// What comes together for many mailboxes is accepted on two connections, and answered in its own order.
    @Test func answersComeInTheOrderOfTheQuestions() async throws {
      try await withDatabase { cluster, name in
        let store = try PostgreSQLStore(address: cluster.address(name))
        let contract = try StoreContract { store }
        let seeds = Array(1...8 as ClosedRange<UInt8>)
        for seed in seeds { _ = try await contract.registered(seed) }
        // Of each mailbox in turn one that is new, one that was there just now, one that does not open it.
        var (arrivals, expected): ([Arrival], [Acceptance]) = ([], [])
        for round in 0..<6 {
          for seed in seeds {
            let (opens, other) = (Owner(seed).contact.hash, Owner(seed + 1).contact.hash)
            let kind = (round + Int(seed)) % 3
            let isKnown = kind == 1 && round > 0
            let number = isKnown ? round - 1 : round
            arrivals.append(
              Arrival(
                mailbox: Owner(seed).mailbox, id: envelopeID(number), capability: kind == 2 ? other : opens,
                bytes: envelope(number)))
            expected.append(kind == 2 ? .refused(Refusal(.deliveryRefused)) : isKnown ? .repeated : .stored)
          }
        }
        #expect(Set(arrivals.map { $0.mailbox.number % 2 }).count == 2)
        #expect(await submit(arrivals, to: store) == expected)
        #expect(await submit([], to: store) == [])
        try await store.close()
      }
    }

    /// [relay.18]
    @Test func twoStoresHandOutAPrekeyOnce() async throws {
      try await withDatabase { cluster, name in
        let stores = try [0, 1].map { _ in try PostgreSQLStore(address: cluster.address(name)) }
        let contract = try StoreContract { stores[0] }
        let mailbox = try await contract.registered(1)
        let part = SignedPartUpload(id: 1, sealed: [1])
        try await stores[0].putSignedPart(mailbox, part, by: contract.mutation(1, 3))
        let sealed = (0..<100 as Range<UInt32>).map { OneTimePart(index: $0, sealed: [UInt8($0), 7, UInt8($0)]) }
        try await stores[1].putBatch(mailbox, 1, try OneTimeUpload(sealed), by: contract.mutation(1, 4))
        let capability = Owner(1).contact.hash
        let handed = try await withThrowingTaskGroup { group in
          for number in 0..<120 {
            group.addTask {
              try await stores[number & 1].claim(mailbox, capability: capability, now: contract.now) { _ in }.oneTime
            }
          }
          return try await group.reduce(into: []) { $0.append($1) }
        }
        let parts = handed.compactMap { $0 }
        #expect(parts.count == 100 && Set(parts.map(\.index)).count == 100, "none twice, none lost")
        #expect(parts.allSatisfy { $0.sealed == sealed[Int($0.index)].sealed })
        for store in stores { try await store.close() }
      }
    }

    /// Two that make the same card, or take the same name for a blob, at once: one does. [relay.20] [blob.1]
    @Test func twoStoresRaceForAName() async throws {
      try await withDatabase { cluster, name in
        let stores: [any RelayStore] = try [0, 1].map { _ in try PostgreSQLStore(address: cluster.address(name)) }
        let contract = try StoreContract { stores[0] }
        for seed in [1, 2] as [UInt8] { _ = try await contract.registered(seed) }
        for round in 0..<10 as Range<UInt8> {
          for attempt in [Self.makeCard, Self.takeName] {
            let won = await withTaskGroup(of: Int.self) { group in
              for seed in [1, 2] as [UInt8] {
                group.addTask { await attempt(contract, stores[Int(seed) - 1], round, seed) }
              }
              return await group.reduce(0, +)
            }
            #expect(won == 1)
          }
        }
        for store in stores { try await store.close() }
      }
    }

    /// 1 if this one has done it.
    @Sendable private static func makeCard(
      _ contract: StoreContract, _ store: any RelayStore, _ name: UInt8, _ seed: UInt8
    ) async -> Int {
      let refused = await contract.refusal {
        let card = StoredCard(listSequence: 1, sealed: [seed])
        let id = try CardID([UInt8](repeating: name, count: 16))
        try await store.putCard(id, card, .absent, by: contract.mutation(seed, 9))
      }
      #expect(refused == nil || refused == .cardConflict)
      return refused == nil ? 1 : 0
    }

    @Sendable private static func takeName(
      _ contract: StoreContract, _ store: any RelayStore, _ name: UInt8, _ seed: UInt8
    ) async -> Int {
      let refused = await contract.refusal {
        let bytes = [UInt8](repeating: name, count: 16)
        let target = UploadTarget(
          mailbox: Owner(seed).mailbox, blob: try BlobID(bytes), capability: Owner(seed).contact.hash)
        _ = try await store.claimBlob(target, .smallest, part: try PartName(bytes), now: contract.now) {}
      }
      #expect(refused == nil || refused == .blobConflict)
      return refused == nil ? 1 : 0
    }

    // MARK: What it refuses

    private func failure(_ address: String) -> StartFailure? {
      do {
        _ = try PostgreSQL().open(address) { _ in }
        return nil
      } catch { return error }
    }

    /// [operation.12]
    @Test func aDatabaseThatDoesNotWaitForItsDiskIsRefused() async throws {
      try await withDatabase { cluster, name in
        let address = cluster.address(name)
        #expect(failure(address) == nil)
        try cluster.sql("ALTER DATABASE \(name) SET synchronous_commit = off", in: "postgres")
        #expect(throws: (any Error).self) { _ = try PostgreSQLStore(address: address) }
        let found = try #require(failure(address))
        #expect(found.exitCode == 74 && found.what.contains("synchronous_commit"))
        try cluster.sql("ALTER DATABASE \(name) SET synchronous_commit = local", in: "postgres")
        #expect(failure(address) == nil, "there is no standby to wait for")
      }
    }

    /// What a whole server is told, so one of this test's own. [operation.12]
    @Test func aServerThatDoesNotWaitIsRefusedAndOneThatTakesNoWritesIsPassedBy() async throws {
      let server = try await onThread { try PostgreSQLCluster() }
      let name = try server.database()
      let address = server.address(name)
      func set(_ word: String, _ value: String) async throws {
        try server.sql("ALTER SYSTEM SET \(word) = '\(value)'", in: "postgres")
        try server.sql("SELECT pg_reload_conf()", in: "postgres")
        try await until { try server.sql("SHOW \(word)", in: "postgres") == "\(value)\n" }
      }
      #expect(failure(address) == nil)
      try await set("fsync", "off")
      #expect(failure(address)?.exitCode == 74)
      try await set("fsync", "on")
      let contract = try StoreContract { try PostgreSQLStore(address: address) }
      let mailbox = try await contract.registered(1)
      let arrivals = (1...2).map {
        Arrival(mailbox: mailbox, id: envelopeID($0), capability: Owner(1).contact.hash, bytes: envelope($0))
      }
      #expect(try await contract.store.accept(arrivals[0], now: contract.now) { _ in })
      try await set("synchronous_commit", "local")
      #expect(failure(address) == nil, "there is no standby to wait for")
      try await set("synchronous_standby_names", "nobody")
      #expect(failure(address)?.exitCode == 74)
      // The sessions that there are hear of it too, and keep what they began with: so this one waits for a standby.
      async let isNew = contract.store.accept(arrivals[1], now: contract.now) { _ in }
      try await until {
        try server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", in: "postgres") == "1\n"
      }
      try await set("synchronous_standby_names", "")
      #expect(try await isNew)
      try await contract.store.close()

      // As a standby does it says that it takes no writes. The next one, whose database is empty, does.
      try server.sql("ALTER DATABASE \(name) SET default_transaction_read_only = on", in: "postgres")
      #expect(failure(address)?.exitCode == 69)
      let other = try await PostgreSQLCluster.shared()
      let both = "both_\(name)"
      try server.sql("CREATE DATABASE \(both) TEMPLATE model", in: "postgres")
      try server.sql("ALTER DATABASE \(both) SET default_transaction_read_only = on", in: "postgres")
      try other.sql("CREATE DATABASE \(both)", in: "postgres")
      #expect(try PostgreSQL().state("host=\(server.folder),\(other.folder) dbname=\(both) user=sotto").version == 0)
    }

    /// N runs with the tables of N + 1 as long as those say that they still serve it; then no more. [operation.13]
    @Test func newerTablesAreRefusedUnlessTheyServe() async throws {
      try await withDatabase { cluster, name in
        let address = cluster.address(name)
        try cluster.sql("UPDATE store SET version = version + 1", in: name)
        #expect(failure(address) == nil, "expanded")
        let state = try PostgreSQL().migrate(address)
        #expect(state.version == state.known + 1, "what is newer stays as it is")
        try cluster.sql("UPDATE store SET oldest = version", in: name)
        let tables = try cluster.sql("SELECT * FROM store", in: name)
        #expect(throws: StoreFailure.newerSchema) { _ = try PostgreSQLStore(address: address) }
        #expect(failure(address)?.exitCode == 78)
        #expect(throws: StartFailure.self) { try PostgreSQL().migrate(address) }
        #expect(try cluster.sql("SELECT * FROM store", in: name) == tables, "nothing was changed")
      }
    }

    @Test func anEmptyDatabaseIsMigratedOnce() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      try cluster.sql("CREATE DATABASE bare", in: "postgres")
      let address = cluster.address("bare")
      #expect(try PostgreSQL().state(address) == SchemaState(version: 0, oldest: 0, known: 6))
      #expect(throws: StoreFailure.olderSchema) { _ = try PostgreSQLStore(address: address) }
      #expect(failure(address)?.next.contains("sotto-relay db migrate") == true)
      // Two at once: one waits for the other.
      let made = try await withThrowingTaskGroup { group in
        for _ in 0..<2 { group.addTask { try PostgreSQL().migrate(address) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(made == [SchemaState(version: 6, oldest: 1, known: 6), SchemaState(version: 6, oldest: 1, known: 6)])
      #expect(failure(address) == nil)
    }

    /// Every version only adds: what is in tables of version 1 is there with those of today, and is served. [operation.13]
    @Test func filledTablesOfTheFirstVersionAreMigrated() async throws {
      try await withDatabase { cluster, name in
        let address = cluster.address(name)
        let contract = try StoreContract { try PostgreSQLStore(address: address) }
        let mailbox = try await contract.registered(1)
        func arrival(_ number: Int) -> Arrival {
          Arrival(
            mailbox: mailbox, id: envelopeID(number), capability: Owner(1).contact.hash, bytes: envelope(number))
        }
        #expect(try await contract.store.accept(arrival(1), now: contract.now) { _ in })
        try await contract.store.close()
        try cluster.sql(
          """
          DROP TABLE node, conversion, push, spent, issued, token_key;
          DROP INDEX mailbox_wakeable, mailbox_lease;
          ALTER TABLE mailbox DROP COLUMN home, DROP COLUMN claim, DROP COLUMN socket, DROP COLUMN push, DROP COLUMN lease;
          UPDATE store SET version = 1, oldest = 1
          """, in: name)
        let rows = "SELECT count(*), sum(last_index), sum(contact_count) FROM mailbox"
        let before = try cluster.sql(rows, in: name)
        #expect(throws: StoreFailure.olderSchema) { _ = try PostgreSQLStore(address: address) }
        let state = try PostgreSQL().migrate(address)
        #expect(state.version == state.known)
        #expect(try cluster.sql(rows, in: name) == before)
        let store = try PostgreSQLStore(address: address)
        #expect(try await !store.accept(arrival(1), now: contract.now) { _ in }, "its name is known")
        #expect(try await store.accept(arrival(2), now: contract.now) { _ in })
        let room = Room(count: 9, bytes: .max)
        let waiting = try await store.envelopes(mailbox, after: 0, room: room, now: contract.now)
        #expect(waiting.map(\.index) == [1, 2])
        // What a new database has, this one has too.
        let columns = """
          SELECT c.relname, a.attname, a.atttypid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
          WHERE c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped ORDER BY 1, 2
          """
        #expect(try cluster.sql(columns, in: name) == cluster.sql(columns, in: try cluster.database()))
        try await store.close()
      }
    }

    /// What is said of each is another thing, and in none of it is the password, or the address. [operation.12]
    @Test func whatIsWrongWithAnAddressIsSaid() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let guarded = cluster.address(name, user: "guarded")
      let key = "password=canary-of-the-pass"
      let cases: [(String, Int32)] = [
        ("host=\(cluster.folder)/none dbname=\(name)", 69), (cluster.address("canary-none"), 69), (guarded, 78),
        (guarded + " " + key, 69), ("host=\(cluster.folder) canary", 78), ("postgresql://[canary", 78),
      ]
      var said: Set<String> = []
      for (address, code) in cases {
        let found = try #require(failure(address), "\(address)")
        #expect(found.exitCode == code, "\(address): \(found)")
        #expect(!found.what.isEmpty && !found.meaning.isEmpty && !found.next.isEmpty)
        #expect(!"\(found)".contains("canary") && !"\(found)".contains(cluster.folder))
        said.insert(found.what)
      }
      #expect(said.count == 4)
      let right = failure(guarded + " " + key + "word")
      #expect(
        right?.exitCode == 74, "the password is right; the tables are not this user's: \(String(describing: right))")
    }

    // MARK: What is stored

    /// An envelope that is not what was stored is not delivered. [operation.11]
    @Test func damageIsNotDelivered() async throws {
      try await withDatabase { cluster, name in
        let contract = try StoreContract { try PostgreSQLStore(address: cluster.address(name)) }
        let mailbox = try await contract.registered(1)
        let arrival = Arrival(
          mailbox: mailbox, id: envelopeID(1), capability: Owner(1).contact.hash, bytes: envelope(1))
        #expect(try await contract.store.accept(arrival, now: contract.now) { _ in })
        let room = Room(count: 9, bytes: .max)
        #expect(try await contract.store.envelopes(mailbox, after: 0, room: room, now: contract.now).count == 1)
        try cluster.sql("UPDATE envelope SET bytes = set_byte(bytes, 99, 7)", in: name)
        await #expect(throws: StoreFailure.failed(Int("XX001", radix: 36)!)) {
          try await contract.store.envelopes(mailbox, after: 0, room: room, now: contract.now)
        }
        try await contract.store.close()
      }
    }

    /// [leakage.1]
    @Test func storedColumnsAreDeclared() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let columns = try cluster.sql(
        """
        SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND NOT a.attisdropped
        """, in: try cluster.database())
      let declared = try LeakageTests.declared("In PostgreSQL").map(\.name)
      #expect(declared.sorted() == columns.split(separator: "\n").map(String.init).sorted())
    }

    /// Every key of a mailbox's table begins with its id, which also divides the table; no sequence, no foreign key, no
    /// trigger, no procedure. [leakage.1]
    @Test func tablesCanBeSpreadByMailbox() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let keys = try cluster.sql(
        """
        SELECT c.relname, pg_get_partkeydef(c.oid), a.attname FROM pg_class c
        JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE c.relkind = 'p' ORDER BY 1
        """, in: name)
      var divided: [String: String] = [:]
      for line in keys.split(separator: "\n") {
        let words = line.split(separator: "|").map(String.init)
        #expect(words[1] == "HASH (\(words[2]))")
        divided[words[0]] = words[2]
      }
      #expect(
        divided == [
          "card": "id", "mailbox": "id", "blob_place": "id", "capability": "mailbox", "signed_part": "mailbox",
          "batch": "mailbox", "envelope": "mailbox", "name": "mailbox", "blob": "mailbox",
          "push": "mailbox", "spent": "token", "issued": "account",
        ])
      let whole = try cluster.sql(
        """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT relispartition
        ORDER BY 1
        """, in: name)
      #expect(whole == "abandoned\nconversion\nnode\nstore\ntoken_key\n", "of no mailbox")
      let none = try cluster.sql(
        """
        SELECT (SELECT count(*) FROM pg_class WHERE relkind = 'S')
          + (SELECT count(*) FROM pg_constraint WHERE contype = 'f')
          + (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)
          + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
        """, in: name)
      #expect(none == "0\n")
    }
  }
#endif
