import Foundation
import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// The process dies at every call of the store and of the network, one run for each, and is started again: no message
/// is lost, none is shown twice, no envelope is sealed twice under one key. `SOTTO_SOAK=1` lets it die again while it
/// recovers, at every pair of calls. A16
@Suite(.sealsAreWatched) struct CrashTests {
  // [client.1]
  @Test func `Dying anywhere in a first message loses nothing and repeats nothing`() throws {
    try everywhere("handshake", from: try World(), .alice, allowing: [[], ["hello"]]) { world in
      try world.alice.send("hello", to: "bob")
    } recovery: { world in
      try world.alice.flush()
    } then: { world in
      try world.bob.receive()
      return world.bob.shown
    }
  }

  // [client.1]
  @Test func `Dying anywhere in a send on a session loses nothing and repeats nothing`() throws {
    let talking = try World()
    try talking.introduce()
    try everywhere(
      "send", from: talking, .alice, allowing: [["hello", "third"], ["hello", "second", "third"]]
    ) { world in
      try world.alice.send("second", to: "bob")
    } recovery: { world in
      try world.alice.flush()
    } then: { world in
      try world.alice.send("third", to: "bob")
      try world.bob.receive()
      return world.bob.shown
    }
  }

  // [client.1] [client.8]
  @Test func `Dying anywhere while a stranger's first messages arrive shows each exactly once`() throws {
    let written = try World()
    for text in ["1", "2", "3", "4"] { try written.alice.send(text, to: "bob") }
    try everywhere("receive and ack of first messages", from: written, .bob, allowing: [["1", "2", "3", "4"]]) {
      world in
      try world.bob.receive()
    } recovery: { world in
      try world.bob.receive()
    } then: { world in
      try world.bob.send("answer", to: try world.alice.address)
      try world.alice.receive()
      #expect(world.alice.shown == ["answer"])
      return world.bob.shown
    }
  }

  // [client.1] [client.8]
  @Test func `Dying anywhere while messages arrive in a session shows each exactly once`() throws {
    let talking = try World()
    try talking.introduce()
    for text in ["1", "2", "3", "4"] { try talking.alice.send(text, to: "bob") }
    talking.relay.reorder(try talking.bob.mailbox)
    try everywhere("receive and ack", from: talking, .bob, allowing: [["hello", "4", "3", "2", "1"]]) { world in
      try world.bob.receive()
    } recovery: { world in
      try world.bob.receive()
    } then: { world in
      return world.bob.shown
    }
  }

  // [client.1] [attachments.8]
  @Test func `Dying anywhere while a file is sent loses nothing and repeats nothing`() throws {
    let talking = try World()
    try talking.introduce()
    try talking.bob.send("hello yourself", to: try talking.alice.address)
    try talking.alice.receive()
    try everywhere(
      "send a file", from: talking, .alice, allowing: [["hello", "third"], ["hello", "with a file", "third"]]
    ) { world in
      try world.alice.step { engine in
        var entropy = SystemEntropy()
        let file = SealedFile(
          spool: entropy.bytes(16), key: AttachmentKey(from: &entropy), layout: AttachmentLayout(length: 5)!,
          name: FileName("file")!, mediaType: nil)
        _ = try engine.compose("with a file", to: "bob", file: file)
      }
      try world.alice.flush()
    } recovery: { world in
      try world.alice.flush()
    } then: { world in
      try world.alice.send("third", to: "bob")
      try world.bob.receive()
      #expect(try world.alice.step { try $0.spooled() } == [])
      return world.bob.shown
    }
  }

  /// Alice and Bob, after a message of Bob's has arrived bent: the session has lost step.
  private func outOfStep() throws -> World {
    let world = try World()
    try world.introduce()
    try world.bob.send("bent", to: try world.alice.address)
    let mailbox = try world.alice.mailbox
    var envelope = try #require(world.relay.queues[mailbox]?.last)
    world.relay.lose(mailbox)
    envelope.bytes[400] ^= 1
    try world.alice.step { try $0.receive(envelope.id, envelope.bytes) }
    return world
  }

  // [client.1] [client.6]
  @Test func `Dying anywhere while a session is begun anew loses nothing and repeats nothing`() throws {
    try everywhere(
      "repair", from: try outOfStep(), .alice, allowing: [["hello", "after"], ["hello", "repaired", "after"]]
    ) { world in
      try world.alice.send("repaired", to: "bob")
    } recovery: { world in
      try world.alice.flush()
    } then: { world in
      try world.alice.send("after", to: "bob")
      try world.bob.receive()
      try world.bob.flush()
      try world.alice.receive()
      #expect(world.alice.shown == ["yes?", "bent"])
      return world.bob.shown
    }
  }

  // [client.1] [client.20]
  @Test func `Dying anywhere while what was not heard goes again loses nothing and repeats nothing`() throws {
    let world = try outOfStep()
    try world.alice.send("repaired", to: "bob")
    try everywhere("what was not heard", from: world, .bob, allowing: [["yes?", "bent"]]) { world in
      try world.bob.receive()
      try world.bob.flush()
    } recovery: { world in
      try world.bob.receive()
      try world.bob.flush()
    } then: { world in
      try world.alice.receive()
      #expect(world.bob.shown == ["hello", "repaired"])
      return world.alice.shown
    }
  }

  // [client.13] [client.15]
  @Test func `Dying anywhere while an address changes ends in one that works`() throws {
    try everywhere("address", from: try World(), .bob, allowing: [["found you"]]) { world in
      try world.bob.step { try $0.rotateContactSecret() }
      try world.bob.flush()
    } recovery: { world in
      try world.bob.flush()
    } then: { world in
      let stranger = try Node("stranger", world.relay, seed: 4242)
      try stranger.add(world.bob, as: "bob")
      try stranger.send("found you", to: "bob")
      try world.bob.receive()
      return world.bob.shown
    }
  }

  // The detector in these worlds finds what is planted: a client that seals before it stores, and is set back.
  @Test func `A client that is set back to before it sealed is found`() throws {
    let talking = try World()
    try talking.introduce()
    let ledger = SealLedger(isCounted: false)
    try ledger.watching {
      for text in ["one", "other"] { try World(copying: talking).alice.send(text, to: "bob") }
    }
    #expect(ledger.reuses > 0, "both were sealed with the randomness of one moment")
  }

  private enum Victim {
    case alice, bob
  }

  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"

  private static func places(_ calls: Int?...) -> String {
    "call " + calls.compactMap { $0 }.map { String($0 + 1) }.joined(separator: ", then ")
  }

  /// What a run of one world came to.
  private struct Run {
    var calls = 0
    var killed = 0
    var recoveryIsKilled = false
  }

  /// Counts the calls of `work`, then dies at each of them. The client that is started again does `recovery`, which is
  /// what it does anyway, and `end` looks at what became of everything.
  private func everywhere(
    _ name: String, from start: World, _ victim: Victim, allowing allowed: [[String]],
    _ work: (World) throws -> Void, recovery: (World) throws -> Void, then end: (World) throws -> [String]
  ) throws {
    func run(_ first: Int?, _ second: Int? = nil) throws -> Run {
      // Each death is a universe: what is drawn in one is drawn in all others.
      let ledger = SealLedger()
      return try ledger.watching {
        let world = World(copying: start)
        let fuse = (victim == .alice ? world.alice : world.bob).records.fuse
        func dies(at place: Int?, _ body: (World) throws -> Void) throws -> Bool {
          fuse.left = place
          defer { fuse.left = nil }
          do { try body(world) } catch is Crash { return true }
          return false
        }
        var result = Run()
        let before = fuse.passed
        if try dies(at: first, work) { result.killed = 1 }
        result.calls = fuse.passed - before
        result.recoveryIsKilled = try dies(at: second, recovery)
        if result.recoveryIsKilled { try recovery(world) }
        let seen = try end(world)
        #expect(allowed.contains(seen), "died at \(Self.places(first, second)) of \(name): \(seen)")
        if result.killed == 0 { #expect(allowed.last == seen) }
        #expect(ledger.reuses == 0, "died at \(Self.places(first, second)) of \(name)")
        return result
      }
    }
    let sites = try run(nil).calls
    let killed = try (0..<sites).reduce(0) { try $0 + run($1).killed }
    print("FIGURE crash at every call, \(name): \(sites) sites counted = \(killed) sites killed")
    #expect(sites == killed && sites > 30)
    guard Self.isSoak else { return }
    var pairs = 0
    for first in 0..<sites {
      var second = 0
      while try run(first, second).recoveryIsKilled { second += 1 }
      pairs += second
    }
    print("FIGURE crash at every pair of calls, \(name): \(pairs) pairs")
  }
}

/// Alice, who has added Bob, and their relay.
private struct World {
  let relay: WorldRelay
  let alice: Node
  let bob: Node

  init() throws {
    relay = WorldRelay()
    alice = try Node("alice", relay, seed: 1)
    bob = try Node("bob", relay, seed: 2)
    try alice.add(bob, as: "bob")
  }

  init(copying other: World) {
    relay = WorldRelay(copying: other.relay)
    alice = Node(copying: other.alice, relay)
    bob = Node(copying: other.bob, relay)
  }

  func introduce() throws {
    try alice.send("hello", to: "bob")
    try bob.receive()
    try bob.send("yes?", to: try alice.address)
    try alice.receive()
  }
}
