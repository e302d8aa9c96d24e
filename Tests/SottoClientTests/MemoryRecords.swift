import SottoClient
import SottoCrypto

/// What a test makes happen at a chosen call: the process is gone.
struct Crash: Error {}

/// Counts the places where a process can die, and dies at one of them.
final class Fuse {
  /// Calls that are survived before the crash; nil: there is none.
  var left: Int?
  private(set) var passed = 0

  func pass() throws {
    passed += 1
    guard let left else { return }
    self.left = left - 1
    if left <= 0 { throw Crash() }
  }
}

/// A store without files: rows in memory, transactions that are undone when they throw.
final class MemoryRecords: Records {
  private struct Row {
    let order: Int
    let group: [UInt8]
    let value: [UInt8]
  }

  private var tables: [Table: [[UInt8]: Row]] = [:]
  private var order = 0
  let fuse = Fuse()

  init() {}

  init(copying other: MemoryRecords) { (tables, order) = (other.tables, other.order) }

  /// Runs a step; whatever it throws undoes it. The commit itself is a place to die, before and after.
  func transaction<R>(_ step: () throws -> R) throws -> R {
    let before = (tables, order)
    do {
      try fuse.pass()
      let result = try step()
      try fuse.pass()
      return result
    } catch {
      (tables, order) = before
      throw error
    }
  }

  func get(_ table: Table, _ key: [UInt8]) throws -> Secret? {
    try fuse.pass()
    return tables[table]?[key].map { $0.value }.map { Secret(copying: $0) }
  }

  func put(_ table: Table, _ key: [UInt8], group: [UInt8], _ value: borrowing Secret) throws {
    try fuse.pass()
    order += 1
    tables[table, default: [:]][key] = Row(
      order: tables[table]?[key]?.order ?? order, group: group, value: value.revealed())
  }

  func delete(_ table: Table, _ key: [UInt8]) throws {
    try fuse.pass()
    tables[table]?[key] = nil
  }

  func each(
    _ table: Table, group: [UInt8]?, newestFirst: Bool, _ body: (consuming Secret) throws -> Bool
  ) throws {
    try fuse.pass()
    let rows = (tables[table] ?? [:]).values.filter { group == nil || $0.group == group }
      .sorted { newestFirst ? $0.order > $1.order : $0.order < $1.order }
    for row in rows where try !body(Secret(copying: row.value)) { return }
  }

  func count(_ table: Table, group: [UInt8]?) throws -> Int {
    try fuse.pass()
    return (tables[table] ?? [:]).values.count { group == nil || $0.group == group }
  }

  /// Whether any row has these bytes in it.
  func holds(_ bytes: [UInt8]) -> Bool {
    tables.values.contains { $0.values.contains { $0.value.contains(bytes) } }
  }

  /// Every row, to see that nothing changed.
  var contents: [Table: [[UInt8]: [UInt8]]] { tables.mapValues { $0.mapValues(\.value) }.filter { !$0.value.isEmpty } }
}
