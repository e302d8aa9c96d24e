internal import GRDB
package import SottoWire
internal import Synchronization

extension SQLiteStore {
  package func submit(
    _ arrivals: [Arrival], now: Int64, admit: @escaping ArrivalAdmission,
    done: @escaping @Sendable ([Acceptance]) -> Void
  ) {
    writer.submit(arrivals, now: now, admit: admit, done: done)
  }

  package func lastIndex(_ id: MailboxID) async throws -> UInt64? {
    writer.index.withLock { index in index[id].map { $0.waiting.last?.index ?? 0 } }
  }

  package func envelopes(
    _ id: MailboxID, after index: UInt64, room: Room, now: Int64
  ) async throws -> [QueuedEnvelope] {
    let wanted = writer.index.withLock {
      $0[id]?.next(after: index, room: room, firstDay: MailboxRules.firstDay(now)) ?? []
    }
    guard !wanted.isEmpty else { return [] }
    return try await pool.read { db in
      let read = try Prepared(db, "SELECT \(QueueTable.envelopeColumns) FROM queue WHERE k = ?")
      var found: [QueuedEnvelope] = []
      // What is not there is being committed, and comes after everything else, or was deleted meanwhile.
      for envelope in wanted {
        read.bind(envelope.key)
        while try read.step() {
          let (name, bytes) = try QueueTable.envelope(read)
          found.append(QueuedEnvelope(index: envelope.index, id: EnvelopeID(number: name), bytes: bytes))
        }
      }
      return found
    }
  }

  /// A file does not fall back while it is served: all that came before the last of them may go.
  package func acknowledge(_ id: MailboxID, _ taken: Acknowledgement) async throws {
    let (writer, end) = (writer, taken.index)
    _ = try await writer.submit { db -> UInt64? in
      let (number, last) = writer.index.withLock { ($0[id]?.number, $0[id]?.acknowledgeable(upTo: end)) }
      guard let number, let last else { return nil }
      try QueueTable.letGo(number, upTo: last, db)
      return last
    } then: { index, last in
      if let last { index.discard(Name(id), upTo: last) }
    }
  }

  package func sweep(now: Int64) async throws {
    let (writer, firstDay) = (writer, MailboxRules.firstDay(now))
    let dayBefore = now - 86_400
    try await writer.submit { db in
      try db.execute(sql: "DELETE FROM capability WHERE expires < ?", arguments: [dayBefore])
      try Self.forgetRegistrations(db, now: now)
    } then: { index, _ in
      index.closeDoors(before: dayBefore)
    }
    try await exclusively { try writer.expire($0, firstDay: firstDay) }
    while try await exclusively({ try writer.overwriteStep($0) }) {}
    try await exclusively { try writer.forget($0, firstDay: firstDay) }
    await emptyLog()
  }

  /// Between two commits of the writer.
  private func exclusively<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    try writer.check()
    do { return try await pool.writeWithoutTransaction { try body($0) } } catch { throw writer.failed(error) }
  }
}
