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

/// What became of an ID token. A client is told less: what a wrong setting of ours, the provider's absence and a forger
/// have in common. [token.12]
package enum SignInResult: String, CaseIterable, Sendable {
  case accepted
  case malformed
  case algorithm
  case unknownKey = "unknown-key"
  case signature
  case issuer
  case audience
  case expired
  case issueTime = "issue-time"
  /// It was not made for these requests.
  case nonce
  /// The keys that it would be verified with are not known.
  case providerUnavailable = "provider-unavailable"

  init(_ refusal: IDTokenRefusal) {
    self =
      switch refusal {
      case .providerUnavailable: .providerUnavailable
      case .refused(.tooLong), .refused(.encoding), .refused(.header), .refused(.payload), .refused(.subject):
        .malformed
      case .refused(.algorithm): .algorithm
      case .refused(.unknownKey): .unknownKey
      case .refused(.signature): .signature
      case .refused(.issuer): .issuer
      case .refused(.audience): .audience
      case .refused(.expiry): .expired
      case .refused(.issueTime), .refused(.notBefore): .issueTime
      case .refused(.nonce): .nonce
      }
  }
}

/// So that whoever attacks cannot fill the log.
final class AuditLog: Sendable {
  private let log: RelayLog
  private let metrics: RelayMetrics
  private let events = Mutex(SparseLines<SecurityEvent>())
  private let signIns = Mutex(SparseLines<SignInResult>())

  init(_ log: RelayLog, _ metrics: RelayMetrics) { (self.log, self.metrics) = (log, metrics) }

  func write(_ refusal: Refusal, _ now: Int64) {
    guard let event = SecurityEvent(refusal) else { return }
    metrics.security(event)
    if let count = events.withLock({ $0.add(event, now) }) { log.write(.security(event, count: count)) }
  }

  /// What became of somebody's sign-in.
  func signIn(_ result: SignInResult, _ now: Int64) {
    metrics.signIn(result)
    guard result != .accepted else { return }
    if let count = signIns.withLock({ $0.add(result, now) }) { log.write(.signInRefused(result, count: count)) }
  }
}

/// When there is to be a line: at most once a minute for each kind.
private struct SparseLines<Kind: Hashable & Sendable>: Sendable {
  private struct Line {
    var unsaid = 0
    var nextAt: Int64 = 0
  }

  private var lines: [Kind: Line] = [:]

  init() {}

  /// One more; how many there were since the line before, if there is to be one now.
  mutating func add(_ kind: Kind, _ now: Int64) -> Int? {
    var line = lines[kind] ?? Line()
    line.unsaid += 1
    defer { lines[kind] = line }
    // A clock that was set back does not make it silent.
    guard now >= line.nextAt || now < line.nextAt - RelayLimits.auditSeconds else { return nil }
    defer { line = Line(nextAt: now + RelayLimits.auditSeconds) }
    return line.unsaid
  }
}
