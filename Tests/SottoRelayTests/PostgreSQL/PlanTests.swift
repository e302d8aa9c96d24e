#if Fleet
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoWire
  import Testing

  /// How the server finds what it is asked for while it believes that the tables are empty, as they were when it looked.
  @Suite(.enabled(if: PostgreSQLCluster.isInstalled)) struct PlanTests {
    /// Entries that were read from the indexes of `table`, when `work` is done with a store and an empty mailbox, and all its
    /// connections have ended.
    private func read(
      _ table: String,
      _ work: (PostgreSQLCluster, String, PostgreSQLStore, ([Int]) async -> [Acceptance]) async throws -> Void
    ) async throws -> Int {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let store = try PostgreSQLStore(address: cluster.address(name))
      let mailbox = try await StoreContract { store }.registered(1)
      for table in ["mailbox", "capability", "envelope", "name"] {
        try cluster.sql("VACUUM ANALYZE \(table)", in: name)
      }
      try await work(cluster, name, store) { numbers in
        let arrivals = numbers.map {
          Arrival(mailbox: mailbox, id: envelopeID($0), capability: Owner(1).contact.hash, bytes: envelope($0))
        }
        return await submit(arrivals, to: store)
      }
      try await store.close()
      // A connection says what it has read when it ends.
      let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(name)' AND pid <> pg_backend_pid()"
      try await until { try cluster.sql(connections + " AND backend_type = 'client backend'", in: name) == "0\n" }
      let entries = try cluster.sql(
        "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname ~ '^\(table)_[0-9]+$'", in: name)
      return try #require(Int(entries.dropLast()))
    }

    /// Each name is looked for by its key: not all that have come since, for each that comes.
    @Test func namesThatHaveComeAreNotReadAgain() async throws {
      let entries = try await read("name") { _, _, _, submit in
        for turn in 0..<5 {
          let numbers = Array(turn * 50..<turn * 50 + 50)
          #expect(await submit(numbers) == numbers.map { _ in .stored })
        }
        #expect(await submit([7]) == [.repeated])
      }
      #expect(1..<50 ~= entries)
    }

    /// A plan for one mailbox is not kept for the thousands that there are a second later.
    @Test func plansAreMadeAgain() async throws {
      let more = 20_000
      let entries = try await read("mailbox") { cluster, name, _, submit in
        #expect(await submit([1]) == [.stored])
        try cluster.sql(
          """
          INSERT INTO mailbox (id, sequence, digest) SELECT gen_random_uuid(), 1, '' FROM generate_series(1, \(more))
          """, in: name)
        try await Task.sleep(for: .seconds(1.1))
        for number in 2..<12 { #expect(await submit([number]) == [.stored]) }
      }
      #expect(1..<more ~= entries)
    }
  }
#endif
