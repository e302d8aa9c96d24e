internal import SottoWire
internal import Synchronization

/// What every request and stream is served with.
struct RelayServices: Sendable {
  let store: any RelayStore
  let blobs: BlobDesk
  /// Seconds in which an upload or download must get on.
  let transferSeconds: Int64
  let hub = StreamHub()
  let throttle = Throttle()
  let lifecycle = Lifecycle()
  /// The names that the relay serves; empty means whatever the Host header says. [relay.11]
  let authorities: Set<RelayAuthority>
  /// Unix time in seconds.
  let now: @Sendable () -> Int64
  let log: RelayLog
}

/// Whether the relay takes requests: what `/readyz` says.
final class Lifecycle: Sendable {
  private let ready = Atomic(false)

  var isReady: Bool { ready.load(ordering: .acquiring) }
  func becomeReady() { ready.store(true, ordering: .releasing) }
  func drain() { ready.store(false, ordering: .releasing) }
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

  private let buckets = Mutex<[Key: TokenBucket]>([:])

  /// Throws when there is no token. [relay.19] Contacts may put envelopes as fast as the quota lets them.
  func admit(_ purpose: Purpose, _ kind: CapabilityClass, to mailbox: MailboxID, now: Int64) throws(Refusal) {
    let rate: TokenBucket.Rate
    switch (purpose, kind) {
    case (.claim, .knock): rate = RelayLimits.knockClaims
    case (.claim, _): rate = RelayLimits.contactClaims
    case (.envelope, .knock): rate = RelayLimits.knockRate
    case (.envelope, _): return
    }
    let key = Key(mailbox: mailbox, purpose: purpose, isKnock: kind == .knock)
    let wait = buckets.withLock { buckets in
      if buckets.count >= RelayLimits.buckets { Self.forgetTheFullest(&buckets) }
      return buckets[key, default: TokenBucket(now: now)].take(rate, now: now)
    }
    if let wait { throw Refusal(.tooManyRequests, retryAfter: wait) }
  }

  /// Half of them at once, so that the work is shared out over as many events. A full bucket that is forgotten is full
  /// again when it is next asked for.
  private static func forgetTheFullest(_ buckets: inout [Key: TokenBucket]) {
    let kept = buckets.sorted { $0.value.fullAt > $1.value.fullAt }.prefix(RelayLimits.buckets / 2)
    buckets = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
  }
}
