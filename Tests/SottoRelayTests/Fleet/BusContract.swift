import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

/// What every bus does. It may lose things, but not where nothing goes wrong.
struct BusContract: Sendable {
  /// A bus of the same server for each.
  let connect: @Sendable (NodeID, @escaping @Sendable (BusEvent) -> Void) async throws -> any RelayBus

  struct Clause: Sendable {
    let name: String
    let run: @Sendable (BusContract) async throws -> Void
  }

  static let all = [
    Clause(name: "a notice reaches the node that it is for, and no other") { try await $0.reachesOne() },
    Clause(name: "every name arrives, however many are told at once") { try await $0.manyNames() },
    Clause(name: "what is for nobody is lost, and harms nothing") { try await $0.nobody() },
    Clause(name: "a bus that is closed says nothing more") { try await $0.closed() },
  ]

  /// What a node has heard.
  final class Ears: Sendable {
    private let events = Mutex<[BusEvent]>([])
    func hear(_ event: BusEvent) { events.withLock { $0.append(event) } }
    var all: [BusEvent] { events.withLock { $0 } }
    var isConnected: Bool { all.last { $0 == .connected || $0 == .disconnected } == .connected }
    func names(_ kind: Notice.Kind) -> Set<MailboxID> {
      all.reduce(into: []) { names, event in
        if case .heard(let notice) = event, notice.kind == kind { names.formUnion(notice.mailboxes) }
      }
    }
  }

  static func mailbox(_ number: Int) -> MailboxID { MailboxID(number: UInt128(number) << 64 | 0xabc) }

  private func node(_ ears: Ears) async throws -> (NodeID, any RelayBus) {
    var entropy = SystemEntropy()
    let node = NodeID(from: &entropy)
    let bus = try await connect(node) { ears.hear($0) }
    try await until { ears.isConnected }
    return (node, bus)
  }

  private func reachesOne() async throws {
    let ears = [Ears(), Ears(), Ears()]
    let (first, second, third) = (try await node(ears[0]), try await node(ears[1]), try await node(ears[2]))
    first.1.tell(second.0, Notice(.arrived, [Self.mailbox(1), Self.mailbox(2)]))
    first.1.tell(second.0, Notice(.changed, [Self.mailbox(3)]))
    second.1.tell(third.0, Notice(.arrived, [Self.mailbox(4)]))
    try await until { ears[1].names(.arrived).count == 2 && ears[1].names(.changed).count == 1 }
    try await until { ears[2].names(.arrived).count == 1 }
    #expect(ears[1].names(.arrived) == [Self.mailbox(1), Self.mailbox(2)])
    #expect(ears[1].names(.changed) == [Self.mailbox(3)])
    #expect(ears[2].names(.arrived) == [Self.mailbox(4)] && ears[2].names(.changed).isEmpty)
    #expect(ears[0].names(.arrived).isEmpty && ears[0].names(.changed).isEmpty)
    for bus in [first.1, second.1, third.1] { await bus.close() }
  }

  private func manyNames() async throws {
    let ears = [Ears(), Ears()]
    let (first, second) = (try await node(ears[0]), try await node(ears[1]))
    let names = (0..<RelayLimits.noticeNames * 2 + 5).map(Self.mailbox)
    first.1.tell(second.0, Notice(.arrived, names))
    for name in names.prefix(100) { first.1.tell(second.0, Notice(.arrived, [name])) }
    try await until { ears[1].names(.arrived).count == names.count }
    #expect(ears[1].names(.arrived) == Set(names))
    for bus in [first.1, second.1] { await bus.close() }
  }

  private func nobody() async throws {
    let ears = [Ears(), Ears()]
    let (first, second) = (try await node(ears[0]), try await node(ears[1]))
    first.1.tell(NodeID(number: 7), Notice(.arrived, [Self.mailbox(1)]))
    first.1.tell(second.0, Notice(.arrived, [Self.mailbox(2)]))
    try await until { !ears[1].names(.arrived).isEmpty }
    #expect(ears[1].names(.arrived) == [Self.mailbox(2)] && ears[0].isConnected)
    for bus in [first.1, second.1] { await bus.close() }
  }

  private func closed() async throws {
    let ears = [Ears(), Ears()]
    let (first, second) = (try await node(ears[0]), try await node(ears[1]))
    await second.1.close()
    let before = ears[1].all.count
    first.1.tell(second.0, Notice(.arrived, [Self.mailbox(1)]))
    second.1.tell(first.0, Notice(.arrived, [Self.mailbox(2)]))
    await first.1.close()
    #expect(!ears[1].isConnected && ears[0].names(.arrived).isEmpty)
    #expect(ears[1].names(.arrived).isEmpty && ears[1].all.count <= before + 1, "at most: that the name was dropped")
  }
}

/// Waits for something that has to become true; fails after 20 s.
func until(_ isTrue: () async throws -> Bool, _ location: SourceLocation = #_sourceLocation) async throws {
  for _ in 0..<4_000 {
    if try await isTrue() { return }
    try await Task.sleep(for: .milliseconds(5))
  }
  Issue.record("it did not become true in 20 s", sourceLocation: location)
}

/// A bus in this process, without a server: for relays of one test, which may cut it.
final class MemoryBus: Sendable {
  private struct State {
    var nodes: [NodeID: @Sendable (BusEvent) -> Void] = [:]
    var isDown = false
  }

  private let state = Mutex(State())

  /// One node's end of it.
  struct End: RelayBus {
    fileprivate let bus: MemoryBus
    fileprivate let node: NodeID

    func tell(_ node: NodeID, _ notice: Notice) {
      let (sender, receiver, isDown) = bus.state.withLock { ($0.nodes[self.node], $0.nodes[node], $0.isDown) }
      guard let sender else { return }
      if isDown { return sender(.dropped(notice.mailboxes.count)) }
      receiver?(.heard(notice))
    }

    func close() async { bus.state.withLock { $0.nodes.removeValue(forKey: node) }?(.disconnected) }
  }

  func end(of node: NodeID, hear: @escaping @Sendable (BusEvent) -> Void) -> End {
    let isDown = state.withLock { state in
      state.nodes[node] = hear
      return state.isDown
    }
    if !isDown { hear(.connected) }
    return End(bus: self, node: node)
  }

  func set(isDown: Bool) {
    let nodes = state.withLock { state in
      state.isDown = isDown
      return state.nodes.values
    }
    for hear in nodes { hear(isDown ? .disconnected : .connected) }
  }
}

@Suite struct MemoryBusTests {
  @Test(arguments: BusContract.all.map(\.name)) func contract(_ name: String) async throws {
    let bus = MemoryBus()
    let clause = try #require(BusContract.all.first { $0.name == name })
    try await clause.run(BusContract { node, hear in bus.end(of: node, hear: hear) })
  }
}

/// What goes over a bus. [leakage.6]
@Suite struct NoticeTests {
  @Test func oneEncoding() throws {
    let notice = Notice(.changed, [MailboxID(number: 1), MailboxID(number: 2)])
    let bytes = [2] + [UInt8](repeating: 0, count: 15) + [1] + [UInt8](repeating: 0, count: 15) + [2]
    #expect(notice.encoded == bytes)
    #expect(try Notice(decoding: bytes) == notice)
  }

  @Test(arguments: [
    [], [1], [3] + [UInt8](repeating: 7, count: 16), [1] + [UInt8](repeating: 7, count: 15),
    [1] + [UInt8](repeating: 7, count: 17), [2] + [UInt8](repeating: 7, count: 16 * (RelayLimits.noticeNames + 1)),
  ]) func whatNoRelaySendsIsRefused(_ bytes: [UInt8]) {
    #expect(throws: WireError.outOfRange) { try Notice(decoding: bytes) }
  }
}
