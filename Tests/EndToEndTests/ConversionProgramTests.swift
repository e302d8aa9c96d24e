import Foundation
import Testing

/// A relay that people use moves from its file into PostgreSQL, with the real programs. [operation.15]
@Suite(.enabled(if: FleetScript.isRunnable), .serialized) struct ConversionProgramTests {
  private func relay(_ arguments: String...) async throws -> Outcome {
    try await run(Programs.path("sotto-relay"), arguments)
  }

  /// The address of a database with tables and nothing in them, whose relays are stopped.
  private func withDatabase(_ body: (String) async throws -> Void) async throws {
    let folder = "/tmp/sotto-convert-\(UInt32.random(in: 0 ... .max))"
    try await FleetScript.run(
      "up", folder, "--relays", "1", "--no-bus", "--bin", Programs.folder.path, "--while",
      "\(ProcessInfo.processInfo.processIdentifier)")
    do {
      try await FleetScript.run("stop", folder, "relay1")
      let settings = try String(contentsOfFile: folder + "/relay1.conf", encoding: .utf8)
      let address = try #require(settings.firstMatch(of: /store = (.*)/)?.1)
      try await body(String(address))
    } catch {
      _ = try? await FleetScript.run("down", folder)
      throw error
    }
    try await FleetScript.run("down", folder)
    try? FileManager.default.removeItem(atPath: folder)
  }

  @Test func `A conversation goes on in the database, and every message is shown once`() async throws {
    try await withDatabase { address in
      let pair = try await Pair()
      let (alice, bob, data) = (pair.alice, pair.bob, pair.relay.data)
      try await pair.introduce()
      let file = pair.folder.file("plan")
      let content = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      try content.write(to: URL(filePath: file))
      for text in ["one", "two"] { try await alice.send(text, to: "bob") }
      #expect(try await alice.sotto("send", "bob", "three", "--attach", file).status == 0)
      try await bob.send("to alice", to: "alice")
      // What was sent while the relay was away, and is sent once more after the move by a copy of its sender.
      #expect(pair.relay.stop() == 0)
      #expect(try await alice.sotto("send", "bob", "four").status == 75)
      let copy = pair.folder.file("copy")
      try FileManager.default.copyItem(atPath: alice.home, toPath: copy)
      try await pair.relay.start()
      #expect(try await alice.receive() == ["to alice"])

      let convert = ["db", "convert", "--json", "--data", data, "--store", address]
      let running = try await run(Programs.path("sotto-relay"), convert)
      #expect(running.status == 75 && running.stderr.contains("Stop the other one"), "\(running)")
      #expect(pair.relay.stop() == 0)
      let moved = try await run(Programs.path("sotto-relay"), convert)
      let counts = try #require(moved.objects.first, "\(moved)")
      #expect(moved.status == 0 && moved.stderr.isEmpty, "\(moved)")
      #expect(counts["verified"] as? Bool == true && counts["already"] as? Bool == false)
      #expect(counts["mailboxes"] as? Int == 2 && counts["cards"] as? Int == 2 && counts["blobs"] as? Int == 1)
      #expect(counts["envelopes"] as? Int ?? 0 >= 4, "\(counts)")
      let again = try await run(Programs.path("sotto-relay"), convert)
      #expect(again.status == 0 && again.objects.first?["already"] as? Bool == true, "\(again)")

      let mistaken = try await relay("serve", "--data", data, "--listen", "127.0.0.1:0")
      #expect(mistaken.status == 78 && mistaken.stderr.contains("was moved into a PostgreSQL database"), "\(mistaken)")
      try Data("store = \(address)\n".utf8).write(to: URL(filePath: data + "/relay.conf"))
      try await pair.relay.start()
      let received = try await bob.sotto("receive").objects
      #expect(received.map { $0["text"] as? String } == ["one", "two", "three", "four"])
      #expect(try await bob.receive().isEmpty, "shown once")
      #expect(try await alice.receive().isEmpty, "shown once")
      let named = try #require(received.first { $0["file"] != nil }?["id"] as? String)
      #expect(try await bob.sotto("download", "alice", named, "--to", pair.folder.file("fetched")).status == 0)
      #expect(try Data(contentsOf: URL(filePath: pair.folder.file("fetched"))) == content)

      try await alice.send("five", to: "bob")
      #expect(try await bob.receive() == ["five"])
      try await bob.send("six", to: "alice")
      #expect(try await alice.receive() == ["six"])
      // A third person, who finds a one-time part that nobody had.
      let carol = Person("carol", in: pair.folder)
      _ = try await carol.create(at: pair.relay.url)
      try await carol.add(pair.bobAddress, as: "bob")
      try await carol.send("new here", to: "bob")
      #expect(try await bob.receive() == ["new here"])

      // The copy does not know that the fourth was taken in before the move.
      try FileManager.default.removeItem(atPath: alice.home)
      try FileManager.default.moveItem(atPath: copy, toPath: alice.home)
      _ = try await alice.sotto("receive")
      #expect(try await bob.receive().isEmpty, "known by its name")
    }
  }

  @Test func `What cannot be converted is said in three parts`() async throws {
    try await withDatabase { address in
      let folder = try TemporaryFolder()
      func refused(_ data: String, _ store: String?) async throws -> (Int32, String) {
        let more = store.map { ["--store", $0] } ?? []
        let outcome = try await run(Programs.path("sotto-relay"), ["db", "convert", "--data", data] + more)
        #expect(outcome.stdout.isEmpty && outcome.stderr.hasPrefix("sotto-relay: "), "\(outcome)")
        #expect(!outcome.stderr.contains(address), "the address is not repeated")
        return (outcome.status, outcome.stderr)
      }
      let none = folder.file("none")
      #expect(try await refused(none, address).0 == 66)
      #expect(!FileManager.default.fileExists(atPath: none))
      let relay = try await RelayProcess(data: folder.file("relay"))
      #expect(relay.stop() == 0)
      let file = try await refused(relay.data, nil)
      #expect(file.0 == 78 && file.1.contains("names no database"))
      #expect(try await refused(relay.data, "host=127.0.0.1 port=1 dbname=none").0 == 69)
      #expect(try await refused(relay.data, "postgresql://[").0 == 78)
      // An empty store, for people.
      let done = try await run(
        Programs.path("sotto-relay"), ["db", "convert", "--data", relay.data, "--store", address])
      #expect(done.status == 0 && done.output.hasPrefix("Moved and verified"), "\(done)")
      let status = try await run(
        Programs.path("sotto-relay"), ["db", "status", "--json", "--store", address, "--data", relay.data])
      #expect(status.status == 0 && status.objects.first?["halfFilled"] as? Bool == false, "\(status)")
      let doctor = try await run(
        Programs.path("sotto-relay"), ["doctor", "--store", address, "--data", relay.data, "--listen", "127.0.0.1:0"])
      #expect(doctor.status == 0, "\(doctor)")
    }
  }
}
