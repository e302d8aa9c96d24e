import Foundation
import Testing

/// Files between the real programs, through a real relay.
@Suite struct FileProcessTests {
  /// A pair that has talked, and a folder for files.
  private struct Stage {
    let pair: Pair
    let inbox: String

    init(through proxy: Bool = false) async throws {
      pair = try await Pair()
      try await pair.introduce()
      inbox = pair.folder.file("inbox")
      try FileManager.default.createDirectory(atPath: inbox, withIntermediateDirectories: false)
    }

    func write(_ bytes: Data, _ name: String) throws -> String {
      let path = pair.folder.file(name)
      try bytes.write(to: URL(filePath: path))
      return path
    }

    /// Sends a file and answers the message as it arrives.
    func send(_ path: String, _ more: String...) async throws -> [String: Any] {
      let sent = try await run(
        Programs.path("sotto"), ["send", "bob", "--attach", path] + more + ["--home", pair.alice.home, "--json"],
        environment: ["SOTTO_PASSPHRASE": pair.alice.passphrase])
      try #require(sent.status == 0, "\(sent)")
      return try #require(try await pair.bob.sotto("receive").objects.last)
    }

    func download(_ message: [String: Any], to place: String? = nil) async throws -> Outcome {
      try await pair.bob.sotto(
        "download", "alice", try #require(message["id"] as? String), "--to", place ?? inbox)
    }

    func holds(_ person: Person) -> Bool { FileManager.default.fileExists(atPath: person.home + "/spool") }
    var received: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: inbox).sorted() } }
  }

  private static func bytes(_ count: Int) -> Data {
    var state: UInt64 = 88_172_645_463_325_252
    var data = Data(count: count)
    for index in stride(from: 0, to: count, by: 61) {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      data[index] = UInt8(truncatingIfNeeded: state)
    }
    return data
  }

  @Test(arguments: [0, 1, 65_463, 65_464, 3_000_000]) func `A file arrives as it was`(_ count: Int) async throws {
    let stage = try await Stage()
    let file = Self.bytes(count)
    let message = try await stage.send(try stage.write(file, "Übersicht 1.bin"), "look", "--media-type", "image/png")
    #expect(message["text"] as? String == "look")
    let told = try #require(message["file"] as? [String: Any])
    #expect(told["name"] as? String == "Übersicht 1.bin" && told["bytes"] as? Int == count)
    #expect(told["media_type"] as? String == "image/png")
    let fetched = try await stage.download(message)
    #expect(fetched.status == 0, "\(fetched)")
    let path = try #require(fetched.objects.first?["path"] as? String)
    #expect(path == stage.inbox + "/Übersicht 1.bin")
    #expect(try Data(contentsOf: URL(filePath: path)) == file)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(!stage.holds(stage.pair.alice) && !stage.holds(stage.pair.bob), "the spools are empty")
    expectError(try await stage.download(message), 73, "cannot-create")
    #expect(try await stage.download(message, to: stage.inbox + "/other").status == 0)
    #expect(try stage.received == ["other", "Übersicht 1.bin"].sorted())
    // Nothing of it stands at the relay in clear, and its name nowhere.
    if count > 1000 {
      let database = try Data(contentsOf: URL(filePath: stage.pair.relay.database))
      #expect(database.range(of: Data("bersicht".utf8)) == nil)
    }
  }

  // [attachments.13]
  @Test func `A file of several parts goes and comes, and each part is a blob that the relay takes`() async throws {
    let stage = try await Stage()
    let path = try stage.write(Data(), "large.bin")
    // Sparse: mostly zeros, with something in each part.
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.truncate(atOffset: 140_000_000)
    for offset in [0, 134_182_850, 139_999_990] as [UInt64] {
      try handle.seek(toOffset: offset)
      try handle.write(contentsOf: Data("0123456789".utf8))
    }
    try handle.close()
    let message = try await stage.send(path)
    #expect(message["text"] as? String == "")
    let blobs = try FileManager.default.subpathsOfDirectory(atPath: stage.pair.relay.data + "/blobs/whole")
      .compactMap { try? FileManager.default.attributesOfItem(atPath: stage.pair.relay.data + "/blobs/whole/" + $0) }
      .filter { $0[.type] as? FileAttributeType == .typeRegular }.compactMap { $0[.size] as? Int }
    #expect(blobs.sorted() == [16_777_216, 134_217_728])
    let fetched = try await stage.download(message)
    #expect(fetched.status == 0, "\(fetched)")
    let same = try await run(URL(filePath: "/usr/bin/cmp"), [path, stage.inbox + "/large.bin"])
    #expect(same.status == 0, "\(same)")
  }

  // [attachments.8] [blob.5]
  @Test func `An upload that was cut goes on with the next command, and sends no byte twice but of one slice`()
    async throws
  {
    let stage = try await Stage()
    let (pair, file) = (stage.pair, Self.bytes(6_000_000))
    let path = try stage.write(file, "f")
    // It dies after its first slices.
    let sender = Process()
    sender.executableURL = Programs.path("sotto")
    sender.arguments = ["send", "bob", "now", "--attach", path, "--home", pair.alice.home]
    sender.environment = ["SOTTO_PASSPHRASE": pair.alice.passphrase, "PATH": "/usr/bin:/bin"]
    sender.standardError = FileHandle.nullDevice
    try Programs.start(sender) { _ in }
    let arriving = pair.relay.data + "/blobs/arriving"
    while Self.size(arriving) < 1_048_576, sender.isRunning { try await Task.sleep(for: .milliseconds(2)) }
    kill(sender.processIdentifier, SIGKILL)
    sender.waitUntilExit()
    // Sealed once: another file under the name changes nothing.
    try Data("something else".utf8).write(to: URL(filePath: path))
    _ = try await pair.alice.sotto("receive")
    let message = try #require(try await pair.bob.sotto("receive").objects.last)
    let fetched = try await stage.download(message)
    #expect(fetched.status == 0, "\(fetched)")
    #expect(try Data(contentsOf: URL(filePath: stage.inbox + "/f")) == file)
    #expect(!stage.holds(pair.alice))
  }

  private static func size(_ folder: String) -> Int {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
    return names.compactMap {
      try? FileManager.default.attributesOfItem(atPath: folder + "/" + $0)[.size] as? Int
    }.reduce(0, +)
  }

  @Test func `While the relay is down a file waits, and a restart costs nothing`() async throws {
    let stage = try await Stage()
    let (pair, file) = (stage.pair, Self.bytes(2_000_000))
    let path = try stage.write(file, "f")
    pair.relay.kill()
    let queued = try await pair.alice.sotto("send", "bob", "--attach", path)
    #expect(queued.status == 75 && queued.objects.first?["state"] as? String == "queued", "\(queued)")
    #expect(stage.holds(pair.alice))
    try await pair.relay.start()
    try await pair.alice.send("a word", to: "bob")
    let messages = try await pair.bob.sotto("receive").objects
    #expect(messages.map { $0["text"] as? String } == ["a word", ""])
    pair.relay.kill()
    expectError(try await stage.download(try #require(messages.last)), 69, "relay-unavailable")
    #expect(try stage.received == [])
    try await pair.relay.start()
    #expect(try await stage.download(try #require(messages.last)).status == 0)
    #expect(try Data(contentsOf: URL(filePath: stage.inbox + "/f")) == file)
  }

  // [attachments.6] [attachments.7]
  @Test func `Of a file that the relay has bent nothing is left`() async throws {
    let stage = try await Stage()
    let message = try await stage.send(try stage.write(Self.bytes(200_000), "f"))
    let whole = stage.pair.relay.data + "/blobs/whole"
    let name = try #require(
      try FileManager.default.subpathsOfDirectory(atPath: whole).first { $0.utf8.count > 30 })
    let blob = try #require(FileHandle(forUpdatingAtPath: whole + "/" + name))
    try blob.seek(toOffset: 150_000)
    let byte = try #require(try blob.read(upToCount: 1)?.first)
    try blob.seek(toOffset: 150_000)
    try blob.write(contentsOf: Data([byte ^ 1]))
    try blob.close()
    expectError(try await stage.download(message), 77, "refused")
    #expect(try stage.received == [])
    #expect(!stage.holds(stage.pair.bob))
    try FileManager.default.removeItem(atPath: whole + "/" + name)
    let gone = try await stage.download(message)
    #expect(gone.status != 0 && gone.error != nil, "\(gone)")
    #expect(try stage.received == [])
  }

  @Test func `Bad files and bad places are refused, and change nothing`() async throws {
    let stage = try await Stage()
    let (pair, folder) = (stage.pair, stage.pair.folder)
    let good = try stage.write(Data("x".utf8), "good")
    let huge = try stage.write(Data(), "huge")
    try #require(FileHandle(forWritingAtPath: huge)).truncate(atOffset: 1 << 32 + 1)
    let before = try pair.alice.files()
    expectError(try await pair.alice.sotto("send", "bob", "--attach", folder.file("missing")), 66, "unreadable")
    expectError(try await pair.alice.sotto("send", "bob", "--attach", folder.path), 66, "unreadable")
    expectError(try await pair.alice.sotto("send", "bob", "--attach", "/dev/null"), 66, "unreadable")
    expectError(try await pair.alice.sotto("send", "bob", "--attach", huge), 65, "bad-data")
    expectError(try await pair.alice.sotto("send", "bob", "--attach", good, "--media-type", "PNG"), 64, "usage")
    expectError(try await pair.alice.sotto("send", "bob"), 64, "usage")
    expectError(try await pair.alice.sotto("send", "bob", "x", "--media-type", "image/png"), 64, "usage")
    expectError(try await pair.alice.sotto("send", "nobody", "--attach", good), 65, "unknown-contact")
    let stranger = Person("stranger", in: folder)
    let address = try await stranger.create(at: pair.relay.url)
    expectError(try await pair.alice.sotto("send", address, "--attach", good), 65, "bad-data")
    #expect(try pair.alice.files().keys.sorted() == before.keys.sorted())

    let message = try await stage.send(try stage.write(Data("alias ls='rm -rf ~'".utf8), ".bash_aliases"))
    #expect((message["file"] as? [String: Any])?["name"] as? String == ".bash_aliases")
    #expect(try await stage.download(message).status == 0)
    #expect(try stage.received == ["_bash_aliases"])
    expectError(try await pair.bob.sotto("download", "alice", "00000000"), 65, "bad-data")
    expectError(try await pair.alice.sotto("download", "bob"), 65, "bad-data")
    let newest = try await pair.bob.sotto("download", "alice", "--to", folder.file("newest"))
    #expect(newest.status == 0, "\(newest)")
    try await pair.alice.send("no file", to: "bob")
    let plain = try #require(try await pair.bob.sotto("receive").objects.last?["id"] as? String)
    expectError(try await pair.bob.sotto("download", "alice", plain), 65, "bad-data")
    expectError(
      try await pair.bob.sotto("download", "alice", try #require(message["id"] as? String), "--to", "/nowhere/x"), 73,
      "cannot-create")
  }
}
