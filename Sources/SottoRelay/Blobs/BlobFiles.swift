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

/// The files of blobs: `arriving/<name of the part>` and `whole/<first byte>/<hash of the content>`, in hexadecimal. What
/// several relays share has `leaving/<hash of the content><name by chance>` besides. Every method blocks: call them where
/// that does no harm.
struct BlobFiles: Sendable {
  /// A whole blob's file that was set aside, to be removed or brought back.
  struct Leaving: Sendable {
    let content: Digest
    /// No two files that leave have the same: each is the one that was set aside, whoever deals with it.
    fileprivate let name: PartName
  }

  private let folder: String

  /// Makes the folders: all of them now, so that no upload has to and none differs from another. One that is shared is
  /// there already: what is not may be a file system that is not mounted, and nobody else would see what is in it.
  init(_ folder: String, isShared: Bool = false) throws {
    self.folder = folder
    let own = isShared ? ["/leaving"] : [""]
    for name in own + ["/arriving", "/whole"] + Self.shelves.map({ "/whole/" + $0 }) {
      guard unsafe mkdir(folder + name, 0o700) == 0 || errno == EEXIST else { throw StoreFailure.system() }
    }
    for name in ["/whole", ""] { try Self.syncFolder(folder + name) }
  }

  /// Looks at folders that are there, or are not, and makes none.
  init(existing folder: String) { self.folder = folder }

  /// Whether this process may make files in the folder.
  var isUsable: Bool {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
      return false
    }
    return unsafe access(folder, R_OK | W_OK | X_OK) == 0
  }

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

  /// The day that it is dated to, of Unix time; nil when it is not there.
  func day(of file: BlobFile) -> Int64? {
    var facts = stat()
    guard unsafe stat(path(file), &facts) == 0 else { return nil }
    #if canImport(Darwin)
      return MailboxRules.day(Int64(facts.st_mtimespec.tv_sec))
    #else
      return MailboxRules.day(Int64(facts.st_mtim.tv_sec))
    #endif
  }

  /// For writing; made if it is not there.
  func openPart(_ name: PartName) throws(StoreFailure) -> OpenFile {
    try open(path(.part(name)), O_RDWR | O_CREAT)
  }

  /// For reading. It stays readable when the blob is removed meanwhile, and one that is set aside is there as well.
  func openContent(_ content: Digest) throws(StoreFailure) -> OpenFile {
    do {
      return try open(path(.content(content)), O_RDONLY)
    } catch {
      for other in leaving() where other.content == content {
        if let file = try? open(path(other), O_RDONLY) { return file }
      }
      // It may have been brought back just then.
      return try open(path(.content(content)), O_RDONLY)
    }
  }

  private func open(_ path: String, _ flags: Int32) throws(StoreFailure) -> OpenFile {
    #if os(Linux)
      // The disk need not know when a blob was last read. (The constant is not in every C library's Swift module.)
      let quietly: Int32 = 0o1_000_000
    #else
      let quietly: Int32 = 0
    #endif
    let descriptor = Self.open(path, flags | quietly | O_CLOEXEC | O_NOFOLLOW)
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

  /// Takes the first bytes of a part into one that is new, durably.
  func copy(_ part: PartName, upTo length: Int, to other: PartName) throws {
    let (original, copy) = (try open(path(.part(part)), O_RDONLY), try openPart(other))
    for start in stride(from: 0, to: length, by: RelayLimits.blobPiece) {
      try copy.write(try original.read(min(RelayLimits.blobPiece, length - start), at: start), at: start)
    }
    try copy.sync()
  }

  /// Takes the file of a content away from those who look for it. nil when there is none.
  func setAside(_ content: Digest) throws(StoreFailure) -> Leaving? {
    var entropy = SystemEntropy()
    let leaving = Leaving(content: content, name: PartName(from: &entropy))
    if unsafe rename(path(.content(content)), path(leaving)) == 0 { return leaving }
    guard errno == ENOENT else { throw .system() }
    return nil
  }

  /// Durably. It may have been brought back, or removed, by another; and one that is there by now stays.
  func bringBack(_ leaving: Leaving) throws(StoreFailure) {
    guard unsafe link(path(leaving), path(.content(leaving.content))) == 0 || errno == ENOENT || errno == EEXIST else {
      throw .system()
    }
    try Self.syncFolder(shelf(leaving.content))
    try remove(leaving)
  }

  func remove(_ leaving: Leaving) throws(StoreFailure) {
    guard unsafe unlink(path(leaving)) == 0 || errno == ENOENT else { throw .system() }
  }

  /// Everything that was set aside and not dealt with.
  func leaving() -> [Leaving] {
    names("/leaving").compactMap { Hex.decode($0) }.compactMap { bytes in
      guard let content = try? Digest(Array(bytes.prefix(Digest.count))) else { return nil }
      guard let name = try? PartName(Array(bytes.dropFirst(Digest.count))) else { return nil }
      return Leaving(content: content, name: name)
    }
  }

  private func path(_ leaving: Leaving) -> String {
    folder + "/leaving/" + Hex.encode(leaving.content.bytes + leaving.name.bytes)
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
