internal import Foundation
internal import Synchronization

/// The folder that holds everything of one identity, and the lock that keeps a second process out of it.
///
/// Nothing else stands in it but `store.sqlite` with its write-ahead log, `lock`, and while files are on their way `spool`.
package final class Home: Sendable {
  package let path: String
  /// The locked file; nil once the lock was given back.
  private let lock: Mutex<Int32?>

  package var storePath: String { path + "/store.sqlite" }
  /// Sealed bytes of files on their way.
  var spool: Spool { Spool(path + "/spool") }
  var holdsStore: Bool { System.exists(storePath) }

  /// Locks the folder of an identity that exists.
  package init(existing path: String) throws {
    try Self.check(existing: path)
    self.path = path
    lock = Mutex(try Self.locked(path))
  }

  static func check(existing path: String) throws {
    guard System.exists(path + "/store.sqlite") else {
      throw ClientError(
        .noIdentity, "There is no identity in \(path).",
        meaning: "None has been created there yet, or --home names the wrong folder.",
        next: "Run: sotto identity create --relay URL")
    }
  }

  /// Makes the folder if it is missing, readable by its owner alone, and locks it.
  package init(creating path: String) throws {
    guard System.makeFolder(path) else { throw Self.cannotCreate(path, errno) }
    self.path = path
    lock = Mutex(try Self.locked(path))
  }

  /// No folder at all.
  init(inMemory: Void) {
    path = ""
    lock = Mutex(nil)
  }

  deinit { unlock() }

  /// Lets other processes in.
  func unlock() {
    lock.withLock { descriptor in
      if let descriptor { System.close(descriptor) }
      descriptor = nil
    }
  }

  /// Makes the store's file, empty and readable by its owner alone, before SQLite sees it.
  func makeStoreFile() throws {
    guard let file = System.open(storePath, exclusively: true) else { throw Self.cannotCreate(storePath, errno) }
    System.close(file)
  }

  /// Removes the store, and the folder when nothing else is left in it.
  package func wipe() {
    guard !path.isEmpty else { return }
    for suffix in ["", "-wal", "-shm", "-journal"] { System.remove(storePath + suffix) }
    spool.sweep(keeping: [])
    System.remove(path + "/lock")
    System.removeFolder(path)
  }

  private static func locked(_ path: String) throws -> Int32 {
    guard let descriptor = System.open(path + "/lock") else {
      let code = errno
      if isFull(code) { throw StoreFailure.full }
      throw StoreFailure.unreadable(path, reason: System.text(code))
    }
    guard System.lock(descriptor) else {
      System.close(descriptor)
      throw ClientError(
        .locked, "Another sotto is using \(path).",
        meaning: "One process at a time may use an identity. Nothing was changed.",
        next: "Wait until the other one has ended, or end it; then try again.")
    }
    return descriptor
  }

  private static func cannotCreate(_ path: String, _ code: Int32) -> ClientError {
    if isFull(code) { return StoreFailure.full }
    return ClientError(
      .cannotCreate, "Cannot create \(path): \(System.text(code)).", meaning: "Nothing was created.",
      next: "Choose a folder that you may write to, with --home DIR.")
  }

  private static func isFull(_ code: Int32) -> Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
}
