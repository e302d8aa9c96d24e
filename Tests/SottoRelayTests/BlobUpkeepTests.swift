import Foundation
import GRDB
import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// Attachments in backups, and what the doctor says of them.
@Suite struct BlobUpkeepTests {
  private let folder = Folder()
  private var file: String { folder.path + "/backup" }

  private func configuration(_ relay: TestRelay) -> RelayConfiguration {
    var configuration = RelayConfiguration(dataDirectory: relay.folder.path)
    configuration.now = { relay.clock.now }
    configuration.listen.port = 0
    return configuration
  }

  private static func name(_ bytes: [UInt8]) -> String { Hex.encode(Digest.of("blob", bytes).bytes) }

  /// Where a folder of blobs has these bytes.
  private static func place(_ bytes: [UInt8], in folder: String) -> String {
    "\(folder)/whole/\(name(bytes).prefix(2))/\(name(bytes))"
  }

  /// Paths of everything in it that is a file.
  private static func files(_ folder: String) -> [String] {
    let all = FileManager.default.enumerator(at: URL(filePath: folder), includingPropertiesForKeys: nil)
    return (all?.allObjects as? [URL] ?? []).filter { !$0.hasDirectoryPath }.map(\.lastPathComponent).sorted()
  }

  private func exit(_ body: () throws -> Void) -> Int32? {
    do {
      try body()
      return nil
    } catch { return (error as? StartFailure)?.exitCode }
  }

  /// [operation.6] [operation.7]
  @Test func aRestoredRelayHasTheBlobsOfItsBackup() async throws {
    let (first, second, third) = (blobBytes(65_536), blobBytes(73_728, seed: 2), blobBytes(81_920, seed: 3))
    let data = Folder()
    let clock = TestClock()
    let owner = Owner(1)
    var relay = try await TestRelay.start(in: data, clock: clock)
    try await owner.register(at: relay)
    for (number, bytes) in [(1, first), (2, second), (3, first)] as [(UInt8, [UInt8])] {
      try await relay.upload(owner, blobID(number), bytes)
    }
    _ = try await relay.claimUpload(owner, blobID(4), 65_536)
    _ = try await relay.append(owner, blobID(4), [1, 2, 3], at: 0)
    let made = try Backups.backup(configuration(relay), to: file, replacing: false)
    #expect(made.blobs == 2 && made.blobsLeftOut == 0)
    #expect(Self.files(file + ".blobs") == [Self.name(first), Self.name(second)].sorted())

    // Since the backup: one goes and one comes.
    let gone = Route.upload(owner.mailbox, blobID(2))
    #expect(try await relay.owner(owner.key, .delete, gone, sequence: 3).status == 204)
    try await relay.upload(owner, blobID(5), third)
    try await relay.untilFiles("whole", are: [65_536, 81_920])
    let configuration = configuration(relay)
    try await relay.stop()
    _ = try Backups.restore(configuration, from: file, replacing: true)
    relay = try await TestRelay.start(in: data, clock: clock)
    for (number, bytes) in [(1, first), (2, second), (3, first)] as [(UInt8, [UInt8])] {
      #expect(try await relay.read(blobID(number)).body == bytes)
    }
    #expect(try await relay.read(blobID(5)).problem == .notFound)
    #expect(try await relay.claimUpload(owner, blobID(4), 65_536).offset == 0, "what arrived begins again")
    // What no row has any more is removed.
    try await relay.untilFiles("whole", are: [65_536, 73_728])
    let path = Self.place(second, in: data.path + "/blobs")
    let dated = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    #expect(dated == Date(timeIntervalSince1970: TimeInterval(clock.now / 86_400 * 86_400)))

    // The next backup to the same place takes what is new and lets go what is old.
    let last = Route.upload(owner.mailbox, blobID(1))
    let sequence = try await owner.status(at: relay).sequence + 1
    let other = Route.upload(owner.mailbox, blobID(3))
    #expect(try await relay.owner(owner.key, .delete, other, sequence: sequence).status == 204)
    #expect(try await relay.owner(owner.key, .delete, last, sequence: sequence + 1).status == 204)
    try await relay.upload(owner, blobID(6), third)
    _ = try Backups.backup(configuration, to: file, replacing: true)
    #expect(Self.files(file + ".blobs") == [Self.name(second), Self.name(third)].sorted())
    try await relay.stop()
  }

  /// Blobs come and go while backups are made: what a backup's file knows, its folder has. [operation.6]
  @Test func aBackupThatHasTheRowHasTheFile() async throws {
    try await withRelay { relay in
      try await Owner(1).register(at: relay)
      let busy = Task {
        let owner = Owner(1)
        var sequence: UInt64 = 2
        while !Task.isCancelled {
          for number in 1...8 as ClosedRange<UInt8> {
            try await relay.upload(owner, blobID(number), blobBytes(65_536, seed: sequence &* 64 &+ UInt64(number)))
          }
          sequence += 1
          #expect(try await relay.owner(owner.key, .delete, .uploads(owner.mailbox), sequence: sequence).status == 204)
        }
      }
      for round in 1...8 {
        try await Task.sleep(for: .milliseconds(30))
        let made = try Backups.backup(self.configuration(relay), to: file, replacing: true)
        let queue = try DatabaseQueue(path: file)
        let known = try await queue.read {
          try Data.fetchAll($0, sql: "SELECT DISTINCT hash FROM blob ORDER BY hash")
        }
        try queue.close()
        #expect(known.map { Hex.encode(Array($0)) } == Self.files(file + ".blobs"), "round \(round)")
        #expect(made.blobs == known.count)
      }
      busy.cancel()
      _ = await busy.result
    }
  }

  /// [operation.6] [operation.7] [operation.8]
  @Test func damageIsNoticed() async throws {
    let (first, second) = (blobBytes(65_536), blobBytes(73_728, seed: 2))
    let relay = try await TestRelay.start()
    let owner = Owner(1)
    try await owner.register(at: relay)
    try await relay.upload(owner, blobID(1), first)
    try await relay.upload(owner, blobID(2), second)
    let configuration = configuration(relay)
    func finding() async throws -> Doctor.Finding {
      try #require(await Doctor(configuration).examine().first { $0.check == "blobs" })
    }
    #expect(try await finding().verdict == .ok)
    _ = try Backups.backup(configuration, to: file, replacing: false)
    try await relay.stop()

    // A backup whose folder is not as it was changes nothing.
    func restoring(_ path: String, _ bytes: [UInt8]?) throws -> Int32? {
      let good = try Data(contentsOf: URL(filePath: path))
      defer { try? good.write(to: URL(filePath: path)) }
      try FileManager.default.removeItem(atPath: path)
      if let bytes { try Data(bytes).write(to: URL(filePath: path)) }
      return exit { _ = try Backups.restore(configuration, from: self.file, replacing: true) }
    }
    let copy = Self.place(first, in: file + ".blobs")
    #expect(try restoring(copy, nil) == 65)
    #expect(try restoring(copy, first.dropLast()) == 65)
    #expect(try restoring(copy, [first[0] ^ 1] + first.dropFirst()) == 65)
    #expect(exit { _ = try Backups.restore(configuration, from: self.file, replacing: true) } == nil)

    // One bit of one file, and then no file.
    let path = Self.place(first, in: relay.folder.path + "/blobs")
    try Data([first[0] ^ 1] + first.dropFirst()).write(to: URL(filePath: path))
    let found = try await finding()
    #expect(found.verdict == .failed && found.exitCode == 74)
    let other = folder.path + "/other"
    let made = try Backups.backup(configuration, to: other, replacing: false)
    #expect(made.blobs == 1 && made.blobsLeftOut == 1)
    #expect(Self.files(other + ".blobs") == [Self.name(second)])
    #expect(exit { _ = try Backups.restore(configuration, from: other, replacing: true) } == nil)
    #expect(try await finding().verdict == .ok, "the damaged one is known no more")
    try FileManager.default.removeItem(atPath: Self.place(second, in: relay.folder.path + "/blobs"))
    #expect(try await finding().verdict == .failed)
  }
}
