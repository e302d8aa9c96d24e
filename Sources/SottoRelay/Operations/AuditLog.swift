internal import SottoWire
internal import Synchronization

/// What may be an attack: counted one by one, and said in the log at most once a minute each, without a word about whom.
/// [operation.17]
package enum SecurityEvent: String, CaseIterable, Sendable {
  case signatureRefused = "signature-refused"
  case clockSkew = "clock-skew"
  case tokenRefused = "token-refused"
  /// A token, or a sign-in, that was used before.
  case replayed
  case credentialRefused = "credential-refused"
  case tokensExhausted = "tokens-exhausted"
  case limitReached = "limit-reached"

  /// nil for a refusal that everybody meets now and then.
  init?(_ refusal: Refusal) {
    switch refusal.problem {
    case .signatureRefused: self = .signatureRefused
    case .clockSkew: self = .clockSkew
    case .tokenRefused: self = refusal.isReplay ? .replayed : .tokenRefused
    case .credentialRefused: self = refusal.isReplay ? .replayed : .credentialRefused
    case .tokensExhausted: self = .tokensExhausted
    case .tooManyRequests: self = .limitReached
    default: return nil
    }
  }
}

/// So that whoever attacks cannot fill the log.
final class AuditLog: Sendable {
  private struct Line {
    var unsaid = 0
    var nextAt: Int64 = 0
  }

  private let log: RelayLog
  private let metrics: RelayMetrics
  private let lines = Mutex<[SecurityEvent: Line]>([:])

  init(_ log: RelayLog, _ metrics: RelayMetrics) { (self.log, self.metrics) = (log, metrics) }

  func write(_ refusal: Refusal, _ now: Int64) {
    guard let event = SecurityEvent(refusal) else { return }
    metrics.security(event)
    let count = lines.withLock { lines -> Int? in
      var line = lines[event] ?? Line()
      line.unsaid += 1
      defer { lines[event] = line }
      // A clock that was set back does not make it silent.
      guard now >= line.nextAt || now < line.nextAt - RelayLimits.auditSeconds else { return nil }
      defer { line = Line(nextAt: now + RelayLimits.auditSeconds) }
      return line.unsaid
    }
    if let count { log.write(.security(event, count: count)) }
  }
}
