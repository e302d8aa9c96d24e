internal import Foundation
internal import GRDB
internal import SottoCrypto

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A store's file as `backup`, `restore` and `doctor` see it: opened beside a relay that may be running, to read.
package struct StoreFile {
  /// What is in it.
  package struct Contents: Equatable {
    let version: Int
    let restoreEpoch: UInt64
    package let mailboxes: Int
    let cards: Int
    let isEmpty: Bool
    /// It was moved into a database. A relay does not serve it; a backup of it is one. [operation.15]
    let isConverted: Bool
  }

  let path: String

  package init(path: String) { self.path = path }

  var exists: Bool { FileManager.default.fileExists(atPath: path) }

  /// Throws `newerSchema` or `olderSchema`, or `failed` when the file is not a store or is damaged. `quick` leaves the indexes out.
  package func check(quick: Bool) throws(StoreFailure) -> Contents {
    try reading { db in
      guard try db.tableExists("store"), let version = try Int.fetchOne(db, sql: "SELECT version FROM store") else {
        throw StoreFailure.failed(Int(ResultCode.SQLITE_NOTADB.rawValue))
      }
      guard version == Schema.version || version == Schema.converted else {
        throw version > Schema.version ? StoreFailure.newerSchema : StoreFailure.olderSchema
      }
      let verdict = try String.fetchAll(db, sql: quick ? "PRAGMA quick_check(1)" : "PRAGMA integrity_check(1)")
      guard verdict == ["ok"] else { throw StoreFailure.failed(Int(ResultCode.SQLITE_CORRUPT.rawValue)) }
      try QueueTable.checkAll(db)
      let (mailboxes, cards) = (try Self.count(db, "mailbox"), try Self.count(db, "card"))
      return Contents(
        version: version,
        restoreEpoch: UInt64(clamping: try Int64.fetchOne(db, sql: "SELECT restore_epoch FROM store") ?? 1),
        mailboxes: mailboxes, cards: cards, isEmpty: mailboxes == 0 && cards == 0,
        isConverted: version == Schema.converted)
    }
  }

  /// Whether commits can be made durable here: FULL is taken, and read back.
  func isDurable() throws(StoreFailure) -> Bool {
    try reading { db in
      try db.execute(sql: "PRAGMA synchronous = FULL")
      return try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2
    }
  }

  /// Writes a consistent copy to `destination`, which must not exist: one read transaction, so the relay goes on, and
  /// what it commits meanwhile is not in it. [operation.6]
  func copy(to destination: String) throws(StoreFailure) {
    try reading { db in try db.execute(sql: "VACUUM INTO ?", arguments: [destination]) }
    try Self.synchronize(destination)
  }

  /// Every whole blob, each content once.
  func blobs() throws(StoreFailure) -> [KeptBlob] {
    try reading { db in
      let rows = try Row.fetchAll(
        db, sql: "SELECT hash, length, MAX(day) FROM blob WHERE hash IS NOT NULL GROUP BY hash ORDER BY hash")
      return try rows.map { KeptBlob(content: try Digest($0.bytes(0)), length: $0[1], day: $0[2]) }
    }
  }

  /// Leaves out of a copy what arrives, what is to be removed, and these. [operation.6]
  func leaveOut(_ blobs: [KeptBlob]) throws(StoreFailure) {
    do {
      let queue = try DatabaseQueue(path: path)
      try queue.writeWithoutTransaction { db in
        try db.execute(sql: "PRAGMA secure_delete = ON")
        try db.inTransaction(.immediate) {
          try db.execute(sql: "DELETE FROM blob WHERE hash IS NULL")
          for blob in blobs {
            try db.execute(sql: "DELETE FROM blob WHERE hash = ?", arguments: [blob.content.bytes.blob])
          }
          try db.execute(sql: "DELETE FROM abandoned")
          return .commit
        }
      }
      try queue.close()
    } catch {
      throw StoreFailure(error)
    }
    try Self.synchronize(path)
  }

  /// Makes the file the one that a restored relay begins with, in one transaction. [operation.7]
  func applyRestore(epoch: UInt64, sequence: UInt64) throws(StoreFailure) {
    do {
      let queue = try DatabaseQueue(path: path)
      try queue.writeWithoutTransaction { db in
        try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")
        try db.inTransaction(.immediate) {
          try db.execute(
            sql: "UPDATE store SET restore_epoch = ?, version = ?", arguments: [Int64(epoch), Schema.version])
          // It is another store than the one that was, or was being, moved into a database. [operation.15]
          try db.execute(sql: "DROP TABLE IF EXISTS conversion")
          // A part that was handed out since the backup must not be handed out again.
          try db.execute(sql: "DELETE FROM one_time")
          for table in ["mailbox", "card"] {
            try db.execute(
              literal: "UPDATE \(SQL(sql: table)) SET sequence = MAX(sequence, \(Int64(sequence)))")
          }
          return .commit
        }
      }
      try queue.close()
    } catch {
      throw StoreFailure(error)
    }
    try Self.synchronize(path)
  }

  /// Moves what is in the write-ahead log into the file, then removes the log: it must not be applied to the file that
  /// comes in this one's place. Where it cannot be moved everything is left: `unavailable` while somebody reads the file.
  /// Where there is no file, or one that is no store or is damaged, the log is removed all the same: nobody can say what it
  /// would be applied to.
  func removeLog() throws(StoreFailure) {
    do {
      if exists, hasLog { try emptyLog() }
    } catch let error as DatabaseError
      where error.resultCode == .SQLITE_NOTADB || error.resultCode == .SQLITE_CORRUPT
    {
    } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
      throw .unavailable
    } catch {
      throw StoreFailure(error)
    }
    for suffix in ["-wal", "-shm"] {
      guard unsafe unlink(path + suffix) == 0 || errno == ENOENT else { throw .system() }
    }
  }

  /// Whether there is a log with anything in it, or one of which that cannot be said.
  private var hasLog: Bool {
    var facts = stat()
    if unsafe stat(path + "-wal", &facts) == 0 { return facts.st_size > 0 }
    return errno != ENOENT
  }

  private func emptyLog() throws {
    let queue = try DatabaseQueue(path: path)
    let (frames, moved) = try queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    guard frames == moved else { throw StoreFailure.unavailable }
    try queue.close()
  }

  /// Puts a finished file in another's place, durably.
  static func replace(_ path: String, with new: String) throws(StoreFailure) {
    guard unsafe rename(new, path) == 0 else { throw .failed(Int(errno)) }
    let folder = URL(filePath: path).deletingLastPathComponent().path
    try synchronize(folder)
  }

  private func reading<T>(_ body: (Database) throws -> T) throws(StoreFailure) -> T {
    do {
      var configuration = Configuration()
      configuration.readonly = true
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      let value = try queue.writeWithoutTransaction(body)
      try queue.close()
      return value
    } catch {
      throw StoreFailure(error)
    }
  }

  private static func count(_ db: Database, _ table: String) throws -> Int {
    try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM \(table)") ?? 0
  }

  /// Of a file or a folder.
  private static func synchronize(_ path: String) throws(StoreFailure) {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .failed(Int(errno)) }
    defer { close(file) }
    guard fsync(file) == 0 else { throw .failed(Int(errno)) }
  }
}
