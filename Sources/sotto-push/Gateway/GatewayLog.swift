internal import Logging

/// Everything that the gateway may say in a log: fixed words and a port. [leakage.8]
package enum GatewayEvent: Sendable {
  case started
  case servingMetrics(port: Int)
  case connected
  case lost
  case draining
  case stopped

  /// All that `Specs/Leakage.md` has to list.
  package static let words = ["started", "serving metrics", "bus connected", "bus lost", "draining", "stopped"]

  fileprivate var word: String {
    switch self {
    case .started: Self.words[0]
    case .servingMetrics: Self.words[1]
    case .connected: Self.words[2]
    case .lost: Self.words[3]
    case .draining: Self.words[4]
    case .stopped: Self.words[5]
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
