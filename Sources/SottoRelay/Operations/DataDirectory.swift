internal import Foundation
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The folder of one relay process: private to its user, and locked until it is released or the process ends.
final class DataDirectory: Sendable {
  let path: String
  /// nil once it is released.
  private let lock: Mutex<Int32?>

  /// The store's file.
  var store: String { path + "/relay.sqlite" }

  /// The folder of attachments.
  var blobs: String { path + "/blobs" }

  init(_ path: String) throws(StartFailure) {
    lock = Mutex(try Self.lock(path))
    self.path = path
  }

  deinit { release() }

  /// Another process may have the folder.
  func release() {
    lock.withLock { lock in
      if let lock { _ = Self.closeFile(lock) }
      lock = nil
    }
  }

  /// Whether a relay runs with this folder. Creates nothing.
  static func isLocked(_ path: String) -> Bool {
    let lock = unsafe open(path + "/lock", O_RDWR | O_CLOEXEC)
    guard lock >= 0 else { return false }
    // A lock that is had goes with the file.
    defer { _ = closeFile(lock) }
    return flock(lock, LOCK_EX | LOCK_NB) != 0
  }

  private static func lock(_ path: String) throws(StartFailure) -> Int32 {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw .cannotCreate(path)
    }
    // The lock belongs to the open file: it goes with the process, however that ends.
    let lock = unsafe open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw .cannotCreate(path) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      _ = closeFile(lock)
      throw .alreadyRunning(path)
    }
    return lock
  }

  private static func closeFile(_ file: Int32) -> Int32 { close(file) }
}
