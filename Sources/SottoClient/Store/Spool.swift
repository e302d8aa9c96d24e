internal import Foundation
internal import SottoWire

/// The folder with the sealed bytes of files on their way: `<32 hexadecimal digits>` each, drawn at random. They need no
/// secrecy: they are what the relay gets.
struct Spool {
  let path: String

  init(_ path: String) { self.path = path }

  func file(_ name: [UInt8]) -> String { path + "/" + Hex.encode(name) }

  /// Makes the folder, and a file in it that is new.
  func create(_ name: [UInt8]) throws -> DiskFile {
    guard System.makeFolder(path) else { throw DiskFile.failure("create", path, errno) }
    return try DiskFile(file(name), .new)
  }

  /// A file that goes on where it ends, from the beginning if there is none.
  func append(_ name: [UInt8]) throws -> DiskFile {
    guard System.makeFolder(path) else { throw DiskFile.failure("create", path, errno) }
    return try DiskFile(file(name), .any)
  }

  func remove(_ name: [UInt8]) {
    System.remove(file(name))
    // Fails while there are others.
    System.removeFolder(path)
  }

  /// Removes what a crash has left behind.
  func sweep(keeping known: Set<[UInt8]>) {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else { return }
    let kept = Set(known.map(Hex.encode))
    for name in names where !kept.contains(name) { System.remove(path + "/" + name) }
    System.removeFolder(path)
  }
}

/// An open file: bytes at places, and errors that say what to do.
final class DiskFile {
  let path: String
  private let descriptor: Int32

  enum Use {
    case reading
    case new
    case any
  }

  init(_ path: String, _ use: Use) throws {
    let flags: Int32 =
      switch use {
      case .reading: O_RDONLY
      case .new: O_RDWR | O_CREAT | O_EXCL
      case .any: O_RDWR | O_CREAT
      }
    self.path = path
    descriptor = unsafe Foundation.open(path, flags | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(use == .reading ? "read" : "create", path, errno) }
  }

  deinit { close(descriptor) }

  /// The bytes of it; nil: it is none of the usual kind.
  func length() throws -> UInt64? {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw Self.failure("read", path, errno) }
    return status.st_mode & S_IFMT == S_IFREG ? UInt64(status.st_size) : nil
  }

  /// Up to `count` bytes at a place; none at the end.
  func read(at offset: UInt64, upTo count: Int) throws -> [UInt8] {
    var failed: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = unsafe pread(
          descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset) + off_t(filled))
        if got < 0, errno == EINTR { continue }
        if got < 0 { failed = errno }
        guard got > 0 else { return }
        filled += got
      }
    }
    guard failed == 0 else { throw Self.failure("read", path, failed) }
    return bytes
  }

  func write(_ bytes: [UInt8], at offset: UInt64) throws {
    var written = 0
    while written < bytes.count {
      let put = unsafe bytes.withUnsafeBytes {
        unsafe pwrite(descriptor, $0.baseAddress! + written, $0.count - written, off_t(offset) + off_t(written))
      }
      if put < 0, errno == EINTR { continue }
      guard put > 0 else { throw Self.failure("write", path, errno) }
      written += put
    }
  }

  func cut(to length: UInt64) throws {
    guard ftruncate(descriptor, off_t(length)) == 0 else { throw Self.failure("write", path, errno) }
  }

  /// On disk, when it returns.
  func sync() throws {
    guard fsync(descriptor) == 0 else { throw Self.failure("write", path, errno) }
  }

  static func failure(_ what: String, _ path: String, _ code: Int32) -> ClientError {
    if code == ENOSPC || code == EDQUOT || code == EFBIG { return StoreFailure.full }
    return ClientError(
      what == "read" ? .unreadable : .cannotCreate, "Cannot \(what) \(path): \(System.text(code)).",
      meaning: "Nothing was sent, and nothing was kept.", next: "Check the path and who may use it.")
  }
}
