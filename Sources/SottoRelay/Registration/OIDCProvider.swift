internal import SottoWire

/// The provider that people sign in at (OpenID Connect Core 1.0).
package struct OIDCProvider: Sendable, Equatable {
  /// Exactly as the provider spells it: `https://id.example`; http only for a literal loopback address or localhost.
  package let issuer: String
  package let clientID: String

  /// nil when the issuer is no such URL (with a query, a fragment or a user, too), or the client id is empty, longer
  /// than `RelayLimits.claim`, or not printable ASCII.
  package init?(issuer: String, clientID: String) {
    guard ProviderURL(issuer) != nil, !issuer.utf8.contains(UInt8(ascii: "?")), Self.isIdentifier(clientID.utf8) else {
      return nil
    }
    (self.issuer, self.clientID) = (issuer, clientID)
  }

  /// Where it says what it has (OpenID Connect Discovery 1.0 section 4): a slash at the end is not doubled.
  package var discoveryURL: String {
    (issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer) + "/.well-known/openid-configuration"
  }

  /// Where its keys are, as this document says; nil unless it is this issuer's own. A provider on the network does not
  /// send the relay to its own machine, by https either; and http is for a provider that is reached by http itself.
  package func keysURL(in document: [UInt8]) -> String? {
    guard let document = StrictJSON(document), document["issuer"]?.says(issuer) == true,
      let text = document["jwks_uri"]?.text, let url = ProviderURL(text), let own = ProviderURL(issuer),
      own.isPlain || !url.isPlain, own.isLoopback || !url.isLoopback
    else { return nil }
    return text
  }

  /// What a client id or a subject may be: 1 to 255 printable ASCII characters.
  static func isIdentifier(_ bytes: some Collection<UInt8>) -> Bool {
    1...RelayLimits.claim ~= bytes.count && bytes.allSatisfy { 0x20...0x7E ~= $0 }
  }
}

/// A URL that the provider is asked at, by rules that leave one reading.
struct ProviderURL {
  /// Whether it is `http`.
  let isPlain: Bool
  /// Whether the host is this machine, by its name or a literal address.
  let isLoopback: Bool

  /// nil for anything but `https://HOST[:PORT][/PATH][?QUERY]`, or `http://` on this machine.
  init?(_ text: String) {
    isPlain = text.utf8.starts(with: "http://".utf8)
    guard text.utf8.count <= RelayLimits.providerURL, isPlain || text.utf8.starts(with: "https://".utf8) else {
      return nil
    }
    let rest = Array(text.utf8.dropFirst(isPlain ? 7 : 8))
    let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
    guard let authority = RelayAuthority(utf8: Array(rest[..<end])), !isPlain || authority.isLoopback,
      rest[end...].allSatisfy(Self.characters.contains)
    else { return nil }
    let segments = rest[end...].prefix { $0 != UInt8(ascii: "?") }.split(separator: UInt8(ascii: "/"))
    // Some resolve these and some do not.
    guard !segments.contains(where: { [".", ".."].contains(String(decoding: $0, as: UTF8.self)) }) else { return nil }
    isLoopback = authority.isLoopback
  }

  /// Of a path and a query (RFC 3986 sections 3.3 and 3.4).
  private static let characters = Set(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?%".utf8)
}
