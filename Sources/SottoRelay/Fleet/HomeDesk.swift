internal import SottoCrypto
internal import SottoWire
internal import Synchronization

/// The shell around a `HomeMachine`: the store's answers, the bus and the clock.
final class HomeDesk: Sendable {
  private let node: NodeID
  private let store: any SharedStore
  private let bus: (any RelayBus)?
  private let hub: StreamHub
  private let metrics: RelayMetrics
  private let log: RelayLog
  private let machine = Mutex(HomeMachine())
  private let cutOff = Atomic(false)

  /// Whether the store has not answered for long: another relay may reach it.
  var isCutOff: Bool { cutOff.load(ordering: .relaxed) }

  /// Without a bus the relay asks the store alone.
  init(
    _ node: NodeID, _ store: any SharedStore, bus: (any RelayBus)?, hub: StreamHub, metrics: RelayMetrics, log: RelayLog
  ) {
    (self.node, self.store, self.bus) = (node, store, bus)
    (self.hub, self.metrics, self.log) = (hub, metrics, log)
    metrics.busIsDown(bus != nil)
  }

  // MARK: Sockets

  /// Called together with `StreamHub.takeOver`, before anything else can happen to the socket.
  func opened(_ mailbox: MailboxID, ticket: UInt64) -> SocketOpening {
    var entropy = SystemEntropy()
    let handle = SocketHandle(from: &entropy)
    machine.withLock { $0.opened(mailbox, ticket: ticket, as: handle) }
    let deadline = ContinuousClock.now + .seconds(RelayLimits.claimSeconds)
    return SocketOpening(mailbox, at: node, handle) { [weak self] in
      guard let self, machine.withLock({ $0.holds(mailbox, ticket: ticket) }) else { throw CancellationError() }
      guard .now < deadline else { throw StoreFailure.unavailable }
    }
  }

  /// nil when there is no mailbox. Throws a `CancellationError` when the socket has ended.
  func claim(_ opening: SocketOpening) async throws -> HomeClaim? {
    do {
      let claim = try await store.claimHome(opening)
      withReach {
        $0.answered()
        $0.claimed(opening.mailbox, opening.socket, claim?.claim)
      }
      return claim
    } catch {
      machine.withLock { $0.claimed(opening.mailbox, opening.socket, nil) }
      throw error
    }
  }

  /// For what may change whether the store is in reach: everybody is to know, and the log says it once.
  @discardableResult
  private func withReach<R: Sendable>(_ body: (inout HomeMachine) -> R) -> R {
    let (result, before, now) = machine.withLock { machine in
      let before = machine.isCutOff
      let result = body(&machine)
      cutOff.store(machine.isCutOff, ordering: .relaxed)
      return (result, before, machine.isCutOff)
    }
    if before != now { log.write(now ? .cutOff : .reachedAgain) }
    return result
  }

  func acknowledged(_ mailbox: MailboxID, ticket: UInt64, upTo index: UInt64) {
    machine.withLock { $0.acknowledged(mailbox, ticket: ticket, upTo: index) }
  }

  func ended(_ mailbox: MailboxID, ticket: UInt64) { machine.withLock { $0.ended(mailbox, ticket: ticket) } }

  // MARK: Life

  /// Until the task is cancelled.
  func run() async {
    bus?.start { [weak self] in self?.hear($0) }
    await withDiscardingTaskGroup { group in
      let start = ContinuousClock.now
      while !Task.isCancelled {
        let seconds = Int64((ContinuousClock.now - start) / .seconds(1))
        let actions = withReach { $0.tick(seconds) }
        // Each for itself: a store that is slow to answer keeps no other waiting.
        for action in actions { group.addTask { await self.perform(action) } }
        bus?.check()
        try? await Task.sleep(for: .seconds(1))
      }
      group.cancelAll()
    }
  }

  /// What it holds is left, so that whoever writes knows at once that nobody listens here.
  func close() async {
    await bus?.close()
    let sockets = machine.withLock { $0.close() }
    // A store that does not answer to the one will not answer to the other; others find out by the beats.
    guard (try? await store.leaveHomes(sockets)) != nil else { return }
    try? await store.end(node)
  }

  /// On a thread of the bus.
  private func hear(_ event: BusEvent) {
    switch event {
    case .heard(let notice):
      metrics.noticed(.heard, notice.sockets.count)
      for case .arrived(let mailbox) in machine.withLock({ $0.heard(notice) }) where hub.arrived(mailbox) {
        metrics.woken(.bus)
      }
    case .connected, .disconnected:
      let isConnected = event == .connected
      machine.withLock { $0.connected(isConnected) }
      metrics.busIsDown(!isConnected)
      log.write(isConnected ? .busConnected : .busLost)
    case .dropped(let count): metrics.noticed(.dropped, count)
    }
  }

  private func perform(_ action: HomeMachine.Action) async {
    switch action {
    case .beat: if (try? await store.beat(node)) != nil { withReach { $0.answered() } }
    case .look(let asked):
      let homes = try? await store.homes(Array(asked.keys))
      for answer in withReach({ $0.looked(asked, homes) }) { await perform(answer) }
    case .leave(let sockets):
      let isDone = (try? await store.leaveHomes(sockets)) != nil
      machine.withLock { $0.left(sockets, isDone) }
    case .arrived(let mailbox): if hub.arrived(mailbox) { metrics.woken(.bus) }
    case .reached(let mailbox, let index): hub.reached(mailbox, index)
    case .end(let mailbox, let ticket, let reason): hub.end(mailbox, ticket: ticket, reason)
    case .endInTurn(let tickets): await endInTurn(tickets)
    }
  }

  /// As those of a relay that stops, so that their owners do not all come to the others at once. A stream that stays for some
  /// seconds more hears of nothing and harms nobody: the store says whose a mailbox is, and what an ack deletes. Whoever is
  /// left when the store answers again stays, and the next look tells it what it has missed. [operation.14] [operation.18]
  private func endInTurn(_ tickets: [MailboxID: UInt64]) async {
    var schedule = DrainSchedule()
    for _ in tickets { schedule.opened() }
    let start = ContinuousClock.now
    for (mailbox, ticket) in tickets {
      let turn = start + .microseconds(schedule.wait())
      guard (try? await Task.sleep(until: turn)) != nil, isCutOff else { return }
      hub.end(mailbox, ticket: ticket, .restarting)
    }
  }
}
