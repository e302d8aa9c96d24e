internal import Foundation
internal import GRDB
internal import SottoCrypto
internal import SottoWire

/// The file of a stopped relay, as a conversion reads it: row by row, a page of them in memory, and the same each time.
/// Whoever has one holds the folder's lock. [operation.15]
///
/// Beside the version, which says that the file was moved away, a table of its own has the id of the conversion. Whatever
/// else opens the file to write drops it: then what was copied before is not a part of what is here.
final class ConversionSource {
  /// In this order: a mailbox comes before what it holds.
  enum Step: Int, CaseIterable, Sendable {
    case mailboxes
    case cards
    case envelopes
    case names
    case attachments
    case files
    case tokenKeys
    case spent
    case issued
    case pushes
  }

  /// Some rows, how far the step is with them, and how much of it that is, from 0 to 1.
  struct Page {
    let rows: [StoreRow]
    let step: Step
    let place: [UInt8]
    let share: Double
  }

  private let database: DatabaseQueue
  let restoreEpoch: UInt64
  private(set) var id: ConversionID?
  private(set) var isConverted: Bool

  /// Throws `newerSchema` or `olderSchema`, or `failed` when the file is not a store.
  init(path: String) throws(StoreFailure) {
    do {
      database = try DatabaseQueue(path: path)
      (restoreEpoch, id, isConverted) = try database.read { db in
        guard try db.tableExists("store"),
          let row = try Row.fetchOne(db, sql: "SELECT version, restore_epoch FROM store")
        else { throw StoreFailure.failed(Int(ResultCode.SQLITE_NOTADB.rawValue)) }
        let version: Int = row[0]
        guard version == Schema.version || version == Schema.converted else {
          throw version > Schema.version ? StoreFailure.newerSchema : StoreFailure.olderSchema
        }
        let id =
          try db.tableExists("conversion")
          ? try Row.fetchOne(db, sql: "SELECT source FROM conversion").map { try Self.name($0.bytes(0)) } : nil
        return (row.number(1), id.map { ConversionID(number: $0) }, version == Schema.converted)
      }
    } catch {
      throw StoreFailure(error)
    }
  }

  func close() { try? database.close() }

  // MARK: The marks

  /// Ties a database to this file. Durable.
  func begin(_ id: ConversionID) throws(StoreFailure) {
    try write { db in
      try db.execute(sql: "CREATE TABLE IF NOT EXISTS conversion (source BLOB NOT NULL)")
      try db.execute(sql: "DELETE FROM conversion")
      try db.execute(sql: "INSERT INTO conversion VALUES (?)", arguments: [id.number.bytes.blob])
    }
    self.id = id
  }

  /// From now on no relay serves it. Durable.
  func finish() throws(StoreFailure) {
    try write { try $0.execute(sql: "UPDATE store SET version = ?", arguments: [Schema.converted]) }
    isConverted = true
  }

  private func write(_ body: (Database) throws -> Void) throws(StoreFailure) {
    do {
      try database.writeWithoutTransaction { db in
        try db.execute(sql: "PRAGMA synchronous = FULL")
        guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else { throw StoreFailure.notDurable }
        try db.inTransaction(.immediate) {
          try body(db)
          return .commit
        }
      }
    } catch {
      throw StoreFailure(error)
    }
  }

  // MARK: Rows

  /// Hands out every row from after `place` of `step` on. Throws what `body` throws, or a `StoreFailure`.
  func walk(from step: Step = .mailboxes, after place: [UInt8] = [], _ body: @escaping (Page) throws -> Void) throws {
    try database.read { db in
      for next in Step.allCases where next.rawValue >= step.rawValue {
        let start = next == step ? place : []
        var pages = Pages(next, try Self.bounds(of: next, db), body)
        switch next {
        case .mailboxes: try Self.mailboxes(db, start, &pages)
        case .cards: try Self.cards(db, start, &pages)
        case .envelopes: try Self.envelopes(db, start, &pages)
        case .names: try Self.names(db, start, &pages)
        case .attachments: try Self.attachments(db, start, &pages)
        case .files: try Self.files(db, start, &pages)
        case .tokenKeys, .spent, .issued: try Self.registrations(next, db, start, &pages)
        case .pushes: try Self.pushes(db, start, &pages)
        }
        try pages.flush()
      }
    }
  }

  /// The first and the last key of a step whose keys are numbers.
  private static func bounds(of step: Step, _ db: Database) throws -> ClosedRange<Int64>? {
    let key: (String, String)? =
      switch step {
      case .mailboxes: ("n", "mailbox")
      case .envelopes: ("k", "queue")
      case .names: ("k", "delivered")
      case .attachments: ("n", "blob")
      case .cards, .files, .tokenKeys, .spent, .issued, .pushes: nil
      }
    guard let (column, table) = key,
      let row = try Row.fetchOne(db, sql: "SELECT MIN(\(column)), MAX(\(column)) FROM \(table)"),
      let first = row[0] as Int64?, let last = row[1] as Int64?
    else { return nil }
    return first...last
  }

  /// A mailbox and what is small and belongs to it. What waits is counted here as a relay counts it when it starts. With a
  /// limit of its own the inmost query is answered by itself, and sizes alone are sorted, not bytes.
  private static func mailboxes(_ db: Database, _ place: [UInt8], _ pages: inout Pages) throws {
    // A relay that never ran with this column has none.
    let hasLease = try db.columns(in: "mailbox").contains { $0.name == "lease" }
    let lease = hasLease ? "coalesce(m.lease, -1)" : "-1"
    let heads = try Prepared(
      db,
      """
      SELECT m.n, m.id, m.sequence, m.digest, m.acknowledged, coalesce(m.signed_part, -1),
        coalesce(m.greatest_batch, -1), m.last_resort_claims, coalesce(u.last, m.acknowledged),
        coalesce(u.contact_count, 0), coalesce(u.contact_bytes, 0), coalesce(u.knock_count, 0),
        coalesce(u.knock_bytes, 0), \(lease)
      FROM mailbox m LEFT JOIN (
        SELECT q.mailbox, max(q.position) AS last,
          sum(q.class <> \(knock)) AS contact_count, sum((q.class <> \(knock)) * q.size) AS contact_bytes,
          sum(q.class = \(knock)) AS knock_count, sum((q.class = \(knock)) * q.size) AS knock_bytes
        FROM (
          SELECT e.mailbox, e.position, e.class, length(e.bytes) AS size FROM queue e CROSS JOIN mailbox w ON w.n = e.mailbox
          WHERE e.position > w.acknowledged LIMIT -1) q
        GROUP BY q.mailbox) u
        ON u.mailbox = m.n
      WHERE m.n > ? ORDER BY m.n
      """)
    let holdings = try Holdings(db)
    heads.bind(number(place))
    while try heads.step() {
      let mailbox = StoreRow.Field.id(try name(heads.bytes(1)))
      var rows = [
        StoreRow(
          .mailbox,
          [
            mailbox, .number(heads.number(2)), .bytes(heads.bytes(3)), .number(heads.number(8)),
            .number(heads.number(4)), .number(heads.number(9)), .number(heads.number(10)), .number(heads.number(11)),
            .number(heads.number(12)), optional(heads.number(5)), optional(heads.number(6)), .number(heads.number(7)),
            optional(heads.number(13)),
          ])
      ]
      rows += try holdings.rows(of: heads.number(0), mailbox)
      try pages.add(rows, at: heads.number(0))
    }
  }

  private static let knock = CapabilityClass.knock.rawValue

  private static func cards(_ db: Database, _ place: [UInt8], _ pages: inout Pages) throws {
    let rows = try Row.fetchCursor(
      db, sql: "SELECT id, key, sequence, digest, list_sequence, sealed FROM card WHERE id > ? ORDER BY id",
      arguments: [place.blob])
    while let row = try rows.next() {
      let id = row.bytes(0)
      let fields: [StoreRow.Field] = [
        .id(try name(id)), .bytes(row.bytes(1)), .number(row[2]), .bytes(row.bytes(3)), .number(row[4]),
        .bytes(row.bytes(5)),
      ]
      try pages.add([StoreRow(.card, fields)], at: id)
    }
  }

  /// What waits, and the names of that and of what is gone and not overwritten yet.
  private static func envelopes(_ db: Database, _ place: [UInt8], _ pages: inout Pages) throws {
    // The first five as `QueueTable.envelope` reads them.
    let rows = try Prepared(
      db,
      """
      SELECT q.mailbox, q.position, q.sum, q.id, q.bytes, q.k, q.class, q.day, m.id, q.position > m.acknowledged
      FROM queue q CROSS JOIN mailbox m ON m.n = q.mailbox WHERE q.k > ? ORDER BY q.k
      """)
    rows.bind(number(place))
    while try rows.step() {
      let (mailbox, id) = (StoreRow.Field.id(try name(rows.bytes(8))), StoreRow.Field.id(try name(rows.bytes(3))))
      let (position, day) = (StoreRow.Field.number(rows.number(1)), StoreRow.Field.number(rows.number(7)))
      var found = [StoreRow(.name, [mailbox, id, position, day])]
      if rows.number(9) == 1 {
        let bytes = try QueueTable.envelope(rows).bytes
        found.append(StoreRow(.envelope, [mailbox, position, id, .number(rows.number(6)), day, .bytes(bytes)]))
      }
      try pages.add(found, at: rows.number(5))
    }
  }

  /// Names of what is gone. Where each was is not known: the last place that it can have had makes it be remembered for as
  /// long as is promised, and longer. [relay.26]
  private static func names(_ db: Database, _ place: [UInt8], _ pages: inout Pages) throws {
    let rows = try Prepared(
      db,
      """
      SELECT d.k, d.day, d.ids, m.id, m.acknowledged
      FROM delivered d CROSS JOIN mailbox m ON m.n = d.mailbox WHERE d.k > ? ORDER BY d.k
      """)
    rows.bind(number(place))
    while try rows.step() {
      let mailbox = StoreRow.Field.id(try name(rows.bytes(3)))
      let (position, day) = (StoreRow.Field.number(rows.number(4)), StoreRow.Field.number(rows.number(1)))
      let ids = rows.bytes(2)
      let found = try stride(from: 0, to: ids.count, by: EnvelopeID.count).map { start in
        let id = try name(Array(ids[start..<min(start + EnvelopeID.count, ids.count)]))
        return StoreRow(.name, [mailbox, .id(id), position, day])
      }
      try pages.add(found, at: rows.number(0))
    }
  }

  /// Their files stay where they are.
  private static func attachments(_ db: Database, _ place: [UInt8], _ pages: inout Pages) throws {
    let rows = try Prepared(
      db,
      """
      SELECT b.n, b.id, m.id, b.length, b.day, b.part, b.saved, b.hash
      FROM blob b CROSS JOIN mailbox m ON m.n = b.mailbox WHERE b.n > ? ORDER BY b.n
      """)
    rows.bind(number(place))
    while try rows.step() {
      let (id, mailbox) = (StoreRow.Field.id(try name(rows.bytes(1))), StoreRow.Field.id(try name(rows.bytes(2))))
      let (part, hash) = (rows.bytes(5), rows.bytes(7))
      let fields: [StoreRow.Field] = [
        mailbox, id, .number(rows.number(3)), .number(rows.number(4)), part.isEmpty ? .none : .id(try name(part)),
        .number(rows.number(6)), hash.isEmpty ? .none : .bytes(hash),
      ]
      try pages.add([StoreRow(.blob, fields), StoreRow(.blobPlace, [id, mailbox])], at: rows.number(0))
    }
  }

  private static func files(_ db: Database, _ place: [UInt8], _ pages: inout Pages) throws {
    let rows = try Row.fetchCursor(
      db, sql: "SELECT name FROM abandoned WHERE name > ? ORDER BY name", arguments: [place.blob])
    while let row = try rows.next() {
      try pages.add([StoreRow(.abandoned, [.bytes(row.bytes(0))])], at: row.bytes(0))
    }
  }

  /// A relay that never ran with these tables has none.
  private static func registrations(_ step: Step, _ db: Database, _ place: [UInt8], _ pages: inout Pages) throws {
    let (kind, table): (StoreRow.Kind, String) =
      switch step {
      case .tokenKeys: (.tokenKey, "token_key")
      case .spent: (.spent, "spent")
      default: (.issued, "issued")
      }
    guard try db.tableExists(table) else { return }
    let columns = kind.columns
    let key: DatabaseValue = columns[0].kind == .number ? number(place).databaseValue : place.blob.databaseValue
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT \(columns.map(\.name).joined(separator: ", ")) FROM \(table)
        WHERE \(columns[0].name) > ? ORDER BY \(columns[0].name)
        """, arguments: [key])
    while let row = try rows.next() {
      let fields = columns.enumerated().map { place, column in
        column.kind == .number ? StoreRow.Field.number(row[place]) : .bytes(row.bytes(place))
      }
      if case .number(let number) = fields[0] {
        try pages.add([StoreRow(kind, fields)], at: number)
      } else {
        try pages.add([StoreRow(kind, fields)], at: row.bytes(0))
      }
    }
  }

  /// Who was asked is asked once more: the day is not taken along.
  private static func pushes(_ db: Database, _ place: [UInt8], _ pages: inout Pages) throws {
    guard try db.tableExists("push") else { return }
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT p.mailbox, m.id, p.handle, p.sealed, p.due > 0 FROM push p JOIN mailbox m ON m.n = p.mailbox
        WHERE p.mailbox > ? ORDER BY p.mailbox
        """, arguments: [number(place)])
    while let row = try rows.next() {
      let fields: [StoreRow.Field] = [
        .id(try name(row.bytes(1))), .id(try name(row.bytes(2))), .bytes(row.bytes(3)), .number(row[4]),
      ]
      try pages.add([StoreRow(.push, fields)], at: row[0])
    }
  }

  // MARK: Values

  fileprivate static func optional(_ number: Int64) -> StoreRow.Field { number < 0 ? .none : .number(number) }

  private static func number(_ place: [UInt8]) -> Int64 { place.reduce(0) { $0 << 8 | Int64($1) } }

  private static func name(_ bytes: [UInt8]) throws -> UInt128 {
    guard bytes.count == ConversionID.count else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
    return UInt128(bytes: bytes)
  }
}

/// What a mailbox has of its own besides its queue: few rows, found by its number.
private struct Holdings {
  private let capabilities: Prepared
  private let signedParts: Prepared
  private let batches: Prepared
  private let parts: Prepared

  init(_ db: Database) throws {
    capabilities = try Prepared(
      db, "SELECT hash, class, coalesce(expires, -1) FROM capability WHERE mailbox = ? ORDER BY hash")
    signedParts = try Prepared(db, "SELECT sealed FROM signed_part WHERE mailbox = ?")
    batches = try Prepared(db, "SELECT batch, digest FROM batch WHERE mailbox = ?")
    parts = try Prepared(db, "SELECT batch, leaf, sealed FROM one_time WHERE mailbox = ? ORDER BY n")
  }

  func rows(of number: Int64, _ mailbox: StoreRow.Field) throws -> [StoreRow] {
    var found: [StoreRow] = []
    capabilities.bind(number)
    while try capabilities.step() {
      found.append(
        StoreRow(
          .capability,
          [
            mailbox, .bytes(capabilities.bytes(0)), .number(capabilities.number(1)),
            ConversionSource.optional(capabilities.number(2)),
          ]))
    }
    signedParts.bind(number)
    while try signedParts.step() { found.append(StoreRow(.signedPart, [mailbox, .bytes(signedParts.bytes(0))])) }
    return try found + oneTime(of: number, mailbox)
  }

  /// Batches that are remembered, and those of which there are parts. The digest of one that is forgotten is none that an
  /// upload can have, so a repetition is the conflict that it was. [relay.17]
  private func oneTime(of number: Int64, _ mailbox: StoreRow.Field) throws -> [StoreRow] {
    var digests: [Int64: [UInt8]] = [:]
    batches.bind(number)
    while try batches.step() { digests[batches.number(0)] = batches.bytes(1) }
    var left: [Int64: OneTimeParts] = [:]
    parts.bind(number)
    while try parts.step() {
      left[parts.number(0), default: OneTimeParts([])].parts.append(
        .init(leaf: UInt32(clamping: parts.number(1)), sealed: parts.bytes(2)))
    }
    return Set(digests.keys).union(left.keys).sorted().map { batch in
      StoreRow(
        .batch,
        [
          mailbox, .number(batch), .bytes(digests[batch] ?? Digest.zero.bytes),
          .bytes(left[batch]?.encoded ?? []),
        ])
    }
  }
}

/// Rows of one step that come together until they make a page.
private struct Pages {
  private let step: ConversionSource.Step
  private let bounds: ClosedRange<Int64>?
  private let body: (ConversionSource.Page) throws -> Void
  private var rows: [StoreRow] = []
  private var bytes = 0
  private var place: [UInt8] = []
  private var share = 1.0

  init(
    _ step: ConversionSource.Step, _ bounds: ClosedRange<Int64>?,
    _ body: @escaping (ConversionSource.Page) throws -> Void
  ) {
    (self.step, self.bounds, self.body) = (step, bounds, body)
  }

  mutating func add(_ new: [StoreRow], at key: Int64) throws {
    if let bounds {
      share = Double(key - bounds.lowerBound + 1) / Double(bounds.upperBound - bounds.lowerBound + 1)
    }
    try add(new, at: (0..<8).map { UInt8(truncatingIfNeeded: key >> (56 - 8 * $0)) })
  }

  mutating func add(_ new: [StoreRow], at place: [UInt8]) throws {
    rows += new
    bytes += new.reduce(0) { $0 + $1.size }
    self.place = place
    if rows.count >= RelayLimits.conversionRows || bytes >= RelayLimits.conversionBytes { try flush() }
  }

  mutating func flush() throws {
    guard !rows.isEmpty else { return }
    try body(ConversionSource.Page(rows: rows, step: step, place: place, share: share))
    (rows, bytes) = ([], 0)
  }
}

extension StoreRow {
  /// What it takes in memory, nearly.
  fileprivate var size: Int {
    fields.reduce(0) { sum, field in
      if case .bytes(let bytes) = field { sum + bytes.count } else { sum + 16 }
    }
  }
}
