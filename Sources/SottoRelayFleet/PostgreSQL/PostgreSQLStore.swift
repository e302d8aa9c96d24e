#if Fleet
  internal import Foundation
  package import SottoRelay
  internal import SottoCrypto
  internal import SottoWire

  /// The store in PostgreSQL. The database is the truth: nothing of it is remembered here, so any number of relays may
  /// have the same one, and any of them may die.
  ///
  ///     submit      -> [arrivals] -> two threads, by mailbox -+
  ///     acknowledge -> [acks] -----> one thread --------------+--> PostgreSQL
  ///     else        -> [jobs] -----> a few threads -----------+
  ///
  /// What waits for a thread of arrivals, or for that of acks, becomes one transaction, whatever mailboxes it is for. It takes
  /// the heads of these mailboxes first, in the order of their ids, as every transaction does that changes a mailbox: so
  /// two of them never wait for each other, and indexes are given in the order in which transactions commit. Arrivals whose
  /// head another relay has are passed over, and taken with the next transaction.
  ///
  /// A class, and what its asynchronous methods call takes few arguments: those that registers do not hold go wrong in an
  /// optimised build of Swift 6.3, where they are written over the frame of whoever runs the task.
  package final class PostgreSQLStore: SharedStore {
    package let restoreEpoch: UInt64
    package var isShared: Bool { true }
    let threads: Threads
    let report: @Sendable (CommitReport) -> Void

    /// The queues; when nobody holds them any more the threads end.
    final class Threads: Sendable {
      let arrivals = (0..<FleetLimits.arrivalThreads).map { _ in
        WorkQueue<Submission>(threads: 1, pace: Pace())
      }
      let acks = WorkQueue<Ack>(threads: 1)
      let jobs = WorkQueue<Job>(threads: FleetLimits.jobThreads)

      deinit { close() }

      /// A database that is connected and says nothing holds a thread for longer than whoever waits behind it was promised.
      ///
      /// - Returns: whether anybody may come to be late after this.
      func tellTheLate() -> Bool {
        for lane in arrivals { for late in lane.takeLate() { late.work.fail(.unavailable) } }
        for late in acks.takeLate() { late.work.done(.failure(.unavailable)) }
        for late in jobs.takeLate() { late.work.fail(.unavailable) }
        return !(arrivals.allSatisfy { $0.isFinished } && acks.isFinished && jobs.isFinished)
      }

      func close() {
        for lane in arrivals { lane.close() }
        acks.close()
        jobs.close()
      }
    }

    /// Opens what `PostgreSQL.migrate` has made. Throws a `ConnectFailure` or a `StoreFailure`. `report` is told of every
    /// transaction. Returns after one connection was tried, so it blocks.
    package init(address: String, report: @escaping @Sendable (CommitReport) -> Void = { _ in }) throws {
      let connection = try Connection(address)
      try Schema.state(connection).check()
      restoreEpoch = try connection.run(Schema.epoch()).first?.unsigned(0, 0) ?? 1
      threads = Threads()
      self.report = report
      for lane in threads.arrivals {
        Worker(address: address, queue: lane, batch: Submission.batch) {
          connection, submissions throws(DatabaseFailure) in
          return try Submission.accept(submissions, connection, report)
        } fail: {
          $0.fail($1)
        }.start("sotto arrivals")
      }
      Worker(address: address, queue: threads.acks, batch: Ack.batch) { connection, acks throws(DatabaseFailure) in
        try Ack.carryOut(acks, connection, report)
        return []
      } fail: {
        $0.done(.failure($1))
      }.start("sotto acks")
      for _ in 0..<FleetLimits.jobThreads {
        Worker(address: address, queue: threads.jobs, batch: { { _ in false } }) {
          connection, jobs throws(DatabaseFailure) in
          for job in jobs { try job.run(connection) }
          return []
        } fail: {
          $0.fail($1)
        }.start("sotto jobs")
      }
      let watch = Thread { [weak threads] in
        while true {
          Thread.sleep(forTimeInterval: 0.25)
          // Who waits while the store is being closed is told too; then there is nothing to look for.
          guard let threads, threads.tellTheLate() else { return }
        }
      }
      watch.name = "sotto late"
      watch.start()
    }

    package func ping() async throws {
      try await job(patience: FleetLimits.pingPatience) { connection in _ = try connection.run(Schema.epoch()) }
    }

    package func close() async throws {
      threads.close()
      for lane in threads.arrivals { await lane.ended() }
      await threads.acks.ended()
      await threads.jobs.ended()
    }
  }

  /// Anything that is done with a connection, and whom to tell.
  struct Job: Sendable {
    /// Throws before anybody was told.
    let run: @Sendable (Connection) throws(DatabaseFailure) -> Void
    let fail: @Sendable (StoreFailure) -> Void
  }

  extension PostgreSQLStore {
    /// Runs `body` on a thread with a connection; again if the connection is lost or others were in the way. A `Refusal`
    /// that it throws ends its transaction.
    func job<T: Sendable>(
      patience: Int = FleetLimits.patience, _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws -> T {
      try await withCheckedThrowingContinuation { continuation in
        let job = Job { connection throws(DatabaseFailure) in
          continuation.resume(with: try Self.attempt(body, connection))
        } fail: {
          continuation.resume(throwing: $0)
        }
        if !threads.jobs.put(job, patience: patience) { job.fail(.unavailable) }
      }
    }

    /// Throws when the connection is lost; every other end is an answer.
    private static func attempt<T>(
      _ body: (Connection) throws -> T, _ connection: Connection
    ) throws(DatabaseFailure) -> Result<T, any Error> {
      var attempts = FleetLimits.attempts
      while true {
        do {
          return .success(try body(connection))
        } catch let failure as DatabaseFailure {
          if failure.isLost { throw failure }
          attempts -= 1
          guard failure.isCollision, attempts > 0 else { return .failure(failure.forStore) }
        } catch {
          connection.rollBack()
          return .failure(error)
        }
      }
    }
  }
#endif
