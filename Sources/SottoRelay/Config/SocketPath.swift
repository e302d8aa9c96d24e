/// Where a relay and its gateway meet on one machine: `unix:` and an absolute path.
package struct SocketPath: Equatable, Sendable {
  static let prefix = "unix:"
  package let text: String

  /// nil when it is none, or longer than any system takes.
  package init?(_ text: String) {
    guard text.hasPrefix(Self.prefix + "/"), !text.utf8.contains(0) else { return nil }
    self.text = String(text.dropFirst(Self.prefix.count))
    guard self.text.utf8.count <= RelayLimits.socketPath else { return nil }
  }
}
