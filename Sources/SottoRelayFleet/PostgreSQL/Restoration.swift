#if Fleet
  internal import SottoRelay
  internal import SottoWire

  /// What a database must be told that was brought back to an earlier moment, as a file is by `StoreFile.applyRestore`:
  /// it has forgotten what happened since, and its clients have not. [operation.7]
  ///
  /// Nothing is done about attachments: a relay removes files that no row has, and answers for a row without its file as for
  /// none. And indexes go on from where they were, for another epoch. [stream.4]
  enum Restoration {
    /// In one transaction, before which no relay runs and during which none starts.
    static func run(_ connection: Connection, now: Int64) throws -> RestoredStore {
      let state = try Schema.state(connection)
      try state.check()
      // What a newer version has added may have to be told something too.
      guard state.version == state.known else { throw StoreFailure.newerSchema }
      // Before anything is locked: those that run are not to notice.
      try checkNoneRuns(try connection.run(HomeStatements.running())[0])
      let found = try begin(connection)
      do {
        try checkNoneRuns(found[3])
        try connection.becomePatient()
      } catch {
        connection.rollBack()
        throw error
      }
      let epoch = RestoreRules.epoch(backup: found[4].unsigned(0, 0), former: nil, now: now)
      let sequence = RestoreRules.sequence(now: now, window: Int64(OwnerRequest.window))
      let answers = try connection.run(
        RestorationStatements.planFreely(), RestorationStatements.raiseEpoch(.number(epoch)),
        RestorationStatements.withdraw(), RestorationStatements.mailboxes(.number(sequence)),
        RestorationStatements.cards(.number(sequence)), RestorationStatements.pushes(), RestorationStatements.nodes(),
        Statement.commit())
      return RestoredStore(mailboxes: answers[3].changed, cards: answers[4].changed)
    }

    /// A relay that starts waits for the locks, and so finds the new epoch.
    private static func begin(_ connection: Connection) throws -> [Rows] {
      do {
        return try connection.run(
          Statement.begin(), RestorationStatements.lockStore(), RestorationStatements.lockNodes(),
          HomeStatements.running(), Schema.epoch())
      } catch  where error.isCollision {
        throw StartFailure.tablesInUse
      }
    }

    private static func checkNoneRuns(_ running: Rows) throws(StartFailure) {
      guard running.number(0, 0) == 0 else { throw .relaysRun }
    }
  }

  extension StartFailure {
    fileprivate static let relaysRun = StartFailure(
      75, "A relay runs with the database.",
      "It would go on with what was true before the database was brought back. Nothing was changed.",
      "Stop all of them and try again; one that was killed is forgotten after \(RelayLimits.leaseSeconds) seconds.")

    fileprivate static let tablesInUse = StartFailure(
      75, "Another program uses the tables.", "A dump perhaps, or a relay that starts. Nothing was changed.",
      "Wait until it has ended, and try again.")
  }

  private enum RestorationStatements {
    /// Whoever opens the store reads it first.
    static let lockStore = Statement("lock store", "LOCK TABLE store IN ACCESS EXCLUSIVE MODE")

    /// Against beats.
    static let lockNodes = Statement("lock nodes", "LOCK TABLE node IN EXCLUSIVE MODE")

    /// Whatever a session of a relay avoids is right for a whole table.
    static let planFreely = Statement("restore in any order", "SET LOCAL enable_seqscan = on")

    static let raiseEpoch = Statement("raise epoch", "UPDATE store SET restore_epoch = $1")

    /// A part that was handed out since that moment must not be handed out again.
    static let withdraw = Statement(
      "withdraw all", "UPDATE batch SET taken = total, page = '' WHERE taken < total OR page <> ''")

    /// The relays that had the sockets are not there any more, and who has a socket is not woken.
    static let mailboxes = Statement(
      "restore mailboxes",
      "UPDATE mailbox SET sequence = greatest(sequence, $1), home = NULL, socket = NULL")

    static let cards = Statement("restore cards", "UPDATE card SET sequence = greatest(sequence, $1)")

    static let pushes = Statement("restore pushes", "UPDATE push SET taker = NULL WHERE taker IS NOT NULL")

    static let nodes = Statement("restore nodes", "DELETE FROM node")
  }
#endif
