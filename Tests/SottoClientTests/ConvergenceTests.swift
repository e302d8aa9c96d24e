import Foundation
import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Clients that write to each other and die in the middle of anything lose nothing. With a relay that loses and reorders,
/// and with devices that come back from backups: as soon as that ends they all understand each other again. Every run follows from its seed,
/// but for which of two sessions of one generation ranks higher: that is the system's randomness, in the KEM.
/// `SOTTO_SOAK=1` goes through 20,000 of them.
@Suite(.sealsAreWatched) struct ConvergenceTests {
  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"

  /// `SOTTO_SEED=7 SOTTO_SCENE=0` goes through this seed alone, and says what happens; `SOTTO_SEED=1-500` through many.
  private static let only = ProcessInfo.processInfo.environment["SOTTO_SEED"].flatMap { text -> ClosedRange<UInt64>? in
    let ends = text.split(separator: "-").compactMap { UInt64($0) }
    guard let first = ends.first, let last = ends.last, first <= last else { return nil }
    return first...last
  }

  private static let onlyScene = ProcessInfo.processInfo.environment["SOTTO_SCENE"].flatMap(Int.init)

  /// The devices of each account, and how many seeds.
  private static let scenes: [(devices: [Int], seeds: ClosedRange<UInt64>)] = [
    ([1, 1], 1...(isSoak ? 6_000 : 24)), ([1, 1, 1, 1, 1], 1...(isSoak ? 2_000 : 4)),
    ([1, 5], 1...(isSoak ? 1_000 : 3)), ([2, 2], 1...(isSoak ? 1_000 : 5)),
  ]

  /// Messages that each pair exchanges, each way, until they understand each other: one that finds the session broken or
  /// the device replaced, and one that arrives.
  private static let bound = 2

  // [client.1] [client.7] [client.8]
  @Test func `Whatever dies, and however long nobody answers, every message is shown exactly once`() throws {
    for (index, scene) in Self.scenes.enumerated() where Self.onlyScene ?? index == index {
      for seed in Self.only ?? scene.seeds {
        let crowd = try Crowd(scene.devices, seed: seed &* 16 &+ UInt64(index))
        for _ in 0..<(scene.devices.reduce(0, +) * 20) { try crowd.event(isHostile: false) }
        try crowd.calm()
        for _ in 0..<Self.bound { try crowd.everyoneWrites() }
        for (device, missing) in try crowd.missing() {
          Issue.record("seed \(seed), \(scene.devices): \(device) has never got \(missing)")
        }
        #expect(crowd.twice.isEmpty, "seed \(seed), \(scene.devices)")
        #expect(crowd.crashes > 0 || seed > 3, "the network was too kind")
      }
    }
  }

  // [client.5] [client.6] [client.14] Losses, and devices that come back from a backup without their sessions.
  @Test func `Whatever was lost or restored, two messages each way and all understand each other`() throws {
    for (index, scene) in Self.scenes.enumerated() where Self.onlyScene ?? index == index {
      for seed in Self.only ?? scene.seeds {
        let crowd = try Crowd(scene.devices, seed: seed &* 16 &+ 8 &+ UInt64(index))
        for _ in 0..<(scene.devices.reduce(0, +) * 20) { try crowd.event(isHostile: true) }
        try crowd.calm()
        for _ in 0..<Self.bound { try crowd.everyoneWrites() }
        let before = crowd.written
        try crowd.everyoneWrites()
        for (device, missing) in try crowd.missing(after: before) {
          Issue.record("seed \(seed), \(scene.devices): \(device) has not got \(missing)")
        }
        #expect(crowd.twice.isEmpty, "seed \(seed), \(scene.devices)")
      }
    }
  }
}

/// Some accounts at one relay, each a contact of every other, and each on one device or several.
private final class Crowd {
  private struct Message {
    let text: String
    let author: Int
    let reader: Int
  }

  private let relay = WorldRelay()
  /// The devices of each account, the first one first.
  private var accounts: [[Node]] = []
  private var random: SeededEntropy
  private var seed: UInt64
  private var messages: [Message] = []
  private var number = 0
  private(set) var crashes = 0
  private let isTold = ProcessInfo.processInfo.environment["SOTTO_SEED"].flatMap(UInt64.init) != nil
  private var backups: [Int: [[UInt8]]] = [:]

  init(_ devices: [Int], seed: UInt64) throws {
    random = SeededEntropy(seed: seed)
    self.seed = seed &* 1_000_003
    for index in devices.indices { accounts.append([try Node("n\(index)", relay, seed: nextSeed())]) }
    for one in accounts {
      for other in accounts where one[0] !== other[0] { try one[0].add(other[0], as: other[0].name) }
    }
    for (account, count) in devices.enumerated() {
      for number in 1..<max(count, 1) {
        accounts[account].append(
          try linked(accounts[account][0], "\(accounts[account][0].name)-\(number)", seed: nextSeed()))
      }
    }
  }

  private var nodes: [Node] { accounts.flatMap { $0 } }

  /// How many messages were written.
  var written: Int { messages.count }

  private func nextSeed() -> UInt64 {
    // A linked device takes two.
    seed &+= 2
    return seed
  }

  private func below(_ bound: Int) -> Int {
    Int(random.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % UInt64(bound))
  }

  /// An account, one of its devices, and another account.
  private func draw() -> (author: Int, node: Node, reader: Int) {
    let place = below(nodes.count)
    let author = accounts.firstIndex { $0.contains { $0 === nodes[place] } }!
    return (author, nodes[place], (author + 1 + below(accounts.count - 1)) % accounts.count)
  }

  /// Anything that happens. A node may die in the middle of it: what was committed stays.
  func event(isHostile: Bool) throws {
    let (author, node, reader) = draw()
    let event = below(isHostile ? 14 : 9)
    if isTold { print("\(node.name): event \(event)") }
    switch event {
    case 0...3: try dying(node) { try self.write(author, on: node, to: reader, flushing: self.below(4) > 0) }
    case 4...6: try dying(node) { try node.receive(atATime: 1 + self.below(4)) }
    case 7: try dying(node) { try node.flush() }
    case 9: relay.reorder(try node.mailbox)
    case 8: try passTime(UInt64([61, 3_700, 90_000][below(3)]))
    case 10: relay.lose(try node.mailbox)
    // What comes back from a backup is a first device; linked ones are linked anew.
    case 11: backups[author] = try backup(accounts[author][0])
    default: if below(2) == 0 { try restore(author) }
    }
  }

  /// Sometimes it dies, sooner or later.
  private func dying(_ node: Node, _ work: () throws -> Void) throws {
    if below(3) == 0 { node.records.fuse.left = below(60) }
    defer { node.records.fuse.left = nil }
    do { try work() } catch is Crash {
      crashes += 1
      if isTold { print("\(node.name): died") }
    }
    if isTold {
      print("\(node.name): wrote \(messages.last?.text ?? "nothing"), was shown \(node.shown.last ?? "nothing")")
    }
  }

  private func write(_ author: Int, on node: Node, to reader: Int, flushing: Bool) throws {
    number += 1
    let name = accounts[reader][0].name
    let message = Message(text: "\(number) from \(node.name) to \(name)", author: author, reader: reader)
    do { _ = try node.step { try $0.compose(message.text, to: name) } } catch is Crash {
      // Whether it was written down is seen in the history, as its user would.
      node.records.fuse.left = nil
      crashes += 1
      if try texts(node, name).last == message.text { messages.append(message) }
      return
    }
    messages.append(message)
    if flushing { try node.flush() }
  }

  private func passTime(_ seconds: UInt64) throws {
    for node in nodes {
      node.now += seconds
      try node.step { try $0.maintain() }
      try node.flushUploads()
    }
  }

  private func backup(_ node: Node) throws -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    try node.step { try $0.backup { piece, _ in pieces.append(piece.revealed()) } }
    return pieces
  }

  /// The device is lost; its backup, which may be old, begins again as another.
  private func restore(_ owner: Int) throws {
    guard let pieces = backups[owner] else { return }
    let node = accounts[owner][0]
    let account = try Engine.account(inBackup: Secret(copying: pieces[0]))
    let card = relay.card(ContactKeys(try Engine.address(try node.address)).cardID)
    let new = try Node(restoring: account, card: card, node.name, relay, seed: nextSeed(), now: node.now)
    try new.step { engine in
      for piece in pieces { try engine.restore(Secret(copying: piece)) }
      try engine.tellContacts()
    }
    accounts[owner][0] = new
  }

  /// From now on nothing is lost and nobody dies.
  func calm() throws {
    for _ in 0..<2 {
      try passTime(3_700)
      for node in nodes { try node.flush() }
      for node in nodes { try node.receive() }
    }
  }

  /// Everyone writes to everyone, on each device, and all of it is fetched.
  func everyoneWrites() throws {
    for (author, devices) in accounts.enumerated() {
      for node in devices {
        for reader in accounts.indices where reader != author {
          try write(author, on: node, to: reader, flushing: true)
        }
      }
    }
    try calm()
  }

  /// What devices of a message's reader were not shown, and what other devices of its author do not know, by device.
  func missing(after first: Int = 0) throws -> [(device: String, texts: [String])] {
    var missing: [(String, [String])] = []
    for (account, devices) in accounts.enumerated() {
      for node in devices {
        let shown = Set(node.shown)
        var unread = messages[first...].filter { $0.reader == account && !shown.contains($0.text) }.map(\.text)
        for other in accounts.indices where other != account {
          let known = Set(try texts(node, accounts[other][0].name))
          unread += messages[first...].filter { $0.author == account && $0.reader == other && !known.contains($0.text) }
            .map(\.text)
        }
        if !unread.isEmpty { missing.append((node.name, unread)) }
      }
    }
    return missing
  }

  /// Shown more than once by the same device.
  var twice: [String] {
    nodes.flatMap { node in
      Dictionary(grouping: node.shown, by: { $0 }).filter { $0.value.count > 1 }.map { "\(node.name): \($0.key)" }
    }
  }
}
