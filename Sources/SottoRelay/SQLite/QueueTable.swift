internal import GRDB
internal import SottoCrypto
internal import SottoWire

/// The tables `queue` and `delivered`: appended to, scanned once, and cleared many rows at a time.
enum QueueTable {
  /// One transaction. The keys are greater than all before them, so only the last pages are written.
  static func append(_ rows: [NewRow], _ db: Database) throws {
    try db.inTransaction(.immediate) {
      let insert = try Prepared(
        db, "INSERT INTO queue (k, mailbox, position, class, day, sum, id, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      for row in rows {
        let name = Name(row.arrival.id)
        let sum = Self.sum(row.mailbox, Int64(row.index), name, row.arrival.sum)
        insert.bind(row.key, row.mailbox, Int64(row.index), Int64(row.kind.rawValue), row.day, sum)
        try insert.run(after: 6, name, row.arrival.bytes)
      }
      return .commit
    }
  }

  /// What a row's column `sum` must be: its bytes, and whose they are. [operation.11]
  private static func sum(_ mailbox: Int64, _ position: Int64, _ name: Name, _ bytes: Checksum) -> Int64 {
    var sum = bytes
    sum.add(UInt64(bitPattern: mailbox))
    sum.add(UInt64(bitPattern: position))
    sum.add(UInt64(truncatingIfNeeded: name >> 64))
    sum.add(UInt64(truncatingIfNeeded: name))
    return Int64(bitPattern: sum.value)
  }

  /// The columns that `envelope(_:)` reads.
  static let envelopeColumns = "mailbox, position, sum, id, bytes"

  /// The name and the bytes of the row that `row` stands on. Throws when they are not what was stored. [operation.11]
  static func envelope(_ row: Prepared) throws -> (name: Name, bytes: [UInt8]) {
    let (name, bytes) = (Name(bytes: row.bytes(3)), row.bytes(4))
    guard sum(row.number(0), row.number(1), name, Checksum(bytes[...])) == row.number(2) else {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT)
    }
    return (name, bytes)
  }

  /// Reads every envelope. Throws when one is not what was stored. [operation.11]
  static func checkAll(_ db: Database) throws {
    let rows = try Prepared(db, "SELECT \(envelopeColumns) FROM queue")
    while try rows.step() { _ = try envelope(rows) }
  }

  /// Everything that the index needs to know, in the order in which it happened.
  static func load(_ db: Database) throws -> QueueIndex {
    var index = QueueIndex()
    var names: [Int64: Name] = [:]
    let mailboxes = try Prepared(
      db,
      """
      SELECT n, id, acknowledged, coalesce(lease, -1), EXISTS (SELECT 1 FROM push p WHERE p.mailbox = n) FROM mailbox
      """)
    while try mailboxes.step() {
      let id = try MailboxID(mailboxes.bytes(1))
      names[mailboxes.number(0)] = Name(id)
      index.add(id, MailboxQueue(number: mailboxes.number(0), acknowledged: UInt64(clamping: mailboxes.number(2))))
      if mailboxes.number(3) >= 0 { index.pay(id, until: mailboxes.number(3)) }
      if mailboxes.number(4) == 1 { index.wantsPush(id, true) }
    }
    let doors = try Prepared(db, "SELECT mailbox, hash, class, expires FROM capability")
    while try doors.step() {
      guard let mailbox = names[doors.number(0)], let kind = CapabilityClass(rawValue: UInt8(clamping: doors.number(2)))
      else { continue }
      // Absent is 0, which no expiry is.
      let expires = doors.number(3)
      index.found(
        .init(hash: try Digest(doors.bytes(1)), kind: kind, expires: expires == 0 ? nil : expires), in: mailbox)
    }
    let pages = try Prepared(db, "SELECT k, mailbox, day, ids FROM delivered ORDER BY k")
    while try pages.step() {
      guard let mailbox = names[pages.number(1)] else { continue }
      let found = Self.names(pages.bytes(3))
      index.found(
        DeliveredPage(key: pages.number(0), day: pages.number(2), count: found.count), names: found, in: mailbox)
    }
    let rows = try Prepared(
      db, "SELECT k, mailbox, position, class, day, length(bytes), id FROM queue ORDER BY k")
    while try rows.step() {
      guard let mailbox = names[rows.number(1)], let kind = CapabilityClass(rawValue: UInt8(clamping: rows.number(3)))
      else { continue }
      let row = MailboxQueue.Waiting(
        key: rows.number(0), index: UInt64(clamping: rows.number(2)), day: Int32(clamping: rows.number(4)),
        size: Int32(clamping: rows.number(5)), kind: kind)
      index.found(row, name: Name(bytes: rows.bytes(6)), in: mailbox)
    }
    return index
  }

  /// Deletes rows, which overwrites them, and writes their names down; the new pages. [relay.26]
  static func overwrite(
    _ rows: [QueueIndex.Discarded], numbers: [Name: Int64], _ db: Database
  ) throws -> [PageOfMailbox] {
    struct Origin: Hashable {
      let mailbox: Name
      let day: Int64
    }
    var names: [Origin: [UInt8]] = [:]
    let read = try Prepared(db, "SELECT day, id FROM queue WHERE k = ?")
    let delete = try Prepared(db, "DELETE FROM queue WHERE k = ?")
    for row in rows {
      read.bind(row.key)
      while try read.step() { names[Origin(mailbox: row.mailbox, day: read.number(0)), default: []] += read.bytes(1) }
      delete.bind(row.key)
      try delete.run()
    }
    return try names.compactMap { origin, ids in
      guard let number = numbers[origin.mailbox] else { return nil }
      try db.cachedStatement(sql: "INSERT INTO delivered (mailbox, day, ids) VALUES (?, ?, ?)")
        .execute(arguments: [number, origin.day, ids.blob])
      let count = ids.count / EnvelopeID.count
      return PageOfMailbox(
        mailbox: origin.mailbox, page: DeliveredPage(key: db.lastInsertedRowID, day: origin.day, count: count))
    }
  }

  /// Deletes a page of names; the names.
  static func forget(_ page: Int64, _ db: Database) throws -> [Name] {
    let ids = try Row.fetchOne(
      db.cachedStatement(sql: "DELETE FROM delivered WHERE k = ? RETURNING ids"), arguments: [page])
    return ids.map { names($0.bytes(0)) } ?? []
  }

  /// Everything of a mailbox that is to be deleted.
  static func delete(rows: [Int64], pages: [Int64], _ db: Database) throws {
    for (sql, keys) in [("DELETE FROM queue WHERE k = ?", rows), ("DELETE FROM delivered WHERE k = ?", pages)] {
      let delete = try Prepared(db, sql)
      for key in keys {
        delete.bind(key)
        try delete.run()
      }
    }
  }

  /// The pages that were written first.
  static func oldestPages(_ db: Database, _ count: Int) throws -> [PageOfMailbox] {
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT d.k, d.day, length(d.ids), m.id FROM delivered d JOIN mailbox m ON m.n = d.mailbox ORDER BY d.k LIMIT ?
        """, arguments: [count])
    return rows.map {
      let page = DeliveredPage(key: $0[0], day: $0[1], count: ($0[2] as Int) / EnvelopeID.count)
      return PageOfMailbox(mailbox: Name(bytes: $0.bytes(3)), page: page)
    }
  }

  /// Every envelope of the mailbox up to `index` is as good as gone, and no index up to it is given again. [stream.4]
  static func letGo(_ mailbox: Int64, upTo index: UInt64, _ db: Database) throws {
    let update = try Prepared(db, "UPDATE mailbox SET acknowledged = max(acknowledged, ?) WHERE n = ?")
    update.bind(Int64(index), mailbox)
    try update.run()
  }

  private static func names(_ ids: [UInt8]) -> [Name] {
    stride(from: 0, to: ids.count, by: EnvelopeID.count).map { Name(bytes: ids[$0..<$0 + EnvelopeID.count]) }
  }
}
