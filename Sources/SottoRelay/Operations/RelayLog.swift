internal import Foundation
public import Logging
internal import Synchronization

/// Everything that the relay may say in a log: fixed words and small numbers, so that no identifier, key, capability,
/// address or content can get into a line. [relay.31]
enum RelayEvent: Sendable {
  case started(port: Int)
  case servingMetrics(port: Int)
  case draining
  case stopped
  case swept
  case storeFailed(code: Int)
  case requestFailed
  case reloaded
  /// The setting at fault, by its name in the file; never its value.
  case reloadRefused(Setting?)
  case needsRestart(Setting)
  case busConnected
  case busLost
  case cutOff
  case reachedAgain
  case gatewayConnected
  case gatewayLost
  /// So many since the line before.
  case security(SecurityEvent, count: Int)
  /// So many since the line before.
  case signInRefused(SignInResult, count: Int)
}

/// The words of `RelayEvent`. With `LogField` this is all that `Specs/Leakage.md` has to list. [leakage.2]
package enum LogEventName: String, CaseIterable, Sendable {
  case started
  case servingMetrics = "serving metrics"
  case draining
  case stopped
  case swept
  case storeFailed = "store failed"
  case requestFailed = "request failed"
  case reloaded
  case reloadRefused = "reload refused"
  case needsRestart = "setting needs a restart"
  case busConnected = "bus connected"
  case busLost = "bus lost"
  case cutOff = "cut off from the store"
  case reachedAgain = "store reached again"
  case gatewayConnected = "gateway connected"
  case gatewayLost = "gateway lost"
  case security
  case signInRefused = "sign-in refused"
}

/// What a line may say besides `time`, `level` and `event`.
package enum LogField: String, CaseIterable, Sendable {
  case port
  case code
  case setting
  case what
  case count
}

/// Writes events, and nothing else.
struct RelayLog: Sendable {
  let logger: Logger

  func write(_ event: RelayEvent) {
    switch event {
    case .started(let port): line(.notice, .started, (.port, String(port)))
    case .servingMetrics(let port): line(.notice, .servingMetrics, (.port, String(port)))
    case .draining: line(.notice, .draining)
    case .stopped: line(.notice, .stopped)
    case .swept: line(.debug, .swept)
    case .storeFailed(let code): line(.error, .storeFailed, (.code, String(code)))
    case .requestFailed: line(.error, .requestFailed)
    case .reloaded: line(.notice, .reloaded)
    case .reloadRefused(let setting): line(.error, .reloadRefused, setting.map { (.setting, $0.name) })
    case .needsRestart(let setting): line(.warning, .needsRestart, (.setting, setting.name))
    case .busConnected: line(.notice, .busConnected)
    case .busLost: line(.warning, .busLost)
    case .cutOff: line(.error, .cutOff)
    case .reachedAgain: line(.notice, .reachedAgain)
    case .gatewayConnected: line(.notice, .gatewayConnected)
    case .gatewayLost: line(.warning, .gatewayLost)
    case .security(let event, let count):
      line(.warning, .security, (.what, event.rawValue), (.count, String(count)))
    case .signInRefused(let result, let count):
      line(.warning, .signInRefused, (.what, result.rawValue), (.count, String(count)))
    }
  }

  private func line(_ level: Logger.Level, _ name: LogEventName, _ fields: (LogField, String)?...) {
    let metadata = fields.reduce(into: Logger.Metadata()) { if let field = $1 { $0[field.0.rawValue] = "\(field.1)" } }
    logger.log(level: level, "\(name.rawValue)", metadata: metadata)
  }
}

/// JSON lines on standard error: `{"time":"2026-01-01T00:00:00Z","level":"notice","event":"started","port":8090}`.
public struct JSONLogHandler: LogHandler {
  public var logLevel: Logger.Level = .info
  public var metadata: Logger.Metadata = [:]
  private let output: @Sendable (String) -> Void

  /// `output` takes one line without its end.
  public init(output: @escaping @Sendable (String) -> Void = Self.standardError) { self.output = output }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var fields = [
      "\"time\":" + Self.quoted(Date.now.ISO8601Format()),
      "\"level\":" + Self.quoted(event.level.rawValue),
      "\"event\":" + Self.quoted(event.message.description),
    ]
    let values = metadata.merging(event.metadata ?? [:]) { $1 }
    for (key, value) in values.sorted(by: { $0.key < $1.key }) {
      fields.append(Self.quoted(key) + ":" + Self.number(value.description))
    }
    output("{" + fields.joined(separator: ",") + "}")
  }

  /// Whole lines, one write each.
  public static let standardError: @Sendable (String) -> Void = { line in
    FileHandle.standardError.write(Data((line + "\n").utf8))
  }

  private static func number(_ text: String) -> String { Int(text) == nil ? quoted(text) : text }

  private static func quoted(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar in
      switch scalar {
      case "\"": "\\\""
      case "\\": "\\\\"
      case "\u{0}"..."\u{1f}": "\\u" + String(String(scalar.value | 0x10000, radix: 16).dropFirst())
      default: String(scalar)
      }
    }
    return "\"" + escaped.joined() + "\""
  }
}
