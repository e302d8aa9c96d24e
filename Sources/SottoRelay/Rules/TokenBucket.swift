/// A rate limit as a plain value: tokens come back with time, an event costs one. Time is an argument.
package struct TokenBucket: Equatable, Sendable {
  /// How many at once, and how long each takes to come back.
  package struct Rate: Equatable, Sendable {
    package let burst: Int64
    package let secondsPerToken: Int64

    package init(burst: Int64, secondsPerToken: Int64) {
      self.burst = burst
      self.secondsPerToken = secondsPerToken
    }
  }

  /// When the bucket will be full again, in Unix seconds: the one number that it needs.
  package private(set) var fullAt: Int64

  package init(now: Int64) { fullAt = now }

  /// nil if a token was taken, otherwise the seconds until there is one.
  package mutating func take(_ rate: Rate, now: Int64) -> Int64? {
    let debt = max(fullAt - now, 0)
    let wait = debt + rate.secondsPerToken - rate.burst * rate.secondsPerToken
    guard wait <= 0 else { return wait }
    fullAt = now + debt + rate.secondsPerToken
    return nil
  }
}
