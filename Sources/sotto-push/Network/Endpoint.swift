package import SottoRelay
package import SottoWire

/// The URL of a Web Push subscription, which a stranger chose, taken apart by rules that leave one reading. [push.8]
package struct Endpoint: Hashable, Sendable {
  /// As it was said.
  package let url: String
  /// Host and port in their one spelling.
  package let authority: RelayAuthority

  /// nil for anything but `https://HOST[:PORT]/PATH`: no user, no fragment, nothing that anybody could take for another host.
  /// On this machine it is `http://`, as everywhere. [relay.8]
  package init?(_ url: String) {
    guard let parts = url.firstRange(of: "://") else { return nil }
    let (scheme, rest) = (url[..<parts.lowerBound], url[parts.upperBound...])
    guard let slash = rest.firstIndex(of: "/"), let authority = RelayAuthority(rest[..<slash]),
      !rest.contains("#"), !rest.contains("\\")
    else { return nil }
    guard scheme == authority.scheme else { return nil }
    self.url = url
    self.authority = authority
  }

  /// What a token for this push service says that it is for (RFC 8292 section 2).
  package var origin: String { authority.origin }
}

/// Where the gateway may connect to for a subscription, and with which addresses. [push.8]
package struct EndpointRules: Sendable {
  package enum Answer: Equatable, Sendable {
    /// The first of them, or the next if nobody answers there: never none.
    case connect(to: [ClientAddress])
    /// Not there, ever.
    case refuse
    /// Nobody says what the name stands for.
    case unknown
  }

  /// Services of the operator's own, which may stand anywhere: `HOST[:PORT]`.
  private let exempt: Set<RelayAuthority>
  private let resolver: any Resolver

  package init(exempt: Set<RelayAuthority>, resolver: any Resolver) {
    (self.exempt, self.resolver) = (exempt, resolver)
  }

  /// Names only, and only the port of HTTPS. A name one of whose addresses is not public is refused with all of them: which
  /// one is taken would be chance.
  package func answer(for endpoint: Endpoint) async -> Answer {
    let (authority, isExempt) = (endpoint.authority, exempt.contains(endpoint.authority))
    guard isExempt || (authority.port == 443 && !authority.isLoopback && ClientAddress(authority.host) == nil) else {
      return .refuse
    }
    let addresses = await resolver.addresses(of: authority.host)
    guard isExempt || addresses.allSatisfy(PublicAddresses.contain) else { return .refuse }
    return addresses.isEmpty ? .unknown : .connect(to: addresses)
  }
}
