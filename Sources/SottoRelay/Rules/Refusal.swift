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

  package init(_ problem: Problem, sequence: UInt64? = nil, retryAfter: Int64? = nil, isReplay: Bool = false) {
    self.isReplay = isReplay
    self.problem = problem
    self.sequence = sequence
    self.retryAfter = retryAfter
  }
}
