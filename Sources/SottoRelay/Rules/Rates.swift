internal import SottoWire

/// The rate limits that an operator may set. [relay.19] [relay.27]
package struct Rates: Equatable, Sendable {
  package var knockClaims = RelayLimits.knockClaims
  package var contactClaims = RelayLimits.contactClaims
  package var knockEnvelopes = RelayLimits.knockRate

  package init() {}
}

extension TokenBucket.Rate: CustomStringConvertible {
  /// `BURST/SECONDS`, as an operator writes it; nil for anything else, and for what is out of bounds.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { DecimalNumber.decode($0) }
    guard parts.count == 2, let burst = parts[0], let seconds = parts[1], 1...RelayLimits.largestBurst ~= burst,
      1...RelayLimits.longestToken ~= seconds
    else { return nil }
    self.init(burst: Int64(burst), secondsPerToken: Int64(seconds))
  }

  package var description: String { "\(burst)/\(interval)" }
}
