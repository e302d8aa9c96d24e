/// Where a relay is: `host[:port]` in the one spelling that addresses, the Host header and signatures share. [relay.7]
///
/// A DNS name, an IPv4 address, or an IPv6 address in brackets; the port without leading zeros, and absent when it is the
/// scheme's own. The scheme follows from the host alone, so both sides of a TLS-terminating proxy agree on the URI that a
/// signature covers.
public struct RelayAuthority: Hashable, Sendable {
  /// As it stands in a Host header.
  public let text: String
  /// The name or address, without brackets.
  public let host: String
  /// The port to connect to.
  public let port: Int
  /// Whether the host is `localhost` or a literal loopback address: then plain HTTP is spoken, otherwise TLS. [relay.8]
  public let isLoopback: Bool

  /// nil for anything but the one spelling.
  public init?(_ text: some StringProtocol) {
    // Beyond ASCII one Swift character may be several: a combining mark would vanish with the bracket that it follows.
    guard text.utf8.count <= WireLimits.authority, text.utf8.allSatisfy({ $0 < 0x80 }),
      let (host, portText) = Self.split(String(text))
    else { return nil }
    isLoopback = Self.isLoopback(host)
    let usual = isLoopback ? 80 : 443
    if let portText {
      guard let number = DecimalNumber.decode(portText), 1...65535 ~= number, Int(number) != usual else { return nil }
      port = Int(number)
    } else {
      port = usual
    }
    self.text = String(text)
    self.host = host
  }

  /// `http` for a loopback host, `https` for every other. [relay.8]
  public var scheme: String { isLoopback ? "http" : "https" }
  /// What a path is appended to.
  public var origin: String { "\(scheme)://\(text)" }

  private static func split(_ text: String) -> (host: String, port: String?)? {
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else { return nil }
      let host = String(text[text.index(after: text.startIndex)..<close])
      let rest = text[text.index(after: close)...]
      guard Host.isIPv6(host), rest.isEmpty || rest.hasPrefix(":") else { return nil }
      return (host, rest.isEmpty ? nil : String(rest.dropFirst()))
    }
    let parts = text.utf8[...].parts(at: ":")
    guard parts.count <= 2, Host.isName(parts[0]) || Host.ipv4(parts[0]) != nil else { return nil }
    return (parts[0], parts.count == 2 ? parts[1] : nil)
  }

  /// `localhost`, `::1`, or an address in 127.0.0.0/8, as they are written and without asking a resolver. [relay.8]
  package static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || Host.ipv4(host)?.first == 127
  }
}
