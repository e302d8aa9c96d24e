package import SottoWire

/// Where people sign in, as a relay says: an issuer of OpenID Connect and what it calls this program.
public struct SignInProvider: Sendable, Equatable {
  /// Exactly as the provider spells it: `https`, or `http` for `localhost` and literal loopback addresses.
  public let issuer: String
  /// A public client (RFC 6749 section 2.1): it has no secret.
  public let clientID: String

  /// nil for an issuer that OpenID Connect Discovery 1.0 section 3 or this program does not allow (a query, a fragment, a
  /// user, more than 512 bytes), and for a client ID that is not 1 to 256 printable ASCII characters.
  public init?(issuer: String, clientID: String) {
    guard issuer.utf8.count <= 512, let url = ProviderURL(issuer), !url.hasQuery,
      1...256 ~= clientID.utf8.count, clientID.utf8.allSatisfy({ 0x20...0x7e ~= $0 })
    else { return nil }
    (self.issuer, self.clientID) = (issuer, clientID)
  }

  /// Whether a relay may send this program there: one that is elsewhere must not have it call what listens on this machine.
  package func mayBeNamed(by relay: RelayAuthority) -> Bool { relay.isLoopback || !isOnThisMachine }

  /// Whether this program may be sent there by the provider, of whom the same is true.
  package func mayName(_ endpoint: String) -> Bool {
    guard let url = ProviderURL(endpoint) else { return false }
    return (url.isSecure || issuer.hasPrefix("http:")) && (!url.isLoopback || isOnThisMachine)
  }

  private var isOnThisMachine: Bool { ProviderURL(issuer)?.isLoopback ?? false }
}
