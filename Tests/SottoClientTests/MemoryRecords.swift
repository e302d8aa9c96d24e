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
    /// Rows are handed out in the order in which they were first put.
    let place: Int
    let group: [UInt8]
    let value: [UInt8]
  }

  /// The rows of one table. A simulation reads a few rows of many, again and again, so each group knows its own.
  private struct Rows {
    private(set) var byKey: [[UInt8]: Row] = [:]
    private var byPlace: [Int: [UInt8]] = [:]
    private var places: [Int] = []
    private var placesOfGroup: [[UInt8]: [Int]] = [:]

    /// Ascending.
    func places(of group: [UInt8]?) -> [Int] { group.map { placesOfGroup[$0] ?? [] } ?? places }

    func value(at place: Int) -> [UInt8] { byKey[byPlace[place]!]!.value }

    mutating func set(_ key: [UInt8], _ row: Row?) {
      if let old = byKey[key], old.place != row?.place || old.group != row?.group {
        byPlace[old.place] = nil
        Self.remove(old.place, &places)
        Self.remove(old.place, &placesOfGroup[old.group]!)
      }
      if let row, byPlace[row.place] == nil {
        byPlace[row.place] = key
        Self.insert(row.place, &places)
        Self.insert(row.place, &placesOfGroup[row.group, default: []])
      }
      byKey[key] = row
    }

    private static func insert(_ place: Int, _ places: inout [Int]) {
      places.insert(place, at: index(place, places))
    }

    private static func remove(_ place: Int, _ places: inout [Int]) {
      places.remove(at: index(place, places))
    }

    /// The first that is not below it.
    private static func index(_ place: Int, _ places: [Int]) -> Int {
      var (low, high) = (0, places.count)
      while low < high {
        let middle = (low + high) / 2
        if places[middle] < place { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  private var tables: [Table: Rows] = [:]
  private var lastPlace = 0
  /// What the step that runs has changed, as it was before.
  private var undo: [(table: Table, key: [UInt8], row: Row?)] = []
  let fuse = Fuse()

  init() {}

  init(copying other: MemoryRecords) { (tables, lastPlace) = (other.tables, other.lastPlace) }

  /// Runs a step; whatever it throws undoes it. The commit itself is a place to die, before and after.
  func transaction<R>(_ step: () throws -> R) throws -> R {
    undo = []
    do {
      try fuse.pass()
      let result = try step()
      try fuse.pass()
      return result
    } catch {
      for change in undo.reversed() { tables[change.table, default: Rows()].set(change.key, change.row) }
      throw error
    }
  }

  private func set(_ table: Table, _ key: [UInt8], _ row: Row?) {
    undo.append((table, key, tables[table]?.byKey[key]))
    tables[table, default: Rows()].set(key, row)
  }

  func get(_ table: Table, _ key: [UInt8]) throws -> Secret? {
    try fuse.pass()
    return tables[table]?.byKey[key].map { $0.value }.map { Secret(copying: $0) }
  }

  func put(_ table: Table, _ key: [UInt8], group: [UInt8], _ value: borrowing Secret) throws {
    try fuse.pass()
    lastPlace += 1
    set(table, key, Row(place: tables[table]?.byKey[key]?.place ?? lastPlace, group: group, value: value.revealed()))
  }

  func delete(_ table: Table, _ key: [UInt8]) throws {
    try fuse.pass()
    set(table, key, nil)
  }

  func each(
    _ table: Table, group: [UInt8]?, newestFirst: Bool, _ body: (consuming Secret) throws -> Bool
  ) throws {
    try fuse.pass()
    // What the body changes, it does not see: these rows are as they are now.
    guard let rows = tables[table] else { return }
    let places = rows.places(of: group)
    for index in places.indices {
      let place = places[newestFirst ? places.count - 1 - index : index]
      if try !body(Secret(copying: rows.value(at: place))) { return }
    }
  }

  func count(_ table: Table, group: [UInt8]?) throws -> Int {
    try fuse.pass()
    return tables[table]?.places(of: group).count ?? 0
  }

  /// Whether any row has these bytes in it.
  func holds(_ bytes: [UInt8]) -> Bool {
    tables.values.contains { $0.byKey.values.contains { $0.value.contains(bytes) } }
  }

  /// Every row, to see that nothing changed.
  var contents: [Table: [[UInt8]: [UInt8]]] {
    tables.mapValues { $0.byKey.mapValues(\.value) }.filter { !$0.value.isEmpty }
  }
}
