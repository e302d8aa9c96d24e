import Foundation
import GRDB
import SottoCrypto
import SottoRelay
import SottoSimulation
import SottoWire
import Testing

/// Attachments and whatever may go wrong around them: lost connections, crashes at each step, time, slow ones.
@Suite struct BlobDurabilityTests {
  private let length = 8 << 20

  /// [blob.5]
  @Test func cutConnections() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let bytes = blobBytes(length)
      var offset = try #require(try await relay.claimUpload(owner, blobID(1), length).offset)
      for sent in [100_000, 3_000_000] {
        let piece = Array(bytes[offset..<offset + sent])
        let connection = try await relay.halfPatch(owner, blobID(1), piece, at: offset, declared: length - offset)
        try await relay.untilFiles("arriving", are: [offset + sent])
        try await connection.close()
        let now = try #require(try await relay.claimUpload(owner, blobID(1), length).offset)
        #expect(now == offset + sent, "all that came is kept")
        offset = now
      }
      #expect(try await relay.append(owner, blobID(1), Array(bytes[offset...]), at: offset).status == 201)
      #expect(try await relay.read(blobID(1)).body == bytes)
    }
  }

  /// A connection that the relay believes alive, because nobody told it otherwise, keeps nobody waiting. [blob.5]
  @Test func aNewerRequestEndsTheOlder() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let bytes = blobBytes(length)
      _ = try await relay.claimUpload(owner, blobID(1), length)
      let silent = try await relay.halfPatch(owner, blobID(1), Array(bytes[..<9_000]), at: 0, declared: length)
      try await relay.untilFiles("arriving", are: [9_000])
      // Whoever may not upload ends nothing.
      let fields = [
        HeaderField(HeaderName.capability, owner.knock.text), HeaderField(HeaderName.uploadOffset, "0"),
      ]
      let path = Route.upload(owner.mailbox, blobID(1)).path
      #expect(try await relay.send("PATCH", path, fields, body: [1]).problem == .deliveryRefused)
      try await silent.send(Array(bytes[9_000..<10_000]))
      try await relay.untilFiles("arriving", are: [10_000])
      let second = try await relay.append(owner, blobID(1), [1], at: 0)
      #expect(second.problem == .offsetMismatch && second.offset == 10_000)
      try await silent.untilEnded()
      #expect(try await relay.append(owner, blobID(1), Array(bytes[10_000...]), at: 10_000).status == 201)
      #expect(try await relay.read(blobID(1)).body == bytes)
    }
  }

  /// [blob.11]
  @Test func stallsAreEnded() async throws {
    let folder = Folder()
    let owner = Owner(1)
    try await withRelay(in: folder) { (relay) async throws -> Void in
      try await owner.register(at: relay)
      _ = try await relay.claimUpload(owner, blobID(1), length)
      // More than the sockets' buffers hold.
      try await relay.upload(owner, blobID(2), blobBytes(32 << 20))
    }
    let relay = try await TestRelay.start(in: folder) { $0.transferSeconds = 4 }
    let sender = try await relay.halfPatch(owner, blobID(1), [1, 2, 3], at: 0, declared: length)
    try await sender.untilEnded()
    #expect(try await relay.claimUpload(owner, blobID(1), length).offset == 3)
    let reader = try await RawConnection.open(to: relay)
    let head = "GET \(Route.blob(blobID(2)).path) HTTP/1.1\r\nhost: \(relay.authority.text)\r\n\r\n"
    // Who takes nothing is let go: the file is closed. It is looked at from a thread of its own, or it might be opened and
    // closed before anybody has looked.
    let whole = folder.path + "/blobs/whole"
    async let isClosed: Void = onThread {
      while BlobFolder.open(in: whole) == 0 { usleep(1_000) }
      while BlobFolder.open(in: whole) > 0 { usleep(10_000) }
    }
    try await reader.send(Array(head.utf8))
    try await isClosed
    try? await reader.close()
    try await relay.stop()
  }

  /// [blob.11]
  @Test func stoppingSavesWhatArrives() async throws {
    let folder = Folder()
    let owner = Owner(1)
    let bytes = blobBytes(length)
    try await withRelay(in: folder) { relay in
      try await owner.register(at: relay)
      _ = try await relay.claimUpload(owner, blobID(1), length)
      _ = try await relay.halfPatch(owner, blobID(1), Array(bytes[..<50_000]), at: 0, declared: length)
      try await relay.untilFiles("arriving", are: [50_000])
    }
    try await withRelay(in: folder) { (relay) async throws -> Void in
      #expect(try await relay.claimUpload(owner, blobID(1), length).offset == 50_000)
      #expect(try await relay.append(owner, blobID(1), Array(bytes[50_000...]), at: 50_000).status == 201)
      #expect(try await relay.read(blobID(1)).body == bytes)
    }
  }

  /// The clock is turned, and then the relay sweeps. [blob.9] [blob.10]
  @Test func expiry() async throws {
    let (folder, clock) = (Folder(), TestClock())
    let owner = Owner(1)
    var relay = try await TestRelay.start(in: folder, clock: clock)
    // The first time it does so while it begins, at any moment.
    let lines = relay.lines
    try await until { lines.all.contains { $0.contains("\"event\":\"swept\"") } }
    try await owner.register(at: relay)
    try await relay.upload(owner, blobID(1), blobBytes(65_536))
    _ = try await relay.claimUpload(owner, blobID(2), 65_536)
    _ = try await relay.append(owner, blobID(2), [1], at: 0)
    let path = try #require(relay.blobFiles("whole").keys.first)
    let dated = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    #expect(dated == Date(timeIntervalSince1970: TimeInterval(clock.now / 86_400 * 86_400)), "no time but the day")
    clock.advance(86_400)
    #expect(try await relay.append(owner, blobID(2), [2], at: 1).offset == 2)
    clock.advance(86_400)
    #expect(try await relay.append(owner, blobID(2), [3], at: 2).problem == .notFound)
    let again = try await relay.claimUpload(owner, blobID(2), 65_536)
    #expect(again.status == 204 && again.offset == 0, "the loop begins again")
    clock.advance(28 * 86_400)
    #expect(try await relay.read(blobID(1)).status == 200)
    clock.advance(86_400)
    #expect(try await relay.read(blobID(1)).problem == .notFound)
    #expect(relay.blobFiles("whole").count == 1)
    try await relay.stop()
    relay = try await TestRelay.start(in: folder, clock: clock)
    try await relay.untilFiles("whole", are: [])
    try await relay.untilFiles("arriving", are: [])
    #expect(try await relay.claimUpload(owner, blobID(1), 65_536).offset == 0)
    try await relay.stop()
  }

  /// Every state that a crash between two steps leaves behind, made by hand, and what the next start makes of it.
  /// [blob.6]
  @Test func crashes() async throws {
    let folder = Folder()
    let owner = Owner(1)
    let bytes = blobBytes(length)
    let content = Hex.encode(Digest.of("blob", bytes).bytes)
    try await withRelay(in: folder) { relay in
      try await owner.register(at: relay)
      for number in 1...3 as ClosedRange<UInt8> {
        _ = try await relay.claimUpload(owner, blobID(number), length)
        _ = try await relay.append(owner, blobID(number), Array(bytes[..<5_000_000]), at: 0)
        // Told apart by their dates, oldest first.
        let newest = try #require(relay.blobFiles("arriving").keys.first { try! Self.isFresh($0) })
        try Self.date(newest, TimeInterval(number))
      }
      try await relay.upload(owner, blobID(4), blobBytes(65_536, seed: 4))
      try await relay.upload(owner, blobID(5), blobBytes(65_536, seed: 5))
      try await relay.upload(owner, blobID(6), blobBytes(65_536, seed: 6))
    }
    let parts = try BlobFolder.files(folder.path, "arriving").keys.sorted { try Self.date(of: $0) < Self.date(of: $1) }
    // Written, and neither synced nor promised.
    try FileHandle(forWritingTo: URL(filePath: parts[0])).truncate(atOffset: UInt64(length + 1))
    // Lost, though it was promised: another disk than ours.
    try FileHandle(forWritingTo: URL(filePath: parts[1])).truncate(atOffset: 7)
    // All there and named by its content, but not committed.
    let shelf = folder.path + "/blobs/whole/" + content.prefix(2)
    try Data(bytes).write(to: URL(filePath: parts[2]))
    try FileManager.default.moveItem(atPath: parts[2], toPath: shelf + "/" + content)
    // A row whose file is gone, one whose file is not whole, files without rows, and what is no blob's at all.
    func path(_ seed: UInt64) -> String {
      let name = Hex.encode(Digest.of("blob", blobBytes(65_536, seed: seed)).bytes)
      return folder.path + "/blobs/whole/\(name.prefix(2))/\(name)"
    }
    try FileManager.default.removeItem(atPath: path(4))
    try FileHandle(forWritingTo: URL(filePath: path(5))).truncate(atOffset: 65_535)
    try Data([1]).write(to: URL(filePath: folder.path + "/blobs/arriving/" + blobID(77).text))
    try await Self.abandon(path(6), in: folder)
    let relay = try await TestRelay.start(in: folder)
    // One that was abandoned is only removed if no row has it.
    try await relay.untilFiles("whole", are: [65_536])
    #expect(try await relay.read(blobID(6)).body == blobBytes(65_536, seed: 6))
    #expect(try await relay.read(blobID(4)).problem == .notFound)
    #expect(try await relay.read(blobID(5)).problem == .notFound)
    try await relay.untilFiles("arriving", are: [7, length + 1])
    for (number, offset) in [(1, 5_000_000), (2, 7), (3, 0)] as [(UInt8, Int)] {
      #expect(try await relay.read(blobID(number)).problem == .notFound)
      #expect(try await relay.claimUpload(owner, blobID(number), length).offset == offset)
      #expect(try await relay.append(owner, blobID(number), Array(bytes[offset...]), at: offset).status == 201)
      #expect(try await relay.read(blobID(number)).body == bytes)
    }
    #expect(relay.blobFiles("whole").count == 2 && relay.blobFiles("arriving").isEmpty)
    // While it runs, too: a promised length is never met with other bytes.
    try FileHandle(forWritingTo: URL(filePath: path(6))).truncate(atOffset: 65_535)
    #expect(try await relay.read(blobID(6)).problem == .notFound)
    try await relay.stop()
  }

  private static func date(of path: String) throws -> Date {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date)
  }

  private static func isFresh(_ path: String) throws -> Bool { try date(of: path).timeIntervalSince1970 > 1_000 }

  private static func date(_ path: String, _ seconds: TimeInterval) throws {
    let date = Date(timeIntervalSince1970: seconds)
    try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
  }

  private static func abandon(_ path: String, in folder: Folder) async throws {
    let name = try #require(Hex.decode(String(path.suffix(64))))
    let queue = try DatabaseQueue(path: folder.path + "/relay.sqlite")
    try await queue.write { try $0.execute(sql: "INSERT INTO abandoned VALUES (?)", arguments: [Data(name)]) }
    try queue.close()
  }
}
