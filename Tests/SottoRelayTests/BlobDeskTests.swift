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

  private func append(_ desk: BlobDesk, _ target: UploadTarget) async throws -> BlobDesk.Outcome {
    let body = AsyncThrowingStream<ByteBuffer, any Error> { [bytes] in
      $0.yield(ByteBuffer(bytes: bytes))
      $0.finish()
    }
    return try await desk.append(body, to: target, at: 0, declared: nil, now: 0) {}
  }
}

/// A real store whose last commit fails.
struct FailingLedger: BlobLedger {
  enum Failure: Sendable { case none, before, after }

  let store: SQLiteStore
  let failure: Failure
  /// Called when the commit is asked for.
  let look: @Sendable () -> Void
  let asked = Counter()
  var isShared: Bool { false }

  final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
  }

  init(store: SQLiteStore, failure: Failure, look: @escaping @Sendable () -> Void) {
    (self.store, self.failure, self.look) = (store, failure, look)
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
  func needs(_ file: BlobFile) async throws -> Bool { try await store.needs(file) }
  func wholeBlobs(after content: Digest, limit: Int) async throws -> [StoredBlob] {
    try await store.wholeBlobs(after: content, limit: limit)
  }
  func dropBlobs(_ content: Digest) async throws { try await store.dropBlobs(content) }
}
