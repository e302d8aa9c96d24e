#if Fleet
  import Foundation
  import SottoRelay
  import SottoRelayFleet
  import SottoSimulation
  import Testing

  /// `kill -9` of the real program, again and again, while it converts. [operation.15]
  @Suite(.enabled(if: PostgreSQLCluster.isInstalled), .serialized) struct ConversionKillTests {
    private static let program: URL = {
      let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
      return (bundle ?? Bundle.main.executableURL!).deletingLastPathComponent().appending(path: "sotto-relay")
    }()

    private static func start(_ store: ConvertedStore, _ address: String) throws -> (Process, FileHandle) {
      let process = Process()
      process.executableURL = program
      process.arguments = ["db", "convert", "--json", "--data", store.folder.path, "--store", address]
      process.environment = ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "SWIFT_BACKTRACE": "enable=no"]
      process.standardInput = FileHandle.nullDevice
      let output = store.folder.path + "/output"
      try Data().write(to: URL(filePath: output))
      let handle = try #require(FileHandle(forUpdatingAtPath: output))
      process.standardOutput = handle
      process.standardError = handle
      try process.run()
      return (process, handle)
    }

    /// How often it was killed; then how it ended, and what it said. `mark` is how far the database is.
    private static func killAgainAndAgain(
      _ store: ConvertedStore, _ address: String, _ mark: () throws -> String
    ) throws -> (killed: Int, status: Int32, text: String) {
      var (attempt, killed, last) = (0, 0, "")
      while true {
        defer { attempt += 1 }
        let (process, output) = try start(store, address)
        // The first few right after their beginning, whatever they are at; the others once they have come further.
        if attempt < 3 { usleep(20_000 * UInt32(attempt + 1)) }
        // It stands still while it is looked at, because a look takes longer than a page on a fast machine.
        while process.isRunning, (3..<16).contains(attempt) {
          kill(process.processIdentifier, SIGSTOP)
          if try mark() != last { break }
          kill(process.processIdentifier, SIGCONT)
          usleep(10_000)
        }
        if attempt < 16, process.isRunning {
          kill(process.processIdentifier, SIGKILL)
          process.waitUntilExit()
          if process.terminationReason == .uncaughtSignal { killed += 1 }
          last = try mark()
          continue
        }
        process.waitUntilExit()
        try output.seek(toOffset: 0)
        let text = String(decoding: try output.readToEnd() ?? Data(), as: UTF8.self)
        return (killed, process.terminationStatus, text)
      }
    }

    @Test func whatIsKilledGoesOn() async throws {
      let cluster = try await PostgreSQLCluster.shared()
      let name = try cluster.database()
      let address = cluster.address(name)
      let store = ConvertedStore()
      let more = 40_000
      try await store.fill(more: more)
      // On a thread of its own, because it does nothing but wait.
      let (killed, status, text) = try await onThread {
        try Self.killAgainAndAgain(store, address) {
          try cluster.sql("SELECT step, place FROM conversion WHERE NOT finished", in: name)
        }
      }
      #expect(status == 0, "\(text)")
      #expect(text.contains("\"envelopes\":\(24 + more)") && text.contains("\"verified\":true"), "\(text)")
      print("FIGURE conversion of \(more) envelopes: killed \(killed) times")
      #expect(killed >= 8)
      #expect(
        try cluster.sql("SELECT count(*), count(DISTINCT id) FROM envelope", in: name) == "\(24 + more)|\(24 + more)\n")
      #expect(throws: StoreFailure.converted) { _ = try SQLiteStore(path: store.file) }
      let contract = try StoreContract { try PostgreSQLStore(address: address) }
      try await ConvertedStore.expectPromisesKept(contract)
      try await contract.store.close()
    }
  }
#endif
