internal import SottoWire
internal import Synchronization

/// What every request and stream is served with: one for all of them, so that each holds a reference.
final class RelayServices: Sendable {
  let store: any RelayStore
  let blobs: BlobDesk
  let hub: StreamHub
  /// nil when no other relay has the store.
  let homes: HomeDesk?
  /// nil when nobody is woken.
  let pushes: (any PushDesk)?
  /// nil when everybody is let in.
  let registration: RegistrationDesk?
  let audit: AuditLog
  let inboxes = LoopInboxes()
  let probe: StoreProbe
  let throttle: Throttle
  let clients: ClientLimits
  let lifecycle = Lifecycle()
  let settings: LiveSettings
  let metrics: RelayMetrics
  /// Unix time in seconds.
  let now: @Sendable () -> Int64
  let log: RelayLog

  /// Unix time in seconds.
  let startedAt: Int64

  init(
    store: any RelayStore, blobs: BlobDesk, hub: StreamHub, homes: HomeDesk?, pushes: (any PushDesk)?,
    registration: RegistrationDesk?, settings: LiveSettings, clients: ClientLimits, metrics: RelayMetrics,
    now: @escaping @Sendable () -> Int64,
    log: RelayLog, audit: AuditLog
  ) {
    (self.store, self.blobs, self.hub, self.homes, self.pushes) = (store, blobs, hub, homes, pushes)
    (self.settings, self.clients, self.metrics) = (settings, clients, metrics)
    (self.now, self.log, self.audit) = (now, log, audit)
    self.registration = registration
    probe = StoreProbe(store)
    startedAt = now()
    throttle = Throttle(settings)
  }

  /// The name that was read last: nearly every request has the same, and reading it is a twentieth of an answer's cost.
  private let lastName = Mutex<RelayAuthority?>(nil)

  /// A Host header's value, if it is a name.
  func authority(_ text: String) -> RelayAuthority? {
    if let last = lastName.withLock({ $0 }), last.text.utf8.elementsEqual(text.utf8) { return last }
    let name = RelayAuthority(text)
    if let name { lastName.withLock { $0 = name } }
    return name
  }

  /// Whether several relays have the store, and this one has not reached it for long. [operation.14]
  var isCutOff: Bool { homes?.isCutOff ?? false }

  /// What is counted, as of now. [operation.5]
  func metricsText() -> String {
    metrics.text(
      uptime: now() - startedAt, isReady: lifecycle.isReady, certificateExpires: settings.tls?.expires)
  }

  /// The names that the relay serves; empty means whatever the Host header says. [relay.11]
  var authorities: Set<RelayAuthority> { settings.authorities }
}

/// What SIGHUP may change while requests are served. [operation.2]
final class LiveSettings: Sendable {
  private struct Values: Sendable {
    var authorities: Set<RelayAuthority>
    var rates: Rates
    var tls: TLSCredentials?
    var transferSeconds: Int64
    var withdrawn: Set<[UInt8]>
  }

  private let values: Mutex<Values>

  init(_ configuration: RelayConfiguration) throws(StartFailure) {
    let tls = try TLSCredentials(configuration)
    values = Mutex(
      Values(
        authorities: configuration.authorities, rates: configuration.rates, tls: tls,
        transferSeconds: configuration.transferSeconds, withdrawn: try configuration.withdrawn()))
  }

  var authorities: Set<RelayAuthority> { values.withLock { $0.authorities } }
  var rates: Rates { values.withLock { $0.rates } }
  /// Seconds without progress after which an upload or an answer is ended.
  var transferSeconds: Int64 { values.withLock { $0.transferSeconds } }
  /// Names of invitations, and of who invites, that count no more. [token.15]
  var withdrawn: Set<[UInt8]> { values.withLock { $0.withdrawn } }
  /// What new connections are encrypted with; nil when they are not.
  var tls: TLSCredentials? { values.withLock { $0.tls } }

  /// All of it or, when it throws, nothing. Answers what cannot be taken over: TLS is not turned on or off on a port
  /// that clients use.
  func take(_ configuration: RelayConfiguration) throws(StartFailure) -> [Setting] {
    let tls = try TLSCredentials(configuration)
    let withdrawn = try configuration.withdrawn()
    return values.withLock { values in
      values.withdrawn = withdrawn
      values.authorities = configuration.authorities
      values.rates = configuration.rates
      values.transferSeconds = configuration.transferSeconds
      guard (tls == nil) == (values.tls == nil) else { return [.tlsCertificate] }
      values.tls = tls
      return []
    }
  }
}

extension RelayServices {
  /// An envelope as a sender showed it: it has a size that envelopes have.
  static func arrival(
    _ id: EnvelopeID, of bytes: ArraySlice<UInt8>, to mailbox: MailboxID, showing capability: Capability
  ) throws(Refusal) -> Arrival {
    guard SizeClass(rawValue: bytes.count) != nil else { throw Refusal(.requestMalformed) }
    return Arrival(mailbox: mailbox, id: id, capability: capability.hash, bytes: bytes)
  }

  /// The one way in for envelopes, whatever they came by: `done` is told when those that were taken in are durable, and
  /// the owners that listen are told too.
  func put(_ arrivals: [Arrival], done: @escaping @Sendable ([Acceptance]) -> Void) {
    // Whoever asks hears at once that it has to ask another relay.
    guard !isCutOff else {
      for arrival in arrivals { metrics.settled(.failed(.unavailable), arrival.bytes.count) }
      return done(arrivals.map { _ in .failed(.unavailable) })
    }
    let now = now()
    store.submit(arrivals, now: now) { [throttle] kind, mailbox in
      try throttle.admit(.envelope, kind, to: mailbox, now: now)
    } done: { [hub, metrics, pushes, audit] outcomes in
      for (arrival, outcome) in zip(arrivals, outcomes) {
        metrics.settled(outcome, arrival.bytes.count)
        if case .refused(let refusal) = outcome { audit.write(refusal, now) }
        guard outcome == .stored else { continue }
        if hub.arrived(arrival.mailbox) { metrics.woken(.local) } else { pushes?.mayWait(arrival.mailbox) }
      }
      done(outcomes)
    }
  }

  /// What waits for a socket that was opened, and where several relays have the store, is claimed with this. nil when there
  /// is no mailbox.
  func claim(_ mailbox: MailboxID, _ opening: SocketOpening?) async throws -> HomeClaim? {
    if let homes, let opening { return try await homes.claim(opening) }
    try await pushes?.listens(mailbox)
    return try await store.lastIndex(mailbox).map { HomeClaim(claim: 0, lastIndex: $0, lastWaiting: $0) }
  }
}

/// Whether the relay takes requests: what `/readyz` says. And when, once it stops, its sockets are closed.
final class Lifecycle: Sendable {
  private let ready = Atomic(false)
  private let schedule = Mutex(DrainSchedule())

  var isReady: Bool { ready.load(ordering: .acquiring) }
  func becomeReady() { ready.store(true, ordering: .releasing) }
  func drain() { ready.store(false, ordering: .releasing) }

  func socketOpened() { schedule.withLock { $0.opened() } }
  func socketClosed() { schedule.withLock { $0.closed() } }

  /// Microseconds that a socket waits to be closed when the relay stops. [operation.18]
  func untilClose() -> Int64 { schedule.withLock { $0.wait() } }
}

/// Token buckets by mailbox and purpose, in memory alone: no time of any event reaches the disk.
final class Throttle: Sendable {
  /// What a bucket limits.
  enum Purpose: Hashable, Sendable {
    case claim
    case envelope
  }

  private struct Key: Hashable {
    let mailbox: MailboxID
    let purpose: Purpose
    let isKnock: Bool
  }

  private let settings: LiveSettings
  private let buckets = Mutex(TokenBuckets<Key>())

  init(_ settings: LiveSettings) { self.settings = settings }

  /// Throws when there is no token. [relay.19] Contacts may put envelopes as fast as the quota lets them.
  func admit(_ purpose: Purpose, _ kind: CapabilityClass, to mailbox: MailboxID, now: Int64) throws(Refusal) {
    let rate: TokenBucket.Rate
    switch (purpose, kind) {
    case (.claim, .knock): rate = settings.rates.knockClaims
    case (.claim, _): rate = settings.rates.contactClaims
    case (.envelope, .knock): rate = settings.rates.knockEnvelopes
    case (.envelope, _): return
    }
    let key = Key(mailbox: mailbox, purpose: purpose, isKnock: kind == .knock)
    let wait = buckets.withLock { $0.take(key, rate, now: now) }
    if let wait { throw Refusal(.tooManyRequests, retryAfter: wait) }
  }
}

/// Whether the store answers. Anybody may ask as often as they like, so all who ask meanwhile have one answer.
actor StoreProbe {
  private let store: any RelayStore
  private var question: Task<Bool, Never>?

  init(_ store: any RelayStore) { self.store = store }

  func answers() async -> Bool {
    if let question { return await question.value }
    let own = Task { [store] in (try? await store.ping()) != nil }
    question = own
    defer { question = nil }
    return await own.value
  }
}
