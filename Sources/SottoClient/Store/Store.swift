internal import Foundation
internal import GRDB
package import SottoCrypto

/// The encrypted store: one SQLite file in which every row is sealed and every name is hidden.
///
/// A transaction that has returned is on disk (`synchronous=FULL`, read back); one that threw has left no trace.
package final class Store: Sendable {
  /// Written to `user_version`. A store with a higher one is refused.
  package static let format = 4
  /// Written to `application_id`: "Stto".
  private static let applicationID = 0x5374_746f

  package let home: Home
  private let queue: DatabaseQueue
  private let keys: StoreKeys

  /// Opens the store of an identity that exists.
  package convenience init(home: Home, passphrase: borrowing Secret) throws {
    guard System.isReadable(home.storePath) else {
      throw StoreFailure.unreadable(home.storePath, reason: System.text(errno))
    }
    do {
      let queue = try Self.open(home)
      let sealed = try queue.read { db in try Self.readKey(db, home) }
      guard let storeKey = Secret(opening: sealed, with: passphrase) else {
        let isIdentity = try queue.read { db in try Self.holdsIdentity(db) }
        throw isIdentity ? StoreFailure.wrongPassphrase : StoreFailure.tokensOfAnotherPassphrase(home.path)
      }
      try Self.prepare(queue)
      // Only after the passphrase has opened it: who cannot read a store does not change it either.
      try queue.write { db in try Self.migrate(db) }
      self.init(home: home, queue: queue, keys: StoreKeys(storeKey: storeKey))
    } catch {
      throw StoreFailure.translating(error, home: home.path)
    }
  }

  /// Makes an empty store; on failure nothing is left of it.
  package convenience init(creatingIn home: Home, passphrase: borrowing Secret, cost: PassphraseCost) throws {
    guard !home.holdsStore else {
      throw ClientError(
        .cannotCreate, "There is an identity in \(home.path) already.", meaning: "It was left as it is.",
        next: "See it with `sotto identity show`, or choose another folder with --home DIR.")
    }
    var entropy = SystemEntropy()
    let storeKey = Secret(count: 32, from: &entropy)
    let sealed = try SealedStoreKey(sealing: storeKey, passphrase: passphrase, cost: cost, from: &entropy)
    try home.makeStoreFile()
    do {
      let queue = try Self.open(home)
      try Self.prepare(queue)
      try queue.write { db in try Self.createTables(db, sealed) }
      self.init(home: home, queue: queue, keys: StoreKeys(storeKey: storeKey))
    } catch {
      home.wipe()
      throw StoreFailure.translating(error, home: home.path)
    }
  }

  /// Whether there is no identity in the store, but at most what an attempt to make one has left: the relay's tokens. It can be
  /// said without the passphrase. [token.11]
  static func holdsTokensAlone(in home: Home) throws -> Bool {
    do {
      let queue = try Self.open(home)
      let isIdentity = try queue.read { db -> Bool in
        _ = try Self.readKey(db, home)
        return try Self.holdsIdentity(db)
      }
      try queue.close()
      return !isIdentity
    } catch {
      throw StoreFailure.translating(error, home: home.path)
    }
  }

  /// A store that ends with the process, for an account that is made for a minute: nothing of it reaches a disk.
  package convenience init(inMemory: Void) throws {
    var entropy = SystemEntropy()
    let home = Home(inMemory: ())
    do {
      let queue = try DatabaseQueue()
      try queue.write { db in try Self.migrate(db) }
      self.init(home: home, queue: queue, keys: StoreKeys(storeKey: Secret(count: 32, from: &entropy)))
    } catch {
      throw StoreFailure.translating(error, home: home.path)
    }
  }

  private init(home: Home, queue: DatabaseQueue, keys: consuming StoreKeys) {
    self.home = home
    self.queue = queue
    self.keys = keys
  }

  /// Runs one step of the engine. When this returns, what `step` wrote is durable; when it throws, nothing was written.
  package func transaction<R>(_ step: (StoreTransaction) throws -> R) throws -> R {
    do {
      return try queue.write { db in
        try step(StoreTransaction(database: db, store: self))
      }
    } catch {
      throw StoreFailure.translating(error, home: home.path)
    }
  }

  /// Closes the file, folding the write-ahead log into it, and lets other processes in.
  ///
  /// - Parameter wiping: whether to remove everything before that.
  package func close(wiping: Bool = false) throws {
    defer { home.unlock() }
    do { try queue.close() } catch { throw StoreFailure.translating(error, home: home.path) }
    if wiping { home.wipe() }
  }

  /// Seals the store under another passphrase. The rows stay: only the key to them is sealed anew.
  func change(passphrase: borrowing Secret, to new: borrowing Secret, cost: PassphraseCost) throws {
    do {
      let home = home
      let sealed = try queue.read { db in try Self.readKey(db, home) }
      guard let storeKey = Secret(opening: sealed, with: passphrase) else { throw StoreFailure.wrongPassphrase }
      var entropy = SystemEntropy()
      let resealed = try SealedStoreKey(sealing: storeKey, passphrase: new, cost: cost, from: &entropy)
      try queue.write { db in
        try db.execute(
          sql: "UPDATE store_key SET salt = ?, operations = ?, memory = ?, sealed = ?",
          arguments: [
            Data(resealed.salt), Int64(resealed.cost.operations), Int64(resealed.cost.memory), Data(resealed.sealed),
          ])
      }
      // What the log still holds of the old row would let the old passphrase open a copy.
      try queue.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    } catch {
      throw StoreFailure.translating(error, home: home.path)
    }
  }

  /// Whether the file is what SQLite wrote, and how many bytes it has.
  func inspect() throws -> (isSound: Bool, bytes: Int) {
    do {
      return try queue.read { db in
        let verdict = try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
        let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        let size = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0
        return (verdict == "ok", pages * size)
      }
    } catch {
      throw StoreFailure.translating(error, home: home.path)
    }
  }

  func name(_ table: Table, _ key: [UInt8]) -> [UInt8] { keys.name(table, key) }
  func groupName(_ table: Table, _ group: [UInt8]) -> [UInt8] { keys.groupName(table, group) }

  func seal(_ value: borrowing Secret, _ table: Table, name: [UInt8], group: [UInt8]) -> [UInt8] {
    keys.seal(value, table, name: name, group: group)
  }

  func open(_ sealed: [UInt8], _ table: Table, name: [UInt8], group: [UInt8]) throws -> Secret {
    do { return try keys.open(sealed, table, name: name, group: group) } catch { throw StoreFailure.damaged(home.path) }
  }
}

extension Store {
  private static func open(_ home: Home) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.label = "Sotto store"
    configuration.prepareDatabase { db in
      // The lock file keeps other Sottos out; this keeps everything else out, and needs no shared memory file.
      try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
      try db.execute(sql: "PRAGMA secure_delete = ON")
      // Freed pages of a temporary table would otherwise reach the disk in clear.
      try db.execute(sql: "PRAGMA temp_store = MEMORY")
    }
    return try DatabaseQueue(path: home.storePath, configuration: configuration)
  }

  private static func readKey(_ db: Database, _ home: Home) throws -> SealedStoreKey {
    let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    let application = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    guard application == applicationID, version > 0 else { throw StoreFailure.damaged(home.path) }
    guard version <= format else { throw StoreFailure.newer(home.path, found: version, known: format) }
    guard
      let row = try Row.fetchOne(db, sql: "SELECT salt, operations, memory, sealed FROM store_key"),
      let salt = row["salt"] as Data?, salt.count == 16, let sealed = row["sealed"] as Data?,
      let operations = UInt32(exactly: row["operations"] as Int64? ?? -1),
      let memory = UInt32(exactly: row["memory"] as Int64? ?? -1)
    else { throw StoreFailure.damaged(home.path) }
    return SealedStoreKey(
      salt: [UInt8](salt), cost: PassphraseCost(operations: operations, memory: memory), sealed: [UInt8](sealed))
  }

  /// Rows are sealed, but not how many a table has. Tokens stand in `own`; an identity has its prekeys elsewhere, from the
  /// transaction that makes it.
  private static func holdsIdentity(_ db: Database) throws -> Bool {
    for table in Table.allCases where table != .own {
      guard try db.tableExists(table.rawValue) else { continue }
      if try Int.fetchOne(db, sql: "SELECT 1 FROM \(table.rawValue) LIMIT 1") != nil { return true }
    }
    return false
  }

  /// Durability, read back: GRDB and SQLite both have defaults that are weaker.
  private static func prepare(_ queue: DatabaseQueue) throws {
    try queue.writeWithoutTransaction { db in
      let journal = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
      try db.execute(sql: "PRAGMA synchronous = FULL")
      let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous")
      let secureDelete = try Int.fetchOne(db, sql: "PRAGMA secure_delete")
      guard journal == "wal", synchronous == 2, secureDelete == 1 else {
        throw ClientError(
          .internal, "SQLite does not give the durability that Sotto needs.",
          meaning: "A message could be lost when the machine loses power, so Sotto does not start.",
          next: "Report this with the version of SQLite on this machine.")
      }
    }
  }

  private static func createTables(_ db: Database, _ key: SealedStoreKey) throws {
    try db.execute(
      sql: "CREATE TABLE store_key(salt BLOB NOT NULL, operations INTEGER NOT NULL, memory INTEGER NOT NULL, "
        + "sealed BLOB NOT NULL)")
    try db.execute(
      sql: "INSERT INTO store_key VALUES (?, ?, ?, ?)",
      arguments: [Data(key.salt), Int64(key.cost.operations), Int64(key.cost.memory), Data(key.sealed)])
    try db.execute(sql: "PRAGMA application_id = \(applicationID)")
    try migrate(db)
  }

  /// Makes the tables that a store of an older format does not have; rows of an older format are read as they are.
  private static func migrate(_ db: Database) throws {
    guard try Int.fetchOne(db, sql: "PRAGMA user_version") != format else { return }
    for table in Table.allCases where try !db.tableExists(table.rawValue) {
      try db.execute(
        sql: "CREATE TABLE \(table.rawValue)(seq INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, "
          + "grp BLOB NOT NULL, body BLOB NOT NULL)")
      try db.execute(sql: "CREATE INDEX \(table.rawValue)_by_group ON \(table.rawValue)(grp, seq)")
    }
    try db.execute(sql: "PRAGMA user_version = \(format)")
  }
}

extension Secret {
  /// The store key, or nil when the passphrase is not the one.
  fileprivate init?(opening sealed: SealedStoreKey, with passphrase: borrowing Secret) {
    guard let key = try? sealed.opened(passphrase: passphrase), key.count == 32 else { return nil }
    self = key
  }
}
