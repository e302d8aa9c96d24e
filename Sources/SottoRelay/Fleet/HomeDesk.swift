internal import SottoCrypto
internal import SottoWire
internal import Synchronization

/// The shell around a `HomeMachine`: the store's answers, the bus and the clock.
final class HomeDesk: Sendable {
  private let node: NodeID
  private let store: any SharedStore
  private let bus: (any RelayBus)?
  private let events: AsyncStream<BusEvent>
  private let hub: StreamHub
  private let metrics: RelayMetrics
  private let log: RelayLog
  private let machine: Mutex<HomeMachine>

  /// `events`: what `bus` says. Without a bus the relay asks the store alone.
  init(
    _ node: NodeID, _ store: any SharedStore, bus: (any RelayBus)?, events: AsyncStream<BusEvent>, hub: StreamHub,
    metrics: RelayMetrics, log: RelayLog
  ) {
    (self.node, self.store, self.bus, self.events) = (node, store, bus, events)
    (self.hub, self.metrics, self.log) = (hub, metrics, log)
    machine = Mutex(HomeMachine(node))
    if bus != nil { metrics.busIsDown(true) }
  }

  /// The mailbox's socket is here. nil when there is no mailbox.
  func open(_ mailbox: MailboxID) async throws -> HomeClaim? {
    machine.withLock { $0.opened(mailbox) }
    do {
      let claim = try await store.claimHome(mailbox, for: node)
      machine.withLock { $0.claimed(mailbox, claim?.claim) }
      return claim
    } catch {
      machine.withLock { $0.claimed(mailbox, nil) }
      throw error
    }
  }

  func ended(_ mailbox: MailboxID) { machine.withLock { $0.ended(mailbox) } }

  /// Until the task is cancelled.
  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { for await event in self.events { await self.hear(event) } }
      let start = ContinuousClock.now
      while !Task.isCancelled {
        let seconds = Int64((ContinuousClock.now - start) / .seconds(1))
        let actions = machine.withLock { $0.tick(seconds) }
        // Beside the clock: a store that is slow to answer keeps no other waiting.
        if !actions.isEmpty { group.addTask { await self.perform(actions) } }
        try? await Task.sleep(for: .seconds(1))
      }
      group.cancelAll()
    }
  }

  /// What it holds is left, so that whoever writes knows at once that nobody listens here.
  func close() async {
    let claims = machine.withLock { $0.close() }
    try? await store.leaveHomes(claims, of: node)
    try? await store.end(node)
    await bus?.close()
  }

  private func hear(_ event: BusEvent) async {
    switch event {
    case .heard(let notice):
      metrics.noticed(.heard, notice.mailboxes.count)
      await perform(machine.withLock { $0.heard(notice) })
    case .connected, .disconnected:
      let isConnected = event == .connected
      machine.withLock { $0.connected(isConnected) }
      metrics.busIsDown(!isConnected)
      log.write(isConnected ? .busConnected : .busLost)
    case .dropped(let count): metrics.noticed(.dropped, count)
    }
  }

  private func perform(_ actions: [HomeMachine.Action]) async {
    for action in actions {
      switch action {
      case .beat:
        if let wasAlive = try? await store.beat(node) { machine.withLock { $0.beaten(wasAlive: wasAlive) } }
      case .look(let claims):
        let homes = try? await store.homes(Array(claims.keys))
        await perform(machine.withLock { $0.looked(claims, homes) })
      // One that is not left now is left when the mailbox is claimed again.
      case .leave(let claims): try? await store.leaveHomes(claims, of: node)
      case .arrived(let mailbox): if hub.arrived(mailbox) { metrics.woken(.bus) }
      case .reached(let mailbox, let index): hub.reached(mailbox, index)
      case .displaced(let mailbox): hub.end(mailbox, .displaced)
      case .forgotten(let mailbox): hub.end(mailbox, .restarting)
      case .gone(let mailbox): hub.deleted(mailbox)
      }
    }
  }
}
