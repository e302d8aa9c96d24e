import Foundation
import GRDBSQLite
import Synchronization

/// What SQLite did to the files below a folder, in order: enough to build the disk that a power cut would have left at any
/// moment. Or a disk that fails.
///
/// A VFS of ours stands before SQLite's own and becomes the process's default. Files outside a recorded folder never see it.
final class RecordedDisk: Sendable {
  enum Event: Sendable {
    case write(file: String, offset: Int, [UInt8])
    case truncate(file: String, size: Int)
    case sync(file: String)
    case delete(file: String)
    /// Something that the test wants to remember at this point.
    case note(@Sendable (inout Promises) -> Void)
  }

  /// How the disk fails.
  enum Fault: Sendable {
    /// No `fsync` succeeds.
    case sync
    /// There is no room for anything more.
    case full
  }

  let folder: String
  private let state = Mutex(State())

  private struct State {
    var events: [Event] = []
    var fault: Fault?
    var syncs = 0
  }

  private static let all = Mutex<[String: RecordedDisk]>([:])

  init(_ folder: String) {
    self.folder = folder + "/"
    _ = Shim.isInstalled
    Self.all.withLock { $0[self.folder] = self }
  }

  /// Ends the recording: the registry holds it no longer.
  func end() { Self.all.withLock { [folder] in $0[folder] = nil } }

  var events: [Event] { state.withLock { $0.events } }
  /// How often a sync was asked for.
  var syncs: Int { state.withLock { $0.syncs } }

  func note(_ change: @escaping @Sendable (inout Promises) -> Void) { add(.note(change)) }
  func fail(_ fault: Fault?) { state.withLock { $0.fault = fault } }

  fileprivate static func of(_ path: String) -> (disk: RecordedDisk, name: String)? {
    all.withLock { all in
      all.first { path.hasPrefix($0.key) }.map { ($0.value, String(path.dropFirst($0.key.count))) }
    }
  }

  fileprivate func add(_ event: Event) { state.withLock { $0.events.append(event) } }

  /// What a write or a sync of the disk answers, if it fails.
  fileprivate func failure(isSync: Bool) -> Int32? {
    state.withLock { state in
      if isSync { state.syncs += 1 }
      switch state.fault {
      case .sync: return isSync ? syncFailed : nil
      case .full: return isSync ? nil : SQLITE_FULL
      case nil: return nil
      }
    }
  }
}

private let syncFailed = SQLITE_IOERR | (4 << 8)

/// The VFS. A file of a recorded folder is a header of ours, and behind it SQLite's own file.
private enum Shim {
  final class Place: Sendable {
    let disk: RecordedDisk
    let name: String

    init(_ disk: RecordedDisk, _ name: String) { (self.disk, self.name) = (disk, name) }
  }

  struct Header {
    var base = sqlite3_file()
    var place: Unmanaged<Place>?
  }

  static let offset = (MemoryLayout<Header>.size + 15) / 16 * 16
  nonisolated(unsafe) static let original = sqlite3_vfs_find(nil)!

  static let isInstalled: Bool = {
    let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    vfs.initialize(to: original.pointee)
    vfs.pointee.szOsFile = Int32(offset) + original.pointee.szOsFile
    vfs.pointee.zName = UnsafePointer(strdup("recorded"))
    vfs.pointee.pNext = nil
    vfs.pointee.xOpen = open
    vfs.pointee.xDelete = delete
    return sqlite3_vfs_register(vfs, 1) == SQLITE_OK
  }()

  private static let open:
    @convention(c) (
      UnsafeMutablePointer<sqlite3_vfs>?, sqlite3_filename?, UnsafeMutablePointer<sqlite3_file>?, Int32,
      UnsafeMutablePointer<Int32>?
    ) -> Int32 = { _, name, file, flags, outFlags in
      guard let file, let name, let (disk, short) = RecordedDisk.of(String(cString: name)) else {
        return original.pointee.xOpen(original, name, file, flags, outFlags)
      }
      let status = original.pointee.xOpen(original, name, inner(file), flags, outFlags)
      let header = UnsafeMutableRawPointer(file).bindMemory(to: Header.self, capacity: 1)
      header.initialize(to: Header())
      if status == SQLITE_OK {
        header.pointee.place = .passRetained(Place(disk, short))
        header.pointee.base.pMethods = UnsafePointer(methods)
      }
      return status
    }

  private static let delete:
    @convention(c) (UnsafeMutablePointer<sqlite3_vfs>?, UnsafePointer<CChar>?, Int32) -> Int32 =
      { _, name, sync in
        let status = original.pointee.xDelete(original, name, sync)
        if let name, status == SQLITE_OK, let (disk, short) = RecordedDisk.of(String(cString: name)) {
          disk.add(.delete(file: short))
        }
        return status
      }

  private static func inner(_ file: UnsafeMutablePointer<sqlite3_file>) -> UnsafeMutablePointer<sqlite3_file> {
    (UnsafeMutableRawPointer(file) + offset).assumingMemoryBound(to: sqlite3_file.self)
  }

  private static func place(_ file: UnsafeMutablePointer<sqlite3_file>) -> Place {
    UnsafeMutableRawPointer(file).assumingMemoryBound(to: Header.self).pointee.place!.takeUnretainedValue()
  }

  private static func own(_ file: UnsafeMutablePointer<sqlite3_file>) -> sqlite3_io_methods {
    inner(file).pointee.pMethods.pointee
  }

  nonisolated(unsafe) private static let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
    var all = sqlite3_io_methods()
    // Version 2: without memory-mapped reads, which would go past us.
    all.iVersion = 2
    all.xClose = { file in
      let header = UnsafeMutableRawPointer(file!).assumingMemoryBound(to: Header.self)
      let status = own(file!).xClose(inner(file!))
      header.pointee.place?.release()
      return status
    }
    all.xRead = { own($0!).xRead(inner($0!), $1, $2, $3) }
    all.xWrite = { file, bytes, count, position in
      let place = place(file!)
      if let failure = place.disk.failure(isSync: false) { return failure }
      let status = own(file!).xWrite(inner(file!), bytes, count, position)
      if status == SQLITE_OK {
        let copy = [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(count)))
        place.disk.add(.write(file: place.name, offset: Int(position), copy))
      }
      return status
    }
    all.xTruncate = { file, size in
      let status = own(file!).xTruncate(inner(file!), size)
      let place = place(file!)
      if status == SQLITE_OK { place.disk.add(.truncate(file: place.name, size: Int(size))) }
      return status
    }
    all.xSync = { file, flags in
      let place = place(file!)
      if let failure = place.disk.failure(isSync: true) { return failure }
      let status = own(file!).xSync(inner(file!), flags)
      if status == SQLITE_OK { place.disk.add(.sync(file: place.name)) }
      return status
    }
    all.xFileSize = { own($0!).xFileSize(inner($0!), $1) }
    all.xLock = { own($0!).xLock(inner($0!), $1) }
    all.xUnlock = { own($0!).xUnlock(inner($0!), $1) }
    all.xCheckReservedLock = { own($0!).xCheckReservedLock(inner($0!), $1) }
    all.xFileControl = { own($0!).xFileControl(inner($0!), $1, $2) }
    all.xSectorSize = { own($0!).xSectorSize(inner($0!)) }
    all.xDeviceCharacteristics = { own($0!).xDeviceCharacteristics(inner($0!)) }
    all.xShmMap = { own($0!).xShmMap(inner($0!), $1, $2, $3, $4) }
    all.xShmLock = { own($0!).xShmLock(inner($0!), $1, $2, $3) }
    all.xShmBarrier = { own($0!).xShmBarrier(inner($0!)) }
    all.xShmUnmap = { own($0!).xShmUnmap(inner($0!), $1) }
    let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    methods.initialize(to: all)
    return methods
  }()
}

/// The files of a recorded folder as the disk would have them.
struct DiskImage {
  private struct File {
    var written: [UInt8] = []
    /// nil: the name itself may be lost.
    var synced: [UInt8]?
    /// Since the last sync.
    var unsynced: [RecordedDisk.Event] = []
  }

  /// What of the writes since the last sync is there after the power cut.
  enum Survivors: CaseIterable {
    case none
    case all
    /// Sector by sector, as a coin says.
    case some
  }

  private var files: [String: File] = [:]
  /// A disk that forgets to sync.
  private let ignoresSyncs: Bool

  init(ignoringSyncs: Bool = false) { ignoresSyncs = ignoringSyncs }

  mutating func apply(_ event: RecordedDisk.Event) {
    switch event {
    case .write(let name, let offset, let bytes):
      Self.write(&files[name, default: File()].written, offset, bytes)
      files[name]?.unsynced.append(event)
    case .truncate(let name, let size):
      Self.truncate(&files[name, default: File()].written, size)
      files[name]?.unsynced.append(event)
    case .sync(let name):
      guard !ignoresSyncs, let file = files[name] else { return }
      files[name]?.synced = file.written
      files[name]?.unsynced = []
    case .delete(let name): files[name] = nil
    case .note: break
    }
  }

  func write(to folder: String, _ survivors: Survivors, using generator: inout some RandomNumberGenerator) throws {
    for (name, file) in files {
      var bytes = file.synced ?? []
      switch survivors {
      case .none: if file.synced == nil { continue }
      case .all: bytes = file.written
      case .some: for event in file.unsynced { Self.tear(&bytes, event, &generator) }
      }
      try Data(bytes).write(to: URL(filePath: folder + "/" + name))
    }
  }

  private static let sector = 512

  private static func tear(
    _ bytes: inout [UInt8], _ event: RecordedDisk.Event, _ coin: inout some RandomNumberGenerator
  ) {
    switch event {
    case .write(_, let offset, let written):
      var start = 0
      while start < written.count {
        let end = min((offset + start) / sector * sector + sector - offset, written.count)
        if Bool.random(using: &coin) { write(&bytes, offset + start, Array(written[start..<end])) }
        start = end
      }
    case .truncate(_, let size): if Bool.random(using: &coin) { truncate(&bytes, size) }
    default: break
    }
  }

  private static func write(_ file: inout [UInt8], _ offset: Int, _ bytes: [UInt8]) {
    if file.count < offset + bytes.count {
      file += [UInt8](repeating: 0, count: offset + bytes.count - file.count)
    }
    file.replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }

  private static func truncate(_ file: inout [UInt8], _ size: Int) {
    if file.count > size { file.removeLast(file.count - size) }
  }
}
