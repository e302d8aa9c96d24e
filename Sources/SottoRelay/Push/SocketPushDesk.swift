internal import Foundation
internal import NIOCore
internal import NIOPosix
internal import SottoWire
internal import Synchronization

/// Hands what is due to a gateway on the same machine, over a Unix socket. The store keeps each push until the gateway has said
/// what became of it. [push.10]
///
///     stored, stream ended --> candidates --pace--> store: due --turn--> line --> gateway
///                                                     ^                              |
///                                                     +------- verdicts <------------+
///
/// One task does everything (`turn`); others leave word in `inbox` and ring. What of that the store could not be told stays for
/// the next turn.
final class SocketPushDesk: PushDesk {
  private enum Event {
    case connected(PushLine.GatewayID, any Channel)
    case answered(PushLine.GatewayID, PushAnswer)
    case lost(PushLine.GatewayID)
    /// Another has its place.
    case displaced(PushLine.GatewayID)
  }

  private struct Inbox {
    var candidates: Set<MailboxID> = []
    /// Whose owners listened, and the store could not be told.
    var awake: Set<MailboxID> = []
    var events: [Event] = []
    /// Of connected gateways: how many answers nobody has looked at.
    var answers: [PushLine.GatewayID: Int] = [:]
    var places = PushPlaces()
    var listener: (any Channel)?
  }

  private let path: String
  private let store: SQLiteStore
  private let hub: StreamHub
  private let metrics: RelayMetrics
  private let log: RelayLog
  /// Unix time in seconds.
  private let now: @Sendable () -> Int64
  /// For how long a gateway is silent.
  private let steadyNow: @Sendable () -> ContinuousClock.Instant
  private let bell = Bell()
  private let inbox = Mutex(Inbox())

  init(
    path: String, _ store: SQLiteStore, _ hub: StreamHub, metrics: RelayMetrics, log: RelayLog,
    now: @escaping @Sendable () -> Int64, steadyNow: @escaping @Sendable () -> ContinuousClock.Instant
  ) {
    (self.path, self.store, self.hub) = (path, store, hub)
    (self.metrics, self.log, self.now, self.steadyNow) = (metrics, log, now, steadyNow)
  }

  func set(_ mailbox: MailboxID, _ sealed: [UInt8]?, by mutation: Mutation) async throws {
    try await store.setPush(mailbox, sealed, by: mutation)
  }

  func mayWait(_ mailbox: MailboxID) {
    guard store.wantsPush(mailbox) else { return }
    inbox.withLock { _ = $0.candidates.insert(mailbox) }
    bell.ring()
  }

  /// A store that cannot be told, because its disk is full, can be read all the same: it is told later.
  func listens(_ mailbox: MailboxID) async {
    do { try await store.isAwake(mailbox) } catch { inbox.withLock { _ = $0.awake.insert(mailbox) } }
    // It may have gone meanwhile, and what was found due then is not any more.
    if !hub.isListening(mailbox) { mayWait(mailbox) }
  }

  // MARK: The socket

  /// Listens. A socket that nobody answers at is what a relay left that was killed; one that somebody does is not ours.
  func prepare() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    do {
      let other = try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get()
      try? await other.close()
      throw StartFailure.pushSocketInUse(path)
    } catch let error as IOError where [ENOENT, ECONNREFUSED].contains(error.errnoCode) {
    } catch {
      throw error as? StartFailure ?? .cannotListenForGateway(path)
    }
    do {
      let listener = try await ServerBootstrap(group: group)
        // All that it may hold can wait for a gateway that is slow to read.
        .childChannelOption(.writeBufferWaterMark, value: .init(low: 1, high: RelayLimits.pushesAhead * 4_096))
        .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try self.accept(channel) } }
        .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
      inbox.withLock { $0.listener = listener }
      // Its group may connect: the gateway is another user.
      try FileManager.default.setAttributes([.posixPermissions: 0o660], ofItemAtPath: path)
    } catch {
      throw StartFailure.cannotListenForGateway(path)
    }
  }

  private func accept(_ channel: any Channel) throws {
    let time = steadyNow()
    let gateway = inbox.withLock { inbox -> PushLine.GatewayID? in
      guard let (gateway, idle) = inbox.places.take(now: time) else { return nil }
      inbox.answers[gateway] = 0
      if let idle { inbox.events.append(.displaced(idle)) }
      return gateway
    }
    guard let gateway else { return channel.close(promise: nil) }
    channel.closeFuture.whenComplete { _ in
      self.inbox.withLock { inbox in
        inbox.answers[gateway] = nil
        inbox.places.leaves(gateway)
      }
      self.leave(.lost(gateway))
    }
    leave(.connected(gateway, channel))
    try channel.pipeline.syncOperations.addHandlers(
      ByteToMessageHandler(PushFrames()), PushFrameHandler { try self.hear($0, from: gateway) })
  }

  /// Throws at nonsense, and at more answers than a gateway can have something to say to.
  private func hear(_ message: [UInt8], from gateway: PushLine.GatewayID) throws {
    let answer = try PushAnswer(decoding: message)
    let count = inbox.withLock { inbox in
      inbox.answers[gateway]? += 1
      return inbox.answers[gateway] ?? 0
    }
    guard count <= RelayLimits.pushesAhead else { throw WireError.outOfRange }
    leave(.answered(gateway, answer))
  }

  private func leave(_ event: Event) {
    inbox.withLock { $0.events.append(event) }
    bell.ring()
  }

  func close() async {
    guard let listener = inbox.withLock({ $0.listener.take() }) else { return }
    // In this order: while somebody answers there, no other relay takes the path.
    try? FileManager.default.removeItem(atPath: path)
    try? await listener.close()
  }

  // MARK: Turns

  /// What one task alone knows.
  private struct Work {
    var line = PushLine()
    var channels: [PushLine.GatewayID: any Channel] = [:]
    var candidates: Set<MailboxID> = []
    var awake: Set<MailboxID> = []
    var pace = PushPace()
    var (done, gone): ([PushOrder], [PushOrder]) = ([], [])
    /// The number that the next push gets; nil until the store has said which were given.
    var next: Int64?
    /// When everybody was looked at last.
    var day: Int64?
    /// When the store is asked what is due although nothing has happened.
    var nextLook: Int64 = 0
  }

  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask {
        while !Task.isCancelled {
          self.bell.ring()
          try? await Task.sleep(for: .seconds(RelayLimits.pushSeconds))
        }
      }
      var work = Work()
      let start = ContinuousClock.now
      for await _ in bell.rings where !Task.isCancelled {
        await turn(&work, Int64((ContinuousClock.now - start) / .seconds(1)))
      }
      group.cancelAll()
      // What gateways have said is not to be asked of them once more.
      _ = takeAll(&work, 0)
      await settle(&work)
      for channel in work.channels.values { channel.close(promise: nil) }
    }
  }

  /// Everything that others left; whether a gateway did.
  private func takeAll(_ work: inout Work, _ seconds: Int64) -> Bool {
    let left = inbox.withLock { inbox in
      defer {
        (inbox.candidates, inbox.awake, inbox.events) = ([], [], [])
        for gateway in inbox.answers.keys { inbox.answers[gateway] = 0 }
      }
      return inbox
    }
    work.candidates.formUnion(left.candidates)
    work.awake.formUnion(left.awake)
    for event in left.events { take(event, &work, seconds) }
    return !left.events.isEmpty
  }

  /// `seconds`: of a clock that only goes forward.
  private func turn(_ work: inout Work, _ seconds: Int64) async {
    let isHeard = takeAll(&work, seconds)
    for gateway in work.line.silent(now: seconds) { work.channels[gateway]?.close(promise: nil) }
    await settle(&work)
    let today = MailboxRules.day(now())
    if work.day != today, let (mailboxes, last) = try? await store.pushes() {
      // Whoever had to be woken when the relay ended is to be now: nobody listens yet, or says so soon. And so is whoever
      // was to be on a day before.
      work.candidates.formUnion(mailboxes)
      work.next = work.next ?? last + 1
      work.day = today
    }
    let isDue = await makeDue(&work)
    guard isHeard || isDue || seconds >= work.nextLook else { return }
    work.nextLook = seconds + RelayLimits.pushSeconds
    await give(&work, seconds)
  }

  private func take(_ event: Event, _ work: inout Work, _ seconds: Int64) {
    switch event {
    case .connected(let gateway, let channel):
      if work.channels.isEmpty { log.write(.gatewayConnected) }
      work.channels[gateway] = channel
      work.line.connected(gateway)
    case .lost(let gateway):
      // What a push service does not take now is no failure of this machine's: strangers name the services.
      metrics.pushed(0, failed: work.line.lost(gateway))
      if work.channels.removeValue(forKey: gateway) != nil, work.channels.isEmpty { log.write(.gatewayLost) }
    case .answered(let gateway, let answer):
      let number = Int64(clamping: answer.number)
      guard let settlement = work.line.answered(number, answer.verdict, by: gateway, now: seconds) else { return }
      let time = steadyNow()
      inbox.withLock { $0.places.hears(gateway, now: time) }
      switch settlement {
      case .done(let order): work.done.append(order)
      case .gone(let order): work.gone.append(order)
      case .later: break
      }
    case .displaced(let gateway): work.channels[gateway]?.close(promise: nil)
    }
  }

  private func settle(_ work: inout Work) async {
    guard !work.done.isEmpty || !work.gone.isEmpty,
      (try? await store.settlePushes(done: work.done + work.gone, gone: work.gone)) != nil
    else { return }
    metrics.pushed(work.done.count + work.gone.count, failed: 0)
    (work.done, work.gone) = ([], [])
  }

  /// Whether there is more to give.
  private func makeDue(_ work: inout Work) async -> Bool {
    for mailbox in work.awake {
      guard (try? await store.isAwake(mailbox)) != nil else { return false }
      work.awake.remove(mailbox)
    }
    let hub = hub
    let now = now()
    var isMore = false
    // Who is woken too often is a candidate once more when that is over, and after a start: nothing is written down before.
    work.candidates.formUnion(work.pace.ready(now: now))
    while !work.candidates.isEmpty, let next = work.next {
      let some = Array(work.candidates.prefix(RelayLimits.commitBatch))
      var allowed: [MailboxID] = []
      for mailbox in some where work.pace.allows(mailbox, now: now) { allowed.append(mailbox) }
      let due = try? await store.makePushesDue(allowed, today: MailboxRules.day(now), first: next) {
        hub.isListening($0)
      }
      guard let due else { break }
      for mailbox in due { work.pace.wakes(mailbox, now: now) }
      work.candidates.subtract(some)
      work.next = next + Int64(due.count)
      isMore = isMore || !due.isEmpty
    }
    return isMore
  }

  private func give(_ work: inout Work, _ seconds: Int64) async {
    while work.line.room > 0 {
      let limit = min(work.line.room, RelayLimits.pushJobs)
      let again = work.line.again(limit: limit, now: seconds)
      let orders: [PushOrder]
      do {
        orders =
          again.isEmpty
          ? try await store.duePushes(after: work.line.last, limit: limit) : try await store.duePushes(again)
      } catch {
        return work.line.keep(again)
      }
      let read = Set(orders.map(\.number))
      work.line.forget(again.filter { !read.contains($0) })
      for order in orders {
        guard let gateway = work.line.give(order, now: seconds) else { continue }
        guard let channel = work.channels[gateway] else { continue }
        let request = PushRequest(number: UInt64(order.number), job: order.push.job)
        channel.writeAndFlush(PushFrames.frame(request.encoded), promise: nil)
        // One that answers what it has not read would let it grow for ever.
        if !channel.isWritable { channel.close(promise: nil) }
      }
      if again.isEmpty, orders.isEmpty { return }
    }
  }
}
