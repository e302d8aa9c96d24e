#if Fleet
  internal import CLibpq

  #if canImport(Glibc)
    internal import Glibc
  #elseif canImport(Musl)
    internal import Musl
  #elseif canImport(Darwin)
    internal import Darwin
  #endif

  /// A connection to the database. It blocks, so it belongs to one thread that nobody else needs.
  ///
  /// It is always in libpq's pipeline mode: what `run` is given goes out in one go, and one answer is waited for.
  @safe final class Connection {
    private let connection: OpaquePointer
    private var prepared: Set<String> = []
    /// Seconds that an answer may take.
    private var patience = FleetLimits.answer
    /// When the plans that the server keeps for this connection were last forgotten.
    private var planned = ContinuousClock.now
    /// False once it should be replaced.
    private(set) var isUsable = true

    /// Connects, to the first of several hosts that takes writes unless the address says otherwise.
    init(_ address: String) throws(ConnectFailure) {
      guard let connection = unsafe Self.connect(address) else { throw .unreachable }
      unsafe self.connection = connection
      guard unsafe PQstatus(connection) == CONNECTION_OK else { throw unsafe Self.reason(connection, address) }
      try prepareSession()
      unsafe PQsetnonblocking(connection, 1)
      unsafe PQenterPipelineMode(connection)
    }

    deinit { unsafe PQfinish(connection) }

    // MARK: Connecting

    /// Where a word is given twice the later counts: what comes before `dbname`, which is the whole address, are defaults.
    private static func words(_ address: String) -> [(String, String)] {
      [
        ("connect_timeout", FleetLimits.connect), ("tcp_user_timeout", FleetLimits.unconfirmed),
        ("target_session_attrs", "read-write"), ("application_name", "sotto-relay"), ("dbname", address),
        ("client_encoding", "UTF8"),
      ]
    }

    private static func connect(_ address: String) -> OpaquePointer? {
      let connection = unsafe withWords(address) { names, values in unsafe PQconnectdbParams(names, values, 1) }
      // What it would print may repeat values.
      unsafe PQsetNoticeProcessor(connection, { _, _ in }, nil)
      return unsafe connection
    }

    /// libpq's own words may repeat the address, so they are not passed on.
    private static func reason(_ connection: OpaquePointer, _ address: String) -> ConnectFailure {
      if unsafe PQconnectionNeedsPassword(connection) != 0 { return .passwordMissing }
      return switch unsafe withWords(address, { names, values in unsafe PQpingParams(names, values, 1) }) {
      case PQPING_OK:
        // A standby lets us in; then libpq finds out that it takes no writes.
        unsafe String(cString: PQerrorMessage(connection)).contains("session is read-only") ? .notReady : .refused
      case PQPING_REJECT: .notReady
      case PQPING_NO_ATTEMPT: .malformed
      default: .unreachable
      }
    }

    private static func withWords<T>(
      _ address: String,
      _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> T
    ) -> T {
      let words = words(address)
      let names = unsafe words.map { unsafe strdup($0.0) } + [nil]
      let values = unsafe words.map { unsafe strdup($0.1) } + [nil]
      defer {
        for index in words.indices {
          unsafe free(names[index])
          unsafe free(values[index])
        }
      }
      return unsafe names.map { unsafe UnsafePointer($0) }.withUnsafeBufferPointer { names in
        unsafe values.map { unsafe UnsafePointer($0) }.withUnsafeBufferPointer { values in
          unsafe body(names.baseAddress!, values.baseAddress!)
        }
      }
    }

    /// Refuses a server that does not wait for its disk, and says how this session works.
    ///
    /// Every statement finds its rows by a whole key or its beginning. So a plan is made for any values, and no table is
    /// read from one end to the other as it lies. `renewPlans` sees to those that read one so by its index.
    private func prepareSession() throws(ConnectFailure) {
      guard unsafe PQserverVersion(connection) >= FleetLimits.oldestServer else { throw .tooOld }
      let settings = [
        "statement_timeout = \(FleetLimits.statement)", "lock_timeout = \(FleetLimits.lock)",
        "idle_in_transaction_session_timeout = \(FleetLimits.statement)", "plan_cache_mode = force_generic_plan",
        "enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off", "jit = off",
      ]
      let sql = settings.map { "SET \($0);" }.joined() + "SHOW synchronous_commit"
      guard let commits = answer(to: sql), let syncs = answer(to: "SHOW fsync"),
        let standbys = answer(to: "SHOW synchronous_standby_names")
      else { throw .unreachable }
      // `local` does not wait for a standby, which may be all that is left tomorrow.
      guard commits != "off", commits != "local" || standbys.isEmpty, syncs == "on" else { throw .notDurable }
      // Whatever the server is told from now on holds for sessions that begin then.
      let kept = commits == "local" ? "on" : commits
      guard answer(to: "SET synchronous_commit = \(kept); SHOW synchronous_commit") == kept else { throw .unreachable }
    }

    /// From now on a statement may take hours, and a lock be waited for as long as that.
    func becomePatient() throws(DatabaseFailure) {
      patience = FleetLimits.migration
      try run(
        Statement("any statement time", "SET statement_timeout = 0")(),
        Statement("any lock time", "SET lock_timeout = 0")(),
        Statement("any idle time", "SET idle_in_transaction_session_timeout = 0")())
    }

    /// The first column of the last statement's first row.
    private func answer(to sql: String) -> String? {
      let result = unsafe PQexec(connection, sql)
      defer { unsafe PQclear(result) }
      guard unsafe PQresultStatus(result) == PGRES_TUPLES_OK, unsafe PQntuples(result) == 1 else { return nil }
      return unsafe String(cString: PQgetvalue(result, 0, 0))
    }
  }

  // MARK: Running

  extension Connection {
    /// Runs the calls in order, in one round trip; the answers, one for each. When one fails the rest is not run, and the
    /// transaction, if there is one, is rolled back. Without `begin` they are one transaction of their own.
    @discardableResult
    func run(_ calls: [Call]) throws(DatabaseFailure) -> [Rows] {
      do {
        try renewPlans()
        return try pipeline(calls)
      } catch {
        if error.isLost {
          isUsable = false
        } else {
          rollBack()
        }
        throw error
      }
    }

    @discardableResult
    func run(_ calls: Call...) throws(DatabaseFailure) -> [Rows] { try run(calls) }

    /// While the server takes a table for empty, because it was when it was looked at last, the cheapest is to read all of it for
    /// each row that is asked for. Such a plan stays until statistics are taken again, up to a minute later; by then thousands
    /// of rows may stand there, and a batch takes twenty times as long. Queries that are asked often do not let the server
    /// choose; for the others plans are made again now and then, from what the table has come to.
    private func renewPlans() throws(DatabaseFailure) {
      guard .now - planned >= .seconds(FleetLimits.planLife),
        unsafe PQtransactionStatus(connection) == PQTRANS_IDLE
      else { return }
      try pipeline([Self.forgetPlans()])
      planned = .now
    }

    private static let forgetPlans = Statement("forget plans", "DISCARD PLANS")

    /// Ends a transaction, if there is one, that is to change nothing.
    func rollBack() {
      guard unsafe PQtransactionStatus(connection) != PQTRANS_IDLE else { return }
      if (try? pipeline([Statement.rollback()])) == nil { isUsable = false }
    }

    @discardableResult
    private func pipeline(_ calls: [Call]) throws(DatabaseFailure) -> [Rows] {
      let deadline = ContinuousClock.now + .seconds(patience)
      var expected: [(name: String, isAnswer: Bool)] = []
      var sent: Set<String> = []
      for call in calls {
        let name = call.statement.name
        if !prepared.contains(name), sent.insert(name).inserted {
          guard unsafe PQsendPrepare(connection, name, call.statement.sql, 0, nil) == 1 else { throw .connectionLost }
          expected.append((name, false))
        }
        guard send(call) else { throw .connectionLost }
        expected.append((name, true))
      }
      guard unsafe PQpipelineSync(connection) == 1 else { throw .connectionLost }
      var answers: [Rows] = []
      var failure: DatabaseFailure?
      for (name, isAnswer) in expected {
        do {
          let rows = try next(until: deadline)
          if isAnswer { answers.append(rows) } else { prepared.insert(name) }
          // A transaction that has failed ends with this word too, and was none.
          if name == Statement.commit.name, isAnswer, rows.command != "COMMIT" { failure = .init(state: "25P02") }
        } catch {
          if error.state == nil { throw failure ?? error }
          failure = failure ?? error
        }
      }
      try synchronize(until: deadline)
      if let failure { throw failure }
      return answers
    }

    private func send(_ call: Call) -> Bool {
      let parameters = Parameters(call.values)
      return unsafe parameters.bytes.withUnsafeBytes { bytes in
        // Something that is empty is not NULL, so it has an address.
        let empty: StaticString = ""
        let base = unsafe bytes.baseAddress ?? UnsafeRawPointer(empty.utf8Start)
        let values = unsafe parameters.places.map { place in
          unsafe place.map { unsafe (base + $0.lowerBound).assumingMemoryBound(to: CChar.self) }
        }
        let lengths = parameters.places.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: lengths.count)
        return unsafe PQsendQueryPrepared(
          connection, call.statement.name, Int32(lengths.count), values, lengths, formats, 1) == 1
      }
    }

    /// The next answer, and the end that follows it.
    private func next(until deadline: ContinuousClock.Instant) throws(DatabaseFailure) -> Rows {
      try wait(until: deadline)
      guard let result = unsafe PQgetResult(connection) else { throw .connectionLost }
      let rows = unsafe Rows(result)
      switch rows.status {
      case PGRES_TUPLES_OK, PGRES_COMMAND_OK: break
      default:
        let text = rows.state
        // What was not run for an earlier failure has no state of its own.
        let isSkipped = rows.status == PGRES_PIPELINE_ABORTED
        guard isSkipped || text != nil else { throw .connectionLost }
        try end(until: deadline)
        throw DatabaseFailure(state: text ?? "25P02")
      }
      try end(until: deadline)
      return rows
    }

    private func end(until deadline: ContinuousClock.Instant) throws(DatabaseFailure) {
      try wait(until: deadline)
      if let more = unsafe PQgetResult(connection) {
        unsafe PQclear(more)
        throw .connectionLost
      }
    }

    private func synchronize(until deadline: ContinuousClock.Instant) throws(DatabaseFailure) {
      try wait(until: deadline)
      let result = unsafe PQgetResult(connection)
      defer { unsafe PQclear(result) }
      guard unsafe PQresultStatus(result) == PGRES_PIPELINE_SYNC else { throw .connectionLost }
    }

    /// Sends what is left to send, and returns when the next answer can be read without waiting.
    private func wait(until deadline: ContinuousClock.Instant) throws(DatabaseFailure) {
      while true {
        let unsent = unsafe PQflush(connection)
        guard unsent >= 0 else { throw .connectionLost }
        if unsent == 0, unsafe PQisBusy(connection) == 0 { return }
        var socket = pollfd()
        socket.fd = unsafe PQsocket(connection)
        socket.events = Int16(POLLIN) | (unsent > 0 ? Int16(POLLOUT) : 0)
        let left = (deadline - ContinuousClock.now) / .milliseconds(1)
        guard left > 0 else { throw .connectionLost }
        let found = unsafe poll(&socket, 1, Int32(left.rounded(.up)))
        guard found >= 0 || errno == EINTR else { throw .connectionLost }
        guard unsafe PQconsumeInput(connection) == 1 else { throw .connectionLost }
      }
    }
  }
#endif
