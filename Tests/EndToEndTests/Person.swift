import Foundation
import Testing

/// Somebody with a home of their own who runs `sotto`, always with --json.
struct Person: Sendable {
  let home: String
  var passphrase = "correct horse battery staple"

  init(_ name: String, in folder: TemporaryFolder) { home = folder.file(name) }

  /// Runs a command, whatever comes of it.
  @discardableResult
  func sotto(_ arguments: String..., input: Data = Data(), environment: [String: String] = [:]) async throws -> Outcome
  {
    try await run(
      Programs.path("sotto"), arguments + ["--home", home, "--json"], input: input,
      environment: ["SOTTO_PASSPHRASE": passphrase].merging(environment) { $1 })
  }

  /// Creates the identity and answers its address.
  func create(at relay: String) async throws -> String {
    let outcome = try await sotto("identity", "create", "--relay", relay)
    try #require(outcome.status == 0, "\(outcome)")
    return try #require(outcome.objects.first?["address"] as? String)
  }

  func add(_ address: String, as name: String) async throws {
    let outcome = try await sotto("contact", "add", address, "--name", name)
    try #require(outcome.status == 0, "\(outcome)")
  }

  func send(_ text: String, to contact: String) async throws {
    let outcome = try await sotto("send", contact, text)
    try #require(outcome.status == 0, "\(outcome)")
    try #require(outcome.objects.first?["state"] as? String == "sent", "\(outcome)")
  }

  /// The texts that arrived, in order.
  func receive() async throws -> [String] {
    let outcome = try await sotto("receive")
    try #require(outcome.status == 0, "\(outcome)")
    return outcome.objects.compactMap { $0["text"] as? String }
  }

  /// Every file of the home but the lock, with its content: what must not change when a command fails.
  func files() throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: home).filter { $0 != "lock" }
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(filePath: home + "/" + $0))) })
  }
}

/// Alice and Bob, registered at one relay, in one temporary folder. Alice has added Bob.
struct Pair: Sendable {
  let folder: TemporaryFolder
  let relay: RelayProcess
  let alice: Person
  let bob: Person
  let aliceAddress: String
  let bobAddress: String

  init() async throws {
    folder = try TemporaryFolder()
    relay = try await RelayProcess(data: folder.file("relay"))
    alice = Person("alice", in: folder)
    bob = Person("bob", in: folder)
    aliceAddress = try await alice.create(at: relay.url)
    bobAddress = try await bob.create(at: relay.url)
    try await alice.add(bobAddress, as: "bob")
  }

  /// One message each way, so that the session is confirmed on both sides.
  func introduce() async throws {
    try await alice.send("hello", to: "bob")
    #expect(try await bob.receive() == ["hello"])
    try await bob.add(aliceAddress, as: "alice")
    try await bob.send("hello yourself", to: "alice")
    #expect(try await alice.receive() == ["hello yourself"])
  }
}

/// That an error is what DESIGN promises: its exit status, and one JSON object that says what to do.
func expectError(
  _ outcome: Outcome, _ status: Int32, _ code: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.status == status, "\(outcome)", sourceLocation: sourceLocation)
  let error = outcome.error
  #expect(error?["error"] as? String == code, "\(outcome)", sourceLocation: sourceLocation)
  #expect(error?["exit"] as? Int == Int(status), "\(outcome)", sourceLocation: sourceLocation)
  for part in ["message", "meaning", "next"] {
    #expect((error?[part] as? String)?.isEmpty == false, "\(outcome)", sourceLocation: sourceLocation)
  }
}
