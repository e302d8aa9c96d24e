/// Where a relay is: `host[:port]` in the one spelling that addresses, the Host header and signatures share. [relay.7]
///
/// Lower-case ASCII; a DNS name, an IPv4 address, or an IPv6 address in brackets; the port without leading zeros, and
/// absent when it is the scheme's own. The scheme follows from the host alone, so both sides of a TLS-terminating
/// proxy agree on the URI that a signature covers.
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
    guard text.utf8.count <= WireLimits.authority, let (host, portText) = Self.split(text) else { return nil }
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

  private static func split(_ text: some StringProtocol) -> (host: String, port: String?)? {
    if text.utf8.first == UInt8(ascii: "[") {
      guard let close = text.firstIndex(of: "]") else { return nil }
      let host = text[text.index(after: text.startIndex)..<close]
      let rest = text[text.index(after: close)...]
      guard isIPv6(host), rest.isEmpty || rest.utf8.first == UInt8(ascii: ":") else { return nil }
      return (String(host), rest.isEmpty ? nil : String(rest.dropFirst()))
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2, isName(parts[0]) else { return nil }
    return (String(parts[0]), parts.count == 2 ? String(parts[1]) : nil)
  }

  private static func isName(_ host: some StringProtocol) -> Bool {
    host.utf8.count <= 253
      && host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
        1...63 ~= label.utf8.count && !label.hasPrefix("-") && !label.hasSuffix("-")
          && label.utf8.allSatisfy { isDigit($0) || isLetter($0, upTo: "z") || $0 == UInt8(ascii: "-") }
      }
  }

  /// The alphabet of an IPv6 address: whether it is one is for the resolver to say.
  private static func isIPv6(_ host: some StringProtocol) -> Bool {
    2...45 ~= host.utf8.count
      && host.utf8.allSatisfy {
        isDigit($0) || isLetter($0, upTo: "f") || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
      }
  }

  /// `localhost`, `::1`, or an address in 127.0.0.0/8, as they are written and without asking a resolver. [relay.8]
  package static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "::1" { return true }
    let octets = host.split(separator: ".", omittingEmptySubsequences: false)
    return octets.count == 4 && octets[0] == "127"
      && octets.allSatisfy { DecimalNumber.decode($0).map { $0 <= 255 } ?? false }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
  private static func isLetter(_ byte: UInt8, upTo last: Unicode.Scalar) -> Bool {
    UInt8(ascii: "a")...UInt8(ascii: last) ~= byte
  }
}
