package import NIOCore
internal import NIOPosix
internal import SottoCrypto
package import SottoWire
internal import Synchronization

/// Brings the ledger and the files together, so that they agree at every moment at which the process may die.
///
///     PUT    row, offset 0 ------> claimed
///     PATCH  bytes written -> fsync -> row, offset n          (again and again)
///            last byte -> fsync -> hash -> rename -> fsync of the folder -> row: whole -> 201
///     gone   row deleted, name of its file remembered -> name forgotten -> unlink, if no row has it
///
/// A row of a whole blob so has its file always, and a file without a row is one that `recover` may remove.
///
/// Where relays share a folder [operation.19], each is alone with its uploads and its turns, and knows nothing of what the
/// others do at the same time. So
///
/// - each writes only to files of its own. An upload that another had begun goes on in a copy, and the row is told. What
///   is published so never has a writer left: not even one whose connection nobody has missed yet.
/// - a row names the content before its file has that name, and a file is set aside before it is asked for the last time
///   whether a row needs it. Either the row is seen, and the file brought back; or the file was set aside before the other
///   had the name, and so is another file.
package struct BlobDesk: Sendable {
  /// What a request did to an upload.
  package enum Outcome: Equatable, Sendable {
    /// So many bytes are on stable storage.
    case at(Int)
    case whole(Int)
    /// Nothing: it goes on elsewhere.
    case mismatch(Int)
  }

  private let ledger: any BlobLedger
  private let files: BlobFiles
  private let uploads = Uploads()
  /// Publishing a content and removing its file must not cross.
  private let contents = Turns<Digest>()
  /// Whether other relays have the folder too.
  private let isShared: Bool
  /// What the names of this process's parts begin with.
  private let mark: [UInt8]
  private let compared = ComparedDay()

  package init(_ ledger: any BlobLedger, folder: String, isShared: Bool = false) throws {
    self.ledger = ledger
    self.isShared = isShared
    files = try BlobFiles(folder, isShared: isShared)
    var entropy = SystemEntropy()
    mark = entropy.bytes(PartName.count / 2)
  }

  private func newPart() -> PartName {
    var entropy = SystemEntropy()
    return PartName(mark, from: &entropy)
  }

  /// Files block, and nothing else may wait for them.
  private func blocking<T: Sendable>(_ body: @escaping @Sendable (BlobFiles) throws -> T) async throws -> T {
    try await NIOThreadPool.singleton.runIfActive { [files] in try body(files) }
  }

  // MARK: Uploads

  /// Takes the place for an upload, or says how far it is. [blob.3]
  package func claim(_ target: UploadTarget, _ length: BlobLength, now: Int64) async throws -> Outcome {
    let free = try await blocking { try $0.free() }
    _ = try await ledger.claimBlob(target, length, part: newPart(), now: now) {
      try Self.check(length.bytes, free: free)
    }
    return try await uploads.takeOver(target.blob, end: nil) {
      try await outcome(try await ledger.upload(target, now: now))
    }
  }

  /// Appends what arrives. `end` ends the connection that it comes from: a newer request for the same upload does so, for
  /// the older one may be dead without our knowing. [blob.5]
  package func append(
    _ body: some AsyncSequence<ByteBuffer, any Error>, to target: UploadTarget, at offset: Int, declared: Int?,
    now: Int64, end: @escaping @Sendable () -> Void
  ) async throws -> Outcome {
    // Whoever may not do this ends nobody's upload either.
    _ = try await ledger.upload(target, now: now)
    return try await uploads.takeOver(target.blob, end: end) {
      let upload = try await ledger.upload(target, now: now)
      let right = try await outcome(upload).offset
      guard case .arriving(var part, _) = upload.state, offset == right else { return .mismatch(right) }
      var run = UploadRun(upload.length, at: offset)
      if let declared { try run.check(declared) }
      let isOurs = !isShared || part.bytes.starts(with: mark)
      try Self.check(upload.length.bytes - (isOurs ? offset : 0), free: try await blocking { try $0.free() })
      do {
        if !isOurs { part = try await adopt(part, upTo: right) }
        return try await write(body, part, &run, now: now)
      } catch  where (error as? Refusal)?.problem == .notFound || error as? StoreFailure == .missingFile {
        // It was removed while it arrived, or another relay goes on with it.
        try? await removeUnlessNeeded(part)
        let outcome = try await outcome(try await ledger.upload(target, now: now))
        if case .at(let offset) = outcome { return .mismatch(offset) }
        return outcome
      }
    }
  }

  /// Goes on with what another process began, perhaps this relay before a restart.
  private func adopt(_ part: PartName, upTo saved: Int) async throws -> PartName {
    let own = newPart()
    do {
      // Before it has received anything there is no file.
      if saved > 0 { try await blocking { try $0.copy(part, upTo: saved, to: own) } }
      try await ledger.moveUpload(part, to: own, saved: saved)
    } catch {
      // The row may have been told, though nobody knew.
      try? await removeUnlessNeeded(own)
      throw error
    }
    return own
  }

  private func removeUnlessNeeded(_ part: PartName) async throws {
    guard try await !ledger.needs(.part(part)) else { return }
    try await blocking { try $0.remove(.part(part)) }
  }

  private func write(
    _ body: some AsyncSequence<ByteBuffer, any Error>, _ part: PartName, _ run: inout UploadRun, now: Int64
  ) async throws -> Outcome {
    let start = run.end
    let (file, length) = try await blocking { files in
      let file = try files.openPart(part)
      let length = try file.length()
      if length > start { try file.cut(to: start) }
      return (file, length)
    }
    // Whatever has removed it: a hole would be taken for what the sender has sent.
    guard length >= start else { return .mismatch(length) }
    var failure: (any Error)?
    do {
      for try await piece in body {
        try run.check(piece.readableBytes)
        let place = run.end
        try await blocking { _ in try file.write(piece, at: place) }
        run.wrote(piece.readableBytes)
        if run.isWorthSaving { try await save(file, part, &run) }
      }
    } catch {
      failure = error
    }
    if run.isWhole, !(failure is Refusal) {
      try await publish(file, part, run.length, now: now)
      return .whole(run.length.bytes)
    }
    if run.hasUnsaved { try await save(file, part, &run) }
    // A connection that was cut is no failure of ours: what has come is saved.
    if let failure, failure is Refusal || failure is StoreFailure { throw failure }
    return .at(run.saved)
  }

  private func save(_ file: OpenFile, _ part: PartName, _ run: inout UploadRun) async throws {
    try await blocking { _ in try file.sync() }
    try await ledger.saveUpload(part, upTo: run.end)
    run.didSave()
  }

  /// The one way for a blob to become visible. [blob.6]
  private func publish(_ file: OpenFile, _ part: PartName, _ length: BlobLength, now: Int64) async throws {
    let content = try await blocking { _ in
      try file.settle(day: MailboxRules.day(now))
      return try file.digest(length: length.bytes)
    }
    try await contents.wait(for: content) {
      if isShared { try await ledger.announceUpload(part, as: content) }
      try await blocking { try $0.publish(part, as: content) }
      do {
        try await ledger.finishUpload(part, as: content, now: now)
      } catch {
        try? await removeUnlessNeeded(content)
        throw error
      }
    }
  }

  /// How far it is: what was saved, if the file still has it.
  private func outcome(_ upload: Upload) async throws -> Outcome {
    guard case .arriving(let part, let saved) = upload.state else { return .whole(upload.length.bytes) }
    return .at(min(saved, try await blocking { try $0.length(of: .part(part)) ?? 0 }))
  }

  /// Attachments never take the room that envelopes need.
  private static func check(_ bytes: Int, free: Int) throws(Refusal) {
    guard free - bytes >= RelayLimits.blobReserve else { throw Refusal(.storageFull) }
  }

  // MARK: Downloads

  /// nil when there is none, or not its bytes. [blob.8]
  func open(_ id: BlobID, now: Int64) async throws -> (StoredBlob, OpenFile)? {
    guard let blob = try await ledger.blob(id, now: now) else { return nil }
    let file = try? await blocking { files in
      let file = try files.openContent(blob.content)
      return try file.length() == blob.length.bytes ? file : nil
    }
    return file.flatMap { $0 }.map { (blob, $0) }
  }

  static func read(_ file: OpenFile, _ count: Int, at offset: Int) async throws -> ByteBuffer {
    try await NIOThreadPool.singleton.runIfActive { try file.read(count, at: offset) }
  }

  // MARK: Removal

  /// Removes what has expired. [blob.9]
  package func sweep(now: Int64) async throws {
    try await ledger.sweepBlobs(now: now)
    for leaving in try await blocking({ $0.leaving() }) { try? await settle(leaving) }
    // The names of what is abandoned are for whichever relay asks first, which may not be the one that has the file.
    if isShared {
      try await discardForgotten(now)
    } else if ledger.isShared {
      try await discardUnneeded()
    }
    try await collect()
  }

  /// Removes the files of rows that are gone. [blob.9]
  func collect() async throws {
    while true {
      let gone = try await ledger.abandonedFiles(limit: RelayLimits.blobFiles)
      if gone.isEmpty { return }
      // Forgotten first: a name that is left again from now on is a name for the next round. What a crash or a failure
      // leaves between the two is found at the next start.
      try await ledger.forgetFiles(gone)
      for file in gone { try? await discard(file) }
    }
  }

  /// Once after a start: files that no row has, and rows whose file is gone, as after a crash or a restored backup. It is
  /// safe beside requests: a part's row comes before its file, and a content's turn is waited for. [blob.6]
  func recover() async throws {
    // What is in a folder of several is dealt with by their sweeps.
    if isShared { return }
    try await discardUnneeded()
    var last = Digest.zero
    while !ledger.isShared {
      let blobs = try await ledger.wholeBlobs(after: last, limit: RelayLimits.blobFiles)
      guard let end = blobs.last else { break }
      for blob in blobs { try await dropUnlessThere(blob) }
      last = end.content
    }
    try await collect()
  }

  /// Removes files of a shared folder that no row has, and nobody has told: a relay died, or another's program knew of none
  /// in this folder. Only what no row can have any more by its age, and once a day, as every relay does it for all files. So
  /// one that was given the wrong database removes nothing that is anybody's.
  private func discardForgotten(_ now: Int64) async throws {
    let today = MailboxRules.day(now)
    guard compared.value != today else { return }
    try await discardUnneeded { files, file in
      let isWhole = if case .content = file { true } else { false }
      // Not all clocks are alike.
      return files.day(of: file).map { $0 < BlobRules.firstDay(isWhole: isWhole, now: now) - 1 } ?? false
    }
    compared.value = today
  }

  /// Removes files that no row has. The ledger is asked of many at a time.
  private func discardUnneeded(
    _ isMeant: @escaping @Sendable (BlobFiles, BlobFile) -> Bool = { _, _ in true }
  ) async throws {
    var files = try await blocking { files in files.parts().filter { isMeant(files, $0) } }
    for first in UInt8.min...UInt8.max {
      files += try await blocking { files in files.contents(first).filter { isMeant(files, $0) } }
      while files.count >= RelayLimits.blobFiles || first == .max && !files.isEmpty {
        let some = Array(files.suffix(RelayLimits.blobFiles))
        files.removeLast(some.count)
        for file in try await ledger.unneeded(some) { try await discard(file) }
      }
    }
  }

  private func discard(_ file: BlobFile) async throws {
    switch file {
    case .part: try await blocking { try $0.remove(file) }
    case .content(let content): try await contents.wait(for: content) { try await removeUnlessNeeded(content) }
    }
  }

  /// In the content's turn.
  private func removeUnlessNeeded(_ content: Digest) async throws {
    guard try await !ledger.needs(.content(content)) else { return }
    if !isShared {
      try await blocking { try $0.remove(.content(content)) }
    } else if let leaving = try await blocking({ try $0.setAside(content) }) {
      try await settle(leaving)
    }
  }

  /// What is not dealt with, as the database is away or the process ends, is in the next sweep of whichever relay.
  private func settle(_ leaving: BlobFiles.Leaving) async throws {
    let isNeeded = try await ledger.needs(.content(leaving.content))
    try await blocking { isNeeded ? try $0.bringBack(leaving) : try $0.remove(leaving) }
  }

  private func dropUnlessThere(_ blob: StoredBlob) async throws {
    try await contents.wait(for: blob.content) {
      let length = try await blocking { try $0.length(of: .content(blob.content)) }
      if length != blob.length.bytes { try await ledger.dropBlobs(blob.content) }
    }
  }
}

extension BlobDesk.Outcome {
  /// Where the upload goes on.
  var offset: Int {
    switch self {
    case .at(let offset), .whole(let offset), .mismatch(let offset): offset
    }
  }
}

/// The day on which a shared folder was compared with the ledger last.
private final class ComparedDay: Sendable {
  private let day = Mutex<Int64?>(nil)
  var value: Int64? {
    get { day.withLock { $0 } }
    set { day.withLock { $0 = newValue } }
  }
}

/// Who appends to which upload: one request at a time, and the newest wins.
private final class Uploads: Sendable {
  private let turns = Turns<BlobID>()
  private let current = Mutex<[BlobID: @Sendable () -> Void]>([:])

  /// `end` ends the request that this one is; nil for one that is over soon.
  func takeOver<T>(
    _ id: BlobID, end: (@Sendable () -> Void)?, _ body: () async throws -> T
  ) async rethrows -> T {
    current.withLock { $0[id] }?()
    return try await turns.wait(for: id) {
      current.withLock { $0[id] = end }
      defer { current.withLock { $0[id] = nil } }
      return try await body()
    }
  }
}
