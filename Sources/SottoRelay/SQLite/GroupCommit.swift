internal import GRDB
internal import SottoWire
internal import Synchronization

/// The one writer: what comes while a commit is under way waits, and the next commit takes all of it.
///
///     submit -> [arrivals] -> admit in memory -> BEGIN, insert ..., COMMIT -> answers
///     submit -> [jobs]     -> BEGIN, job, job, job ..., COMMIT -> memory -> answers
///
/// An idle writer commits at once. Arrivals and jobs are never in one transaction, so that an arrival is judged by what is
/// durable and by the arrivals before it alone. A job decides before it writes, so one that throws a `Refusal` has changed
/// nothing and the others go on. Any other error rolls the whole transaction back; jobs are then run again one by one, so
/// that only the culprit fails. An answer is given after COMMIT returned, with `synchronous=FULL`: it is a promise.
///
/// After a write or a sync that the disk refused, nobody knows what is on it: the system may have thrown the pages away
/// and call the next sync a success. So nothing is tried again, and everything that waits fails. A full disk is no such
/// failure. [operation.10]
final class GroupCommit: Sendable {
  private struct Queue {
    var submissions: [Submission] = []
    var jobs: [Job] = []
    var isDraining = false
    /// Why nothing is written any more.
    var broken: StoreFailure?
  }

  /// What the queue's tables do not say quickly. The writer alone changes it.
  let index: Mutex<QueueIndex>
  private let pool: DatabasePool
  private let queue = Mutex(Queue())
  private let report: @Sendable (CommitReport) -> Void

  init(
    _ pool: DatabasePool, _ index: consuming sending QueueIndex, report: @escaping @Sendable (CommitReport) -> Void
  ) {
    self.pool = pool
    self.index = Mutex(index)
    self.report = report
  }

  /// Stores arrivals, in order; `done` is told what became of each, after the commit.
  func submit(
    _ arrivals: [Arrival], now: Int64, admit: @escaping ArrivalAdmission,
    done: @escaping @Sendable ([Acceptance]) -> Void
  ) {
    let broken = enqueue {
      $0.submissions.append(Submission(arrivals: arrivals, now: now, admit: admit, done: done))
    }
    if let broken { done(arrivals.map { _ in .failed(broken) }) }
  }

  /// Runs `body` in a transaction that other jobs may share, and `then`, which brings the memory up to date, after its
  /// commit; returns after both. `body` may run twice.
  func submit<T: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> T,
    then: @escaping @Sendable (inout QueueIndex, T) -> Void = { _, _ in }
  ) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      let job = Job { db in
        let outcome: Result<T, any Error>
        do {
          outcome = .success(try body(db))
        } catch let refusal as Refusal {
          outcome = .failure(refusal)
        }
        return {
          if case .success(let value) = outcome { self.index.withLock { then(&$0, value) } }
          continuation.resume(with: outcome)
        }
      } fail: {
        continuation.resume(throwing: StoreFailure($0))
      }
      if let broken = enqueue({ $0.jobs.append(job) }) { job.fail(broken) }
    }
  }

  /// Whether nothing waits for a commit.
  var isIdle: Bool { queue.withLock { $0.submissions.isEmpty && $0.jobs.isEmpty } }

  /// Why it cannot be, if so.
  private func enqueue(_ add: (inout Queue) -> Void) -> StoreFailure? {
    let (mustStart, broken) = queue.withLock { queue in
      guard queue.broken == nil else { return (false, queue.broken) }
      add(&queue)
      defer { queue.isDraining = true }
      return (!queue.isDraining, nil)
    }
    if mustStart { pool.asyncWriteWithoutTransaction { self.drain($0) } }
    return broken
  }

  /// Counts a failure; one of the disk is the last.
  @discardableResult
  func failed(_ error: any Error) -> StoreFailure {
    let failure = StoreFailure(error)
    report(.failed)
    guard case .failed(let code) = failure, code & 0xFF == ResultCode.SQLITE_IOERR.rawValue else { return failure }
    let (isFirst, submissions, jobs) = queue.withLock { queue in
      defer { (queue.submissions, queue.jobs) = ([], []) }
      defer { queue.broken = failure }
      return (queue.broken == nil, queue.submissions, queue.jobs)
    }
    for submission in submissions { submission.done(submission.arrivals.map { _ in .failed(failure) }) }
    for job in jobs { job.fail(failure) }
    if isFirst { report(.broken(code)) }
    return failure
  }

  /// Throws when the disk has failed before.
  func check() throws {
    if let broken = queue.withLock({ $0.broken }) { throw broken }
  }

  private func drain(_ db: Database) {
    for _ in 0..<RelayLimits.commitsInARow {
      guard let (submissions, jobs) = next() else { return }
      if !submissions.isEmpty { commit(submissions, db) }
      if !jobs.isEmpty { commit(jobs, db) }
      overwriteIfDue(db)
    }
    // Sweeps and checkpoints wait for this queue too.
    pool.asyncWriteWithoutTransaction { self.drain($0) }
  }

  private func next() -> ([Submission], [Job])? {
    queue.withLock { queue in
      guard !queue.submissions.isEmpty || !queue.jobs.isEmpty else {
        queue.isDraining = false
        return nil
      }
      var count = 0
      let submissions = queue.submissions.prefix { submission in
        defer { count += submission.arrivals.count }
        return count < RelayLimits.commitBatch
      }
      let jobs = queue.jobs.prefix(RelayLimits.commitBatch)
      defer {
        queue.submissions.removeFirst(submissions.count)
        queue.jobs.removeFirst(jobs.count)
      }
      return (Array(submissions), Array(jobs))
    }
  }
}

// MARK: Arrivals

extension GroupCommit {
  private func commit(_ submissions: [Submission], _ db: Database) {
    var rows: [NewRow] = []
    var outcomes = index.withLock { index in submissions.map { $0.judged(by: &index, &rows) } }
    do {
      if !rows.isEmpty {
        try QueueTable.append(rows, db)
        report(.committed(rows.count))
      }
    } catch {
      index.withLock { $0.takeBack(rows) }
      let failure = failed(error)
      outcomes = outcomes.map { $0.map { $0.isRefusal ? $0 : .failed(failure) } }
    }
    for (submission, outcome) in zip(submissions, outcomes) { submission.done(outcome) }
  }
}

/// Arrivals that came together, and whom to answer.
private struct Submission: Sendable {
  let arrivals: [Arrival]
  let now: Int64
  let admit: ArrivalAdmission
  let done: @Sendable ([Acceptance]) -> Void

  /// What each will be told if the rows are committed.
  func judged(by index: inout QueueIndex, _ rows: inout [NewRow]) -> [Acceptance] {
    arrivals.map { arrival in
      do {
        guard let row = try index.admit(arrival, now: now, admit) else { return .repeated }
        rows.append(row)
        return .stored
      } catch let refusal as Refusal {
        return .refused(refusal)
      } catch {
        return .failed(StoreFailure(error))
      }
    }
  }
}

extension Acceptance {
  fileprivate var isRefusal: Bool {
    if case .refused = self { true } else { false }
  }
}

// MARK: Jobs

extension GroupCommit {
  private func commit(_ jobs: [Job], _ db: Database) {
    do {
      let answers = try Self.run(jobs, db)
      report(.committed(jobs.count))
      for answer in answers { answer() }
    } catch {
      let failure = failed(error)
      for job in jobs {
        guard jobs.count > 1, (try? check()) != nil else {
          job.fail(failure)
          continue
        }
        do { try Self.run([job], db)[0]() } catch { job.fail(failed(error)) }
      }
    }
  }

  private static func run(_ jobs: [Job], _ db: Database) throws -> [Job.Answer] {
    var answers: [Job.Answer] = []
    try db.inTransaction(.immediate) {
      for job in jobs { answers.append(try job.run(db)) }
      return .commit
    }
    return answers
  }
}

/// What waits for a transaction, and what is to be done and said after the commit.
private struct Job: Sendable {
  typealias Answer = @Sendable () -> Void
  let run: @Sendable (Database) throws -> Answer
  let fail: @Sendable (any Error) -> Void
}

extension StoreFailure {
  init(_ error: any Error) {
    self =
      switch error {
      case let failure as StoreFailure: failure
      case let error as DatabaseError where error.resultCode == .SQLITE_FULL: .full
      case let error as DatabaseError: .failed(Int(error.extendedResultCode.rawValue))
      default: .failed(-1)
      }
  }
}
