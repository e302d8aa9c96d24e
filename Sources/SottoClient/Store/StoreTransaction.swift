internal import Foundation
internal import GRDB
package import SottoCrypto

/// One open transaction, as the engine sees it.
package struct StoreTransaction: Records {
  let database: Database
  let store: Store

  package func get(_ table: Table, _ key: [UInt8]) throws -> Secret? {
    let name = store.name(table, key)
    let statement = try database.cachedStatement(sql: "SELECT grp, body FROM \(table.rawValue) WHERE name = ?")
    guard let row = try Row.fetchOne(statement, arguments: [Data(name)]) else { return nil }
    return try opened(row, table, name: name)
  }

  package func put(_ table: Table, _ key: [UInt8], group: [UInt8], _ value: borrowing Secret) throws {
    let name = store.name(table, key)
    let group = group.isEmpty ? [] : store.groupName(table, group)
    let sealed = store.seal(value, table, name: name, group: group)
    let statement = try database.cachedStatement(
      sql: "INSERT INTO \(table.rawValue)(name, grp, body) VALUES (?, ?, ?) "
        + "ON CONFLICT(name) DO UPDATE SET grp = excluded.grp, body = excluded.body")
    try statement.execute(arguments: [Data(name), Data(group), Data(sealed)])
  }

  package func delete(_ table: Table, _ key: [UInt8]) throws {
    let statement = try database.cachedStatement(sql: "DELETE FROM \(table.rawValue) WHERE name = ?")
    try statement.execute(arguments: [Data(store.name(table, key))])
  }

  package func each(
    _ table: Table, group: [UInt8]?, newestFirst: Bool, _ body: (consuming Secret) throws -> Bool
  ) throws {
    let filter = group == nil ? "" : "WHERE grp = ? "
    let statement = try database.cachedStatement(
      sql: "SELECT name, grp, body FROM \(table.rawValue) \(filter)ORDER BY seq\(newestFirst ? " DESC" : "")")
    let rows = try Row.fetchCursor(statement, arguments: arguments(table, group))
    while let row = try rows.next() {
      guard let name = row["name"] as Data? else { throw StoreFailure.damaged(store.home.path) }
      guard try body(try opened(row, table, name: [UInt8](name))) else { return }
    }
  }

  package func count(_ table: Table, group: [UInt8]?) throws -> Int {
    let filter = group == nil ? "" : " WHERE grp = ?"
    let statement = try database.cachedStatement(sql: "SELECT COUNT(*) FROM \(table.rawValue)\(filter)")
    return try Int.fetchOne(statement, arguments: arguments(table, group)) ?? 0
  }

  private func arguments(_ table: Table, _ group: [UInt8]?) -> StatementArguments {
    guard let group else { return [] }
    return [Data(group.isEmpty ? [] : store.groupName(table, group))]
  }

  private func opened(_ row: Row, _ table: Table, name: [UInt8]) throws -> Secret {
    guard let group = row["grp"] as Data?, let body = row["body"] as Data? else {
      throw StoreFailure.damaged(store.home.path)
    }
    return try store.open([UInt8](body), table, name: name, group: [UInt8](group))
  }
}
