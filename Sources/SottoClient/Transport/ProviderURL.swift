internal import SottoWire

/// A URL that a provider of OpenID Connect has, or says that it has: `https`, or `http` where the host is `localhost` or a
/// literal loopback address; without a user and a fragment, in printable ASCII, so that it can be shown.
package struct ProviderURL: Equatable {
  package let text: String
  package let hasQuery: Bool
  package let isSecure: Bool
  /// Whether the host is this machine, by its name or address.
  package let isLoopback: Bool

  package static let limit = 2048

  package init?(_ text: String) {
    let (secure, plain) = ("https://", "http://")
    let isSecure = text.hasPrefix(secure)
    // RFC 3986 appendix A has none of these anywhere, except "#" for a fragment.
    let never = Array("\"#<>\\^`{|}".utf8)
    guard text.utf8.count <= Self.limit, isSecure || text.hasPrefix(plain),
      text.utf8.allSatisfy({ 0x21...0x7e ~= $0 && !never.contains($0) })
    else { return nil }
    let rest = text.dropFirst(isSecure ? secure.count : plain.count)
    var place = rest.prefix { $0 != "/" && $0 != "?" }
    // RelayAuthority wants the scheme's own port left out.
    let usual = isSecure ? ":443" : ":80"
    if place.hasSuffix(usual) { place = place.dropLast(usual.count) }
    guard let authority = RelayAuthority(place.lowercased()), isSecure || authority.isLoopback else { return nil }
    (self.text, hasQuery, self.isSecure) = (text, rest.contains("?"), isSecure)
    isLoopback = authority.isLoopback
  }

  /// The same with more in its query.
  package func adding(_ form: Form) -> String { text + (hasQuery ? "&" : "?") + form.text }
}

/// `application/x-www-form-urlencoded`: bodies and queries of OAuth 2.0 (RFC 6749 appendix B).
package struct Form {
  package let text: String

  package init(_ fields: [(name: String, value: String)]) {
    text = fields.map { Self.escape($0.name) + "=" + Self.escape($0.value) }.joined(separator: "&")
  }

  private static func escape(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        escaped += digits.utf8.count == 1 ? "%0" + digits : "%" + digits
      }
    }
    return escaped
  }

  /// The fields of a query; nil when it is malformed or has one twice (RFC 6749 section 3.1).
  package static func fields(_ query: Substring) -> [String: String]? {
    var fields: [String: String] = [:]
    for pair in query.split(separator: "&") {
      let name = pair.prefix { $0 != "=" }
      guard let key = unescape(name), let value = unescape(pair.dropFirst(name.count + 1)),
        fields.updateValue(value, forKey: key) == nil
      else { return nil }
    }
    return fields
  }

  private static func unescape(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(0x20)
      case UInt8(ascii: "%"):
        let digits = rest.prefix(2)
        guard digits.count == 2, let value = Hex.decode(String(Substring(digits)).lowercased()) else { return nil }
        bytes += value
        rest = rest.dropFirst(2)
      default: bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
