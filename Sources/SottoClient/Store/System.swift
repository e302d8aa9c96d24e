internal import Foundation

/// The few system calls that the store needs, with an errno where they fail.
enum System {
  /// The last error number in the system's words.
  static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }

  static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 || errno != ENOENT }
  static func isReadable(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }

  /// Opens for reading and writing, making a file that only its owner may read; nil leaves an errno.
  static func open(_ path: String, exclusively: Bool = false) -> Int32? {
    let flags = O_CREAT | O_RDWR | O_CLOEXEC | (exclusively ? O_EXCL : 0)
    let descriptor = unsafe Foundation.open(path, flags, 0o600)
    return descriptor < 0 ? nil : descriptor
  }

  static func close(_ descriptor: Int32) { _ = Foundation.close(descriptor) }

  /// Whether no other process holds the lock of this file.
  static func lock(_ descriptor: Int32) -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

  /// Makes a folder, and those above it, for its owner alone; false leaves an errno.
  static func makeFolder(_ path: String) -> Bool {
    if unsafe mkdir(path, 0o700) == 0 { return true }
    if errno == EEXIST { return unsafe chmod(path, 0o700) == 0 && isFolder(path) }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return false }
    guard makeFolder(above: String(path[..<slash])) else { return false }
    return unsafe mkdir(path, 0o700) == 0
  }

  private static func makeFolder(above path: String) -> Bool { isFolder(path) || makeFolder(path) }

  static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    let exists = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    if !(exists && isFolder.boolValue) { errno = ENOTDIR }
    return exists && isFolder.boolValue
  }

  /// Gives a file another name, which must be free: two steps, because a rename would replace; false leaves an errno.
  static func name(_ path: String, _ name: String) -> Bool {
    if unsafe link(path, name) == 0 { return true }
    // Some file systems have one name for a file.
    guard errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS, !exists(name) else { return false }
    return unsafe rename(path, name) == 0
  }

  static func remove(_ path: String) { _ = unsafe unlink(path) }
  static func removeFolder(_ path: String) { _ = unsafe rmdir(path) }
}
