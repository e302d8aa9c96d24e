internal import GRDB
internal import SottoWire
internal import Synchronization

// What is gone is overwritten later and many rows at a time: rows of one page belong to many mailboxes, and a page that is
// written once for all of them costs a fifteenth. Until then the row is as good as gone: `mailbox.acknowledged` says so,
// also after a crash.

extension GroupCommit {
  /// After a commit: when enough has come together, some of it, as much as a round of acks brings. A step that fails
  /// changes nothing, and is tried again after the next commit, or by the sweep.
  func overwriteIfDue(_ db: Database) {
    for _ in 0..<RelayLimits.discardSteps {
      let isDue = index.withLock {
        $0.discarded.count >= RelayLimits.discarded || $0.discardedBytes >= RelayLimits.discardedBytes
      }
      guard isDue, (try? check()) != nil else { return }
      do { _ = try overwriteStep(db) } catch {
        _ = failed(error)
        return
      }
    }
  }

  /// Overwrites the oldest rows, and forgets names of which there are too many; whether there are more rows.
  func overwriteStep(_ db: Database) throws -> Bool {
    let (rows, numbers) = index.withLock { index in
      let rows = index.nextDiscarded()
      let mailboxes = Set(rows.map(\.mailbox))
      return (rows, Dictionary(uniqueKeysWithValues: mailboxes.map { ($0, index[$0]?.number ?? 0) }))
    }
    guard !rows.isEmpty else { return false }
    var pages: [PageOfMailbox] = []
    try db.inTransaction(.immediate) {
      pages = try QueueTable.overwrite(rows, numbers: numbers, db)
      return .commit
    }
    let superfluous = index.withLock { index in
      index.overwrote(rows.count, pages)
      return Set(pages.map(\.mailbox)).flatMap { name in
        (index[name]?.superfluous ?? []).map { PageOfMailbox(mailbox: name, page: $0) }
      }
    }
    try forget(superfluous, db)
    if index.withLock({ $0.deliveredNames > RelayLimits.deliveredNamesOfAll }) {
      try forget(try QueueTable.oldestPages(db, RelayLimits.discardStep), db)
    }
    return index.withLock { !$0.discarded.isEmpty }
  }

  /// Lets go of envelopes whose time is over. [relay.28]
  func expire(_ db: Database, firstDay: Int64) throws {
    let expired = index.withLock { index in
      index.all.compactMap { name, queue in queue.expired(before: firstDay).map { (name, queue.number, $0) } }
    }
    guard !expired.isEmpty else { return }
    try db.inTransaction(.immediate) {
      for (_, number, last) in expired { try QueueTable.letGo(number, upTo: last, db) }
      return .commit
    }
    index.withLock { index in for (name, _, last) in expired { index.discard(name, upTo: last) } }
  }

  /// Forgets names whose time is over. [relay.26]
  func forget(_ db: Database, firstDay: Int64) throws {
    let old = index.withLock { index in
      index.all.flatMap { name, queue in
        queue.delivered.filter { $0.day < firstDay }.map { PageOfMailbox(mailbox: name, page: $0) }
      }
    }
    try forget(old, db)
  }

  private func forget(_ pages: [PageOfMailbox], _ db: Database) throws {
    guard !pages.isEmpty else { return }
    var names: [[Name]] = []
    try db.inTransaction(.immediate) {
      names = try pages.map { try QueueTable.forget($0.page.key, db) }
      return .commit
    }
    index.withLock { index in
      for (page, names) in zip(pages, names) { index.forgot(page.page, of: page.mailbox, names: names) }
    }
  }
}
