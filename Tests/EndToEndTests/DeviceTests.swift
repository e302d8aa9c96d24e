import Foundation
import Testing

/// One account on several devices: the real programs through a real relay.
@Suite struct DeviceTests {
  /// `sotto device link --relay URL` as it runs on a new device.
  private final class NewDevice {
    let person: Person
    private let process = Process()
    private let output: String

    init(_ name: String, in folder: TemporaryFolder, relay: String) throws {
      person = Person(name, in: folder)
      output = folder.file(name + ".out")
      try Data().write(to: URL(filePath: output))
      process.executableURL = Programs.path("sotto")
      process.arguments =
        ["device", "link", "--relay", relay, "--name", name, "--yes"] + ["--json", "--home", person.home]
      process.environment = ["SOTTO_PASSPHRASE": person.passphrase, "PATH": "/usr/bin:/bin"]
      let handle = try #require(FileHandle(forWritingAtPath: output))
      (process.standardOutput, process.standardError) = (handle, handle)
      process.standardInput = FileHandle.nullDevice
      try Programs.start(process) { _ in }
    }

    private var objects: [[String: Any]] {
      let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
      return text.split(separator: "\n")
        .compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    }

    /// What it has printed under a name, once it has.
    func printed(_ name: String) async throws -> String {
      for _ in 0..<7200 {
        if let text = objects.compactMap({ $0[name] as? String }).first { return text }
        if !process.isRunning, objects.compactMap({ $0[name] as? String }).isEmpty { break }
        try await Task.sleep(for: .milliseconds(25))
      }
      throw Problem("it printed no \(name): \(objects)")
    }

    func end() async throws -> Int32 {
      for _ in 0..<7200 where process.isRunning { try await Task.sleep(for: .milliseconds(25)) }
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      process.waitUntilExit()
      return process.terminationStatus
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
  }

  private struct Problem: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  private static func history(_ person: Person, _ name: String) async throws -> [String] {
    let outcome = try await person.sotto("history", name)
    try #require(outcome.status == 0, "\(outcome)")
    return outcome.objects.filter { $0["author"] as? String != "notice" }.compactMap { $0["text"] as? String }
  }

  // [devices.1] [devices.4] [devices.6] [devices.8] [devices.11] [devices.12]
  @Test func `A device is linked, gets everything, writes, and is removed`() async throws {
    let pair = try await Pair()
    try await pair.introduce()
    let (alice, bob) = (pair.alice, pair.bob)
    let new = try NewDevice("phone", in: pair.folder, relay: pair.relay.url)
    let code = try await new.printed("code")
    #expect(code.hasPrefix("sotto:"))
    let linked = try await bob.sotto("device", "link", code, "--yes")
    try #require(linked.status == 0, "\(linked)")
    #expect(linked.objects.last?["state"] as? String == "sent", "\(linked)")
    let digits = try #require(linked.objects.first?["digits"] as? String)
    #expect(try await new.printed("digits") == digits)
    #expect(digits.split(separator: " ").map(\.count) == [5, 5, 5])
    #expect(try await new.end() == 0)
    let phone = new.person
    #expect(try await new.printed("address") == pair.bobAddress)

    // The code is of no use to anybody any more.
    expectError(try await bob.sotto("device", "link", code, "--yes"), 77, "refused")
    expectError(try await alice.sotto("device", "link", code, "--yes"), 77, "refused")

    #expect(try await phone.sotto("contact", "list").objects.compactMap { $0["name"] as? String } == ["alice"])
    #expect(try await Self.history(phone, "alice") == ["hello", "hello yourself"])

    _ = try await alice.receive()
    try await alice.send("to both", to: "bob")
    #expect(try await bob.receive() == ["to both"])
    #expect(try await phone.receive() == ["to both"])
    try await phone.send("from the phone", to: "alice")
    #expect(try await alice.receive() == ["from the phone"])
    #expect(try await bob.receive() == [])
    try await bob.send("from the first", to: "alice")
    #expect(try await phone.receive() == [])
    let all = ["hello", "hello yourself", "to both", "from the phone", "from the first"]
    for person in [bob, phone] { #expect(try await Self.history(person, "alice") == all) }
    let doctor = try await phone.sotto("doctor")
    #expect(doctor.status == 0, "\(doctor)")

    for person in [bob, phone] {
      let devices = try await person.sotto("device", "list").objects
      #expect(devices.map { $0["first"] as? Bool } == [true, false])
      #expect(devices.compactMap { $0["name"] as? String }.contains("phone"))
    }
    expectError(try await phone.sotto("device", "revoke", "phone"), 77, "refused")
    expectError(try await bob.sotto("device", "revoke", "tablet"), 65, "bad-data")
    let revoked = try await bob.sotto("device", "revoke", "phone")
    #expect(revoked.status == 0, "\(revoked)")
    _ = try await alice.receive()
    try await alice.send("not for the phone", to: "bob")
    #expect(try await bob.receive() == ["not for the phone"])
    // It hears that it is none any more, and from then on says so.
    #expect(try await phone.receive() == [])
    expectError(try await phone.sotto("receive"), 77, "refused")
    expectError(try await phone.sotto("send", "alice", "I am Bob"), 77, "refused")
    #expect(try await Self.history(phone, "alice") == all)
    #expect(try await alice.receive() == [])
  }

  @Test func `Who cannot be asked, and what makes no sense, is refused before anything happens`() async throws {
    let pair = try await Pair()
    expectError(try await pair.bob.sotto("device", "link", pair.aliceAddress), 64, "usage")
    expectError(try await pair.bob.sotto("device", "link"), 64, "usage")
    expectError(try await pair.bob.sotto("device", "link", "sotto:nonsense", "--yes"), 65, "address-mistyped")
    expectError(try await pair.bob.sotto("device", "link", pair.bobAddress, "--yes"), 65, "bad-data")
    expectError(try await pair.bob.sotto("device", "link", "--relay", pair.relay.url, "--yes"), 73, "cannot-create")
    let nobody = Person("nobody", in: pair.folder)
    expectError(try await nobody.sotto("device", "list"), 66, "no-identity")
    let unreachable = try await nobody.sotto("device", "link", "--relay", "http://127.0.0.1:1", "--yes")
    expectError(unreachable, 69, "relay-unavailable")
    #expect(!FileManager.default.fileExists(atPath: nobody.home), "nothing is left")
  }
}
