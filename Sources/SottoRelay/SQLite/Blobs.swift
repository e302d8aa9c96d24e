internal import GRDB
package import SottoCrypto
package import SottoWire
internal import Synchronization

extension Schema {
  /// A blob has `part` and `saved` until it is whole, then `hash`; while its file is renamed, both. A row that goes, for
  /// whatever reason, leaves the name of its file behind: 16 bytes are a part's, 32 a content's.
  static let blobTables = """
    CREATE TABLE blob (
      n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, mailbox INTEGER NOT NULL, length INTEGER NOT NULL,
      day INTEGER NOT NULL, part BLOB, saved INTEGER NOT NULL, hash BLOB);
    CREATE INDEX blob_mailbox ON blob (mailbox, length);
    CREATE INDEX blob_part ON blob (part) WHERE part IS NOT NULL;
    CREATE INDEX blob_hash ON blob (hash, length) WHERE hash IS NOT NULL;
    CREATE TABLE abandoned (name BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TRIGGER blob_gone AFTER DELETE ON blob BEGIN
      INSERT OR IGNORE INTO abandoned VALUES (COALESCE(old.hash, old.part));
    END;
    """
}

extension SQLiteStore {
  package func claimBlob(
    _ target: UploadTarget, _ length: BlobLength, part: PartName, now: Int64,
    admit: @escaping @Sendable () throws -> Void
  ) async throws -> Upload {
    let writer = writer
    return try await writer.submit { db in
      let mailbox = try Self.openMailbox(writer, db, target, now: now)
      if let known = try BlobRow.fetch(db, target.blob), known.isKept(now) {
        guard known.mailbox == mailbox, known.upload.length == length else { throw Refusal(.blobConflict) }
        return known.upload
      }
      let usage = try Row.fetchOne(
        db, sql: "SELECT COUNT(*), COALESCE(SUM(length), 0) FROM blob WHERE mailbox = ?", arguments: [mailbox])
      try BlobRules.admit(length, besides: .init(count: usage?[0] ?? 0, bytes: usage?[1] ?? 0))
      try admit()
      // One that has expired may be there still.
      try db.execute(sql: "DELETE FROM blob WHERE id = ?", arguments: [target.blob.bytes.blob])
      try db.execute(
        sql: "INSERT INTO blob (id, mailbox, length, day, part, saved) VALUES (?, ?, ?, ?, ?, 0)",
        arguments: [target.blob.bytes.blob, mailbox, length.bytes, MailboxRules.day(now), part.bytes.blob])
      return Upload(length: length, state: .arriving(part, saved: 0))
    }
  }

  package func upload(_ target: UploadTarget, now: Int64) async throws -> Upload {
    let writer = writer
    return try await pool.read { db in
      let mailbox = try Self.openMailbox(writer, db, target, now: now)
      guard let known = try BlobRow.fetch(db, target.blob), known.mailbox == mailbox, known.isKept(now) else {
        throw Refusal(.notFound)
      }
      return known.upload
    }
  }

  package func saveUpload(_ part: PartName, upTo saved: Int) async throws {
    try await writer.submit { db in
      try db.execute(sql: "UPDATE blob SET saved = ? WHERE part = ?", arguments: [saved, part.bytes.blob])
      guard db.changesCount == 1 else { throw Refusal(.notFound) }
    }
  }

  package func moveUpload(_ part: PartName, to other: PartName, saved: Int) async throws {
    try await writer.submit { db in
      try db.execute(
        sql: "UPDATE blob SET part = ?, saved = ? WHERE part = ?",
        arguments: [other.bytes.blob, saved, part.bytes.blob])
      guard db.changesCount == 1 else { throw Refusal(.notFound) }
      try db.execute(sql: "INSERT OR IGNORE INTO abandoned VALUES (?)", arguments: [part.bytes.blob])
    }
  }

  package func announceUpload(_ part: PartName, as content: Digest) async throws {
    try await writer.submit { db in
      try db.execute(
        sql: "UPDATE blob SET hash = ? WHERE part = ?", arguments: [content.bytes.blob, part.bytes.blob])
      guard db.changesCount == 1 else { throw Refusal(.notFound) }
    }
  }

  package func finishUpload(_ part: PartName, as content: Digest, now: Int64) async throws {
    try await writer.submit { db in
      try db.execute(
        sql: "UPDATE blob SET part = NULL, hash = ?, saved = length, day = ? WHERE part = ?",
        arguments: [content.bytes.blob, MailboxRules.day(now), part.bytes.blob])
      guard db.changesCount == 1 else { throw Refusal(.notFound) }
    }
  }

  package func blob(_ id: BlobID, now: Int64) async throws -> StoredBlob? {
    try await pool.read { db in
      let row = try Row.fetchOne(
        db, sql: "SELECT hash, length FROM blob WHERE id = ? AND part IS NULL AND day >= ?",
        arguments: [id.bytes.blob, BlobRules.firstDay(isWhole: true, now: now)])
      return try row.map(Self.storedBlob)
    }
  }

  package func deleteUploads(_ id: MailboxID, _ blob: BlobID?, by mutation: Mutation) async throws {
    try await mutate(id, by: mutation) { db, row in
      try db.execute(
        sql: "DELETE FROM blob WHERE mailbox = ?1 AND (?2 IS NULL OR id = ?2)",
        arguments: [row.number, blob?.bytes.blob])
    }
  }

  package func sweepBlobs(now: Int64) async throws {
    try await writer.submit { db in
      try db.execute(
        sql: "DELETE FROM blob WHERE day < CASE WHEN part IS NOT NULL THEN ? ELSE ? END",
        arguments: [BlobRules.firstDay(isWhole: false, now: now), BlobRules.firstDay(isWhole: true, now: now)])
    }
  }

  // MARK: Files

  package func abandonedFiles(limit: Int) async throws -> [BlobFile] {
    try await pool.read { db in
      try Row.fetchAll(db, sql: "SELECT name FROM abandoned LIMIT ?", arguments: [limit]).map { row in
        let name = row.bytes(0)
        return name.count == PartName.count ? .part(try PartName(name)) : .content(try Digest(name))
      }
    }
  }

  package func forgetFiles(_ files: [BlobFile]) async throws {
    try await writer.submit { db in
      for file in files {
        try db.execute(sql: "DELETE FROM abandoned WHERE name = ?", arguments: [file.name.blob])
      }
    }
  }

  package func unneeded(_ files: [BlobFile]) async throws -> [BlobFile] {
    try await pool.read { db in
      try files.filter { file in
        let sql =
          switch file {
          case .part: "SELECT 1 FROM blob WHERE part = ?"
          case .content: "SELECT 1 FROM blob WHERE hash = ? LIMIT 1"
          }
        return try Row.fetchOne(db, sql: sql, arguments: [file.name.blob]) == nil
      }
    }
  }

  package func wholeBlobs(after content: Digest, limit: Int) async throws -> [StoredBlob] {
    try await pool.read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT hash, length FROM blob WHERE part IS NULL AND hash > ? GROUP BY hash, length ORDER BY hash LIMIT ?
          """, arguments: [content.bytes.blob, limit]
      ).map(Self.storedBlob)
    }
  }

  package func dropBlobs(_ content: Digest) async throws {
    try await writer.submit { db in
      try db.execute(sql: "DELETE FROM blob WHERE hash = ?", arguments: [content.bytes.blob])
    }
  }

  // MARK: Rows

  private static func storedBlob(_ row: Row) throws -> StoredBlob {
    guard let length = BlobLength(row[1]) else { throw StoreFailure.failed(-1) }
    return StoredBlob(content: try Digest(row.bytes(0)), length: length)
  }

  /// The mailbox that the sender may upload to; every other case is one answer. [relay.24] [blob.3]
  private static func openMailbox(
    _ writer: GroupCommit, _ db: Database, _ target: UploadTarget, now: Int64
  ) throws -> Int64 {
    let kind = writer.index.withLock {
      ($0[target.mailbox] ?? MailboxQueue.nobody).kind(DigestNumbers(target.capability), now: now)
    }
    guard let kind, BlobRules.mayUpload(kind), let row = try MailboxRow.fetch(db, target.mailbox) else {
      throw Refusal(.deliveryRefused)
    }
    return row.number
  }
}

/// A blob's row.
private struct BlobRow {
  let mailbox: Int64
  let day: Int64
  let upload: Upload

  static func fetch(_ db: Database, _ id: BlobID) throws -> BlobRow? {
    let row = try Row.fetchOne(
      db, sql: "SELECT mailbox, day, length, part, saved FROM blob WHERE id = ?", arguments: [id.bytes.blob])
    guard let row else { return nil }
    guard let length = BlobLength(row[2]) else { throw StoreFailure.failed(-1) }
    let isWhole = row.hasNull(atIndex: 3)
    let state = try isWhole ? Upload.State.whole : .arriving(PartName(row.bytes(3)), saved: row[4])
    return BlobRow(mailbox: row[0], day: row[1], upload: Upload(length: length, state: state))
  }

  func isKept(_ now: Int64) -> Bool { day >= BlobRules.firstDay(isWhole: upload.state == .whole, now: now) }
}

extension BlobFile {
  /// 16 bytes of a part, 32 of a content.
  package var name: [UInt8] {
    switch self {
    case .part(let name): name.bytes
    case .content(let digest): digest.bytes
    }
  }
}
