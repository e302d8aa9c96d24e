internal import Foundation

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A file with a secret of this machine: for its owner's eyes alone from the first byte on, whole or not there at all, and
/// never written twice.
package enum SecretFile {
  /// Makes it with `text`, and its folder; one that is there stays, and then `text` is not asked for. Whether it was made.
  @discardableResult
  package static func make(at path: String, _ text: () -> String) throws -> Bool {
    let parent = (path as NSString).deletingLastPathComponent
    let folder = parent.isEmpty ? "." : parent
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    if FileManager.default.fileExists(atPath: path) { return false }
    let new = path + ".\(UInt32.random(in: 0 ... .max))"
    let file = unsafe open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw CocoaError(.fileWriteUnknown) }
    defer { unsafe unlink(new) }
    let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
    try handle.write(contentsOf: Data(text().utf8))
    try handle.synchronize()
    let isMade = unsafe link(new, path) == 0
    guard isMade || errno == EEXIST else { throw CocoaError(.fileWriteUnknown) }
    let directory = unsafe open(folder + "/.", O_RDONLY | O_CLOEXEC)
    if directory >= 0 { try FileHandle(fileDescriptor: directory, closeOnDealloc: true).synchronize() }
    return isMade
  }
}
