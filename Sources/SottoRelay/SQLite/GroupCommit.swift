internal import GRDB
internal import Synchronization

/// The one writer: jobs queue up while a commit is under way, and the next commit takes all of them.
///
///     submit -> [queue] -> BEGIN, job, job, job ..., COMMIT -> answers
///
/// A job decides before it writes, so one that throws a `Refusal` has changed nothing and the others go on. Any other
/// error rolls the whole transaction back, and the jobs are run again one by one, so that only the culprit fails.
/// An answer is given after COMMIT returned, with `synchronous=FULL`: it is a promise.
final class GroupCommit: Sendable {
  private struct Queue {
    var jobs: [Job] = []
    var isDraining = false
  }

  private let pool: DatabasePool
  private let queue = Mutex(Queue())
  private let report: @Sendable (CommitReport) -> Void

  init(_ pool: DatabasePool, report: @escaping @Sendable (CommitReport) -> Void) {
    self.pool = pool
    self.report = report
  }

  /// Runs `body` in a transaction that other jobs may share; returns after the commit. `body` may run twice.
  func submit<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      let job = Job { db in
        let outcome: Result<T, any Error>
        do {
          outcome = .success(try body(db))
        } catch let refusal as Refusal {
          outcome = .failure(refusal)
        }
        return { continuation.resume(with: outcome) }
      } fail: {
        continuation.resume(throwing: StoreFailure($0))
      }
      let mustStart = queue.withLock { queue in
        queue.jobs.append(job)
        defer { queue.isDraining = true }
        return !queue.isDraining
      }
      if mustStart { pool.asyncWriteWithoutTransaction { self.drain($0) } }
    }
  }

  private func drain(_ db: Database) {
    while let jobs = next() {
      do {
        let answers = try Self.commit(jobs, db)
        report(.committed(jobs.count))
        for answer in answers { answer() }
      } catch  where jobs.count == 1 {
        report(.failed)
        jobs[0].fail(error)
      } catch {
        report(.failed)
        for job in jobs {
          do { try Self.commit([job], db)[0]() } catch { job.fail(error) }
        }
      }
    }
  }

  private func next() -> [Job]? {
    queue.withLock { queue in
      guard !queue.jobs.isEmpty else {
        queue.isDraining = false
        return nil
      }
      let jobs = Array(queue.jobs.prefix(RelayLimits.commitBatch))
      queue.jobs.removeFirst(jobs.count)
      return jobs
    }
  }

  private static func commit(_ jobs: [Job], _ db: Database) throws -> [Job.Answer] {
    var answers: [Job.Answer] = []
    try db.inTransaction(.immediate) {
      for job in jobs { answers.append(try job.run(db)) }
      return .commit
    }
    return answers
  }
}

/// What waits for a transaction, and what is to be said about it after the commit.
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
