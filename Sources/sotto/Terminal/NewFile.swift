internal import Foundation
internal import SottoClient

/// A file that only its owner may read, that replaces no other, and of which nothing is left unless it is whole.
final class NewFile: Sendable {
  private let path: String
  private let descriptor: Int32

  init(_ path: String) throws {
    self.path = path
    descriptor = unsafe open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ClientError(
        .cannotCreate, "Cannot create \(path): \(unsafe String(cString: strerror(errno))).",
        meaning: "Nothing was written.", next: "Choose another file.")
    }
  }

  func write(_ bytes: [UInt8]) throws {
    guard Output.write(bytes, to: descriptor) else { throw failure }
  }

  /// On disk, when it returns.
  func finish() throws {
    guard fsync(descriptor) == 0, close(descriptor) == 0 else { throw failure }
  }

  /// The same, and it has taken the place of whatever was at `target`.
  private func finish(replacing target: String) throws {
    guard fsync(descriptor) == 0, unsafe rename(path, target) == 0, close(descriptor) == 0 else { throw failure }
  }

  /// Writes a file that may be written again: whoever looks sees the old one or the new one.
  static func replace(_ target: String, with bytes: [UInt8]) throws {
    let file = try NewFile("\(target).\(getpid())")
    do {
      try file.write(bytes)
      try file.finish(replacing: target)
    } catch {
      file.discard()
      throw error
    }
  }

  /// Nothing is left of it.
  func discard() {
    close(descriptor)
    unsafe unlink(path)
  }

  private var failure: ClientError {
    ClientError(
      .io, "Cannot write \(path).", meaning: "The disk may be full. Nothing was left behind.",
      next: "Free some space or choose another place.")
  }
}
