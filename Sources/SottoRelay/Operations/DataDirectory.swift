internal import Foundation

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The folder of one relay process: private to its user, and locked while the process lives.
struct DataDirectory: ~Copyable {
  let path: String
  private let lock: Int32

  /// The store's file.
  var store: String { path + "/relay.sqlite" }

  /// The folder of attachments.
  var blobs: String { path + "/blobs" }

  init(_ path: String) throws(StartFailure) {
    lock = try Self.lock(path)
    self.path = path
  }

  deinit { _ = Self.closeFile(lock) }

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
