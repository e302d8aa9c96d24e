#if Fleet
  import Foundation
  import SottoRelay
  import SottoRelayFleet
  import SottoSimulation
  import Synchronization
  import Testing

  /// A PostgreSQL of the tests' own, on a Unix socket in a temporary folder: one for a test process, one database in it for
  /// a test. It waits for its disk, as a real one has to.
  final class PostgreSQLCluster: @unchecked Sendable {
    /// nil where no server is installed.
    private static let programs: String? = {
      let found = try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")
        .sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "/usr/lib/postgresql/\($0)/bin" }
      let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
      return ((found ?? []) + path).first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }
    }()

    static let isInstalled: Bool = {
      if programs == nil { print("SKIPPED PostgreSQL: there is no server on this machine") }
      return programs != nil
    }()

    private static let common: Task<PostgreSQLCluster, any Error> = Task {
      let cluster = try await onThread { try PostgreSQLCluster() }
      PostgreSQLCluster.left.withLock { $0 = cluster }
      atexit { PostgreSQLCluster.left.withLock { $0?.remove() } }
      return cluster
    }

    /// What is to be ended with the process.
    private static let left = Mutex<PostgreSQLCluster?>(nil)

    /// The one that no test disturbs; it is ended with the process.
    static func shared() async throws -> PostgreSQLCluster { try await common.value }

    let folder: String
    private let number = Atomic(0)
    private var server: Process?
    /// The server refuses to run as root, so it runs as somebody else.
    private let wrapper: [String]

    init() throws {
      folder = FileManager.default.temporaryDirectory.appending(path: "sotto-pg-\(UInt32.random(in: 0 ... .max))").path
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
      var wrapper: [String] = []
      if getuid() == 0 {
        let user = try #require(getpwnam("postgres") ?? getpwnam("nobody"))
        chown(folder, user.pointee.pw_uid, user.pointee.pw_gid)
        wrapper = [
          "/usr/bin/setpriv", "--reuid", "\(user.pointee.pw_uid)", "--regid", "\(user.pointee.pw_gid)",
          "--clear-groups",
        ]
      }
      self.wrapper = wrapper
      try run(
        "initdb", "-D", data, "-U", "sotto", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync",
        "--no-instructions")
      try Data("local all guarded scram-sha-256\nlocal all all trust\n".utf8)
        .write(to: URL(filePath: data + "/pg_hba.conf"))
      try start()
      try sql("CREATE ROLE guarded LOGIN PASSWORD 'canary-of-the-password'", in: "postgres")
      try sql("CREATE DATABASE model", in: "postgres")
      _ = try PostgreSQL().migrate(address("model"))
    }

    deinit { remove() }

    private var data: String { folder + "/data" }

    func address(_ database: String, user: String = "sotto") -> String {
      "host=\(folder) dbname=\(database) user=\(user)"
    }

    /// A database of its own, with the tables. Nobody uses the one that it is made from: it cannot be copied meanwhile.
    func database() throws -> String {
      let name = "test\(number.add(1, ordering: .relaxed).newValue)"
      try sql("CREATE DATABASE \(name) TEMPLATE model", in: "postgres")
      return name
    }

    /// Deletes every row of a database that `database` made, but the schema's version.
    func empty(_ database: String) throws {
      let tables = try sql(
        """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
          AND NOT relispartition AND relname <> 'store'
        """, in: database)
      try sql(tables.split(separator: "\n").map { "DELETE FROM \($0);" }.joined(), in: database)
    }

    /// What a client of PostgreSQL's own answers.
    @discardableResult
    func sql(_ sql: String, in database: String) throws -> String {
      try run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", address(database), "-c", sql)
    }

    /// Runs `body` while a session of its own has what `statement` locks. Then the session is ended, not waited for: a
    /// machine that has much else to do takes its time to get to whatever a test looks at meanwhile.
    func holding<T: Sendable>(
      _ statement: String, in database: String, _ body: () async throws -> T
    ) async throws -> T {
      // On a thread of its own: it would keep one of the few that all tests share.
      let session = Task.detached {
        await withCheckedContinuation { continuation in
          Thread.detachNewThread {
            _ = try? self.sql("BEGIN; \(statement); SELECT pg_sleep(300)", in: database)
            continuation.resume()
          }
        }
      }
      let sleeper = "pg_stat_activity WHERE datname = '\(database)' AND wait_event = 'PgSleep'"
      func end() async {
        _ = try? sql(
          """
          WITH holder AS MATERIALIZED (SELECT pid FROM \(sleeper)) SELECT pg_terminate_backend(pid) FROM holder
          """, in: database)
        await session.value
      }
      do {
        try await until { try sql("SELECT count(*) FROM \(sleeper)", in: database) == "1\n" }
        let value = try await body()
        await end()
        return value
      } catch {
        await end()
        throw error
      }
    }

    /// How many sessions wait for what another has locked.
    func waiting(in database: String) throws -> Int {
      let text = try sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database)' AND wait_event_type = 'Lock'",
        in: database)
      return try #require(Int(text.dropLast()))
    }

    // MARK: Life and death

    func start() throws {
      let server = Process()
      let command =
        wrapper + [
          Self.programs! + "/postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c",
          "max_connections=200",
          "-c", "shared_buffers=64MB", "-c", "log_min_messages=fatal",
        ]
      server.executableURL = URL(filePath: command[0])
      server.arguments = Array(command.dropFirst())
      server.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C"]
      server.currentDirectoryURL = URL(filePath: folder)
      server.standardInput = FileHandle.nullDevice
      let log = folder + "/log"
      if !FileManager.default.fileExists(atPath: log) { try Data().write(to: URL(filePath: log)) }
      let output = try #require(FileHandle(forWritingAtPath: log))
      try output.seekToEnd()
      server.standardError = output
      server.standardOutput = output
      try server.run()
      self.server = server
      for _ in 0..<2_400 {
        if (try? sql("SELECT 1", in: "postgres")) == "1\n" { return }
        try #require(server.isRunning, "PostgreSQL has ended; \(log)")
        usleep(50_000)
      }
      Issue.record("PostgreSQL does not come up; \(log)")
    }

    /// SIGKILL for the server and everything that it has started. What the system has not written yet it still writes.
    func kill() {
      signal(SIGKILL)
      server?.waitUntilExit()
    }

    /// Connections stay, and nobody answers; with SIGCONT they do.
    func signal(_ number: Int32) {
      guard let server, server.isRunning else { return }
      let children =
        (try? String(
          contentsOfFile: "/proc/\(server.processIdentifier)/task/\(server.processIdentifier)/children", encoding: .utf8
        )) ?? ""
      Foundation.kill(server.processIdentifier, number)
      for child in children.split(separator: " ").compactMap({ Int32($0) }) { Foundation.kill(child, number) }
    }

    /// As an operator restarts it: connections are ended, what was committed is written.
    func stop() {
      guard let server, server.isRunning else { return }
      Foundation.kill(server.processIdentifier, SIGINT)
      server.waitUntilExit()
    }

    private func remove() {
      if let server, server.isRunning { Foundation.kill(server.processIdentifier, SIGQUIT) }
      server?.waitUntilExit()
      server = nil
      try? FileManager.default.removeItem(atPath: folder)
    }

    @discardableResult
    private func run(_ program: String, _ arguments: String...) throws -> String {
      let process = Process()
      let command = wrapper + [Self.programs! + "/" + program] + arguments
      process.executableURL = URL(filePath: command[0])
      process.arguments = Array(command.dropFirst())
      process.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C"]
      process.currentDirectoryURL = URL(filePath: "/")
      process.standardInput = FileHandle.nullDevice
      let (output, errors) = (Pipe(), Pipe())
      process.standardOutput = output
      process.standardError = errors
      try process.run()
      // They stay open otherwise, and who has a thousand files open must start no program: swift-corelibs-foundation 5472.
      defer {
        try? output.fileHandleForReading.close()
        try? errors.fileHandleForReading.close()
      }
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      guard process.terminationStatus == 0 else { throw Failed(program: program, complaint: complaint) }
      return text
    }

    struct Failed: Error {
      let program: String
      let complaint: String
    }
  }
#endif
