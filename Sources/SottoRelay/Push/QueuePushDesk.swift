internal import SottoWire

/// Carries what is due from a store that several relays have to the queue at their bus: at once when something here made it due, and now and then for what
/// relays that died have left. [push.4]
///
///     store: due -> take -> pace -> queue -> safe? --yes--> store: queued
///             ^               | too often      | no
///             |               v                v
///             +- give back <- when it may   at once
///
/// What is postponed stays this relay's: so the store passes over it and need not be told at each look what that is. An error
/// leaves in doubt what is this relay's, and the next look begins with giving back everything (`PushDoubt`).
final class QueuePushDesk: PushDesk {
  private let node: NodeID
  private let ledger: any PushLedger
  private let queue: any PushQueue
  private let metrics: RelayMetrics
  /// Rung by the store's reports, which may come before there is a desk.
  private let bell: Bell
  /// Unix time in seconds.
  private let now: @Sendable () -> Int64

  init(
    _ node: NodeID, _ ledger: any PushLedger, _ queue: any PushQueue, bell: Bell, metrics: RelayMetrics,
    now: @escaping @Sendable () -> Int64
  ) {
    (self.node, self.ledger, self.queue) = (node, ledger, queue)
    (self.bell, self.metrics, self.now) = (bell, metrics, now)
  }

  func set(_ mailbox: MailboxID, _ sealed: [UInt8]?, by mutation: Mutation) async throws {
    try await ledger.setPush(mailbox, sealed, by: mutation)
  }

  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask {
        while !Task.isCancelled {
          while !Task.isCancelled, (try? await self.ledger.leaveDeadHomes()) ?? 0 > 0 {}
          await self.endWhatIsOver()
          self.bell.ring()
          try? await Task.sleep(for: .seconds(RelayLimits.pushSeconds))
        }
      }
      // By itself: it goes through all subscriptions, and who is freed by a dead relay does not wait for that. [push.4]
      group.addTask {
        var day: Int64 = 0
        while !Task.isCancelled {
          if let today = try? await self.ledger.askAgain(after: day) { day = today }
          try? await Task.sleep(for: .seconds(RelayLimits.pushSeconds))
        }
      }
      var work = Work()
      for await _ in bell.rings {
        do { try await carryAll(&work) } catch { work.doubt.arises() }
      }
      group.cancelAll()
    }
  }

  func close() async { await queue.close() }

  /// What is lost on the way is told again when the device is to be woken next.
  private func endWhatIsOver() async {
    let ended = await queue.ended(limit: RelayLimits.pushJobs)
    if !ended.isEmpty { try? await ledger.endPushes(ended) }
  }

  /// What one task alone knows.
  private struct Work {
    let start = ContinuousClock.now
    var pace = PushPace()
    var doubt = PushDoubt()

    /// Of a clock that only goes forward.
    var seconds: Int64 { Int64((ContinuousClock.now - start) / .seconds(1)) }
  }

  private func carryAll(_ work: inout Work) async throws {
    if work.doubt.wantsAllBack(now: work.seconds) {
      try await ledger.giveBackAllPushes(by: node)
      work.doubt.gaveAllBack(now: work.seconds)
    }
    let ready = work.pace.ready(now: now())
    if !ready.isEmpty { try await ledger.giveBackPushes(ready, by: node) }
    while !Task.isCancelled {
      let now = now()
      let taken = try await ledger.takePushes(limit: RelayLimits.pushJobs, by: node)
      guard !taken.isEmpty else { return }
      var due: [DuePush] = []
      for push in taken where work.pace.allows(push.mailbox, now: now) { due.append(push) }
      if due.isEmpty { continue }
      let safe = await queue.put(due.map(\.job))
      let queued = due.filter { safe.contains($0.job.handle) }
      for push in queued { work.pace.wakes(push.mailbox, now: now) }
      metrics.pushed(queued.count, failed: due.count - queued.count)
      if !queued.isEmpty { try await ledger.queued(queued, by: node) }
      // What could not be put is put later, or by another relay.
      let rest = due.filter { !safe.contains($0.job.handle) }
      guard rest.isEmpty else { return try await ledger.giveBackPushes(rest.map(\.mailbox), by: node) }
    }
  }
}
