internal import Foundation
public import SottoWire

/// How a relay is run. Defaults serve one machine; what is dangerous must be said.
public struct RelayConfiguration: Sendable {
  /// Who may create mailboxes and cards.
  public enum Registration: String, Sendable, CaseIterable {
    /// Anyone who reaches the relay.
    case open
  }

  /// The address to listen on: a name or IP address, without brackets.
  public var host = "127.0.0.1"
  /// The port to listen on; 0 picks a free one.
  public var port = 8090
  /// The folder that holds everything the relay keeps.
  public var dataDirectory: String
  /// nil: not said. Then only this machine is served.
  public var registration: Registration?
  /// The names that clients use; empty means any. [relay.11]
  public var authorities: Set<RelayAuthority> = []
  /// Seconds in which an upload or download must get on.
  package var transferSeconds = RelayLimits.idleSeconds
  /// Unix time in seconds.
  public var now: @Sendable () -> Int64 = { Int64(Date.now.timeIntervalSince1970) }

  public init(dataDirectory: String) { self.dataDirectory = dataDirectory }

  /// Applies a setting by name, as it stands in the file, after `SOTTO_RELAY_` or as a flag.
  public mutating func set(_ name: String, to value: String) throws(StartFailure) {
    switch name {
    case "listen":
      guard let (host, port) = Self.split(value) else { throw .badSetting(name) }
      (self.host, self.port) = (host, port)
    case "data": dataDirectory = value
    case "registration":
      guard let mode = Registration(rawValue: value) else { throw .badSetting(name) }
      registration = mode
    case "authority":
      guard let authority = RelayAuthority(value) else { throw .badSetting(name) }
      authorities.insert(authority)
    default: throw .unknownSetting(name)
    }
  }

  /// Reads `name = value` lines; `#` starts a comment. The file of a data directory is `relay.conf`.
  public mutating func read(file path: String) throws(StartFailure) {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return }
    for line in text.split(whereSeparator: \.isNewline) {
      let content = line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
      if content.isEmpty { continue }
      let parts = content.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { throw .badSetting(content) }
      let name = parts[0].trimmingCharacters(in: .whitespaces)
      // The file lies in the data directory, so it cannot say where that is.
      guard name != "data" else { throw .unknownSetting(name) }
      try set(name, to: parts[1].trimmingCharacters(in: .whitespaces))
    }
  }

  /// A relay that others reach must say who may register.
  func check() throws(StartFailure) {
    guard isLoopback || registration != nil else { throw .registrationMissing }
  }

  /// Whether only this machine can reach it.
  var isLoopback: Bool { RelayAuthority.isLoopback(host) }

  /// As it stands in a URL.
  func origin(port: Int) -> String { "http://" + (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

  private static func split(_ text: String) -> (String, Int)? {
    guard let colon = text.lastIndex(of: ":"),
      let port = DecimalNumber.decode(text[text.index(after: colon)...]), port <= 65535
    else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      return nil
    }
    return host.isEmpty ? nil : (host, Int(port))
  }
}
