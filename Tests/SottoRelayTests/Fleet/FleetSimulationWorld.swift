import SottoCrypto
import SottoRelay
import SottoSimulation
import SottoWire

/// What happens to the relays from outside, and what is made of it in the end.
extension FleetSimulation {
  // MARK: People

  func received(_ index: UInt64, _ number: Int, _ socket: Socket) {
    let person = socket.person
    guard person.socket === socket, socket.isOpen, socket.relay.life == socket.life else { return }
    let place = Place(index: index, number: number)
    if person.lost[place] != nil {
      // It was on its way when the store lost it. The client does not know, and takes it.
      person.lost[place] = true
    } else if let before = person.seen.updateValue(number, forKey: index) {
      if before != number { violations.append("index \(index) had another envelope before") }
    } else if index > 1, person.seen[index - 1] == nil, socket.falls == falls {
      violations.append("index \(index) before \(index - 1)")
    }
    after(1...400) {
      guard person.socket === socket, socket.isOpen, socket.relay.life == socket.life else { return }
      self.perform(socket.machine.received(ClientFrame.ack(index: index, restoreEpoch: 1).encoded), socket)
    }
  }

  func write(to person: Person) {
    if isTrouble {
      sent += 1
      put(sent, person)
      after(100...4_000) { self.write(to: person) }
    }
  }

  /// Until a relay says 201.
  func put(_ number: Int, _ person: Person) {
    let alive = takers
    guard !alive.isEmpty else { return after(100...2_000) { self.put(number, person) } }
    let (relay, mailbox) = (alive[random.next(below: alive.count)], person.mailbox)
    let life = relay.life
    var isAnswered = false
    ask(relay) { store -> (place: Place, isNew: Bool, home: (node: NodeID, socket: SocketHandle)?, at: Int64) in
      var box = store.mailboxes[mailbox] ?? Mailbox()
      if let index = box.names[number] { return (Place(index: index, number: number), false, box.home, self.time) }
      box.lastIndex += 1
      box.waiting.append((box.lastIndex, number))
      box.names[number] = box.lastIndex
      store.mailboxes[mailbox] = box
      let place = Place(index: box.lastIndex, number: number)
      // By chance it is where it was before: whoever had it there need not get it again.
      if person.lost.removeValue(forKey: place) == true { person.seen[place.index] = number }
      return (place, true, box.home, self.time)
    } then: { answer in
      isAnswered = true
      guard let answer else { return self.after(10...2_000) { self.put(number, person) } }
      self.acknowledged += 1
      // Lost while the answer was on its way.
      guard person.lost[answer.place] == nil else { return }
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
  func expectSoon(_ number: Int, _ person: Person, committed: Int64) {
    guard let socket = person.socket, socket.isOpen, let since = socket.heldSince, since <= committed else { return }
    let deadline = committed + Self.bound
    events.add(at: max(deadline, time)) {
      let isUndisturbed =
        person.socket === socket && socket.isOpen && socket.relay.life == socket.life
        && socket.relay.wasCutAt < committed - 6_000 && !socket.relay.isCutFromStore
      if isUndisturbed, person.expected.contains(number), !person.seen.values.contains(number) {
        self.violations.append("not delivered within \(Self.bound) ms")
      }
    }
  }

  // MARK: Prekeys

  /// The same batch until a relay says that it has it, then the next.
  func upload(_ batch: UInt64, _ person: Person) {
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
  func claim(from person: Person) {
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

  func trouble() {
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

  /// Once in the middle, and once near the end, so that nothing that comes later tells of it.
  func loseSome() {
    for moment in [5_000...Self.trouble - 8_000, Self.trouble - 4_000...Self.trouble - 1_000] {
      after(moment) {
        let former = self.store
        self.after(50...2_000) { self.fallBack(to: former) }
      }
    }
  }

  /// The store goes on with what a follower had that was behind. What is lost is expected no more, and nothing else is
  /// excused. One-time parts stay as they are: that some would be handed out twice is known. [operation.14]
  func fallBack(to former: Store) {
    falls += 1
    for person in people {
      guard let now = store.mailboxes[person.mailbox], var before = former.mailboxes[person.mailbox] else { continue }
      for (number, index) in now.names where before.names[number] == nil {
        lost += 1
        let isSeen = person.seen[index] == number
        if isSeen { person.seen[index] = nil }
        person.lost[Place(index: index, number: number)] = isSeen
        person.expected.remove(number)
      }
      before.batches = now.batches
      store.mailboxes[person.mailbox] = before
    }
  }

  /// Once it has been cut off for longer than it takes to find out.
  func expectNobody(at relay: Relay) {
    let (cut, life) = (relay.cuts, relay.life)
    // The lease, and a beat that was on its way; everybody's turn; then whoever is about to be let in is not.
    let patience = (RelayLimits.leaseSeconds + 1 + RelayLimits.claimSeconds + 5) * 1_000 + Self.turn
    after(patience...patience) {
      guard relay.isCutFromStore, relay.cuts == cut, relay.life == life, life != nil else { return }
      let left = self.people.count { $0.socket?.relay === relay && $0.socket?.isOpen == true }
      if left > 0 { self.violations.append("\(left) are left at a relay that is cut off") }
    }
  }

  func kill(_ relay: Relay) {
    let sockets = relay.sockets.values.sorted { $0.person.mailbox.number < $1.person.mailbox.number }
    relay.life = nil
    relay.sockets = [:]
    for socket in sockets {
      socket.isOpen = false
      if socket.person.socket === socket { connect(socket.person, after: 0...3_000) }
    }
    // Those who were about to be served there find out too.
    for person in people where person.socket?.relay === relay && person.socket?.isOpen == true {
      person.socket?.isOpen = false
      connect(person, after: 0...3_000)
    }
    after(500...6_000) { if relay.life == nil { self.start(relay) } }
  }

  func set(_ relay: Relay, isCutFromBus: Bool) {
    relay.isCutFromBus = isCutFromBus
    if relay.life != nil { relay.machine.connected(!isCutFromBus) }
  }

  func heal() {
    for relay in relays {
      relay.isCutFromStore = false
      set(relay, isCutFromBus: false)
    }
  }

  // MARK: Judgement

  func judge() {
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
