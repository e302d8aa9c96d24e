import Foundation
import Testing

/// `Specs/examples/peer.py`, which was written from the specs and shares no code with these programs, talks with them.
@Suite struct PythonPeerTests {
  @Test func `sotto writes first to a client written from the specs`() async throws {
    let pair = try await MixedPair()
    let (alice, peer) = (pair.alice, pair.peer)
    try await alice.add(pair.peerAddress, as: "peer")
    try await alice.send("first", to: "peer")
    try await alice.send("zweite, mit ä und 🌉", to: "peer")

    let received = try await peer.run("receive").objects
    #expect(received.map { $0["text"] as? String } == ["first", "zweite, mit ä und 🌉"])
    #expect(received.allSatisfy { $0["request"] as? Bool == true && $0["from"] as? String == pair.aliceAddress })
    #expect(try await peer.receive().isEmpty, "acknowledged")

    try await peer.send("answer", to: pair.aliceAddress)
    try await peer.send("and another", to: pair.aliceAddress)
    let answers = try await alice.sotto("receive").objects
    #expect(answers.map { $0["text"] as? String } == ["answer", "and another"])
    #expect(answers.allSatisfy { $0["request"] as? Bool == false && $0["from"] as? String == "peer" })
    try await talk(alice, calls: "peer", peer, calls: pair.aliceAddress)
  }

  @Test func `A client written from the specs writes first to sotto`() async throws {
    let pair = try await MixedPair()
    let (alice, peer) = (pair.alice, pair.peer)
    try await peer.add(pair.aliceAddress, as: "alice")
    try await peer.send("first", to: "alice")
    try await peer.send(String(repeating: "long ", count: 9_000), to: "alice")

    let received = try await alice.sotto("receive").objects
    #expect(received.map { ($0["text"] as? String)?.count } == [5, 45_000])
    #expect(received.allSatisfy { $0["request"] as? Bool == true && $0["from"] as? String == pair.peerAddress })

    try await alice.add(pair.peerAddress, as: "peer")
    try await alice.send("answer", to: "peer")
    try await alice.send("and another", to: "peer")
    let answers = try await peer.run("receive").objects
    #expect(answers.map { $0["text"] as? String } == ["answer", "and another"])
    #expect(answers.allSatisfy { $0["request"] as? Bool == false && $0["from"] as? String == "alice" })
    try await talk(alice, calls: "peer", peer, calls: "alice")
  }

  /// Each side has begun a session before it saw the other's. [sessions.5] [sessions.7]
  @Test func `Both write first and go on in one session`() async throws {
    let pair = try await MixedPair()
    let (alice, peer) = (pair.alice, pair.peer)
    try await alice.add(pair.peerAddress, as: "peer")
    try await peer.add(pair.aliceAddress, as: "alice")
    try await alice.send("from alice", to: "peer")
    try await peer.send("from peer", to: "alice")
    #expect(try await alice.receive() == ["from peer"])
    #expect(try await peer.receive() == ["from alice"])
    try await talk(alice, calls: "peer", peer, calls: "alice")
    let sessions = try await alice.sotto("session", "list").objects
    #expect(sessions.filter { $0["state"] as? String == "active" }.count == 1)
  }

  /// [sessions.9]
  @Test func `A reset begins a new session on both sides`() async throws {
    let pair = try await MixedPair()
    try await pair.alice.add(pair.peerAddress, as: "peer")
    try await talk(pair.alice, calls: "peer", pair.peer, calls: pair.aliceAddress)
    let reset = try await pair.alice.sotto("session", "reset", "peer")
    try #require(reset.status == 0, "\(reset)")
    try await talk(pair.alice, calls: "peer", pair.peer, calls: pair.aliceAddress)
    let sessions = try await pair.alice.sotto("session", "list").objects
    #expect(sessions.filter { $0["state"] as? String == "active" }.compactMap { $0["generation"] as? Int } == [2])
  }

  /// [prekeys.6] [relay.18]
  @Test func `Without one-time keys the last-resort key begins a session`() async throws {
    let pair = try await MixedPair()
    let keys = try pair.peer.prekeys()
    try await pair.peer.claimOneTimeKeys(of: pair.peerAddress, count: keys - 1)
    try await pair.alice.add(pair.peerAddress, as: "peer")
    try await pair.alice.send("hello", to: "peer")
    #expect(try await pair.peer.receive() == ["hello"])
    #expect(try pair.peer.prekeys() == keys, "a one-time key would be gone")
    try await talk(pair.alice, calls: "peer", pair.peer, calls: pair.aliceAddress)
  }

  /// [address.5]
  @Test func `A typing error in an address is noticed before anything is contacted`() async throws {
    let pair = try await MixedPair()
    let wrong = pair.aliceAddress.replacing("@127.0.0.1", with: "@127.0.0.2")
    let outcome = try await pair.peer.run("send", wrong, "hello")
    #expect(outcome.status == 1 && outcome.stderr == "Refused: address\n", "\(outcome)")
  }

  /// Two rounds, in which each side sends twice before it reads.
  private func talk(_ alice: Person, calls peerName: String, _ peer: PythonPeer, calls aliceName: String) async throws {
    for round in 1...2 {
      let texts = ["\(round), one", "\(round), two"]
      for text in texts {
        try await alice.send(text, to: peerName)
        try await peer.send(text, to: aliceName)
      }
      #expect(try await alice.receive() == texts)
      #expect(try await peer.receive() == texts)
    }
  }
}

/// Alice with `sotto` and somebody with `peer.py`, at one relay.
private struct MixedPair {
  let folder: TemporaryFolder
  let relay: RelayProcess
  let alice: Person
  let peer: PythonPeer
  let aliceAddress: String
  let peerAddress: String

  init() async throws {
    folder = try TemporaryFolder()
    relay = try await RelayProcess(data: folder.file("relay"))
    alice = Person("alice", in: folder)
    peer = try await PythonPeer(state: folder.file("peer.json"))
    aliceAddress = try await alice.create(at: relay.url)
    peerAddress = try await peer.create(at: relay.url)
  }
}

/// Somebody who runs `Specs/examples/peer.py`, with the Python that `.ci/python` finds or makes.
private struct PythonPeer {
  let state: String
  private let python: URL

  private static let root = URL(filePath: #filePath).appending(path: "../../..").standardized
  private static let examples = root.appending(path: "Specs/examples")
  /// Of the developer's environment, what finds a Python and what `pip` needs.
  private static let environment = ProcessInfo.processInfo.environment.filter { name, _ in
    ["PATH", "HOME", "TMPDIR"].contains(name) || name.lowercased().hasSuffix("_proxy") || name.hasPrefix("PIP_")
  }
  private static let found = Task {
    try await EndToEndTests.run(
      URL(filePath: "/bin/bash"), [root.appending(path: ".ci/python").path], environment: environment,
      killedAfter: 900)
  }

  init(state: String) async throws {
    self.state = state
    let outcome = try await Self.found.value
    try #require(
      outcome.status == 0,
      "Install Python 3 with `cryptography` 48 or newer (pip install 'cryptography>=48'). \(outcome)")
    python = URL(filePath: try #require(outcome.lines.last))
  }

  @discardableResult
  func run(_ arguments: String...) async throws -> Outcome {
    try await python(["\(Self.examples.path)/peer.py", state] + arguments)
  }

  func create(at relay: String) async throws -> String {
    let outcome = try await run("create", relay)
    return try #require(outcome.status == 0 ? outcome.lines.first : nil, "\(outcome)")
  }

  func add(_ address: String, as name: String) async throws {
    let outcome = try await run("add", address, name)
    try #require(outcome.status == 0, "\(outcome)")
  }

  func send(_ text: String, to contact: String) async throws {
    let outcome = try await run("send", contact, text)
    try #require(outcome.status == 0, "\(outcome)")
  }

  /// The texts that arrived, in order.
  func receive() async throws -> [String] {
    let outcome = try await run("receive")
    try #require(outcome.status == 0, "\(outcome)")
    return outcome.objects.compactMap { $0["text"] as? String }
  }

  /// How many private keys for first messages are there, the last-resort key among them.
  func prekeys() throws -> Int {
    let saved = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: state))) as? [String: Any]
    return try #require(saved?["prekeys"] as? [String: Any]).count
  }

  /// Claims as a stranger would who only has the address.
  func claimOneTimeKeys(of address: String, count: Int) async throws {
    let script = """
      import sys
      from peer import Address, call, fetch_card, mailbox_path
      address = Address.parse(sys.argv[1])
      mailbox = fetch_card(address, None).list.devices[0].mailbox
      for _ in range(int(sys.argv[2])):
          call(address.relay, "POST", mailbox_path(mailbox, "/prekeys/claim"), b"",
               {"sotto-capability": address.knock(mailbox).hex()})
      """
    let outcome = try await python(["-c", script, address, "\(count)"])
    try #require(outcome.status == 0, "\(outcome)")
  }

  private func python(_ arguments: [String]) async throws -> Outcome {
    let settings = ["PYTHONPATH": Self.examples.path, "PYTHONDONTWRITEBYTECODE": "1"]
    return try await EndToEndTests.run(
      python, arguments, environment: Self.environment.merging(settings) { $1 })
  }
}
