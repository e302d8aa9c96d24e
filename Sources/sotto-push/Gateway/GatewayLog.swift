internal import Logging

/// Everything that the gateway may say in a log: fixed words and a port. [leakage.8]
package enum GatewayEvent: Sendable {
  case started
  case servingMetrics(port: Int)
  case connected(Counterpart)
  case lost(Counterpart)
  case draining
  case stopped

  /// Where jobs come from.
  package enum Counterpart: Sendable {
    case bus
    case relay
  }

  /// All that `Specs/Leakage.md` has to list.
  package static let words = [
    "started", "serving metrics", "bus connected", "bus lost", "relay connected", "relay lost", "draining", "stopped",
  ]

  fileprivate var word: String {
    switch self {
    case .started: Self.words[0]
    case .servingMetrics: Self.words[1]
    case .connected(.bus): Self.words[2]
    case .lost(.bus): Self.words[3]
    case .connected(.relay): Self.words[4]
    case .lost(.relay): Self.words[5]
    case .draining: Self.words[6]
    case .stopped: Self.words[7]
    }
  }
}

/// Writes events, and nothing else.
struct GatewayLog: Sendable {
  let logger: Logger

  func write(_ event: GatewayEvent) {
    var metadata: Logger.Metadata = [:]
    if case .servingMetrics(let port) = event { metadata["port"] = .string(String(port)) }
    var level = Logger.Level.notice
    if case .lost = event { level = .warning }
    logger.log(level: level, "\(event.word)", metadata: metadata)
  }
}
