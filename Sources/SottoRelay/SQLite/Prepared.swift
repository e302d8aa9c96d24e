internal import GRDB
internal import GRDBSQLite

/// A statement driven through SQLite's C API, where every microsecond counts: values are bound as they are, and blobs are
/// neither copied in nor wrapped on their way out.
///
/// The connection keeps it prepared. Use it up before the same SQL is prepared again.
struct Prepared {
  private let statement: Statement

  init(_ db: Database, _ sql: String) throws {
    statement = try db.cachedStatement(sql: sql)
    reset()
  }

  private func reset() { unsafe sqlite3_reset(statement.sqliteStatement) }

  /// Binds numbers to the first parameters, and starts again.
  func bind(_ numbers: Int64...) {
    reset()
    for (offset, number) in numbers.enumerated() {
      unsafe sqlite3_bind_int64(statement.sqliteStatement, Int32(offset + 1), number)
    }
  }

  /// Binds an id and a blob after `count` numbers and runs to the end. Both are read in place, so they live until then.
  func run(after count: Int32, _ id: UInt128, _ blob: ArraySlice<UInt8>) throws {
    try unsafe withUnsafeBytes(of: id.bigEndian) { first in
      try unsafe blob.withUnsafeBytes { second in
        let raw = unsafe statement.sqliteStatement
        unsafe sqlite3_bind_blob(raw, count + 1, first.baseAddress, Int32(first.count), nil)
        unsafe sqlite3_bind_blob(raw, count + 2, second.baseAddress, Int32(second.count), nil)
        defer { unsafe sqlite3_clear_bindings(raw) }
        try run()
      }
    }
  }

  /// Runs to the end, for a statement that answers nothing.
  func run() throws {
    while try step() {}
  }

  /// Whether there is another row. At the end the statement is ready to be run again.
  func step() throws -> Bool {
    let status = unsafe sqlite3_step(statement.sqliteStatement)
    if status == SQLITE_ROW { return true }
    reset()
    guard status == SQLITE_DONE else { throw DatabaseError(resultCode: ResultCode(rawValue: status)) }
    return false
  }

  func number(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(statement.sqliteStatement, column) }

  func bytes(_ column: Int32) -> [UInt8] {
    let raw = unsafe statement.sqliteStatement
    guard let start = unsafe sqlite3_column_blob(raw, column) else { return [] }
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(raw, column))))
  }
}
