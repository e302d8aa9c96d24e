/// A rate limit as a plain value: tokens come back with time, an event costs one. Time is an argument, in the unit of
/// the rate.
package struct TokenBucket: Equatable, Sendable {
  /// How many at once, and how long each takes to come back.
  package struct Rate: Equatable, Sendable {
    package let burst: Int64
    /// The time that one token takes.
    package let interval: Int64

    package init(burst: Int64, interval: Int64) {
      self.burst = burst
      self.interval = interval
    }

    package init(burst: Int64, secondsPerToken: Int64) { self.init(burst: burst, interval: secondsPerToken) }
  }

  /// When the bucket will be full again, the one number that it needs.
  package private(set) var fullAt: Int64

  package init(now: Int64) { fullAt = now }

  /// The time until there are `count` tokens, or nil if there are. More than the burst there never are.
  package mutating func wait(_ rate: Rate, now: Int64, count: Int64 = 1) -> Int64? {
    // A clock that was set back makes no debt that the bucket could not have, and what there is is paid off from then on.
    let debt = min(max(fullAt - now, 0), rate.burst * rate.interval)
    fullAt = now + debt
    let wait = debt + (count - rate.burst) * rate.interval
    return wait > 0 ? wait : nil
  }

  /// nil if `count` tokens were taken, otherwise the time until there are as many.
  package mutating func take(_ rate: Rate, now: Int64, count: Int64 = 1) -> Int64? {
    if let wait = wait(rate, now: now, count: count) { return wait }
    fullAt += count * rate.interval
    return nil
  }
}

/// A bucket for each of many, in memory alone.
package struct TokenBuckets<Key: Hashable & Sendable>: Sendable {
  private var buckets: [Key: TokenBucket] = [:]

  package init() {}

  /// The time until there is a token, or nil if there is one.
  package mutating func wait(_ key: Key, _ rate: TokenBucket.Rate, now: Int64) -> Int64? {
    buckets[key]?.wait(rate, now: now)
  }

  /// nil if a token was taken, otherwise the time until there is one.
  package mutating func take(_ key: Key, _ rate: TokenBucket.Rate, now: Int64) -> Int64? {
    if buckets.count >= RelayLimits.buckets { forgetTheFullest() }
    return buckets[key, default: TokenBucket(now: now)].take(rate, now: now)
  }

  /// Half of them at once, so that the work is shared out over as many events. A full bucket that is forgotten is full
  /// again when it is next asked for.
  private mutating func forgetTheFullest() {
    let kept = buckets.sorted { $0.value.fullAt > $1.value.fullAt }.prefix(RelayLimits.buckets / 2)
    buckets = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
  }
}
