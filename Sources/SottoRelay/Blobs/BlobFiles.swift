internal import Foundation
internal import SottoCrypto
internal import SottoWire

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The files of blobs: `arriving/<name of the part>` and `whole/<first byte>/<hash of the content>`, in hexadecimal.
/// Every method blocks: call them where that does no harm.
struct BlobFiles: Sendable {
  private let folder: String

  /// Makes the folders: all of them now, so that no upload has to and none differs from another.
  init(_ folder: String) throws {
    self.folder = folder
    for name in ["", "/arriving", "/whole"] + Self.shelves.map({ "/whole/" + $0 }) {
      guard unsafe mkdir(folder + name, 0o700) == 0 || errno == EEXIST else { throw StoreFailure.system() }
    }
    for name in ["/whole", ""] { try Self.syncFolder(folder + name) }
  }

  /// Looks at folders that are there, or are not, and makes none.
  init(existing folder: String) { self.folder = folder }

  private static let shelves = (0...255).map { Hex.encode([UInt8($0)]) }

  private func shelf(_ content: Digest) -> String { folder + "/whole/" + Hex.encode([content.bytes[0]]) }

  private func path(_ file: BlobFile) -> String {
    switch file {
    case .part(let name): folder + "/arriving/" + Hex.encode(name.bytes)
    case .content(let digest): shelf(digest) + "/" + Hex.encode(digest.bytes)
    }
  }

  /// Bytes that are free for this process.
  func free() throws(StoreFailure) -> Int {
    var facts = statvfs()
    guard unsafe statvfs(folder, &facts) == 0 else { throw .system() }
    return Int(clamping: UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize)).partialValue)
  }

  /// nil when it is not there.
  func length(of file: BlobFile) throws(StoreFailure) -> Int? {
    var facts = stat()
    if unsafe stat(path(file), &facts) == 0 { return Int(facts.st_size) }
    guard errno == ENOENT else { throw .system() }
    return nil
  }

  /// For writing; made if it is not there.
  func openPart(_ name: PartName) throws(StoreFailure) -> OpenFile {
    try open(.part(name), O_RDWR | O_CREAT)
  }

  /// For reading. It stays readable when the blob is removed meanwhile.
  func openContent(_ content: Digest) throws(StoreFailure) -> OpenFile {
    try open(.content(content), O_RDONLY)
  }

  private func open(_ file: BlobFile, _ flags: Int32) throws(StoreFailure) -> OpenFile {
    #if os(Linux)
      // The disk need not know when a blob was last read. (The constant is not in every C library's Swift module.)
      let quietly: Int32 = 0o1_000_000
    #else
      let quietly: Int32 = 0
    #endif
    let descriptor = Self.open(path(file), flags | quietly | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw .system() }
    return OpenFile(descriptor)
  }

  private static func open(_ path: String, _ flags: Int32) -> Int32 {
    #if canImport(Glibc)
      unsafe Glibc.open(path, flags, 0o600)
    #elseif canImport(Musl)
      unsafe Musl.open(path, flags, 0o600)
    #else
      unsafe Darwin.open(path, flags, 0o600)
    #endif
  }

  /// Gives a part the name of its content, durably. A file of that name has the same bytes, and is replaced: so nothing
  /// that is done, or how long it takes, depends on whether there was one. [blob.7]
  func publish(_ part: PartName, as content: Digest) throws(StoreFailure) {
    guard unsafe rename(path(.part(part)), path(.content(content))) == 0 else { throw .system() }
    try Self.syncFolder(shelf(content))
  }

  func remove(_ file: BlobFile) throws(StoreFailure) {
    guard unsafe unlink(path(file)) == 0 || errno == ENOENT else { throw .system() }
  }

  private static func syncFolder(_ path: String) throws(StoreFailure) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system() }
    try OpenFile(descriptor).sync()
  }

  /// Everything in `arriving`.
  func parts() -> [BlobFile] {
    names("/arriving").compactMap { Hex.decode($0) }.compactMap { try? PartName($0) }.map(BlobFile.part)
  }

  /// Everything whose content begins with this byte.
  func contents(_ first: UInt8) -> [BlobFile] {
    names("/whole/" + Self.shelves[Int(first)]).compactMap { Hex.decode($0) }.compactMap { try? Digest($0) }
      .map(BlobFile.content)
  }

  private func names(_ part: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder + part)) ?? []
  }
}
