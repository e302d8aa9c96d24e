package import SottoWire

/// The answer "no", as a rule gives it: decided before anything is written.
package struct Refusal: Error, Equatable, Sendable {
  package let problem: Problem
  /// For `sequence-stale`: the sequence that the next one must exceed.
  package let sequence: UInt64?
  /// For `too-many-requests`: seconds to wait.
  package let retryAfter: Int64?
  /// Whether what was shown was genuine, once. Nobody is told but the audit log.
  package let isReplay: Bool
  /// Whether the provider that people sign in at is away, and not the relay's store. Nobody is told but a counter.
  package let isProviderAway: Bool

  package init(
    _ problem: Problem, sequence: UInt64? = nil, retryAfter: Int64? = nil, isReplay: Bool = false,
    isProviderAway: Bool = false
  ) {
    (self.isReplay, self.isProviderAway) = (isReplay, isProviderAway)
    self.problem = problem
    self.sequence = sequence
    self.retryAfter = retryAfter
  }
}
