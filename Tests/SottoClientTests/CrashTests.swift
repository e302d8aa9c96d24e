import SottoClient
import SottoCrypto
import SottoWire
import Testing

/// The process dies at every call of the store and of the network, one run for each, and is started again: no message
/// is lost, none is shown twice, no envelope is sealed twice under one key. [attack 16]
@Suite struct CrashTests {
  // [client.1]
  @Test func `Dying anywhere in a first message loses nothing and repeats nothing`() throws {
    try everywhere(from: try World(), .alice, allowing: [[], ["hello"]]) { world in
      try world.alice.send("hello", to: "bob")
    } then: { world in
      try world.alice.flush()
      try world.bob.receive()
      return world.bob.shown
    }
  }

  // [client.1]
  @Test func `Dying anywhere in a send on a session loses nothing and repeats nothing`() throws {
    let talking = try World()
    try talking.introduce()
    try everywhere(
      from: talking, .alice, allowing: [["hello", "third"], ["hello", "second", "third"]]
    ) { world in
      try world.alice.send("second", to: "bob")
    } then: { world in
      try world.alice.flush()
      try world.alice.send("third", to: "bob")
      try world.bob.receive()
      return world.bob.shown
    }
  }

  // [client.1] [client.8]
  @Test func `Dying anywhere while a stranger's first messages arrive shows each exactly once`() throws {
    let written = try World()
    for text in ["1", "2", "3", "4"] { try written.alice.send(text, to: "bob") }
    try everywhere(from: written, .bob, allowing: [["1", "2", "3", "4"]]) { world in
      try world.bob.receive()
    } then: { world in
      try world.bob.receive()
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
    try everywhere(from: talking, .bob, allowing: [["hello", "4", "3", "2", "1"]]) { world in
      try world.bob.receive()
    } then: { world in
      try world.bob.receive()
      return world.bob.shown
    }
  }

  // [client.13] [client.15]
  @Test func `Dying anywhere while an address changes ends in one that works`() throws {
    try everywhere(from: try World(), .bob, allowing: [["found you"]]) { world in
      try world.bob.step { try $0.rotateContactSecret() }
      try world.bob.flush()
    } then: { world in
      try world.bob.flush()
      let stranger = try Node("stranger", world.relay, seed: 4242)
      try stranger.add(world.bob, as: "bob")
      try stranger.send("found you", to: "bob")
      try world.bob.receive()
      return world.bob.shown
    }
  }

  private enum Victim {
    case alice, bob
  }

  private func everywhere(
    from start: World, _ victim: Victim, allowing allowed: [[String]], _ work: (World) throws -> Void,
    then end: (World) throws -> [String]
  ) throws {
    for place in 1...5_000 {
      let world = World(copying: start)
      let fuse = (victim == .alice ? world.alice : world.bob).records.fuse
      fuse.left = place
      var isDead = false
      do { try work(world) } catch is Crash { isDead = true }
      fuse.left = nil
      let seen = try end(world)
      #expect(allowed.contains(seen), "died at call \(place): \(seen)")
      if !isDead {
        #expect(allowed.last == seen && place > 20, "only \(place - 1) places to die")
        return
      }
    }
    Issue.record("it never ends")
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
