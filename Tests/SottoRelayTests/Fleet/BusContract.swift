import SottoCrypto
import SottoRelay
import SottoWire
import Synchronization
import Testing

/// What every bus does. It may lose things, but not where nothing goes wrong.
struct BusContract: Sendable {
  /// A bus of the same server for each.
  let bus: @Sendable (NodeID) async throws -> any RelayBus

  struct Clause: Sendable {
    let name: String
    let run: @Sendable (BusContract) async throws -> Void
  }

  static let all = [
    Clause(name: "a notice reaches the node that it is for, and no other") { try await $0.reachesOne() },
    Clause(name: "every handle arrives, however many are told at once") { try await $0.manyHandles() },
    Clause(name: "what is for nobody is lost, and harms nothing") { try await $0.nobody() },
    Clause(name: "a bus that is closed says nothing more") { try await $0.closed() },
  ]

  /// What a node has heard.
  final class Ears: Sendable {
    private let events = Mutex<[BusEvent]>([])
    func hear(_ event: BusEvent) { events.withLock { $0.append(event) } }
    var all: [BusEvent] { events.withLock { $0 } }
    var isConnected: Bool { all.last { $0 == .connected || $0 == .disconnected } == .connected }
    func sockets(_ kind: Notice.Kind) -> Set<SocketHandle> {
      all.reduce(into: []) { sockets, event in
        if case .heard(let notice) = event, notice.kind == kind { sockets.formUnion(notice.sockets) }
      }
    }
  }

  static func socket(_ number: Int) -> SocketHandle { SocketHandle(number: UInt128(number) << 64 | 0xabc) }

  private func node(_ ears: Ears) async throws -> (NodeID, any RelayBus) {
    var entropy = SystemEntropy()
    let node = NodeID(from: &entropy)
    let bus = try await bus(node)
    bus.start { ears.hear($0) }
    try await until { ears.isConnected }
    return (node, bus)
  }

  private func reachesOne() async throws {
    let ears = [Ears(), Ears(), Ears()]
    let (first, second, third) = (try await node(ears[0]), try await node(ears[1]), try await node(ears[2]))
    #expect(first.1.tell(second.0, Notice(.arrived, [Self.socket(1), Self.socket(2)])))
    #expect(first.1.tell(second.0, Notice(.changed, [Self.socket(3)])))
    #expect(second.1.tell(third.0, Notice(.arrived, [Self.socket(4)])))
    try await until { ears[1].sockets(.arrived).count == 2 && ears[1].sockets(.changed).count == 1 }
    try await until { ears[2].sockets(.arrived).count == 1 }
    #expect(ears[1].sockets(.arrived) == [Self.socket(1), Self.socket(2)])
    #expect(ears[1].sockets(.changed) == [Self.socket(3)])
    #expect(ears[2].sockets(.arrived) == [Self.socket(4)] && ears[2].sockets(.changed).isEmpty)
    #expect(ears[0].sockets(.arrived).isEmpty && ears[0].sockets(.changed).isEmpty)
    for bus in [first.1, second.1, third.1] { await bus.close() }
  }

  private func manyHandles() async throws {
    let ears = [Ears(), Ears()]
    let (first, second) = (try await node(ears[0]), try await node(ears[1]))
    let sockets = (0..<RelayLimits.noticeSockets * 2 + 5).map(Self.socket)
    #expect(first.1.tell(second.0, Notice(.arrived, sockets)))
    for socket in sockets.prefix(100) { _ = first.1.tell(second.0, Notice(.arrived, [socket])) }
    try await until { ears[1].sockets(.arrived).count == sockets.count }
    #expect(ears[1].sockets(.arrived) == Set(sockets))
    for bus in [first.1, second.1] { await bus.close() }
  }

  private func nobody() async throws {
    let ears = [Ears(), Ears()]
    let (first, second) = (try await node(ears[0]), try await node(ears[1]))
    #expect(first.1.tell(NodeID(number: 7), Notice(.arrived, [Self.socket(1)])))
    #expect(first.1.tell(second.0, Notice(.arrived, [Self.socket(2)])))
    try await until { !ears[1].sockets(.arrived).isEmpty }
    #expect(ears[1].sockets(.arrived) == [Self.socket(2)] && ears[0].isConnected)
    for bus in [first.1, second.1] { await bus.close() }
  }

  private func closed() async throws {
    let ears = [Ears(), Ears()]
    let (first, second) = (try await node(ears[0]), try await node(ears[1]))
    await second.1.close()
    let before = ears[1].all.count
    #expect(first.1.tell(second.0, Notice(.arrived, [Self.socket(1)])))
    #expect(!second.1.tell(first.0, Notice(.arrived, [Self.socket(2)])))
    await first.1.close()
    #expect(!ears[1].isConnected && ears[0].sockets(.arrived).isEmpty)
    #expect(ears[1].all.count == before)
  }
}

/// A bus in this process, without a server.
final class MemoryBus: Sendable {
  private let nodes = Mutex<[NodeID: @Sendable (BusEvent) -> Void]>([:])

  /// One node's end of it.
  struct End: RelayBus {
    fileprivate let bus: MemoryBus
    fileprivate let node: NodeID

    func start(_ hear: @escaping @Sendable (BusEvent) -> Void) {
      bus.nodes.withLock { $0[node] = hear }
      hear(.connected)
    }

    func tell(_ node: NodeID, _ notice: Notice) -> Bool {
      let (sender, receiver) = bus.nodes.withLock { ($0[self.node], $0[node]) }
      if sender != nil { receiver?(.heard(notice)) }
      return sender != nil
    }

    func check() {}

    func close() async { bus.nodes.withLock { $0.removeValue(forKey: node) }?(.disconnected) }
  }

  func end(of node: NodeID) -> End { End(bus: self, node: node) }
}

/// Has everything that a relay tells others go through `see`, as bytes, on its way to a bus in this process.
struct SeenBus: BusConnector {
  let bus = MemoryBus()
  let see: @Sendable ([UInt8]) -> Void
  /// Whether its queue takes jobs.
  var takes = true

  private struct End: RelayBus {
    let end: MemoryBus.End
    let see: @Sendable ([UInt8]) -> Void
    func start(_ hear: @escaping @Sendable (BusEvent) -> Void) { end.start(hear) }
    func check() { end.check() }
    func close() async { await end.close() }
    func tell(_ node: NodeID, _ notice: Notice) -> Bool {
      see(notice.encoded)
      return end.tell(node, notice)
    }
  }

  func bus(_ address: BusAddress, as node: NodeID) throws(StartFailure) -> any RelayBus {
    End(end: bus.end(of: node), see: see)
  }

  func pushQueue(_ address: BusAddress) throws(StartFailure) -> any PushQueue { SeenQueue(see: see, takes: takes) }

  private struct SeenQueue: PushQueue {
    let see: @Sendable ([UInt8]) -> Void
    let takes: Bool
    func put(_ jobs: [PushJob]) async -> Set<PushHandle> {
      for job in jobs { see(job.encoded) }
      return takes ? Set(jobs.map(\.handle)) : []
    }
    func ended(limit: Int) async -> [PushHandle] { [] }
    func close() async {}
  }
}

@Suite struct MemoryBusTests {
  @Test(arguments: BusContract.all.map(\.name)) func contract(_ name: String) async throws {
    let bus = MemoryBus()
    let clause = try #require(BusContract.all.first { $0.name == name })
    try await clause.run(BusContract { bus.end(of: $0) })
  }
}

/// What goes over a bus. [leakage.6]
@Suite struct NoticeTests {
  @Test func oneEncoding() throws {
    let notice = Notice(.changed, [SocketHandle(number: 1), SocketHandle(number: 2)])
    let bytes = [2] + [UInt8](repeating: 0, count: 15) + [1] + [UInt8](repeating: 0, count: 15) + [2]
    #expect(notice.encoded == bytes)
    #expect(try Notice(decoding: bytes) == notice)
  }

  @Test(arguments: [
    [], [1], [3] + [UInt8](repeating: 7, count: 16), [1] + [UInt8](repeating: 7, count: 15),
    [1] + [UInt8](repeating: 7, count: 17), [2] + [UInt8](repeating: 7, count: 16 * (RelayLimits.noticeSockets + 1)),
  ]) func whatNoRelaySendsIsRefused(_ bytes: [UInt8]) {
    #expect(throws: WireError.outOfRange) { try Notice(decoding: bytes) }
  }
}
