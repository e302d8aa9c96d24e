import Foundation
import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Clients that write to each other and die in the middle of anything lose nothing. With a relay that loses and reorders,
/// and with devices that come back from backups: as soon as that ends they all understand each other again. Every run follows from its seed.
/// `SOTTO_SOAK=1` goes through 20,000 of them.
@Suite(.sealsAreWatched) struct ConvergenceTests {
  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"
  private static func seeds(_ few: UInt64, _ many: UInt64) -> ClosedRange<UInt64> { 1...(isSoak ? many : few) }

  /// Messages that each pair exchanges, each way, until they understand each other: one that finds the session broken or
  /// the device replaced, and one that arrives.
  private static let bound = 2

  // [client.1] [client.7] [client.8]
  @Test func `Whatever dies, and however long nobody answers, every message is shown exactly once`() throws {
    for clients in [2, 5] {
      for seed in Self.seeds(clients == 2 ? 40 : 6, clients == 2 ? 8_000 : 2_000) {
        let crowd = try Crowd(clients, seed: seed &* 16 &+ UInt64(clients))
        for _ in 0..<(clients * 20) { try crowd.event(isHostile: false) }
        try crowd.calm()
        for _ in 0..<Self.bound { try crowd.everyoneWrites() }
        for (reader, missing) in crowd.missing where !missing.isEmpty {
          Issue.record("seed \(seed), \(clients) clients: \(reader) was never shown \(missing)")
        }
        #expect(crowd.twice.isEmpty, "seed \(seed), \(clients) clients")
        #expect(crowd.crashes > 0 || seed > 3, "the network was too kind")
      }
    }
  }

  // [client.5] [client.6] [client.14] Losses, and devices that come back from a backup without their sessions.
  @Test func `Whatever was lost or restored, two messages each way and all understand each other`() throws {
    for clients in [2, 5] {
      for seed in Self.seeds(clients == 2 ? 40 : 6, clients == 2 ? 8_000 : 2_000) {
        let crowd = try Crowd(clients, seed: seed &* 16 &+ 8 &+ UInt64(clients))
        for _ in 0..<(clients * 20) { try crowd.event(isHostile: true) }
        try crowd.calm()
        for _ in 0..<Self.bound { try crowd.everyoneWrites() }
        let last = try crowd.everyoneWrites()
        for (reader, texts) in last {
          let shown = Set(crowd.shown(reader))
          let unread = texts.filter { !shown.contains($0) }
          #expect(unread.isEmpty, "seed \(seed), \(clients) clients: \(reader) cannot read \(unread)")
        }
        #expect(crowd.twice.isEmpty, "seed \(seed), \(clients) clients")
      }
    }
  }
}

/// Some clients at one relay, each a contact of every other.
private final class Crowd {
  private let relay = WorldRelay()
  private var nodes: [Node] = []
  private var random: SeededEntropy
  private var seed: UInt64
  private var written: [(text: String, reader: String)] = []
  private var number = 0
  private(set) var crashes = 0
  private var backups: [String: [[UInt8]]] = [:]

  init(_ count: Int, seed: UInt64) throws {
    random = SeededEntropy(seed: seed)
    self.seed = seed &* 1_000_003
    for index in 0..<count { nodes.append(try Node("n\(index)", relay, seed: nextSeed())) }
    for one in nodes { for other in nodes where one !== other { try one.add(other, as: other.name) } }
  }

  private func nextSeed() -> UInt64 {
    // A node draws one number more for each step.
    seed &+= 1 << 20
    return seed
  }

  private func below(_ bound: Int) -> Int {
    Int(random.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % UInt64(bound))
  }

  private func pair() -> (Node, Node) {
    let one = below(nodes.count)
    let other = (one + 1 + below(nodes.count - 1)) % nodes.count
    return (nodes[one], nodes[other])
  }

  /// Anything that happens. A node may die in the middle of it: what was committed stays.
  func event(isHostile: Bool) throws {
    let (node, other) = pair()
    switch below(isHostile ? 14 : 9) {
    case 0...3: try dying(node) { try self.write(node, to: other, flushing: self.below(4) > 0) }
    case 4...6: try dying(node) { try node.receive(atATime: 1 + self.below(4)) }
    case 7: try dying(node) { try node.flush() }
    case 9: relay.reorder(try node.mailbox)
    case 8: try passTime(UInt64([61, 3_700, 90_000][below(3)]))
    case 10: relay.lose(try node.mailbox)
    case 11: backups[node.name] = try backup(node)
    default: if below(2) == 0 { try restore(node) }
    }
  }

  /// Sometimes it dies, sooner or later.
  private func dying(_ node: Node, _ work: () throws -> Void) throws {
    if below(3) == 0 { node.records.fuse.left = below(60) }
    defer { node.records.fuse.left = nil }
    do { try work() } catch is Crash { crashes += 1 }
  }

  private func write(_ node: Node, to other: Node, flushing: Bool) throws {
    number += 1
    let text = "\(number) to \(other.name)"
    do { _ = try node.step { try $0.compose(text, to: other.name) } } catch is Crash {
      // Whether it was written down is seen in the history, as its user would.
      node.records.fuse.left = nil
      crashes += 1
      let account = try node.step { try $0.find(other.name) }!.account
      let isThere = try node.step { try $0.history(with: account, limit: 1).last?.text == text }
      if isThere { written.append((text, other.name)) }
      return
    }
    written.append((text, other.name))
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
  private func restore(_ node: Node) throws {
    guard let pieces = backups[node.name], let place = nodes.firstIndex(where: { $0 === node }) else { return }
    let account = try Engine.account(inBackup: Secret(copying: pieces[0]))
    let card = relay.card(ContactKeys(try Engine.address(try node.address)).cardID)
    let new = try Node(restoring: account, card: card, node.name, relay, seed: nextSeed())
    new.now = node.now
    try new.step { engine in for piece in pieces { try engine.restore(Secret(copying: piece)) } }
    nodes[place] = new
  }

  /// From now on nothing is lost and nobody dies.
  func calm() throws {
    for _ in 0..<2 {
      try passTime(3_700)
      for node in nodes { try node.flush() }
      for node in nodes { try node.receive() }
    }
  }

  /// Everyone writes to everyone, and all of it is fetched; what was written, by reader.
  @discardableResult
  func everyoneWrites() throws -> [String: [String]] {
    let before = written.count
    for node in nodes {
      for other in nodes where other !== node { try write(node, to: other, flushing: true) }
    }
    try calm()
    return Dictionary(grouping: written[before...], by: \.reader).mapValues { $0.map(\.text) }
  }

  func shown(_ reader: String) -> [String] { nodes.first { $0.name == reader }?.shown ?? [] }

  /// Written, and not shown, by reader.
  var missing: [String: [String]] {
    Dictionary(grouping: written, by: \.reader).mapValues { messages in
      let shown = Set(shown(messages[0].reader))
      return messages.map(\.text).filter { !shown.contains($0) }
    }
  }

  /// Shown more than once by the same device.
  var twice: [String] {
    nodes.flatMap { node in
      Dictionary(grouping: node.shown, by: { $0 }).filter { $0.value.count > 1 }.map { "\(node.name): \($0.key)" }
    }
  }
}
