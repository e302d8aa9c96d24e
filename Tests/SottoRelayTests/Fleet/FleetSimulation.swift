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
    /// What was claimed for a socket is claimed however late, and though it has ended.
    case lateClaims
    /// A batch of one-time parts is taken in again when its owner, who has not heard the answer, says it again.
    case batchesForget
    /// A relay that does not reach the store keeps its sockets.
    case staysWhenCutOff
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
  /// How many one-time parts somebody got.
  private(set) var claimed = 0

  init(seed: UInt64, people: Int = 4, without fault: Fault? = nil) {
    random = SeededEntropy(seed: seed)
    self.fault = fault
    relays = (0..<3).map { _ in Relay() }
    for number in 1...people { self.people.append(Person(UInt8(number))) }
    store.mailboxes = Dictionary(uniqueKeysWithValues: self.people.map { ($0.mailbox, Mailbox()) })
  }

  func run() {
    for relay in relays { start(relay) }
    for person in people {
      after(0...2_000) { self.connect(person) }
      after(0...4_000) { self.write(to: person) }
      after(0...4_000) { self.upload(1, person) }
      after(0...4_000) { self.claim(from: person) }
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
    var home: (node: NodeID, socket: SocketHandle)?
    var claim: UInt64 = 0
    var batches: [Batch] = []
  }

  private struct Batch {
    let id: UInt64
    let digest: Digest
    var left: [UInt32]
  }

  private struct Store {
    var mailboxes: [MailboxID: Mailbox] = [:]
  }

  /// Asks the store. What cannot get there waits, and is done when it can, for five seconds. nil when that was not long
  /// enough, or when the way back was cut: then nobody knows what was done.
  private func ask<T>(
    _ relay: Relay, until: Int64? = nil, _ work: @escaping (inout Store) -> T, then: @escaping (T?) -> Void
  ) {
    let life = relay.life
    let until = until ?? time + 5_000
    func answer(_ value: T?) { if relay.life == life { then(value) } }
    after(1...20) {
      guard relay.life == life else { return }
      guard !relay.isCutFromStore else {
        guard self.time < until else { return answer(nil) }
        return self.after(10...200) { if relay.life == life { self.ask(relay, until: until, work, then: then) } }
      }
      let value = work(&self.store)
      self.after(1...20) {
        if relay.isCutFromStore { self.after(4_900...5_000) { answer(nil) } } else { answer(value) }
      }
    }
  }

  // MARK: Relays

  private final class Relay {
    var machine = HomeMachine()
    var node = NodeID(number: 0)
    var tickets: UInt64 = 0
    /// nil: it is down. Another number after each start.
    var life: Int? = nil
    var sockets: [MailboxID: Socket] = [:]
    var isCutFromStore = false
    var isCutFromBus = false
    /// When it could last not reach the store.
    var wasCutAt: Int64 = -1_000_000
    var starts = 0
    var cuts = 0
  }

  /// Whom NGINX finds: it asks the next when one does not answer, or says at once that it cannot.
  private var takers: [Relay] { relays.filter { $0.life != nil && !$0.machine.isCutOff } }

  private func start(_ relay: Relay) {
    relay.starts += 1
    relay.life = relay.starts
    relay.node = NodeID(from: &random)
    relay.machine = HomeMachine()
    relay.machine.connected(!relay.isCutFromBus)
    tick(relay, relay.starts)
  }

  private func tick(_ relay: Relay, _ life: Int) {
    guard relay.life == life else { return }
    if fault == .staysWhenCutOff { relay.machine.answered() }
    // In an order that follows from the seed.
    perform(relay.machine.tick(time / 1_000).sorted { "\($0)" < "\($1)" }, relay)
    after(1_000...1_000) { self.tick(relay, life) }
  }

  /// What `HomeDesk` does.
  private func perform(_ actions: [HomeMachine.Action], _ relay: Relay) {
    for action in actions {
      switch action {
      case .beat:
        ask(relay) { _ in
          true
        } then: {
          if $0 != nil { relay.machine.answered() }
        }
      case .look(let asked):
        if fault == .noLooks { continue }
        ask(relay) { store in
          asked.keys.reduce(into: [MailboxID: Home]()) { homes, id in
            guard let mailbox = store.mailboxes[id] else { return }
            homes[id] = Home(socket: mailbox.home?.socket, claim: mailbox.claim, lastIndex: mailbox.lastIndex)
          }
        } then: {
          // In an order that follows from the seed.
          self.perform(relay.machine.looked(asked, $0).sorted { "\($0)" < "\($1)" }, relay)
        }
      case .leave(let sockets):
        ask(relay) { store in
          for (socket, id) in sockets where store.mailboxes[id]?.home?.socket == socket {
            store.mailboxes[id]?.home = nil
          }
        } then: { _ in
        }
      case .arrived(let mailbox):
        if let socket = relay.sockets[mailbox] { wake(socket, .bus, socket.machine.arrived()) }
      case .reached(let mailbox, let index):
        if let socket = relay.sockets[mailbox] { wake(socket, .look, socket.machine.reached(index)) }
      case .end(let mailbox, let ticket, let reason):
        if let socket = relay.sockets[mailbox], socket.ticket == ticket { end(socket, reason) }
      }
    }
  }

  private func wake(_ socket: Socket, _ path: Wakeup, _ actions: [DeliveryMachine.Action]) {
    if !actions.isEmpty { wakeups[path, default: 0] += 1 }
    perform(actions, socket)
  }

  /// What the store reports to the relay that changed something.
  private func tell(_ kind: Notice.Kind, _ home: (node: NodeID, socket: SocketHandle)?, from relay: Relay) {
    guard let home, home.node != relay.node, !relay.isCutFromBus, !random.chance(3, in: 100) else { return }
    after(1...80) {
      guard let other = self.relays.first(where: { $0.node == home.node && $0.life != nil && !$0.isCutFromBus }) else {
        return
      }
      self.perform(other.machine.heard(Notice(kind, [home.socket])), other)
    }
  }

  // MARK: Sockets

  private final class Socket {
    let relay: Relay
    let person: Person
    let life: Int?
    let ticket: UInt64
    var machine: DeliveryMachine
    /// Of the relay's end.
    var isOpen = true
    /// Of the last frame on its way to the client.
    var arrival: Int64 = 0
    /// When the relay knew that it is the mailbox's.
    var heldSince: Int64?

    init(_ relay: Relay, _ person: Person, _ machine: DeliveryMachine) {
      (self.relay, self.person, self.machine, life) = (relay, person, machine, relay.life)
      relay.tickets += 1
      ticket = relay.tickets
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
    /// One-time parts that somebody got, by batch and index.
    var claimed: Set<[UInt64]> = []

    init(_ seed: UInt8) {
      key = try! SigningKey(seed: Secret(copying: [UInt8](repeating: seed, count: 32)))
      mailbox = MailboxID(owner: key.publicKey)
    }
  }

  private func connect(_ person: Person) {
    let alive = takers
    guard !alive.isEmpty else { return after(100...2_000) { self.connect(person) } }
    let relay = alive[random.next(below: alive.count)]
    let challenge = StreamChallenge(restoreEpoch: 1, from: &random)
    let socket = Socket(
      relay, person, DeliveryMachine(challenge: challenge, authority: Self.authority, mailbox: person.mailbox))
    person.socket = socket
    perform(socket.machine.start(), socket)
    perform(
      socket.machine.received(challenge.answer(authority: Self.authority, signedBy: person.key).encoded), socket)
    // A client goes away, at any time with a word, and without one when it has waited for a while; it comes back elsewhere.
    let hasWord = random.chance(60, in: 100)
    after((hasWord ? 0 : 3_000)...20_000) {
      guard self.isTrouble, person.socket === socket else { return }
      if hasWord {
        self.after(0...50) { self.end(socket, nil) }
      } else if self.random.chance(50, in: 100) {
        self.after(5_000...90_000) { self.end(socket, nil) }
      }
      person.socket = nil
      self.after(100...2_000) { if person.socket == nil { self.connect(person) } }
    }
  }

  /// The relay's end of a socket. nil: it finds out that nobody is there.
  private func end(_ socket: Socket?, _ reason: CloseReason?) {
    guard let socket, socket.isOpen, socket.relay.life == socket.life else { return }
    // An owner who is told so does not come back.
    if reason == .displaced, socket.person.socket === socket { violations.append("the newest socket was displaced") }
    if let reason { return perform(socket.machine.end(reason), socket) }
    closed(socket)
  }

  private func closed(_ socket: Socket) {
    guard socket.isOpen else { return }
    socket.isOpen = false
    let (relay, mailbox) = (socket.relay, socket.person.mailbox)
    if relay.life == socket.life, relay.sockets[mailbox] === socket {
      relay.sockets[mailbox] = nil
    }
    if relay.life == socket.life { relay.machine.ended(mailbox, ticket: socket.ticket) }
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
    let handle = SocketHandle(from: &random)
    relay.machine.opened(mailbox, ticket: socket.ticket, as: handle)
    let deadline = time + RelayLimits.claimSeconds * 1_000
    ask(relay) { store -> (former: (node: NodeID, socket: SocketHandle)?, claim: HomeClaim)? in
      let isWanted = relay.machine.holds(mailbox, ticket: socket.ticket) && self.time < deadline
      guard isWanted || self.fault == .lateClaims, var box = store.mailboxes[mailbox] else { return nil }
      let former = box.home
      box.home = (node, handle)
      box.claim += 1
      store.mailboxes[mailbox] = box
      if self.fault == .claimsForget {
        return (former, HomeClaim(claim: box.claim, lastIndex: .max, lastWaiting: 0))
      }
      return (
        former, HomeClaim(claim: box.claim, lastIndex: box.lastIndex, lastWaiting: box.waiting.last?.index ?? 0)
      )
    } then: { answer in
      relay.machine.claimed(mailbox, handle, answer??.claim.claim)
      if let found = answer ?? nil { self.tell(.changed, found.former, from: relay) }
      guard socket.isOpen else { return }
      // No mailbox is ever missing here: it was not wanted any more.
      guard let claim = (answer ?? nil)?.claim else { return self.end(socket, .unavailable) }
      socket.heldSince = self.time
      self.perform(socket.machine.opened(lastIndex: claim.lastWaiting, reached: claim.lastIndex), socket)
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
    let alive = takers
    guard !alive.isEmpty else { return after(100...2_000) { self.put(number, person) } }
    let (relay, mailbox) = (alive[random.next(below: alive.count)], person.mailbox)
    let life = relay.life
    var isAnswered = false
    ask(relay) { store -> (isNew: Bool, home: (node: NodeID, socket: SocketHandle)?, at: Int64) in
      var box = store.mailboxes[mailbox] ?? Mailbox()
      let isNew = box.names.insert(number).inserted
      if isNew {
        box.lastIndex += 1
        box.waiting.append((box.lastIndex, number))
        store.mailboxes[mailbox] = box
      }
      return (isNew, box.home, self.time)
    } then: { answer in
      isAnswered = true
      guard let answer else { return self.after(10...2_000) { self.put(number, person) } }
      self.acknowledged += 1
      person.expected.insert(number)
      guard answer.isNew else { return }
      if let socket = relay.sockets[mailbox] { self.wake(socket, .local, socket.machine.arrived()) }
      self.tell(.arrived, answer.home, from: relay)
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

  // MARK: Prekeys

  /// The same batch until a relay says that it has it, then the next.
  private func upload(_ batch: UInt64, _ person: Person) {
    guard isTrouble else { return }
    let alive = relays.filter { $0.life != nil }
    guard !alive.isEmpty else { return after(100...2_000) { self.upload(batch, person) } }
    let (relay, mailbox) = (alive[random.next(below: alive.count)], person.mailbox)
    let digest = Digest.of("batch", withUnsafeBytes(of: batch.bigEndian, Array.init))
    let parts: [UInt32] = [0, 1, 2]
    var isAnswered = false
    ask(relay) { store in
      let batches = store.mailboxes[mailbox]?.batches ?? []
      let verdict = try? PrekeyRules.batch(
        known: self.fault == .batchesForget ? nil : batches.first { $0.id == batch }?.digest, uploaded: digest,
        id: batch, greatest: self.fault == .batchesForget ? nil : batches.last?.id,
        left: batches.reduce(0) { $0 + $1.left.count }, count: parts.count)
      if verdict == .store {
        store.mailboxes[mailbox]?.batches.append(Batch(id: batch, digest: digest, left: parts))
      }
      return verdict != nil
    } then: { isTaken in
      isAnswered = true
      self.after(10...3_000) { self.upload(isTaken == true ? batch + 1 : batch, person) }
    }
    after(6_000...8_000) { [life = relay.life] in
      if !isAnswered, relay.life != life { self.upload(batch, person) }
    }
  }

  /// Somebody asks for a one-time part, once: an answer that is lost is a part that nobody gets.
  private func claim(from person: Person) {
    guard isTrouble else { return }
    after(50...2_000) { self.claim(from: person) }
    let alive = relays.filter { $0.life != nil }
    guard !alive.isEmpty else { return }
    let mailbox = person.mailbox
    ask(alive[random.next(below: alive.count)]) { store -> [UInt64]? in
      guard let place = store.mailboxes[mailbox]?.batches.firstIndex(where: { !$0.left.isEmpty }),
        let batch = store.mailboxes[mailbox]?.batches[place].id,
        let index = store.mailboxes[mailbox]?.batches[place].left.removeFirst()
      else { return nil }
      return [batch, UInt64(index)]
    } then: { answer in
      guard let part = answer ?? nil else { return }
      self.claimed += 1
      if !person.claimed.insert(part).inserted { self.violations.append("a one-time part was handed out twice") }
    }
  }

  // MARK: Trouble

  private func trouble() {
    guard isTrouble else { return heal() }
    let relay = relays[random.next(below: relays.count)]
    switch random.next(below: 4) {
    case 0 where relay.life != nil: kill(relay)
    case 1:
      if !relay.isCutFromStore { relay.cuts += 1 }
      relay.isCutFromStore = true
      expectNobody(at: relay)
      after(500...40_000) {
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

  /// Once it has been cut off for longer than it takes to find out.
  private func expectNobody(at relay: Relay) {
    let (cut, life) = (relay.cuts, relay.life)
    // The lease, and a beat that was on its way; then whoever is about to be let in is not.
    let patience = (RelayLimits.leaseSeconds + 1 + RelayLimits.claimSeconds + 5) * 1_000
    after(patience...patience) {
      guard relay.isCutFromStore, relay.cuts == cut, relay.life == life, life != nil else { return }
      let left = self.people.count { $0.socket?.relay === relay && $0.socket?.isOpen == true }
      if left > 0 { self.violations.append("\(left) are left at a relay that is cut off") }
    }
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
      if store.mailboxes[person.mailbox]?.home?.node != person.socket?.relay.node {
        violations.append("person \(number) is not at home")
      }
    }
  }
}
