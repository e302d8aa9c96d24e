import Foundation
import SottoSimulation
import Testing

/// The same conversation when the relay dies or the network does its worst: nothing is lost, nothing is shown twice.
@Suite struct HostileNetworkTests {
  @Test func `A relay that is killed between send and receive loses nothing`() async throws {
    let pair = try await Pair()
    try await pair.alice.send("one", to: "bob")
    try await pair.alice.send("two", to: "bob")
    pair.relay.kill()
    let queued = try await pair.alice.sotto("send", "bob", "three")
    #expect(queued.status == 75 && queued.objects.first?["state"] as? String == "queued", "\(queued)")
    expectError(try await pair.bob.sotto("receive"), 69, "relay-unavailable")
    try await pair.relay.start()
    #expect(try await pair.bob.receive() == ["one", "two"])
    // The next receive of hers flushes what she had queued.
    #expect(try await pair.alice.receive().isEmpty)
    #expect(try await pair.bob.receive() == ["three"])
    pair.relay.kill()
    try await pair.relay.start()
    #expect(try await pair.bob.receive().isEmpty)
    try await pair.bob.send("all there", to: pair.aliceAddress)
    #expect(try await pair.alice.receive() == ["all there"])
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `A network that drops, delays, duplicates and reorders loses nothing and shows nothing twice`(
    seed: UInt64
  ) async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let proxy = try Proxy(to: relay)
    defer { proxy.end() }
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    let aliceAddress = try await alice.create(at: proxy.url)
    try await alice.add(try await bob.create(at: proxy.url), as: "bob")
    try await bob.add(aliceAddress, as: "alice")

    let dice = Dice(seed)
    proxy.decide({ _ in dice.fate() }, cutStreamsAfter: { dice.streamLimit() })
    var sent: [String: [String]] = [:]
    var seen: [String: [String]] = [:]
    for round in 1...10 {
      for (person, peer) in [(alice, "bob"), (bob, "alice")] {
        let text = "\(peer) \(round)"
        let outcome = try await person.sotto("send", peer, text)
        #expect([0, 75].contains(outcome.status), "seed \(seed): \(outcome)")
        sent[peer, default: []].append(text)
        if round.isMultiple(of: 2) {
          seen[peer == "bob" ? "alice" : "bob", default: []] += try await hear(person, seed)
        }
      }
    }
    proxy.decide { _ in .pass }
    for _ in 1...3 {
      seen["alice", default: []] += try await hear(alice, seed)
      seen["bob", default: []] += try await hear(bob, seed)
    }
    #expect(seen["bob"]?.sorted() == sent["bob"]?.sorted(), "seed \(seed), \(proxy.log)")
    #expect(seen["alice"]?.sorted() == sent["alice"]?.sorted(), "seed \(seed), \(proxy.log)")
    let faults = proxy.log.filter { $0.key != "pass" }
    #expect(faults.count >= 3 && faults.values.reduce(0, +) >= 6, "seed \(seed) was too kind: \(faults)")
    for person in [alice, bob] {
      let suspects = try await person.sotto("session", "list").objects.filter { $0["state"] as? String == "suspect" }
      #expect(suspects.isEmpty, "seed \(seed)")
    }
  }

  /// The pause before it connects again grows while nothing comes of it, and not with the days.
  @Test func `A stream that was served is gone back to at once, however often it is cut`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let proxy = try Proxy(to: relay)
    defer { proxy.end() }
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    _ = try await alice.create(at: relay.url)
    try await alice.add(try await bob.create(at: proxy.url), as: "bob")
    let follower = Process()
    follower.executableURL = Programs.path("sotto")
    follower.arguments = ["receive", "--follow", "--json", "--home", bob.home]
    follower.environment = ["SOTTO_PASSPHRASE": bob.passphrase, "HOME": "/nonexistent"]
    let output = try Programs.start(follower) { process in
      let output = Pipe()
      process.standardOutput = output
      return output
    }
    defer { if follower.isRunning { follower.terminate() } }
    let shown = Lines()
    Thread.detachNewThread {
      while case let more = output.fileHandleForReading.availableData, !more.isEmpty { shown.add(more) }
    }
    for round in 1...12 {
      try await alice.send("round-\(round).", to: "bob")
      // Twenty pauses of the first attempt, and less than most of the ninth.
      for _ in 0..<1_000 where !shown.text.contains("round-\(round).") { try await Task.sleep(for: .milliseconds(20)) }
      try #require(shown.text.contains("round-\(round)."), "round \(round)")
      proxy.cutStreams()
    }
  }

  private func hear(_ person: Person, _ seed: UInt64) async throws -> [String] {
    let outcome = try await person.sotto("receive")
    #expect([0, 69].contains(outcome.status), "seed \(seed): \(outcome)")
    return outcome.objects.compactMap { $0["text"] as? String }
  }

  @Test func `A bent or cut envelope is dropped without a trace, and the next honest one opens`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let proxy = try Proxy(to: relay)
    defer { proxy.end() }
    let (alice, bob) = (Person("alice", in: folder), Person("bob", in: folder))
    let aliceAddress = try await alice.create(at: proxy.url)
    try await alice.add(try await bob.create(at: proxy.url), as: "bob")

    // First flights, bent in each part: type, EK, box0, ciphertext, box1, header, commitment, message.
    for offset in [0, 1, 40, 700, 4_000, 7_300, 8_000, 8_191] {
      proxy.decide { $0.isEnvelope ? .change($0.body.flipping(offset)) : .pass }
      try await alice.send("bent at \(offset)", to: "bob")
    }
    proxy.decide { $0.isEnvelope ? .change(Array($0.body.prefix(512))) : .pass }
    try await alice.send("cut", to: "bob")
    #expect(try await bob.receive().isEmpty)
    #expect(try await bob.sotto("contact", "list").objects.isEmpty, "nobody becomes known by junk")
    proxy.decide { _ in .pass }
    try await alice.send("honest", to: "bob")
    #expect(try await bob.receive() == ["honest"])

    // The same inside a session.
    try await bob.add(aliceAddress, as: "alice")
    try await bob.send("answer", to: "alice")
    #expect(try await alice.receive() == ["answer"])
    for offset in [0, 5, 60, 100, 300, 511] {
      proxy.decide { $0.isEnvelope ? .change($0.body.flipping(offset)) : .pass }
      try await bob.send("bent at \(offset)", to: "alice")
    }
    #expect(try await alice.receive().isEmpty)
    proxy.decide { _ in .pass }
    try await bob.send("honest again", to: "alice")
    #expect(try await alice.receive() == ["honest again"])
    // What failed under a known header makes her next message open a new session; he reads it all the same.
    try await alice.send("repaired", to: "bob")
    #expect(try await bob.receive() == ["repaired"])
  }
}

/// What a program has printed so far.
private final class Lines: @unchecked Sendable {
  private let lock = NSLock()
  private var data = Data()

  var text: String { lock.withLock { String(decoding: data, as: UTF8.self) } }
  func add(_ more: Data) { lock.withLock { data += more } }
}

/// The decisions of one run, from its seed.
private final class Dice: @unchecked Sendable {
  private let lock = NSLock()
  private var entropy: SeededEntropy

  init(_ seed: UInt64) { entropy = SeededEntropy(seed: seed) }

  /// Half of the requests pass, so that a run ends.
  func fate() -> Proxy.Fate {
    switch roll(20) {
    case 0, 1, 2: .lose
    case 3, 4: .loseAnswer
    case 5: .delay(milliseconds: UInt32(roll(200)))
    case 6, 7: .twice
    case 8, 9, 10: .againLater
    default: .pass
    }
  }

  /// Half of the streams are cut somewhere.
  func streamLimit() -> Int { roll(2) == 0 ? .max : 100 + roll(12_000) }

  private func roll(_ sides: Int) -> Int { lock.withLock { entropy.next(below: sides) } }
}

extension [UInt8] {
  fileprivate func flipping(_ offset: Int) -> [UInt8] {
    var copy = self
    copy[offset < count ? offset : count - 1] ^= 0x10
    return copy
  }
}
