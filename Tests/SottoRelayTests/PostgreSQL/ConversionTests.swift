#if Fleet
  import Foundation
  import GRDB
  import SottoCrypto
  import SottoRelay
  import SottoRelayFleet
  import SottoWire
  import Testing

  /// `sotto-relay db convert`: everything once, whenever it is interrupted, and never two stores that serve. [operation.15]
  @Suite(.enabled(if: PostgreSQLCluster.isInstalled), .serialized) struct ConversionTests {
    private struct Killed: Error {}

    private func database() async throws -> (PostgreSQLCluster, String, address: String) {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      return (cluster, name, cluster.address(name))
    }

    @discardableResult
    private func convert(
      _ store: ConvertedStore, into address: String, report: @escaping (Conversion.Event) throws -> Void = { _ in }
    ) throws -> Conversion.Summary {
      try Conversion.run(store.configuration, into: PostgreSQL(), address, report: report)
    }

    private func failure(_ body: () throws -> Void) -> StartFailure? {
      do {
        try body()
        return nil
      } catch {
        if !(error is StartFailure) { Issue.record("\(error)") }
        return error as? StartFailure
      }
    }

    private func opening(_ address: String) -> StartFailure? {
      failure { _ = try PostgreSQL().open(address) { _ in } }
    }

    /// Every row of a database, but for what relays that run say of themselves.
    private func rows(_ cluster: PostgreSQLCluster, _ name: String) throws -> String {
      let tables = StoreRow.Kind.allCases.map(\.rawValue) + ["store", "conversion"]
      return try tables.map { try cluster.sql("SELECT * FROM \($0) AS t ORDER BY t", in: name) }.joined(
        separator: "\n--\n")
    }

    /// What owners see is the same before and after, and what was promised is kept.
    @Test func everythingIsThereAndServedOn() async throws {
      let (cluster, name, address) = try await database()
      let store = ConvertedStore()
      try await store.fill()
      let former = try SQLiteStore(path: store.file)
      let before = try await ConvertedStore.view(former)
      #expect(before.waiting.map(\.count) == [21, 1, 0, 0, 0] && before.abandoned.count == 1, "\(before)")
      try await former.close()
      let summary = try convert(store, into: address)
      #expect(!summary.wasResumed && !summary.wasDone && summary.bytes > 10_000)
      // Envelopes: 21 and 1 wait, 2 have expired; names: these, and 20 that are gone.
      let counts: [StoreRow.Kind: Int] = [
        .mailbox: 5, .capability: 8, .signedPart: 2, .batch: 20, .card: 1, .envelope: 24, .name: 44, .blob: 2,
        .blobPlace: 2, .abandoned: 1, .tokenKey: 1, .spent: 2, .issued: 1, .push: 3,
      ]
      #expect(summary.counts == counts)
      let contract = try StoreContract { try PostgreSQLStore(address: address) }
      #expect(try await ConvertedStore.view(contract.store) == before)
      let epoch = try cluster.sql("SELECT restore_epoch FROM store", in: name)
      #expect(epoch == "1\n" && contract.store.restoreEpoch == 1, "a conversion is no restore")
      #expect(try cluster.sql("SELECT count(*) FROM push WHERE due", in: name) == "1\n")
      try await ConvertedStore.expectPromisesKept(contract)
      try await ConvertedStore.expectRegistrationsKept(contract)
      try await ConvertedStore.expectPushesKept(contract.store as! PostgreSQLStore)
      try await contract.store.close()
    }

    @Test func anEmptyStoreIsConverted() async throws {
      let (_, _, address) = try await database()
      let store = ConvertedStore()
      try await SQLiteStore(path: store.file).close()
      #expect(try convert(store, into: address).counts.values.allSatisfy { $0 == 0 })
      #expect(try convert(store, into: address).wasDone)
      #expect(opening(address) == nil)
    }

    /// Ended after every single page, and once before the end: it goes on, and what comes of it is the same.
    @Test func itGoesOnFromWhereverItWas() async throws {
      let (cluster, name, address) = try await database()
      let (_, other, otherAddress) = try await database()
      let store = ConvertedStore()
      try await store.fill(more: 3_000)
      let copy = ConvertedStore()
      try FileManager.default.copyItem(atPath: store.file, toPath: copy.file)
      try convert(copy, into: otherAddress)
      var (runs, pages, marks): (Int, Int, Set<String>) = (0, 0, [])
      while true {
        runs += 1
        var isFirst = true
        do {
          let summary = try convert(store, into: address) { event in
            if case .copied = event { pages += 1 } else if runs % 2 == 0 { return }
            defer { isFirst = false }
            if isFirst { throw Killed() }
          }
          #expect(summary.wasResumed)
          break
        } catch is Killed {
          marks.insert(try cluster.sql("SELECT step, place FROM conversion", in: name))
          #expect(opening(address)?.what.contains("db convert") == true && opening(address)?.exitCode == 78)
          #expect(try PostgreSQL().state(address).isHalfFilled)
          #expect(try cluster.sql("SELECT oldest > 2 FROM store", in: name) == "t\n", "no older program serves it")
          #expect(failure { _ = try PostgreSQL().migrate(address) }?.exitCode == 78)
        }
      }
      print("FIGURE conversion: \(pages) pages, ended \(runs - 1) times, at \(marks.count) places")
      #expect(runs > 8 && marks.count > 6)
      let tables = StoreRow.Kind.allCases.map(\.rawValue)
      for table in tables {
        let sql = "SELECT * FROM \(table) AS t ORDER BY t"
        #expect(try cluster.sql(sql, in: name) == cluster.sql(sql, in: other), "\(table)")
      }
      #expect(opening(address) == nil)
    }

    /// Killed between its two last steps, when neither of the two serves; and run once more when it is done.
    @Test func theEndIsReachedOnce() async throws {
      let (cluster, name, address) = try await database()
      let store = ConvertedStore()
      try await store.fill()
      try convert(store, into: address)
      try cluster.sql(
        "UPDATE conversion SET finished = false, place = '\\xff'; UPDATE store SET oldest = \(Int32.max)", in: name)
      #expect(opening(address)?.exitCode == 78)
      #expect(throws: StoreFailure.converted) { _ = try SQLiteStore(path: store.file) }
      // When the database is not whole then, the way back is another one.
      try cluster.sql("UPDATE card SET list_sequence = list_sequence + 1", in: name)
      let torn = failure { try convert(store, into: address) }
      #expect(torn?.exitCode == 65 && torn?.description.contains("restore FILE --replace") == true)
      try cluster.sql("UPDATE card SET list_sequence = list_sequence - 1", in: name)
      let summary = try convert(store, into: address)
      #expect(summary.wasResumed && !summary.wasDone)
      #expect(opening(address) == nil)
      let before = try rows(cluster, name)
      let file = try Data(contentsOf: URL(filePath: store.file))
      #expect(try convert(store, into: address).wasDone)
      #expect(try rows(cluster, name) == before)
      #expect(try Data(contentsOf: URL(filePath: store.file)) == file)
      // A copy of the folder from before the end is as good as the original.
      let copy = ConvertedStore()
      try FileManager.default.copyItem(atPath: store.file, toPath: copy.file)
      try await write(copy.file, "UPDATE store SET version = 4")
      #expect(try convert(copy, into: address).wasDone)
      #expect(throws: StoreFailure.converted) { _ = try SQLiteStore(path: copy.file) }
    }

    /// Between the copy and the look at both sides something changes, in each table: it is found, nothing is served from the
    /// database, and the file serves on.
    @Test(arguments: [
      "UPDATE mailbox SET sequence = sequence + 1 WHERE sequence > 20",
      "UPDATE mailbox SET last_index = last_index + 1",
      "UPDATE mailbox SET knock_bytes = knock_bytes + 1 WHERE knock_count > 0",
      "UPDATE capability SET hash = set_byte(hash, 5, get_byte(hash, 5) # 1)", "DELETE FROM signed_part",
      "UPDATE batch SET page = set_byte(page, 0, 77) WHERE batch = 7", "UPDATE batch SET taken = 1 WHERE batch = 9",
      "UPDATE card SET sealed = set_byte(sealed, 1, 9)", "UPDATE envelope SET bytes = set_byte(bytes, 99, 222)",
      "UPDATE envelope SET sum = sum + 1", "UPDATE envelope SET day = day + 1 WHERE position = 30",
      "DELETE FROM name WHERE position = 30", "UPDATE name SET day = day + 1 WHERE position = 30",
      "UPDATE blob SET saved = saved + 1", "DELETE FROM blob_place", "INSERT INTO abandoned VALUES ('\\x00')",
      "UPDATE push SET due = NOT due",
    ])
    func aDifferenceIsFound(_ change: String) async throws {
      let (cluster, name, address) = try await database()
      let store = ConvertedStore()
      try await store.fill()
      let found = failure {
        try convert(store, into: address) { event in
          if case .verifying = event { try cluster.sql(change, in: name) }
        }
      }
      #expect(found?.exitCode == 65 || found?.exitCode == 74 && change.contains("UPDATE envelope SET"), "\(change)")
      #expect(opening(address)?.exitCode == 78)
      #expect(failure { try convert(store, into: address) } == found, "and again")
      try await SQLiteStore(path: store.file).close()
      let late = failure { try convert(store, into: address) }
      #expect(late?.exitCode == 73 && late?.what.contains("served since") == true, "it is another file by now")
    }

    /// A table or a column that is added to either store has to be moved too, or stands here with the reason why not.
    @Test func everyTableIsMoved() throws {
      func tables(_ section: String) throws -> [String: Set<String>] {
        let columns = try LeakageTests.declared(section).map { $0.name.split(separator: ".").map(String.init) }
        return Dictionary(columns.map { ($0[0], [$0[1]]) }, uniquingKeysWith: { $0.union($1) })
      }
      let own: [String: Set<String>] = [
        // Where sockets are, and there are none; and when somebody was asked to be woken, who is asked once more.
        "mailbox": ["home", "socket", "claim", "push"],
        // `parts`, laid out.
        "batch": ["total", "taken", "leaves", "ends", "page"],
        "envelope": ["sum"],
        // Which relay sees to it.
        "push": ["taker"],
      ]
      let found = try tables("In PostgreSQL")
      #expect(
        Set(found.keys) == Set(StoreRow.Kind.allCases.map(\.rawValue)).union(["store", "node", "conversion"]))
      for kind in StoreRow.Kind.allCases {
        let columns = Set(kind.columns.map(\.name)).subtracting(["parts"]).union(own[kind.rawValue] ?? [])
        #expect(found[kind.rawValue] == columns, "\(kind)")
      }
      let walked = ["card", "mailbox", "capability", "signed_part", "batch", "one_time", "queue", "delivered", "blob"]
      #expect(
        try Set(tables("Stored").keys) == Set(walked + ["abandoned", "store", "token_key", "spent", "issued", "push"]))
    }

    // MARK: What it refuses

    private func write(_ path: String, _ sql: String) async throws {
      let queue = try DatabaseQueue(path: path)
      try await queue.write { try $0.execute(sql: sql) }
      try queue.close()
    }

    @Test func whatIsNoStoreIsRefused() async throws {
      let (_, _, address) = try await database()
      func refused(_ store: ConvertedStore) -> Int32? { failure { try convert(store, into: address) }?.exitCode }
      let none = ConvertedStore()
      try FileManager.default.removeItem(atPath: none.folder.path)
      #expect(refused(none) == 66)
      #expect(!FileManager.default.fileExists(atPath: none.folder.path))
      #expect(refused(ConvertedStore()) == 66)
      for junk in ["", "not a database, and long enough to be looked at as one"] {
        let store = ConvertedStore()
        try Data(junk.utf8).write(to: URL(filePath: store.file))
        #expect(refused(store) == 74, "\(junk)")
      }
      for (change, word) in [("version - 1", "older"), ("version + 1", "newer")] {
        let store = ConvertedStore()
        try await SQLiteStore(path: store.file).close()
        try await write(store.file, "UPDATE store SET version = \(change)")
        let found = failure { try convert(store, into: address) }
        #expect(found?.exitCode == 78 && found?.what.contains(word) == true)
      }
      // An envelope that is not what was stored.
      let damaged = ConvertedStore()
      try await damaged.fill()
      try await write(damaged.file, "UPDATE queue SET bytes = zeroblob(512) WHERE position = 30")
      #expect(refused(damaged) == 74)
      #expect(opening(address)?.exitCode == 78, "half filled")
    }

    @Test func whatUsesEitherIsNotDisturbed() async throws {
      let (cluster, name, address) = try await database()
      let store = ConvertedStore()
      try await store.fill()
      let before = try rows(cluster, name)
      func refused() -> String {
        let found = failure { try convert(store, into: address) }
        return "\(found?.exitCode ?? 0) \(found?.what ?? "")"
      }
      let relay = try await TestRelay.start(in: store.folder)
      #expect(refused().hasPrefix("75 Another sotto-relay uses the data folder"))
      try await relay.stop()
      let other = try await TestRelay.start { $0.store = .postgreSQL(address) }
      while try PostgreSQL().relays(address) == 0 { try await Task.sleep(for: .milliseconds(50)) }
      #expect(refused() == "75 A relay runs with the database.")
      try await other.stop()
      // In a function of its own, whose end lets go of it for certain.
      try { () throws in
        let converter = try PostgreSQL().conversionTarget(address)
        #expect(refused() == "75 Another `sotto-relay db convert` fills the database.")
        withExtendedLifetime(converter) {}
      }()
      #expect(try rows(cluster, name) == before)
      // One that was started meanwhile, at the last moment.
      let late = failure {
        try convert(store, into: address) { event in
          guard case .verifying = event else { return }
          try cluster.sql("INSERT INTO node VALUES (gen_random_uuid(), now())", in: name)
        }
      }
      #expect(late?.exitCode == 75 && opening(address)?.exitCode == 78)
      try await SQLiteStore(path: store.file).close()
    }

    @Test func aDatabaseThatHasSomethingElseIsRefused() async throws {
      let (cluster, name, address) = try await database()
      let store = ConvertedStore()
      try await store.fill()
      let used = try StoreContract { try PostgreSQLStore(address: address) }
      _ = try await used.registered(1)
      try await used.store.close()
      let before = try rows(cluster, name)
      #expect(failure { try convert(store, into: address) }?.exitCode == 73)
      #expect(try rows(cluster, name) == before)
      // Another file's, half filled and whole.
      let (_, _, second) = try await database()
      let another = ConvertedStore()
      try await another.fill()
      #expect(throws: Killed.self) { try convert(another, into: second) { _ in throw Killed() } }
      #expect(failure { try convert(store, into: second) }?.what.contains("another file") == true)
      try convert(another, into: second)
      #expect(failure { try convert(store, into: second) }?.exitCode == 73)
      // A file that has gone into one database goes into no other.
      let (_, _, third) = try await database()
      #expect(failure { try convert(another, into: third) }?.what.contains("another database") == true)
      #expect(opening(third) == nil)
    }

    @Test func aDatabaseThatIsNotReadyIsRefused() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let store = ConvertedStore()
      try await store.fill()
      func refused(_ address: String) -> StartFailure? { failure { try convert(store, into: address) } }
      #expect(refused("host=\(cluster.folder)/none dbname=model")?.exitCode == 69)
      try cluster.sql("CREATE DATABASE unprepared", in: "postgres")
      let bare = refused(cluster.address("unprepared"))
      #expect(bare?.exitCode == 78 && bare?.next.contains("sotto-relay db migrate") == true)
      let (_, name, address) = try await database()
      try cluster.sql("UPDATE store SET version = version + 1", in: name)
      #expect(refused(address)?.what.contains("newer") == true)
      try cluster.sql("UPDATE store SET version = 2", in: name)
      #expect(refused(address)?.next.contains("sotto-relay db migrate") == true)
      try await SQLiteStore(path: store.file).close()
    }

    // MARK: The way back

    /// The file is not served by mistake; by intention it is, as after any restore, and may be moved again. [operation.7]
    @Test func aConvertedFileIsNotServedButRestored() async throws {
      let (_, _, address) = try await database()
      let store = ConvertedStore()
      try await store.fill()
      try convert(store, into: address)
      await #expect(throws: StartFailure.convertedStore) { try await TestRelay.start(in: store.folder) }
      let finding = await Doctor(store.configuration).examine().first { $0.check == "store" }
      #expect(finding?.verdict == .failed && finding?.exitCode == 78)
      let backup = store.folder.path + "/backup"
      // The attachment's bytes were never there, so it is left out.
      #expect(try Backups.backup(store.configuration, to: backup, replacing: false).blobsLeftOut == 1)
      #expect(failure { _ = try Backups.restore(store.configuration, from: backup, replacing: false) }?.exitCode == 73)
      _ = try Backups.restore(store.configuration, from: backup, replacing: true)
      let again = try SQLiteStore(path: store.file)
      let status = try #require(try await again.status(Owner(1).mailbox))
      #expect(status.oneTimeParts == 0 && again.restoreEpoch == UInt64(ConvertedStore.now))
      try await again.close()
      #expect(failure { try convert(store, into: address) }?.exitCode == 73)
      let (cluster, name, second) = try await database()
      try convert(store, into: second)
      #expect(try cluster.sql("SELECT restore_epoch FROM store", in: name) == "\(ConvertedStore.now)\n")
    }
  }
#endif
