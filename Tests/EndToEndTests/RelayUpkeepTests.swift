import Foundation
import Testing

/// `sotto-relay backup`, `restore` and `doctor`, beside a relay that two people use.
@Suite struct RelayUpkeepTests {
  private func relay(_ arguments: String...) async throws -> Outcome {
    try await run(Programs.path("sotto-relay"), arguments)
  }

  /// [operation.6] [operation.7]
  @Test func `A conversation goes on after the relay came back from a backup`() async throws {
    let pair = try await Pair()
    let (alice, bob, data) = (pair.alice, pair.bob, pair.relay.data)
    try await pair.introduce()
    try await alice.send("before", to: "bob")
    let file = pair.folder.file("backup")
    let backup = try await relay("backup", file, "--data", data, "--json")
    #expect(backup.status == 0 && backup.objects.first?["mailboxes"] as? Int == 2, "\(backup)")
    #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
    #expect(try await relay("backup", file, "--data", data).status == 73)
    #expect(try await bob.receive() == ["before"])

    #expect(try await relay("restore", file, "--data", data, "--replace").status == 75, "it runs")
    #expect(pair.relay.stop() == 0)
    #expect(try await relay("restore", file, "--data", data).status == 73)
    let restored = try await relay("restore", file, "--data", data, "--replace", "--json")
    #expect(restored.status == 0 && restored.objects.first?["mailboxes"] as? Int == 2, "\(restored)")
    try await pair.relay.start()
    #expect(try await bob.receive().isEmpty, "delivered again, and shown once")
    try await alice.send("after", to: "bob")
    #expect(try await bob.receive() == ["after"])
    try await bob.send("and back", to: "alice")
    #expect(try await alice.receive() == ["and back"])
    // A third person, who finds no one-time part left.
    let carol = Person("carol", in: pair.folder)
    _ = try await carol.create(at: pair.relay.url)
    try await carol.add(pair.bobAddress, as: "bob")
    try await carol.send("new here", to: "bob")
    #expect(try await bob.receive() == ["new here"])
  }

  /// [operation.8]
  @Test func `The doctor says what is wrong and what to do`() async throws {
    let folder = try TemporaryFolder()
    let process = try await RelayProcess(data: folder.file("relay"))
    func examine(_ arguments: String...) async throws -> [String: [String: Any]] {
      let outcome = try await run(
        Programs.path("sotto-relay"), ["doctor", "--json", "--data", process.data] + arguments)
      let failed = outcome.objects.first { $0["verdict"] as? String == "failed" }
      #expect(Int(outcome.status) == failed?["exit"] as? Int ?? 0, "\(outcome)")
      for finding in outcome.objects where finding["verdict"] as? String != "ok" {
        for part in ["what", "meaning", "next"] { #expect((finding[part] as? String)?.isEmpty == false, "\(outcome)") }
      }
      return Dictionary(uniqueKeysWithValues: outcome.objects.map { ($0["check"] as? String ?? "", $0) })
    }
    func verdict(_ finding: [String: Any]?) -> String? { finding?["verdict"] as? String }

    let names = [
      "configuration", "data", "disk", "store", "blobs", "durability", "clock", "secrets", "certificate",
      "registration", "bus", "push", "port",
    ]
    let healthy = try await examine()
    #expect(healthy.keys.sorted() == names.sorted() && names.allSatisfy { verdict(healthy[$0]) == "ok" })
    #expect((healthy["port"]?["what"] as? String)?.contains("A relay runs") == true)
    #expect(verdict(try await examine("--listen", "nonsense")["configuration"]) == "failed")
    #expect(
      verdict(try await examine("--tls-certificate", "/none", "--tls-key", "/none")["certificate"]) == "failed")
    #expect(verdict(try await examine("--registration", "invite")["registration"]) == "ok", "the key would be made")
    let missing = try await examine("--registration", "invite", "--registration-key", "/none")
    #expect(verdict(missing["registration"]) == "failed" && missing["registration"]?["exit"] as? Int == 78)
    try "no key\n".write(toFile: process.data + "/registration.key", atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o644], ofItemAtPath: process.data + "/registration.key")
    let readable = try await examine("--registration", "invite")
    #expect(verdict(readable["registration"]) == "failed" && verdict(readable["secrets"]) == "warning")
    #expect((readable["secrets"]?["next"] as? String)?.hasPrefix("chmod 600 ") == true)
    let nowhere = try await examine("--push", "unix:" + folder.file("nowhere") + "/push.sock")
    #expect(verdict(nowhere["push"]) == "warning")
    #expect((nowhere["push"]?["next"] as? String)?.contains("install -d ") == true)
    try FileManager.default.removeItem(atPath: process.data + "/registration.key")

    #expect(process.stop() == 0)
    // Another program has the port, and the folder is open to all.
    let taken = try Socket.listening()
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: process.data)
    let stopped = try await examine("--listen", "127.0.0.1:\(taken.port)")
    #expect(verdict(stopped["port"]) == "failed" && stopped["port"]?["exit"] as? Int == 69)
    #expect(verdict(stopped["data"]) == "warning" && verdict(stopped["store"]) == "ok")

    let store = try FileHandle(forUpdating: URL(filePath: process.database))
    try store.seek(toOffset: 8_192)
    try store.write(contentsOf: Data(repeating: 0xa5, count: 16_384))
    try store.close()
    let damaged = try await examine()
    #expect(verdict(damaged["store"]) == "failed" && damaged["store"]?["exit"] as? Int == 74)

    // At a port that is free: by default it would be one that anything on this machine may have.
    let free = "127.0.0.1:\(Socket.unusedPort())"
    let text = try await relay("doctor", "--data", folder.file("none"), "--listen", free)
    #expect(
      text.status == 0 && text.lines.count == names.count && text.lines.allSatisfy { $0.hasPrefix("ok ") }, "\(text)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("none")), "nothing was changed")
  }
}
