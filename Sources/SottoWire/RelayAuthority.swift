/// Where a relay is: a host and perhaps a port, in the one spelling that every hash and signature uses. [address.3]
public struct RelayAuthority: Hashable, Sendable {
  /// `host` or `host:port`; an IPv6 host stands in brackets.
  public let text: String
  /// The host, without brackets.
  public let host: String
  /// The port that the text names, if it does.
  public let port: UInt16?

  /// Refuses anything but lower-case letters, digits, `.`, `-` (or a bracketed IPv6 literal) and a decimal port.
  public init(_ text: String) throws(WireError) {
    guard !text.isEmpty, text.utf8.count <= WireLimits.authority else { throw .outOfRange }
    let hostEnd: String.Index
    if text.hasPrefix("[") {
      guard let bracket = text.firstIndex(of: "]") else { throw .invalidValue }
      host = String(text[text.index(after: text.startIndex)..<bracket])
      guard host.contains(":"), host.utf8.allSatisfy(Self.isIPv6) else { throw .invalidValue }
      hostEnd = text.index(after: bracket)
    } else {
      hostEnd = text.firstIndex(of: ":") ?? text.endIndex
      host = String(text[..<hostEnd])
      guard !host.isEmpty, host.utf8.allSatisfy(Self.isName) else { throw .invalidValue }
    }
    let tail = text[hostEnd...]
    if tail.isEmpty {
      port = nil
    } else {
      let digits = tail.dropFirst()
      guard tail.first == ":", let value = UInt16(digits), value > 0, String(value) == digits else {
        throw .invalidValue
      }
      port = value
    }
    self.text = text
  }

  /// Whether the host is a literal loopback address or `localhost`: then the scheme is http, any other is https.
  public var isLoopback: Bool {
    host == "localhost" || host == "::1"
      || (host.hasPrefix("127.") && host.split(separator: ".").count == 4
        && host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
  }

  private static func isName(_ c: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(c) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(c)
      || c == UInt8(ascii: ".") || c == UInt8(ascii: "-")
  }

  private static func isIPv6(_ c: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(c) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(c)
      || c == UInt8(ascii: ":") || c == UInt8(ascii: ".")
  }
}
