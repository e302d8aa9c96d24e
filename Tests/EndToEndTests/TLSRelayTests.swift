import Foundation
import Testing

/// The real programs over TLS, with a certificate of an authority that only `--ca-file` makes trustworthy.
///
/// A loopback host is spoken to in plain HTTP [relay.8], so the relay needs a name. `sotto` resolves names by the
/// system's resolver; it runs in a mount namespace of its own, where `/etc/hosts` knows `relay.test`.
@Suite struct TLSRelayTests {
  /// Runs `sotto` where `relay.test` is this machine.
  private struct Namespace {
    let hosts: String

    func sotto(_ person: Person, _ arguments: [String], authority: String?) async throws -> Outcome {
      let trust = authority.map { ["--ca-file", $0] } ?? []
      return try await run(
        ["sotto", Programs.path("sotto").path] + arguments + ["--home", person.home, "--json"] + trust,
        environment: ["SOTTO_PASSPHRASE": person.passphrase])
    }

    var isPermitted: Bool { get async throws { try await run(["true", "/bin/true"]).status == 0 } }

    private func run(_ command: [String], environment: [String: String] = [:]) async throws -> Outcome {
      let script = "mount --bind \"$1\" /etc/hosts && shift 2 && exec \"$@\""
      return try await EndToEndTests.run(
        URL(filePath: "/usr/bin/unshare"),
        ["--map-root-user", "--mount", "sh", "-c", script, "sh", hosts] + command, environment: environment)
    }
  }

  /// [operation.3] [operation.4]
  @Test func `Two people talk over TLS, across a change of the certificate`() async throws {
    let folder = try TemporaryFolder()
    try "127.0.0.1 relay.test\n".write(toFile: folder.file("hosts"), atomically: true, encoding: .utf8)
    let here = Namespace(hosts: folder.file("hosts"))
    guard try await here.isPermitted else {
      print("SKIPPED TLS end to end: this machine does not permit mount namespaces")
      return
    }
    let (first, second) = (try await selfSigned(folder.file("first")), try await selfSigned(folder.file("second")))
    let relay = try await RelayProcess(
      data: folder.file("relay"),
      arguments: ["--tls-certificate", first + "certificate.pem", "--tls-key", first + "key.pem"])
    #expect(relay.scheme == "https")

    var trusted = first + "authority.pem"
    func sotto(_ person: Person, _ arguments: String...) async throws -> [[String: Any]] {
      let outcome = try await here.sotto(person, arguments, authority: trusted)
      try #require(outcome.status == 0, "\(outcome)")
      return outcome.objects
    }
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    let url = "https://relay.test:\(relay.port)"
    let untrusted = try await here.sotto(alice, ["identity", "create", "--relay", url], authority: nil)
    #expect(untrusted.status == 69, "\(untrusted)")
    let aliceAddress = try #require(
      try await sotto(alice, "identity", "create", "--relay", url)[0]["address"] as? String)
    let bobAddress = try #require(try await sotto(bob, "identity", "create", "--relay", url)[0]["address"] as? String)
    #expect(aliceAddress.hasSuffix("@relay.test:\(relay.port)"))
    _ = try await sotto(alice, "contact", "add", bobAddress, "--name", "bob")
    _ = try await sotto(bob, "contact", "add", aliceAddress, "--name", "alice")
    _ = try await sotto(alice, "send", "bob", "over TLS")
    #expect(try await sotto(bob, "receive").map { $0["text"] as? String } == ["over TLS"])
    _ = try await sotto(bob, "send", "alice", "and back")

    // The same files, renewed; a hangup is enough.
    for name in ["certificate.pem", "key.pem"] {
      try FileManager.default.removeItem(atPath: first + name)
      try FileManager.default.moveItem(atPath: second + name, toPath: first + name)
    }
    trusted = second + "authority.pem"
    relay.signal(SIGHUP)
    _ = try await relay.logged("reloaded")
    #expect(try await sotto(alice, "receive").map { $0["text"] as? String } == ["and back"])
    #expect(relay.stop() == 0)
  }

  private func selfSigned(_ folder: String) async throws -> String {
    let outcome = try await run(
      Programs.path("sotto-relay"), ["config", "self-signed", "--host", "relay.test", "--out", folder])
    try #require(outcome.status == 0, "\(outcome)")
    for name in ["authority.pem", "certificate.pem", "key.pem"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
    return folder + "/"
  }
}
