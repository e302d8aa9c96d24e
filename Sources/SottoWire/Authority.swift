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
  public init?(_ text: some StringProtocol) { self.init(utf8: Array(text.utf8)) }

  /// The same of bytes: every first flight carries two.
  package init?(utf8 bytes: [UInt8]) {
    guard bytes.count <= WireLimits.authority, let (host, portText) = Self.split(bytes) else { return nil }
    self.host = String(decoding: host, as: UTF8.self)
    isLoopback = Self.isLoopback(self.host)
    let usual = isLoopback ? 80 : 443
    if let portText {
      guard let number = DecimalNumber.decode(String(decoding: portText, as: UTF8.self)), 1...65535 ~= number,
        Int(number) != usual
      else { return nil }
      port = Int(number)
    } else {
      port = usual
    }
    self.text = String(decoding: bytes, as: UTF8.self)
  }

  /// `http` for a loopback host, `https` for every other. [relay.8]
  public var scheme: String { isLoopback ? "http" : "https" }
  /// What a path is appended to.
  public var origin: String { "\(scheme)://\(text)" }

  /// What stands before the colon, without brackets, and what stands behind it.
  private static func split(_ text: [UInt8]) -> (host: ArraySlice<UInt8>, port: ArraySlice<UInt8>?)? {
    let (host, rest): (ArraySlice<UInt8>, ArraySlice<UInt8>)
    if text.first == UInt8(ascii: "[") {
      guard let close = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
      (host, rest) = (text[1..<close], text[(close + 1)...])
      guard Host.isIPv6(host) else { return nil }
    } else {
      let end = text.firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex
      (host, rest) = (text[..<end], text[end...])
      guard Host.isName(host) || Host.ipv4(host) != nil else { return nil }
    }
    guard rest.isEmpty || rest.first == UInt8(ascii: ":") else { return nil }
    return (host, rest.isEmpty ? nil : rest.dropFirst())
  }

  /// `localhost`, `::1`, or an address in 127.0.0.0/8, as they are written and without asking a resolver. [relay.8]
  package static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || Host.ipv4(Array(host.utf8)[...])?.first == 127
  }
}
