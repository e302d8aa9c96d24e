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

  /// nil if `count` tokens were taken, otherwise the time until there are as many. More than the burst never is.
  package mutating func take(_ rate: Rate, now: Int64, count: Int64 = 1) -> Int64? {
    // A clock that was set back makes no debt that the bucket could not have.
    let debt = min(max(fullAt - now, 0), rate.burst * rate.interval)
    let wait = debt + (count - rate.burst) * rate.interval
    guard wait <= 0 else { return wait }
    fullAt = now + debt + count * rate.interval
    return nil
  }
}
