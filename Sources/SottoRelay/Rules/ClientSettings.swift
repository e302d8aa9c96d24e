internal import SottoWire

/// How much one client may ask, whoever it is: so many at once, and as many again evenly over a time. [limits.2]
package struct ClientRate: Equatable, Sendable {
  package let count: Int64
  package let seconds: Int64

  package init(count: Int64, seconds: Int64) {
    self.count = count
    self.seconds = seconds
  }

  /// `6000 per 60`: nil for anything else, and for what is out of bounds.
  package init?(_ text: String) {
    let parts = text.split(separator: " ")
    guard parts.count == 3, parts[1] == "per", let count = DecimalNumber.decode(parts[0]),
      let seconds = DecimalNumber.decode(parts[2]), 1...1_000_000 ~= count, 1...86_400 ~= seconds
    else { return nil }
    self.init(count: Int64(count), seconds: Int64(seconds))
  }

  /// In microseconds.
  package var bucket: TokenBucket.Rate {
    TokenBucket.Rate(burst: count, interval: max(seconds * 1_000_000 / count, 1))
  }
}

/// What an operator may say about limits by client.
package struct ClientSettings: Equatable, Sendable {
  package static let names = [
    "trusted-proxies", "forwarded-header", "limit-loopback", "max-connections", "max-connections-per-client",
    "client-connections", "client-requests", "client-signed-requests", "client-failed-signatures",
  ]

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

  /// False when `value` is not what the setting takes.
  package mutating func set(_ name: String, to value: String) -> Bool {
    func take<T>(_ place: inout T, _ value: T?) -> Bool {
      if let value { place = value }
      return value != nil
    }
    func count(_ text: String) -> Int? {
      DecimalNumber.decode(text).flatMap { 1...1_000_000 ~= $0 ? Int($0) : nil }
    }
    switch name {
    case "trusted-proxies":
      let words = value.split(whereSeparator: { $0 == "," || $0 == " " })
      proxies.ranges = words.compactMap { AddressRange($0) }
      return proxies.ranges.count == words.count
    case "forwarded-header": return take(&proxies.header, TrustedProxies.Header(rawValue: value.lowercased()))
    case "limit-loopback": return take(&limitsLoopback, Bool(value))
    case "max-connections": return take(&maxConnections, count(value))
    case "max-connections-per-client": return take(&maxConnectionsPerClient, count(value))
    case "client-connections": return take(&connections, ClientRate(value))
    case "client-requests": return take(&requests, ClientRate(value))
    case "client-signed-requests": return take(&signedRequests, ClientRate(value))
    case "client-failed-signatures": return take(&failedSignatures, ClientRate(value))
    default: return false
    }
  }
}
