internal import SottoWire

/// How much one client may ask, whoever it is: so many at once, and then one in a time. [limits.2]
package struct ClientRate: Equatable, Sendable, CustomStringConvertible {
  /// In microseconds.
  package let bucket: TokenBucket.Rate

  package init(burst: Int64, microseconds: Int64) {
    bucket = TokenBucket.Rate(burst: burst, interval: microseconds)
  }

  /// `BURST/SECONDS`, the seconds with up to six decimals; nil for anything else, and for what is out of bounds.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let burst = DecimalNumber.decode(parts[0]), let interval = Self.microseconds(parts[1]),
      1...RelayLimits.largestBurst ~= burst, 1...RelayLimits.longestToken * 1_000_000 ~= interval
    else { return nil }
    self.init(burst: Int64(burst), microseconds: Int64(interval))
  }

  package var description: String {
    let (seconds, rest) = bucket.interval.quotientAndRemainder(dividingBy: 1_000_000)
    var decimals = String(String(1_000_000 + rest).dropFirst())
    while decimals.last == "0" { decimals.removeLast() }
    return "\(bucket.burst)/\(seconds)" + (decimals.isEmpty ? "" : "." + decimals)
  }

  private static func microseconds(_ text: Substring) -> UInt64? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, let seconds = DecimalNumber.decode(parts[0]), seconds <= RelayLimits.longestToken else {
      return nil
    }
    guard parts.count == 2 else { return seconds * 1_000_000 }
    let decimals = parts[1]
    guard 1...6 ~= decimals.utf8.count, decimals.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
      let millionths = UInt64(decimals + String(repeating: "0", count: 6 - decimals.utf8.count))
    else { return nil }
    return seconds * 1_000_000 + millionths
  }
}

/// What an operator may say about limits by client.
package struct ClientSettings: Equatable, Sendable {
  package var proxies = TrustedProxies()
  /// Whether the limits hold for this machine too. They do not by default: behind a proxy that is not named as trusted
  /// everybody comes from here, and one budget for everybody would be an outage, not a limit. [limits.1]
  package var limitsLoopback = false
  package var maxConnections = RelayLimits.connections
  package var maxConnectionsPerClient = RelayLimits.connectionsPerClient
  package var connections = RelayLimits.clientConnections
  package var requests = RelayLimits.clientRequests
  package var signedRequests = RelayLimits.clientSignedRequests
  package var failedSignatures = RelayLimits.clientFailedSignatures

  package init() {}
}
