import Foundation
import GRDB
import SottoRelay
import SottoWire
import Testing

/// Copies of a store that is in use, and what a relay must forget and remember when it begins again from one.
@Suite struct BackupTests {
  private let folder = Folder()

  private func configuration(_ relay: TestRelay) -> RelayConfiguration {
    var configuration = RelayConfiguration(dataDirectory: relay.folder.path)
    configuration.now = { relay.clock.now }
    return configuration
  }

  private func read<T: Sendable>(_ path: String, _ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    let queue = try DatabaseQueue(path: path)
    defer { try? queue.close() }
    return try await queue.read(body)
  }

  private func failure(_ body: () throws -> Void) -> Int32? {
    do {
      try body()
      return nil
    } catch { return (error as? StartFailure)?.exitCode }
  }

  /// Taken while envelopes come in: a mailbox has every envelope up to its last. [operation.6]
  @Test func aCopyIsConsistent() async throws {
    let owner = Owner(1)
    try await withRelay { relay in
      try await owner.register(at: relay)
      let (mailbox, contact) = (owner.mailbox, owner.contact)
      _ = try await relay.sender(.put, .envelope(mailbox, envelopeID(1)), contact, body: envelope(1))
      let writer = Task {
        var number = 1
        while !Task.isCancelled {
          number += 1
          _ = try await relay.sender(.put, .envelope(mailbox, envelopeID(number)), contact, body: envelope(number))
        }
      }
      for number in 1...5 {
        try await Task.sleep(for: .milliseconds(50))
        let file = self.folder.path + "/\(number)"
        _ = try Backups.backup(self.configuration(relay), to: file, replacing: false)
        let (counted, held) = try await self.read(file) {
          (
            try Int.fetchOne($0, sql: "SELECT MAX(position) FROM queue"),
            try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM queue")
          )
        }
        #expect(counted == held && counted != nil)
      }
      writer.cancel()
      _ = await writer.result
      #expect(
        self.failure {
          _ = try Backups.backup(self.configuration(relay), to: self.folder.path + "/1", replacing: false)
        } == 73)
      _ = try Backups.backup(self.configuration(relay), to: self.folder.path + "/1", replacing: true)
      #expect(
        self.failure { _ = try Backups.backup(self.configuration(relay), to: "/nonexistent/1", replacing: false) } == 74
      )
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(left.sorted() == (1...5).flatMap { ["\($0)", "\($0).blobs"] })
    #expect(
      failure { _ = try Backups.backup(RelayConfiguration(dataDirectory: "/nonexistent"), to: "x", replacing: false) }
        == 66)
  }

  /// [operation.7]
  @Test func aRestoredRelayForgetsPartsAndRemembersSequences() async throws {
    let (folder, clock, file) = (Folder(), TestClock(), folder.path + "/backup")
    let owner = Owner(1)
    var relay = try await TestRelay.start(in: folder, clock: clock)
    try await owner.register(at: relay)
    let parts = try OneTimeUpload((0..<4).map { .init(index: $0, sealed: [1]) }).encoded
    let part = SignedPartUpload(id: 1, sealed: [1]).encoded
    #expect(try await relay.owner(owner.key, .put, .signedPart(owner.mailbox), body: part, sequence: 3).status == 204)
    #expect(try await relay.owner(owner.key, .put, .batch(owner.mailbox, 1), body: parts, sequence: 4).status == 204)
    let put = Route.envelope(owner.mailbox, envelopeID(1))
    #expect(try await relay.sender(.put, put, owner.contact, body: envelope(1)).status == 201)
    let before = try await owner.status(at: relay)
    _ = try Backups.backup(configuration(relay), to: file, replacing: false)

    // Since the backup: a part is handed out, and the owner closes the mailbox.
    #expect(try await relay.sender(.post, .claim(owner.mailbox), owner.contact).status == 200)
    clock.advance(60)
    let closing = try CapabilitySet([]).encoded
    let sequence = UInt64(clock.now) * 1_000
    func close(_ relay: TestRelay) async throws -> Answer {
      try await relay.owner(
        owner.key, .put, .capabilities(owner.mailbox), body: closing, sequence: sequence, created: clock.now)
    }
    #expect(try await close(relay).status == 204)
    let configuration = configuration(relay)
    #expect(failure { _ = try Backups.restore(configuration, from: file, replacing: true) } == 75, "it runs")
    try await relay.stop()
    #expect(failure { _ = try Backups.restore(configuration, from: file, replacing: false) } == 73)
    clock.advance(60)
    _ = try Backups.restore(configuration, from: file, replacing: true)

    relay = try await TestRelay.start(in: folder, clock: clock)
    let after = try await owner.status(at: relay)
    #expect(after.oneTimeParts == 0 && after.signedPart == 1 && after.envelopes == 1)
    #expect(after.restoreEpoch > before.restoreEpoch && after.restoreEpoch == UInt64(clock.now))
    #expect(after.capabilities == before.capabilities, "what was revoked since is there again")
    // A request that was signed before the restore changes nothing.
    clock.advance(-60)
    let replayed = try await close(relay)
    #expect(replayed.status == 409 && replayed.field(HeaderName.sequence) == String(after.sequence))
    clock.advance(60)
    #expect(after.sequence == UInt64(clock.now + 300) * 1_000)
    try await relay.stop()

    // The same backup once more: the epoch rises again, with the store that it replaces and without it.
    _ = try Backups.restore(configuration, from: file, replacing: true)
    let third = try await read(folder.path + "/relay.sqlite") {
      try Int64.fetchOne($0, sql: "SELECT restore_epoch FROM store") ?? 0
    }
    #expect(UInt64(third) == after.restoreEpoch + 1)
    #expect(RestoreRules.epoch(backup: 1, former: nil, now: 500) == 500)
    #expect(RestoreRules.epoch(backup: 7, former: 9, now: -1) == 10)
  }

  /// [operation.7]
  @Test func whatIsNoBackupChangesNothing() async throws {
    let (folder, file) = (Folder(), folder.path + "/backup")
    let owner = Owner(1)
    let relay = try await TestRelay.start(in: folder)
    try await owner.register(at: relay)
    for number in 1...40 {
      let put = Route.envelope(owner.mailbox, envelopeID(number))
      #expect(try await relay.sender(.put, put, owner.contact, body: envelope(number)).status == 201)
    }
    let configuration = configuration(relay)
    _ = try Backups.backup(configuration, to: file, replacing: false)
    try await relay.stop()
    let store = try Data(contentsOf: URL(filePath: folder.path + "/relay.sqlite"))
    func restore(_ change: (inout Data) -> Void) throws -> Int32? {
      var bytes = try Data(contentsOf: URL(filePath: file))
      change(&bytes)
      let bad = self.folder.path + "/bad"
      try bytes.write(to: URL(filePath: bad))
      return failure { _ = try Backups.restore(configuration, from: bad, replacing: true) }
    }
    #expect(try restore { $0 = Data() } == 65)
    #expect(try restore { $0 = Data("not a database at all".utf8) } == 65)
    #expect(try restore { $0 = $0.prefix($0.count / 2) } == 65)
    #expect(try restore { $0.replaceSubrange(8_192..<20_480, with: Data(repeating: 0xa5, count: 12_288)) } == 65)
    #expect(failure { _ = try Backups.restore(configuration, from: file + "x", replacing: true) } == 66)
    let newer = self.folder.path + "/newer"
    try FileManager.default.copyItem(atPath: file, toPath: newer)
    let queue = try DatabaseQueue(path: newer)
    try await queue.write { try $0.execute(sql: "UPDATE store SET version = version + 1") }
    try queue.close()
    #expect(failure { _ = try Backups.restore(configuration, from: newer, replacing: true) } == 78)
    #expect(try Data(contentsOf: URL(filePath: folder.path + "/relay.sqlite")) == store)
    #expect(try restore { _ in } == nil)
  }

  @Test func anEmptyStoreNeedsNoPermission() async throws {
    let (folder, file) = (Folder(), folder.path + "/backup")
    let relay = try await TestRelay.start(in: folder)
    let configuration = configuration(relay)
    _ = try Backups.backup(configuration, to: file, replacing: false)
    try await relay.stop()
    #expect(failure { _ = try Backups.restore(configuration, from: file, replacing: false) } == nil)
    #expect(
      failure {
        _ = try Backups.restore(
          RelayConfiguration(dataDirectory: self.folder.path + "/new"), from: file, replacing: false)
      } == nil)
    // One that cannot be read may hold everything.
    try Data("damaged, and long enough to be looked at".utf8).write(to: URL(filePath: folder.path + "/relay.sqlite"))
    let log = folder.path + "/relay.sqlite-wal"
    try Data("the log of something else".utf8).write(to: URL(filePath: log))
    #expect(failure { _ = try Backups.restore(configuration, from: file, replacing: false) } == 73)
    #expect(failure { _ = try Backups.restore(configuration, from: file, replacing: true) } == nil)
    #expect(!FileManager.default.fileExists(atPath: log))
  }

  /// A store that was removed by hand has left its log, which is not that of what comes in its place. [operation.7]
  @Test func theLogOfAStoreThatIsGoneIsNotApplied() async throws {
    let (folder, file) = (Folder(), folder.path + "/backup")
    let relay = try await TestRelay.start(in: folder)
    try await Owner(1).register(at: relay)
    let configuration = configuration(relay)
    _ = try Backups.backup(configuration, to: file, replacing: false)
    try await relay.stop()
    let store = folder.path + "/relay.sqlite"
    let kept = folder.path + "/kept"
    // A log is there while the store is open; so a copy is what a relay that was killed leaves.
    let writer = try DatabaseQueue(path: store)
    try await writer.write { try $0.execute(sql: "UPDATE mailbox SET sequence = 77") }
    try FileManager.default.copyItem(atPath: store + "-wal", toPath: kept)
    try writer.close()
    for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: store + suffix) }
    try FileManager.default.moveItem(atPath: kept, toPath: store + "-wal")
    #expect(failure { _ = try Backups.restore(configuration, from: file, replacing: false) } == nil)
    #expect(!FileManager.default.fileExists(atPath: store + "-wal"))
    let sequence = try await read(store) { try Int64.fetchOne($0, sql: "SELECT sequence FROM mailbox") }
    #expect(sequence != 77)
  }

  /// Whoever reads keeps the log from being moved into the file, and what is in it alone must not go with it. [operation.7]
  @Test func aLogThatCannotBeMovedIsKept() async throws {
    let (folder, file) = (Folder(), folder.path + "/backup")
    let owner = Owner(1)
    let relay = try await TestRelay.start(in: folder)
    try await owner.register(at: relay)
    let configuration = configuration(relay)
    _ = try Backups.backup(configuration, to: file, replacing: false)
    try await relay.stop()
    let store = folder.path + "/relay.sqlite"
    /// Restores while somebody reads what was there before the last change.
    func restoreBesideReader() throws -> Int32? {
      let reader = try DatabaseQueue(path: store)
      let writer = try DatabaseQueue(path: store)
      let code = try reader.read { db -> Int32? in
        _ = try Int.fetchOne(db, sql: "SELECT version FROM store")
        try writer.write { try $0.execute(sql: "UPDATE mailbox SET sequence = 77") }
        let code = failure { _ = try Backups.restore(configuration, from: file, replacing: true) }
        #expect(FileManager.default.fileExists(atPath: store + "-wal"))
        return code
      }
      try writer.close()
      try reader.close()
      return code
    }
    let code = try restoreBesideReader()
    #expect(code == 75)
    let sequence = try await read(store) { try Int64.fetchOne($0, sql: "SELECT sequence FROM mailbox") }
    #expect(sequence == 77, "the former store is as it was")
    #expect(!FileManager.default.fileExists(atPath: store + ".restoring"))
    #expect(failure { _ = try Backups.restore(configuration, from: file, replacing: true) } == nil)
  }
}
