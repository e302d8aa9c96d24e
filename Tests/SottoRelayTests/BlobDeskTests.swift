import Foundation
import NIOCore
import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

/// The order in which files and rows change, and what happens when the database fails in the one moment that counts.
@Suite struct BlobDeskTests {
  private let bytes = blobBytes(65_536)

  /// [blob.6]
  @Test(arguments: [FailingLedger.Failure.none, .before, .after])
  func aRowIsWholeOnlyWhenItsFileIs(_ failure: FailingLedger.Failure) async throws {
    let folder = Folder()
    let owner = Owner(1)
    let store = try SQLiteStore(path: folder.path + "/store")
    try await store.createMailbox(owner.mailbox, by: StoreContract.mutation(1, 1))
    try await store.setCapabilities(owner.mailbox, try owner.capabilities, by: StoreContract.mutation(1, 2))
    @Sendable func files() -> [Int] { BlobFolder.files(folder.path, "whole").values.sorted() }
    let ledger = FailingLedger(store: store, failure: failure) { #expect(files() == [65_536], "the file comes first") }
    let desk = try BlobDesk(ledger, folder: folder.path + "/blobs")
    let target = UploadTarget(mailbox: owner.mailbox, blob: blobID(1), capability: owner.contact.hash)
    #expect(try await desk.claim(target, .smallest, now: 0) == .at(0))
    let outcome = try? await append(desk, target)
    #expect(outcome == (failure == .none ? .whole(65_536) : nil))
    #expect(ledger.asked.value == 1)
    // Not committed: nothing is left of it, and the sender begins again. Committed, but nobody knew: it is there.
    #expect(files() == (failure == .before ? [] : [65_536]))
    #expect(try await desk.claim(target, .smallest, now: 0) == (failure == .before ? .at(0) : .whole(65_536)))
    try await store.close()
  }

  /// Where several relays have the ledger, files go from the relay that has them, whichever was told that they may, and
  /// only from there. [blob.9]
  @Test func everyRelayRemovesItsOwnFiles() async throws {
    let folders = [Folder(), Folder()]
    let owner = Owner(1)
    let store = try SQLiteStore(path: folders[0].path + "/store")
    try await store.createMailbox(owner.mailbox, by: StoreContract.mutation(1, 1))
    try await store.setCapabilities(owner.mailbox, try owner.capabilities, by: StoreContract.mutation(1, 2))
    let ledger = FailingLedger(store: store, isShared: true)
    let desks = try folders.map { try BlobDesk(ledger, folder: $0.path + "/blobs") }
    // At each relay one that is to stay and one that is to go.
    for (place, bytes) in Self.lengths.enumerated() {
      let target = UploadTarget(mailbox: owner.mailbox, blob: blobID(UInt8(place)), capability: owner.contact.hash)
      let desk = desks[place / 2]
      let length = try #require(BlobLength(bytes))
      #expect(try await desk.claim(target, length, now: 0) == .at(0))
      #expect(try await append(desk, target, blobBytes(length.bytes)) == .whole(length.bytes))
    }
    for (sequence, number) in [(3, 1), (4, 3)] as [(UInt64, UInt8)] {
      try await store.deleteUploads(owner.mailbox, blobID(number), by: StoreContract.mutation(1, sequence))
    }
    func files(_ relay: Int) -> [Int] { BlobFolder.files(folders[relay].path, "whole").values.sorted() }
    // And at the first more than it asks about at once, of which no row knows.
    for number in 0..<300 {
      let name = Hex.encode([UInt8](repeating: 0xee, count: 14) + [UInt8(number >> 8), UInt8(number & 255)])
      try Data([1]).write(to: URL(filePath: folders[0].path + "/blobs/arriving/" + name))
    }
    ledger.questions.reset()
    try await desks[0].sweep(now: 0)
    #expect(files(0) == [Self.lengths[0]] && BlobFolder.files(folders[0].path, "arriving").isEmpty)
    #expect(files(1) == Array(Self.lengths[2...3]), "it is the other's")
    #expect(ledger.questions.value < 10, "of hundreds of files")
    #expect(try await store.abandonedFiles(limit: 9).isEmpty, "nobody else is told of them")
    try await desks[1].sweep(now: 0)
    #expect(files(0) == [Self.lengths[0]] && files(1) == [Self.lengths[2]])
    try await store.close()
  }

  private static let lengths = [65_536, 73_728, 81_920, 90_112]

  private func append(
    _ desk: BlobDesk, _ target: UploadTarget, _ bytes: [UInt8]? = nil
  ) async throws -> BlobDesk.Outcome {
    let all = bytes ?? self.bytes
    let body = AsyncThrowingStream<ByteBuffer, any Error> {
      $0.yield(ByteBuffer(bytes: all))
      $0.finish()
    }
    return try await desk.append(body, to: target, at: 0, declared: nil, now: 0) {}
  }
}

/// A real store whose last commit may fail, and that may pass for one that other relays have too.
struct FailingLedger: BlobLedger {
  enum Failure: Sendable { case none, before, after }

  let store: SQLiteStore
  let failure: Failure
  let isShared: Bool
  /// Called when the commit is asked for.
  let look: @Sendable () -> Void
  let asked = Counter()
  /// How often it was asked which files are needed.
  let questions = Counter()

  final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
    func reset() { count.withLock { $0 = 0 } }
  }

  init(
    store: SQLiteStore, failure: Failure = .none, isShared: Bool = false, look: @escaping @Sendable () -> Void = {}
  ) {
    (self.store, self.failure, self.isShared, self.look) = (store, failure, isShared, look)
  }

  func finishUpload(_ part: PartName, as content: Digest, now: Int64) async throws {
    asked.add()
    look()
    if failure == .before { throw StoreFailure.full }
    try await store.finishUpload(part, as: content, now: now)
    if failure == .after { throw StoreFailure.failed(10) }
  }

  func claimBlob(
    _ target: UploadTarget, _ length: BlobLength, part: PartName, now: Int64,
    admit: @escaping @Sendable () throws -> Void
  ) async throws -> Upload {
    try await store.claimBlob(target, length, part: part, now: now, admit: admit)
  }
  func upload(_ target: UploadTarget, now: Int64) async throws -> Upload { try await store.upload(target, now: now) }
  func saveUpload(_ part: PartName, upTo saved: Int) async throws { try await store.saveUpload(part, upTo: saved) }
  func blob(_ id: BlobID, now: Int64) async throws -> StoredBlob? { try await store.blob(id, now: now) }
  func deleteUploads(_ id: MailboxID, _ blob: BlobID?, by mutation: Mutation) async throws {
    try await store.deleteUploads(id, blob, by: mutation)
  }
  func sweepBlobs(now: Int64) async throws { try await store.sweepBlobs(now: now) }
  func abandonedFiles(limit: Int) async throws -> [BlobFile] { try await store.abandonedFiles(limit: limit) }
  func forgetFiles(_ files: [BlobFile]) async throws { try await store.forgetFiles(files) }
  func unneeded(_ files: [BlobFile]) async throws -> [BlobFile] {
    questions.add()
    return try await store.unneeded(files)
  }
  func wholeBlobs(after content: Digest, limit: Int) async throws -> [StoredBlob] {
    try await store.wholeBlobs(after: content, limit: limit)
  }
  func dropBlobs(_ content: Digest) async throws { try await store.dropBlobs(content) }
}
