import SottoCrypto
import SottoRelay
import SottoSimulation
import SottoWire

/// Three relays, their store, their bus, and people: everything happens at a moment of one clock, in an order that follows
/// from the seed. `HomeMachine` and `DeliveryMachine` are the real ones; the store does at once what PostgreSQL does in a
/// transaction, and every way to it, to the bus and to a client takes time, or is cut.
final class FleetSimulation {
  /// What is left out, to see whether the simulation notices.
  enum Fault {
    /// Relays ask the store for nothing by themselves.
    case noLooks
    /// A claim is answered as if nothing had come before it.
    case claimsForget
  }

  /// Milliseconds of trouble, and of peace after it.
  private static let trouble: Int64 = 40_000
  private static let peace: Int64 = 40_000
  /// A look that is lost is answered after the store's patience; then the next has to come.
  private static let bound = (RelayLimits.lookSeconds + 1 + 5 + 1) * 1_000
  private static let authority = RelayAuthority("relay.example")!

  private var random: SeededEntropy
  private let fault: Fault?
  private var time: Int64 = 0
  private var events = EventQueue()
  private var store = Store()
  private var relays: [Relay] = []
  private var people: [Person] = []
  private var sent = 0
  /// What went wrong, in words.
  private(set) var violations: [String] = []
  /// How often a socket heard of an envelope, and by which way.
  private(set) var wakeups: [Wakeup: Int] = [:]
  private(set) var acknowledged = 0

  init(seed: UInt64, people: Int = 4, without fault: Fault? = nil) {
    random = SeededEntropy(seed: seed)
    self.fault = fault
    relays = (0..<3).map { _ in Relay(NodeID(number: 0)) }
    for number in 1...people { self.people.append(Person(UInt8(number))) }
    store.mailboxes = Dictionary(uniqueKeysWithValues: self.people.map { ($0.mailbox, Mailbox()) })
  }

  func run() {
    for relay in relays { start(relay) }
    for person in people {
      after(0...2_000) { self.connect(person) }
      after(0...4_000) { self.write(to: person) }
    }
    after(0...3_000) { self.trouble() }
    while let event = events.next(until: Self.trouble + Self.peace) {
      time = event.time
      event.action()
    }
    judge()
  }

  private func after(_ delay: ClosedRange<Int64>, _ action: @escaping () -> Void) {
    let wait = delay.lowerBound + Int64(random.next(below: Int(delay.upperBound - delay.lowerBound) + 1))
    events.add(at: time + wait, action)
  }

  private var isTrouble: Bool { time < Self.trouble }

  // MARK: The store

  private struct Mailbox {
    var lastIndex: UInt64 = 0
    var waiting: [(index: UInt64, number: Int)] = []
    var names: Set<Int> = []
    var home: NodeID?
    var claim: UInt64 = 0
  }

  private struct Store {
    var mailboxes: [MailboxID: Mailbox] = [:]
    var beats: [NodeID: Int64] = [:]
  }

  /// Asks the store. nil when the way there, or the way back, was cut: then nobody knows what was done.
  private func ask<T>(
    _ relay: Relay, _ work: @escaping (inout Store) -> T, then: @escaping (T?) -> Void
  ) {
    let life = relay.life
    func answer(_ value: T?) { if relay.life == life { then(value) } }
    after(1...20) {
      guard !relay.isCutFromStore else { return self.after(5_000...5_000) { answer(nil) } }
      let value = work(&self.store)
      self.after(1...20) {
        if relay.isCutFromStore { self.after(4_900...5_000) { answer(nil) } } else { answer(value) }
      }
    }
  }

  // MARK: Relays

  private final class Relay {
    var machine: HomeMachine
    var node: NodeID
    /// nil: it is down. Another number after each start.
    var life: Int? = nil
    var sockets: [MailboxID: Socket] = [:]
    var isCutFromStore = false
    var isCutFromBus = false
    /// When it could last not reach the store.
    var wasCutAt: Int64 = -1_000_000
    var starts = 0

    init(_ node: NodeID) { (self.node, machine) = (node, HomeMachine(node)) }
  }

  private func start(_ relay: Relay) {
    relay.starts += 1
    relay.life = relay.starts
    relay.node = NodeID(from: &random)
    relay.machine = HomeMachine(relay.node)
    relay.machine.connected(!relay.isCutFromBus)
    tick(relay, relay.starts)
  }

  private func tick(_ relay: Relay, _ life: Int) {
    guard relay.life == life else { return }
    perform(relay.machine.tick(time / 1_000), relay)
    after(1_000...1_000) { self.tick(relay, life) }
  }

  /// What `HomeDesk` does.
  private func perform(_ actions: [HomeMachine.Action], _ relay: Relay) {
    let node = relay.node
    for action in actions {
      switch action {
      case .beat:
        let now = time
        ask(relay) { store in
          defer { store.beats[node] = now }
          return now - (store.beats[node] ?? -1_000_000) < RelayLimits.leaseSeconds * 1_000
        } then: {
          if let wasAlive = $0 { relay.machine.beaten(wasAlive: wasAlive) }
        }
      case .look(let claims):
        if fault == .noLooks { continue }
        ask(relay) { store in
          claims.keys.reduce(into: [MailboxID: Home]()) { homes, id in
            guard let mailbox = store.mailboxes[id] else { return }
            homes[id] = Home(node: mailbox.home, claim: mailbox.claim, lastIndex: mailbox.lastIndex)
          }
        } then: {
          self.perform(relay.machine.looked(claims, $0), relay)
        }
      case .leave(let claims):
        ask(relay) { store in
          for (id, claim) in claims where store.mailboxes[id]?.claim == claim && store.mailboxes[id]?.home == node {
            store.mailboxes[id]?.home = nil
          }
        } then: { _ in
        }
      case .arrived(let mailbox):
        if let socket = relay.sockets[mailbox] { wake(socket, .bus, socket.machine.arrived()) }
      case .reached(let mailbox, let index):
        if let socket = relay.sockets[mailbox] { wake(socket, .look, socket.machine.reached(index)) }
      case .displaced(let mailbox): end(relay.sockets[mailbox], .displaced)
      case .forgotten(let mailbox): end(relay.sockets[mailbox], .restarting)
      case .gone(let mailbox): end(relay.sockets[mailbox], .gone)
      }
    }
  }

  private func wake(_ socket: Socket, _ path: Wakeup, _ actions: [DeliveryMachine.Action]) {
    if !actions.isEmpty { wakeups[path, default: 0] += 1 }
    perform(actions, socket)
  }

  /// What the store reports to the relay that changed something.
  private func tell(_ kind: Notice.Kind, _ node: NodeID?, _ mailbox: MailboxID, from relay: Relay) {
    guard let node, node != relay.node, !relay.isCutFromBus, !random.chance(3, in: 100) else { return }
    after(1...80) {
      guard let other = self.relays.first(where: { $0.node == node && $0.life != nil && !$0.isCutFromBus }) else {
        return
      }
      self.perform(other.machine.heard(Notice(kind, [mailbox])), other)
    }
  }

  // MARK: Sockets

  private final class Socket {
    let relay: Relay
    let person: Person
    let life: Int?
    var machine: DeliveryMachine
    /// Of the relay's end.
    var isOpen = true
    /// Of the last frame on its way to the client.
    var arrival: Int64 = 0
    /// When the relay knew that it is the mailbox's.
    var heldSince: Int64?

    init(_ relay: Relay, _ person: Person, _ machine: DeliveryMachine) {
      (self.relay, self.person, self.machine, life) = (relay, person, machine, relay.life)
    }
  }

  private final class Person {
    let key: SigningKey
    let mailbox: MailboxID
    var socket: Socket?
    /// Numbers of envelopes by their indexes, and the last index.
    var seen: [UInt64: Int] = [:]
    var lastIndex: UInt64 = 0
    var expected: Set<Int> = []

    init(_ seed: UInt8) {
      key = try! SigningKey(seed: Secret(copying: [UInt8](repeating: seed, count: 32)))
      mailbox = MailboxID(owner: key.publicKey)
    }
  }

  private func connect(_ person: Person) {
    let alive = relays.filter { $0.life != nil }
    guard !alive.isEmpty else { return after(100...2_000) { self.connect(person) } }
    let relay = alive[random.next(below: alive.count)]
    let challenge = StreamChallenge(restoreEpoch: 1, from: &random)
    let socket = Socket(
      relay, person, DeliveryMachine(challenge: challenge, authority: Self.authority, mailbox: person.mailbox))
    person.socket = socket
    perform(socket.machine.start(), socket)
    perform(
      socket.machine.received(challenge.answer(authority: Self.authority, signedBy: person.key).encoded), socket)
    // Now and then a client goes away without a word, and comes back elsewhere.
    after(500...20_000) {
      guard self.isTrouble, person.socket === socket else { return }
      if self.random.chance(50, in: 100) { self.after(5_000...9_000) { self.end(socket, nil) } }
      self.connect(person)
    }
  }

  /// The relay's end of a socket. nil: it finds out that nobody is there.
  private func end(_ socket: Socket?, _ reason: CloseReason?) {
    guard let socket, socket.isOpen, socket.relay.life == socket.life else { return }
    if let reason { return perform(socket.machine.end(reason), socket) }
    closed(socket)
  }

  private func closed(_ socket: Socket) {
    guard socket.isOpen else { return }
    socket.isOpen = false
    let (relay, mailbox) = (socket.relay, socket.person.mailbox)
    if relay.life == socket.life, relay.sockets[mailbox] === socket {
      relay.sockets[mailbox] = nil
      relay.machine.ended(mailbox)
    }
    if socket.person.socket === socket { after(0...2_000) { self.reconnect(socket) } }
  }

  private func reconnect(_ socket: Socket) {
    if socket.person.socket === socket { connect(socket.person) }
  }

  /// What `StreamHandler` does.
  private func perform(_ actions: [DeliveryMachine.Action], _ socket: Socket) {
    let (relay, mailbox) = (socket.relay, socket.person.mailbox)
    for action in actions where socket.isOpen {
      switch action {
      case .send(.envelope(let index, let id, _)):
        // What is sent on one connection arrives in its order.
        socket.arrival = max(socket.arrival, time + 1 + Int64(random.next(below: 30)))
        events.add(at: socket.arrival) { self.received(index, Int(truncatingIfNeeded: id.number), socket) }
      case .send: break
      case .open:
        let former = relay.sockets.updateValue(socket, forKey: mailbox)
        end(former, .displaced)
        open(socket)
      case .fetch(let index, let room):
        ask(relay) { store in
          store.mailboxes[mailbox]?.waiting.filter { $0.index > index }.prefix(room.count) ?? []
        } then: { found in
          guard socket.isOpen else { return }
          guard let found else { return self.end(socket, .unavailable) }
          let envelopes = found.map { QueuedEnvelope(index: $0.index, id: envelopeID($0.number), bytes: [0]) }
          self.perform(socket.machine.fetched(envelopes), socket)
        }
      case .acknowledge(let index):
        ask(relay) { store in
          store.mailboxes[mailbox]?.waiting.removeAll { $0.index <= index }
        } then: { done in
          guard socket.isOpen else { return }
          self.perform(done == nil ? socket.machine.end(.unavailable) : socket.machine.acknowledged(), socket)
        }
      case .close, .hangUp: closed(socket)
      case .ping: break
      }
    }
  }

  private func open(_ socket: Socket) {
    let (relay, mailbox, node) = (socket.relay, socket.person.mailbox, socket.relay.node)
    relay.machine.opened(mailbox)
    ask(relay) { store -> (former: NodeID?, claim: HomeClaim)? in
      guard var box = store.mailboxes[mailbox] else { return nil }
      let former = box.home
      box.home = node
      box.claim += 1
      store.mailboxes[mailbox] = box
      if self.fault == .claimsForget {
        return (former, HomeClaim(claim: box.claim, lastIndex: .max, lastWaiting: 0))
      }
      return (
        former, HomeClaim(claim: box.claim, lastIndex: box.lastIndex, lastWaiting: box.waiting.last?.index ?? 0)
      )
    } then: { answer in
      relay.machine.claimed(mailbox, answer??.claim.claim)
      if let found = answer ?? nil { self.tell(.changed, found.former, mailbox, from: relay) }
      guard socket.isOpen else { return }
      guard let answer else { return self.end(socket, .unavailable) }
      socket.heldSince = self.time
      self.perform(
        socket.machine.opened(lastIndex: answer?.claim.lastWaiting, reached: answer?.claim.lastIndex ?? 0), socket)
    }
  }

  // MARK: People

  private func received(_ index: UInt64, _ number: Int, _ socket: Socket) {
    let person = socket.person
    guard person.socket === socket, socket.isOpen, socket.relay.life == socket.life else { return }
    if let before = person.seen.updateValue(number, forKey: index) {
      if before != number { violations.append("index \(index) had another envelope before") }
    } else if index != person.lastIndex + 1 {
      violations.append("index \(index) after \(person.lastIndex)")
    }
    person.lastIndex = max(person.lastIndex, index)
    after(1...400) {
      guard person.socket === socket, socket.isOpen, socket.relay.life == socket.life else { return }
      self.perform(socket.machine.received(ClientFrame.ack(index: index, restoreEpoch: 1).encoded), socket)
    }
  }

  private func write(to person: Person) {
    if isTrouble {
      sent += 1
      put(sent, person)
      after(100...4_000) { self.write(to: person) }
    }
  }

  /// Until a relay says 201.
  private func put(_ number: Int, _ person: Person) {
    let alive = relays.filter { $0.life != nil }
    guard !alive.isEmpty else { return after(100...2_000) { self.put(number, person) } }
    let (relay, mailbox) = (alive[random.next(below: alive.count)], person.mailbox)
    let life = relay.life
    var isAnswered = false
    ask(relay) { store -> (isNew: Bool, home: NodeID?, claim: UInt64, at: Int64) in
      var box = store.mailboxes[mailbox] ?? Mailbox()
      let isNew = box.names.insert(number).inserted
      if isNew {
        box.lastIndex += 1
        box.waiting.append((box.lastIndex, number))
        store.mailboxes[mailbox] = box
      }
      return (isNew, box.home, box.claim, self.time)
    } then: { answer in
      isAnswered = true
      guard let answer else { return self.after(10...2_000) { self.put(number, person) } }
      self.acknowledged += 1
      person.expected.insert(number)
      guard answer.isNew else { return }
      if let socket = relay.sockets[mailbox] { self.wake(socket, .local, socket.machine.arrived()) }
      self.tell(.arrived, answer.home, mailbox, from: relay)
      self.expectSoon(number, person, committed: answer.at)
    }
    // The relay died with it.
    after(6_000...8_000) { if !isAnswered, relay.life != life { self.put(number, person) } }
  }

  /// Whoever has an open socket, at a relay that reaches the store all the while, has it before the bound.
  private func expectSoon(_ number: Int, _ person: Person, committed: Int64) {
    guard let socket = person.socket, socket.isOpen, let since = socket.heldSince, since <= committed else { return }
    let deadline = committed + Self.bound
    events.add(at: max(deadline, time)) {
      let isUndisturbed =
        person.socket === socket && socket.isOpen && socket.relay.life == socket.life
        && socket.relay.wasCutAt < committed - 6_000 && !socket.relay.isCutFromStore
      if isUndisturbed, !person.seen.values.contains(number) {
        self.violations.append("not delivered within \(Self.bound) ms")
      }
    }
  }

  // MARK: Trouble

  private func trouble() {
    guard isTrouble else { return heal() }
    let relay = relays[random.next(below: relays.count)]
    switch random.next(below: 4) {
    case 0 where relay.life != nil: kill(relay)
    case 1:
      relay.isCutFromStore = true
      after(500...12_000) {
        relay.isCutFromStore = false
        relay.wasCutAt = self.time
      }
    case 2:
      set(relay, isCutFromBus: true)
      after(500...12_000) { self.set(relay, isCutFromBus: false) }
    default:
      for relay in relays { set(relay, isCutFromBus: true) }
      after(500...8_000) { for relay in self.relays { self.set(relay, isCutFromBus: false) } }
    }
    after(200...5_000) { self.trouble() }
  }

  private func kill(_ relay: Relay) {
    let sockets = relay.sockets.values.sorted { $0.person.mailbox.number < $1.person.mailbox.number }
    relay.life = nil
    relay.sockets = [:]
    for socket in sockets {
      socket.isOpen = false
      after(0...3_000) { self.reconnect(socket) }
    }
    // Those who were about to be served there find out too.
    for person in people where person.socket?.relay === relay && person.socket?.isOpen == true {
      person.socket?.isOpen = false
      if let socket = person.socket { after(0...3_000) { self.reconnect(socket) } }
    }
    after(500...6_000) { if relay.life == nil { self.start(relay) } }
  }

  private func set(_ relay: Relay, isCutFromBus: Bool) {
    relay.isCutFromBus = isCutFromBus
    if relay.life != nil { relay.machine.connected(!isCutFromBus) }
  }

  private func heal() {
    for relay in relays {
      relay.isCutFromStore = false
      set(relay, isCutFromBus: false)
    }
  }

  // MARK: Judgement

  private func judge() {
    for (number, person) in people.enumerated() {
      let missing = person.expected.subtracting(person.seen.values)
      if !missing.isEmpty { violations.append("person \(number) never got \(missing.count)") }
      if Set(person.seen.values).count != person.seen.count { violations.append("person \(number) got one twice") }
      let open = relays.compactMap { $0.sockets[person.mailbox] }
      if open.count != 1 || open.first !== person.socket {
        violations.append("person \(number) has \(open.count) sockets")
      }
      if store.mailboxes[person.mailbox]?.home != person.socket?.relay.node {
        violations.append("person \(number) is not at home")
      }
    }
  }
}

/// What is to happen, by its time; what has the same time in the order in which it was added.
private struct EventQueue {
  typealias Event = (time: Int64, number: Int, action: () -> Void)
  private var heap: [Event] = []
  private var added = 0

  mutating func add(at time: Int64, _ action: @escaping () -> Void) {
    added += 1
    heap.append((time, added, action))
    var child = heap.count - 1
    while child > 0, isBefore(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func next(until end: Int64) -> Event? {
    guard let first = heap.first, first.time <= end else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) { least = child }
      if least == parent { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    (heap[a].time, heap[a].number) < (heap[b].time, heap[b].number)
  }
}
