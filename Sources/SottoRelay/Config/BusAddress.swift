internal import Foundation

/// Where the message server is: the settings `bus`, `bus.password` and `bus.ca`.
public struct BusAddress: Equatable, Sendable {
  /// `amqp://USER@HOST[:PORT][,HOST[:PORT]]/VHOST`, or `amqps://` for TLS.
  public struct Location: Equatable, Sendable {
    /// As it was said.
    package let text: String
    package let isEncrypted: Bool
    package let user: String
    /// Tried in turn.
    package let hosts: [ListenAddress]
    package let virtualHost: String

    /// nil for anything else, and for an address with a password: what is in a configuration is printed. [operation.12]
    package init?(_ text: String) {
      guard let match = text.wholeMatch(of: /(amqps?):\/\/([A-Za-z0-9_.-]+)@([^\/@]+)(?:\/([A-Za-z0-9_.-]*))?/) else {
        return nil
      }
      isEncrypted = match.1 == "amqps"
      let port = isEncrypted ? 5671 : 5672
      hosts = match.3.split(separator: ",", omittingEmptySubsequences: false).compactMap {
        ListenAddress(String($0)) ?? ListenAddress("\($0):\(port)")
      }
      guard hosts.count == match.3.split(separator: ",", omittingEmptySubsequences: false).count else { return nil }
      user = String(match.2)
      virtualHost = match.4.map { $0.isEmpty ? "/" : String($0) } ?? "/"
      self.text = text
    }
  }

  package let location: Location
  /// A file, read whenever the relay connects.
  package let passwordFile: String
  /// PEM; nil: the authorities that this machine trusts.
  package let authorities: String?

  package init(location: Location, passwordFile: String, authorities: String?) {
    (self.location, self.passwordFile, self.authorities) = (location, passwordFile, authorities)
  }
}
