internal import CoreMetrics
internal import SottoWire

/// What the relay's parts count with. Every series is there from the start, at 0.
struct RelayMetrics: Sendable {
  private let registry = PrometheusRegistry<RelayMetric>()
  private let requests: [RouteName: [AnswerClass: Counter]]
  private let accepted: [Bool: Counter]
  private let refused: [Problem: Counter]
  private let delivered: Counter
  private let bytesIn: Counter
  private let bytesOut: Counter
  private let claims: [String: Counter]
  private let closed: [CloseReason: Counter]
  private let sweeps: [Bool: Counter]
  private let wakeups: [Wakeup: Counter]
  private let notices: [NoticeFate: Counter]
  private let busDown: Meter
  private let pushJobs: [Bool: Counter]
  private let security: [SecurityEvent: Counter]
  private let tokens: [String: Counter]
  private let signIns: [SignInResult: Counter]
  private let batch: Recorder
  private let commitsFailed: Counter
  private let uptime: Meter
  private let ready: Meter
  private let expiry: Meter
  private let queued: Meter
  private let storeBytes: Meter
  private let streamsOpen: Meter
  private let sendSocketsOpen: Meter

  init() {
    let registry = registry
    func counter(_ metric: RelayMetric, _ values: String...) -> Counter {
      let labels = zip(metric.labels.map(\.name), values).map { ($0, $1) }
      return Counter(label: metric.rawValue, dimensions: labels, factory: registry)
    }
    func meter(_ metric: RelayMetric) -> Meter { Meter(label: metric.rawValue, factory: registry) }
    func counters<Key: Hashable>(_ keys: [Key], _ make: (Key) -> Counter) -> [Key: Counter] {
      Dictionary(uniqueKeysWithValues: keys.map { ($0, make($0)) })
    }
    requests = Dictionary(
      uniqueKeysWithValues: RouteName.allCases.map { route in
        (route, counters(AnswerClass.allCases) { counter(.requests, route.rawValue, $0.rawValue) })
      })
    accepted = counters([true, false]) { counter(.envelopesAccepted, $0 ? "new" : "repeated") }
    refused = counters(Problem.allCases) { counter(.envelopesRefused, $0.rawValue) }
    delivered = counter(.envelopesDelivered)
    bytesIn = counter(.envelopeBytes, "in")
    bytesOut = counter(.envelopeBytes, "out")
    claims = counters(RelayMetric.claims.labels[0].values) { counter(.claims, $0) }
    closed = counters(CloseReason.allCases) { counter(.streamsClosed, $0.word) }
    sweeps = counters([true, false]) { counter(.sweeps, $0 ? "done" : "failed") }
    wakeups = counters(Wakeup.allCases) { counter(.wakeups, $0.rawValue) }
    notices = counters(NoticeFate.allCases) { counter(.notices, $0.rawValue) }
    busDown = meter(.busDown)
    pushJobs = counters([true, false]) { counter(.pushJobs, $0 ? "queued" : "failed") }
    security = counters(SecurityEvent.allCases) { counter(.security, $0.rawValue) }
    tokens = counters(RelayMetric.tokens.labels[0].values) { counter(.tokens, $0) }
    signIns = counters(SignInResult.allCases) { counter(.signIns, $0.rawValue) }
    batch = Recorder(label: RelayMetric.commitBatch.rawValue, factory: registry)
    commitsFailed = counter(.commitsFailed)
    (uptime, ready, expiry) = (meter(.uptime), meter(.ready), meter(.certificateExpiry))
    (queued, storeBytes) = (meter(.queuedEnvelopes), meter(.storeBytes))
    (streamsOpen, sendSocketsOpen) = (meter(.streamsOpen), meter(.sendSocketsOpen))
    Meter(
      label: RelayMetric.buildInfo.rawValue, dimensions: [("version", RelayVersion.text)], factory: registry
    ).set(1)
  }

  func answered(_ route: RouteName, _ reply: Reply) {
    let answer = AnswerClass(reply.status, reply.problem, isProviderAway: reply.isProviderAway)
    requests[route]?[answer]?.increment()
  }

  /// A request became a socket.
  func upgraded(_ route: RouteName) { requests[route]?[.informational]?.increment() }

  func accepted(_ bytes: Int, isNew: Bool) {
    accepted[isNew]?.increment()
    if isNew { bytesIn.increment(by: bytes) }
  }

  /// What became of an envelope, by whichever way it came.
  func settled(_ outcome: Acceptance, _ bytes: Int) {
    switch outcome {
    case .stored: accepted(bytes, isNew: true)
    case .repeated: accepted(bytes, isNew: false)
    case .refused(let refusal): refused(refusal.problem)
    case .failed: break
    }
  }

  func refused(_ problem: Problem) { refused[problem]?.increment() }

  func delivered(_ envelopes: [QueuedEnvelope]) {
    delivered.increment(by: envelopes.count)
    bytesOut.increment(by: envelopes.reduce(0) { $0 + $1.bytes.count })
  }

  func claimed(_ prekeys: ClaimedPrekeys) { claims[prekeys.oneTime == nil ? "last-resort" : "one-time"]?.increment() }
  func claimRefused() { claims["refused"]?.increment() }
  func streamOpened() { streamsOpen.increment() }
  func streamEnded() { streamsOpen.decrement() }
  func sendSocketOpened() { sendSocketsOpen.increment() }
  func sendSocketEnded() { sendSocketsOpen.decrement() }
  func closed(_ reason: CloseReason) { closed[reason]?.increment() }
  func swept(_ done: Bool) { sweeps[done]?.increment() }
  func woken(_ path: Wakeup) { wakeups[path]?.increment() }
  func noticed(_ fate: NoticeFate, _ mailboxes: Int) { notices[fate]?.increment(by: mailboxes) }
  func busIsDown(_ isDown: Bool) { busDown.set(isDown ? 1 : 0) }

  func pushed(_ queued: Int, failed: Int) {
    pushJobs[true]?.increment(by: queued)
    pushJobs[false]?.increment(by: failed)
  }

  func security(_ event: SecurityEvent) { security[event]?.increment() }
  func tokensIssued(_ count: Int) { tokens["issued"]?.increment(by: count) }
  func tokenSpent() { tokens["spent"]?.increment() }
  func signIn(_ result: SignInResult) { signIns[result]?.increment() }
  func committed(_ jobs: Int) { batch.record(jobs) }
  func commitFailed() { commitsFailed.increment() }

  func measured(_ usage: StoreUsage) {
    queued.set(usage.envelopes)
    storeBytes.set(usage.bytes)
  }

  /// All of it, in the text format of Prometheus.
  func text(uptime seconds: Int64, isReady: Bool, certificateExpires: Int64?) -> String {
    uptime.set(seconds)
    ready.set(isReady ? 1 : 0)
    expiry.set(certificateExpires ?? 0)
    return registry.text()
  }
}
