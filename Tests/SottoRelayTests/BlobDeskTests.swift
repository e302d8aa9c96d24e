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
    let store = try await Self.store(folder)
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
    let store = try await Self.store(folders[0])
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

  // MARK: One folder of several relays

  /// What one began another ends, in a file of its own: the one before changes nothing any more, though its connection is
  /// alive and brings more. [operation.19]
  @Test func anUploadGoesOnElsewhere() async throws {
    let shared = try await Shared()
    let (first, second) = (shared.desks[0], shared.desks[1])
    #expect(try await first.claim(shared.target, .smallest, now: 0) == .at(0))
    #expect(try await append(first, shared.target, Array(bytes[..<30_000])) == .at(30_000))
    let (body, more) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
    let displaced = Task {
      try await first.append(body, to: shared.target, at: 30_000, declared: nil, now: 0) {}
    }
    more.yield(ByteBuffer(bytes: bytes[30_000..<40_000]))
    try await until { shared.files("arriving") == [40_000] }
    #expect(try await second.claim(shared.target, .smallest, now: 0) == .at(30_000), "what is on stable storage")
    #expect(try await append(second, shared.target, Array(bytes[30_000...]), at: 30_000) == .whole(65_536))
    more.yield(ByteBuffer(bytes: [UInt8](repeating: 7, count: 25_536)))
    more.finish()
    #expect(try await displaced.value == .whole(65_536), "it hears what became of it")
    try await shared.expectWhole(bytes)
    for desk in shared.desks { try await desk.sweep(now: 0) }
    #expect(shared.files("arriving").isEmpty && shared.files("leaving").isEmpty)
    try await shared.expectWhole(bytes)
    try await shared.store.close()
  }

  /// A relay that starts removes what no row has, also what another is about to tell its row of. [operation.19]
  @Test func aCopyThatIsRemovedIsSentAgain() async throws {
    let shared = try await Shared()
    #expect(try await shared.desks[0].claim(shared.target, .smallest, now: 0) == .at(0))
    #expect(try await append(shared.desks[0], shared.target, Array(bytes[..<30_000])) == .at(30_000))
    shared.ledger.beforeMove.withLock { body in
      body = { for name in shared.names("arriving") { try FileManager.default.removeItem(atPath: name) } }
    }
    let rest = Array(bytes[30_000...])
    #expect(try await append(shared.desks[1], shared.target, rest, at: 30_000) == .mismatch(0))
    #expect(shared.ledger.beforeMove.withLock { $0 == nil }, "it came to that")
    #expect(try await append(shared.desks[1], shared.target) == .whole(65_536))
    try await shared.expectWhole(bytes)
    try await shared.store.close()
  }

  /// What is saved by one while another copies, and a database that goes away between the copy and its answer: what counts is
  /// what the copy has. [operation.19]
  @Test func theRowSaysWhatTheCopyHas() async throws {
    let shared = try await Shared()
    let (first, second, bytes) = (shared.desks[0], shared.desks[1], self.bytes)
    #expect(try await first.claim(shared.target, .smallest, now: 0) == .at(0))
    #expect(try await append(first, shared.target, Array(bytes[..<30_000])) == .at(30_000))
    shared.ledger.beforeMove.withLock { body in
      body = { [target = shared.target] in
        let more = Self.body(Array(bytes[30_000..<50_000]))
        let outcome = try await first.append(more, to: target, at: 30_000, declared: nil, now: 0) {}
        #expect(outcome == .at(50_000))
      }
    }
    shared.ledger.afterMove.withLock { $0 = { throw StoreFailure.unavailable } }
    await #expect(throws: StoreFailure.unavailable) {
      try await append(second, shared.target, Array(bytes[30_000...]), at: 30_000)
    }
    #expect(try await first.claim(shared.target, .smallest, now: 0) == .at(30_000))
    #expect(try await append(second, shared.target, Array(bytes[30_000...]), at: 30_000) == .whole(65_536))
    try await shared.expectWhole(bytes)
    try await shared.store.close()
  }

  /// A relay with another database, by mistake, knows of none of the files. What could not be anybody's any more by its age
  /// goes, whoever died without a word. [operation.19] [blob.9]
  @Test func onlyWhatIsOldIsForgotten() async throws {
    let shared = try await Shared()
    try await Self.upload(shared.desks[0], shared.target, bytes)
    let other = try await Self.store(Folder())
    let ledger = FailingLedger(store: other, isShared: true)
    let mistaken = try BlobDesk(ledger, folder: shared.folder.path + "/blobs", isShared: true)
    for day in [0, 1, 30, 31] as [Int64] {
      try await mistaken.sweep(now: day * 86_400)
      try await shared.expectWhole(bytes)
    }
    #expect(ledger.questions.value == 0)
    try await mistaken.sweep(now: 32 * 86_400)
    #expect(shared.files("whole").isEmpty)
    try await other.close()
    try await shared.store.close()
  }

  /// A relay that was asked which files are needed, and one that takes in the same bytes before the first has removed them.
  /// [operation.19]
  @Test func whatIsNeededAgainIsBroughtBack() async throws {
    let shared = try await Shared()
    try await shared.abandon(bytes)
    let (desk, target) = (shared.desks[1], shared.target)
    let bytes = bytes
    shared.ledger.afterQuestion.withLock { $0 = { try await Self.upload(desk, target, bytes) } }
    try await shared.desks[0].sweep(now: 0)
    #expect(shared.ledger.afterQuestion.withLock { $0 == nil }, "it was asked")
    try await shared.expectWhole(bytes)
    #expect(shared.files("leaving").isEmpty)
    try await shared.store.close()
  }

  /// The same the other way round: between the file's name and the row. [operation.19]
  @Test func whatIsAboutToBeReadIsKept() async throws {
    let shared = try await Shared()
    try await shared.abandon(bytes)
    let desk = shared.desks[0]
    shared.ledger.beforeFinish.withLock { $0 = { try await desk.sweep(now: 0) } }
    try await Self.upload(shared.desks[1], shared.target, bytes)
    #expect(shared.ledger.beforeFinish.withLock { $0 == nil }, "it came to that")
    try await shared.expectWhole(bytes)
    try await shared.store.close()
  }

  /// What a relay had set aside when it died: any other's sweep brings back what a row has, and removes the rest.
  @Test func whatWasLeftAsideIsDealtWith() async throws {
    let shared = try await Shared()
    try await Self.upload(shared.desks[0], shared.target, bytes)
    let name = try #require(shared.names("whole").first)
    let leaving = shared.folder.path + "/blobs/leaving/"
    try FileManager.default.moveItem(
      atPath: name, toPath: leaving + URL(filePath: name).lastPathComponent + String(repeating: "01", count: 16))
    try Data([1]).write(to: URL(filePath: leaving + String(repeating: "02", count: 48)))
    try await shared.desks[1].sweep(now: 0)
    try await shared.expectWhole(bytes)
    #expect(shared.files("leaving").isEmpty)
    // Only one's own files are compared with the ledger in every sweep: all relays would do it for all files.
    shared.ledger.questions.reset()
    try await shared.desks[1].sweep(now: 0)
    #expect(shared.ledger.questions.value == 0)
    try await shared.store.close()
  }

  /// A folder that is not there is not made: it may be a file system that is not mounted.
  @Test func aSharedFolderIsThereBefore() async throws {
    let folder = Folder()
    let store = try await Self.store(folder)
    #expect(throws: StoreFailure.self) {
      try BlobDesk(store, folder: folder.path + "/not mounted/blobs", isShared: true)
    }
    #expect(throws: StoreFailure.self) { try BlobDesk(store, folder: folder.path + "/blobs", isShared: true) }
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/blobs"))
    try await store.close()
  }

  /// Two desks with one ledger and one folder, as two relays have them.
  private struct Shared {
    let folder = Folder()
    let store: SQLiteStore
    let ledger: FailingLedger
    let desks: [BlobDesk]
    let target: UploadTarget
    private let other: UploadTarget

    init() async throws {
      let folder = folder
      let owner = Owner(1)
      store = try await BlobDeskTests.store(folder)
      let ledger = FailingLedger(store: store, isShared: true)
      self.ledger = ledger
      try FileManager.default.createDirectory(atPath: folder.path + "/blobs", withIntermediateDirectories: false)
      desks = try (0..<2).map { _ in try BlobDesk(ledger, folder: folder.path + "/blobs", isShared: true) }
      target = UploadTarget(mailbox: owner.mailbox, blob: blobID(1), capability: owner.contact.hash)
      other = UploadTarget(mailbox: owner.mailbox, blob: blobID(2), capability: owner.contact.hash)
    }

    func names(_ part: String) -> [String] { Array(BlobFolder.files(folder.path, part).keys) }
    func files(_ part: String) -> [Int] { BlobFolder.files(folder.path, part).values.sorted() }

    /// A file with these bytes, and its name among those that nobody needs any more.
    func abandon(_ bytes: [UInt8]) async throws {
      try await BlobDeskTests.upload(desks[0], other, bytes)
      try await store.deleteUploads(other.mailbox, other.blob, by: StoreContract.mutation(1, 3))
      #expect(files("whole") == [bytes.count])
    }

    func expectWhole(_ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) async throws {
      let known = try #require(try await store.blob(target.blob, now: 0), sourceLocation: sourceLocation)
      let name = Hex.encode(known.content.bytes)
      let path = try #require(names("whole").first { $0.hasSuffix(name) }, sourceLocation: sourceLocation)
      let found = try Data(contentsOf: URL(filePath: path))
      #expect(Array(found) == bytes, sourceLocation: sourceLocation)
    }
  }

  /// With one mailbox.
  private static func store(_ folder: Folder) async throws -> SQLiteStore {
    let owner = Owner(1)
    let store = try SQLiteStore(path: folder.path + "/store")
    try await store.createMailbox(owner.mailbox, by: StoreContract.mutation(1, 1))
    try await store.setCapabilities(owner.mailbox, try owner.capabilities, by: StoreContract.mutation(1, 2))
    return store
  }

  private static func upload(_ desk: BlobDesk, _ target: UploadTarget, _ bytes: [UInt8]) async throws {
    let length = try #require(BlobLength(bytes.count))
    #expect(try await desk.claim(target, length, now: 0) == .at(0))
    #expect(try await desk.append(body(bytes), to: target, at: 0, declared: nil, now: 0) {} == .whole(bytes.count))
  }

  private static let lengths = [65_536, 73_728, 81_920, 90_112]

  private func append(
    _ desk: BlobDesk, _ target: UploadTarget, _ bytes: [UInt8]? = nil, at offset: Int = 0
  ) async throws -> BlobDesk.Outcome {
    try await desk.append(Self.body(bytes ?? self.bytes), to: target, at: offset, declared: nil, now: 0) {}
  }

  private static func body(_ bytes: [UInt8]) -> AsyncThrowingStream<ByteBuffer, any Error> {
    AsyncThrowingStream {
      $0.yield(ByteBuffer(bytes: bytes))
      $0.finish()
    }
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
  /// What happens next, once: between a question which files are needed and its answer, between the name of a whole file and
  /// its row, and before and after a row is told of a copy.
  let afterQuestion = Happening()
  let beforeFinish = Happening()
  let beforeMove = Happening()
  let afterMove = Happening()
  let asked = Counter()
  /// How often it was asked which files are needed.
  let questions = Counter()

  final class Happening: Sendable {
    private let body = Mutex<(@Sendable () async throws -> Void)?>(nil)
    func withLock<T>(_ change: (inout (@Sendable () async throws -> Void)?) -> T) -> T { body.withLock { change(&$0) } }
    func happen() async throws {
      let body = body.withLock { body in
        defer { body = nil }
        return body
      }
      try await body?()
    }
  }

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
    try await beforeFinish.happen()
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
  func moveUpload(_ part: PartName, to other: PartName, saved: Int) async throws {
    try await beforeMove.happen()
    try await store.moveUpload(part, to: other, saved: saved)
    try await afterMove.happen()
  }
  func announceUpload(_ part: PartName, as content: Digest) async throws {
    try await store.announceUpload(part, as: content)
  }
  func blob(_ id: BlobID, now: Int64) async throws -> StoredBlob? { try await store.blob(id, now: now) }
  func deleteUploads(_ id: MailboxID, _ blob: BlobID?, by mutation: Mutation) async throws {
    try await store.deleteUploads(id, blob, by: mutation)
  }
  func sweepBlobs(now: Int64) async throws { try await store.sweepBlobs(now: now) }
  func abandonedFiles(limit: Int) async throws -> [BlobFile] { try await store.abandonedFiles(limit: limit) }
  func forgetFiles(_ files: [BlobFile]) async throws { try await store.forgetFiles(files) }
  func unneeded(_ files: [BlobFile]) async throws -> [BlobFile] {
    questions.add()
    let answer = try await store.unneeded(files)
    try await afterQuestion.happen()
    return answer
  }
  func wholeBlobs(after content: Digest, limit: Int) async throws -> [StoredBlob] {
    try await store.wholeBlobs(after: content, limit: limit)
  }
  func dropBlobs(_ content: Digest) async throws { try await store.dropBlobs(content) }
}
