import SottoCrypto
import SottoRelay
import SottoSimulation
import SottoWire

/// Three relays, their store, their bus, and people: everything happens at a moment of one clock, in an order that follows
/// from the seed. `HomeMachine` and `DeliveryMachine` are the real ones; the store does at once what PostgreSQL does in a
/// transaction, and every way to it, to the bus and to a client takes time, or is cut. `FleetSimulationWorld.swift` has the
/// people, the trouble and the judgement.
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
    /// Whatever has an index up to the one that was acknowledged is deleted, sent or not.
    case deletesByIndex
    /// Looks do not say up to where was deleted.
    case looksForget
  }

  /// Milliseconds of trouble, and of peace after it.
  static let trouble: Int64 = 40_000
  static let peace: Int64 = 40_000
  /// A look that is lost is answered after the store's patience; then the next has to come.
  static let bound = (RelayLimits.lookSeconds + 1 + 5 + 1) * 1_000
  /// Milliseconds that a relay which is cut off takes at most until the last of its sockets is ended, as it has few.
  static let turn: Int64 = 1_000
  static let authority = RelayAuthority("relay.example")!

  var random: SeededEntropy
  let fault: Fault?
  /// Whether the store falls back to what it was a moment before, twice.
  let fallsBack: Bool
  /// How often it did.
  var falls = 0
  /// How many envelopes it lost.
  var lost = 0
  var time: Int64 = 0
  var events = EventQueue()
  var store = Store()
  var relays: [Relay] = []
  var people: [Person] = []
  var sent = 0
  /// What went wrong, in words.
  var violations: [String] = []
  /// How often a socket heard of an envelope, and by which way.
  var wakeups: [Wakeup: Int] = [:]
  var acknowledged = 0
  /// How many one-time parts somebody got.
  var claimed = 0

  init(seed: UInt64, people: Int = 4, without fault: Fault? = nil, fallsBack: Bool = false) {
    random = SeededEntropy(seed: seed)
    (self.fault, self.fallsBack) = (fault, fallsBack)
    relays = (0..<3).map { _ in Relay() }
    for number in 1...people { self.people.append(Person(UInt8(number))) }
    store.mailboxes = Dictionary(uniqueKeysWithValues: self.people.map { ($0.mailbox, Mailbox()) })
  }

  func run() {
    for relay in relays { start(relay) }
    for person in people {
      connect(person, after: 0...2_000)
      after(0...4_000) { self.write(to: person) }
      after(0...4_000) { self.upload(1, person) }
      after(0...4_000) { self.claim(from: person) }
    }
    after(0...3_000) { self.trouble() }
    if fallsBack { loseSome() }
    while let event = events.next(until: Self.trouble + Self.peace) {
      time = event.time
      event.action()
    }
    judge()
    // What holds what holds it would stay for ever: 40 KiB for each of many seeds.
    events = EventQueue()
    for relay in relays { relay.sockets = [:] }
    for person in people { person.socket = nil }
  }

  func after(_ delay: ClosedRange<Int64>, _ action: @escaping () -> Void) {
    let wait = delay.lowerBound + Int64(random.next(below: Int(delay.upperBound - delay.lowerBound) + 1))
    events.add(at: time + wait, action)
  }

  var isTrouble: Bool { time < Self.trouble }

  // MARK: The store

  struct Mailbox {
    var lastIndex: UInt64 = 0
    /// The last index that was deleted.
    var acknowledged: UInt64 = 0
    var waiting: [(index: UInt64, number: Int)] = []
    /// The index of each envelope that came.
    var names: [Int: UInt64] = [:]
    var home: (node: NodeID, socket: SocketHandle)?
    var claim: UInt64 = 0
    var batches: [Batch] = []
  }

  struct Batch {
    let id: UInt64
    let digest: Digest
    var left: [UInt32]
  }

  struct Store {
    var mailboxes: [MailboxID: Mailbox] = [:]

    /// Deletes what was taken; false: the store has fallen back.
    mutating func acknowledge(_ id: MailboxID, _ taken: Acknowledgement) -> Bool {
      guard var box = mailboxes[id] else { return true }
      let former = box.acknowledged
      let gone = box.waiting.filter {
        taken.envelopes.contains(SentEnvelope(index: $0.index, id: envelopeID($0.number)))
      }
      let indexes = Set(gone.map { $0.index })
      box.waiting.removeAll { indexes.contains($0.index) }
      box.acknowledged = max(former, indexes.max() ?? 0)
      mailboxes[id] = box
      return former >= taken.former && taken.envelopes.allSatisfy { $0.index <= former || indexes.contains($0.index) }
    }
  }

  /// Asks the store. What cannot get there waits, and is done when it can, for five seconds. nil when that was not long
  /// enough, or when the way back was cut: then nobody knows what was done.
  func ask<T>(
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

  final class Relay {
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
  var takers: [Relay] { relays.filter { $0.life != nil && !$0.machine.isCutOff } }

  func start(_ relay: Relay) {
    relay.starts += 1
    relay.life = relay.starts
    relay.node = NodeID(from: &random)
    relay.machine = HomeMachine()
    relay.machine.connected(!relay.isCutFromBus)
    tick(relay, relay.starts)
  }

  func tick(_ relay: Relay, _ life: Int) {
    guard relay.life == life else { return }
    if fault == .staysWhenCutOff { relay.machine.answered() }
    // In an order that follows from the seed.
    perform(relay.machine.tick(time / 1_000).sorted { "\($0)" < "\($1)" }, relay)
    after(1_000...1_000) { self.tick(relay, life) }
  }

  /// What `HomeDesk` does.
  func perform(_ actions: [HomeMachine.Action], _ relay: Relay) {
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
            homes[id] = Home(
              socket: mailbox.home?.socket, claim: mailbox.claim, lastIndex: mailbox.lastIndex,
              acknowledged: self.fault == .looksForget ? .max : mailbox.acknowledged)
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
        } then: { (done: Void?) in
          relay.machine.left(sockets, done != nil)
        }
      case .arrived(let mailbox):
        if let socket = relay.sockets[mailbox] { wake(socket, .bus, socket.machine.arrived()) }
      case .reached(let mailbox, let index):
        if let socket = relay.sockets[mailbox] { wake(socket, .look, socket.machine.reached(index)) }
      case .end(let mailbox, let ticket, let reason):
        if let socket = relay.sockets[mailbox], socket.ticket == ticket { end(socket, reason) }
      case .endInTurn(let tickets):
        // As long as few take. In an order that follows from the seed.
        for (mailbox, ticket) in tickets.sorted(by: { $0.key.number < $1.key.number }) {
          after(0...Self.turn) { [life = relay.life] in
            guard relay.life == life, relay.machine.isCutOff else { return }
            if let socket = relay.sockets[mailbox], socket.ticket == ticket { self.end(socket, .restarting) }
          }
        }
      }
    }
  }

  func wake(_ socket: Socket, _ path: Wakeup, _ actions: [DeliveryMachine.Action]) {
    if !actions.isEmpty { wakeups[path, default: 0] += 1 }
    perform(actions, socket)
  }

  /// What the store reports to the relay that changed something.
  func tell(_ kind: Notice.Kind, _ home: (node: NodeID, socket: SocketHandle)?, from relay: Relay) {
    guard let home, home.node != relay.node, !relay.isCutFromBus, !random.chance(3, in: 100) else { return }
    after(1...80) {
      guard let other = self.relays.first(where: { $0.node == home.node && $0.life != nil && !$0.isCutFromBus }) else {
        return
      }
      self.perform(other.machine.heard(Notice(kind, [home.socket])), other)
    }
  }

  // MARK: Sockets

  final class Socket {
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
    /// How often the store had fallen back when it was claimed for.
    var falls = 0

    init(_ relay: Relay, _ person: Person, _ machine: DeliveryMachine) {
      (self.relay, self.person, self.machine, life) = (relay, person, machine, relay.life)
      relay.tickets += 1
      ticket = relay.tickets
    }
  }

  /// An envelope, and the index that it was given.
  struct Place: Hashable {
    let index: UInt64
    let number: Int
  }

  final class Person {
    let key: SigningKey
    let mailbox: MailboxID
    var socket: Socket?
    /// How often it was about to connect.
    var attempts = 0
    /// Numbers of envelopes by their indexes.
    var seen: [UInt64: Int] = [:]
    /// What the store lost when it fell back, and whether it had been delivered.
    var lost: [Place: Bool] = [:]
    var expected: Set<Int> = []
    /// One-time parts that somebody got, by batch and index.
    var claimed: Set<[UInt64]> = []

    init(_ seed: UInt8) {
      key = try! SigningKey(seed: Secret(copying: [UInt8](repeating: seed, count: 32)))
      mailbox = MailboxID(owner: key.publicKey)
    }
  }

  /// A client does so once at a time: whatever else made it want to connect is forgotten.
  func connect(_ person: Person, after delay: ClosedRange<Int64>) {
    person.attempts += 1
    let attempt = person.attempts
    after(delay) { if person.attempts == attempt { self.connect(person) } }
  }

  private func connect(_ person: Person) {
    let alive = takers
    guard !alive.isEmpty else { return connect(person, after: 100...2_000) }
    if let former = person.socket, former.isOpen, former.relay.life == former.life {
      violations.append("a client had two connections")
    }
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
      self.connect(person, after: 100...2_000)
    }
  }

  /// The relay's end of a socket. nil: it finds out that nobody is there.
  func end(_ socket: Socket?, _ reason: CloseReason?) {
    guard let socket, socket.isOpen, socket.relay.life == socket.life else { return }
    // An owner who is told so does not come back.
    if reason == .displaced, socket.person.socket === socket { violations.append("the newest socket was displaced") }
    if let reason { return perform(socket.machine.end(reason), socket) }
    closed(socket)
  }

  func closed(_ socket: Socket) {
    guard socket.isOpen else { return }
    socket.isOpen = false
    let (relay, mailbox) = (socket.relay, socket.person.mailbox)
    if relay.life == socket.life, relay.sockets[mailbox] === socket {
      relay.sockets[mailbox] = nil
    }
    if relay.life == socket.life { relay.machine.ended(mailbox, ticket: socket.ticket) }
    if socket.person.socket === socket { connect(socket.person, after: 0...2_000) }
  }

  /// What `StreamHandler` does.
  func perform(_ actions: [DeliveryMachine.Action], _ socket: Socket) {
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
      case .acknowledge(let taken):
        ask(relay) { store -> Bool in
          guard self.fault == .deletesByIndex else { return store.acknowledge(mailbox, taken) }
          store.mailboxes[mailbox]?.waiting.removeAll { $0.index <= taken.index }
          store.mailboxes[mailbox]?.acknowledged = taken.index
          return true
        } then: { isDone in
          guard socket.isOpen else { return }
          guard isDone == true else { return self.end(socket, isDone == nil ? .unavailable : .restarting) }
          relay.machine.acknowledged(mailbox, ticket: socket.ticket, upTo: taken.index)
          self.perform(socket.machine.acknowledged(), socket)
        }
      case .close, .hangUp: closed(socket)
      case .ping: break
      }
    }
  }

  func open(_ socket: Socket) {
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
      socket.falls = self.falls
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
}
