/// What an ID token has to say (OpenID Connect Core 1.0 section 3.1.3.7), asked of a payload whose signature was
/// verified.
package struct IDTokenClaims {
  private let claims: StrictJSON

  package init(_ payload: [UInt8]) throws(IDTokenRefusal) {
    guard let claims = StrictJSON(payload), case .object = claims else { throw .refused(.payload) }
    self.claims = claims
  }

  /// `now` is Unix time in seconds.
  package func signedIn(at provider: OIDCProvider, now: Int64) throws(IDTokenRefusal) -> SignedIn {
    guard claims["iss"]?.says(provider.issuer) == true else { throw .refused(.issuer) }
    guard isFor(provider.clientID) else { throw .refused(.audience) }
    try checkTimes(Double(now))
    guard let subject = claims["sub"], let bytes = subject.bytes, OIDCProvider.isIdentifier(bytes) else {
      throw .refused(.subject)
    }
    guard let nonce = claims["nonce"] else { return SignedIn(subject: subject.text ?? "", nonce: nil) }
    guard let text = nonce.text, text.utf8.count <= RelayLimits.claim else { throw .refused(.nonce) }
    return SignedIn(subject: subject.text ?? "", nonce: text)
  }

  /// A token for several says which of them asked for it, and has to say that it was this one.
  private func isFor(_ client: String) -> Bool {
    let party = claims["azp"]
    switch claims["aud"] {
    case .string(let audience): return audience.elementsEqual(client.utf8) && party?.says(client) != false
    case .array(let audiences):
      return audiences.allSatisfy { $0.bytes != nil } && audiences.contains { $0.says(client) }
        && (audiences.count == 1 && party == nil || party?.says(client) == true)
    default: return false
    }
  }

  private func checkTimes(_ now: Double) throws(IDTokenRefusal) {
    let tolerance = RelayLimits.tokenTolerance
    guard let expiry = claims["exp"]?.number, expiry > now - tolerance else { throw .refused(.expiry) }
    guard let issued = claims["iat"]?.number, now - RelayLimits.tokenAge...now + tolerance ~= issued else {
      throw .refused(.issueTime)
    }
    guard let start = claims["nbf"] else { return }
    guard let start = start.number, start <= now + tolerance else { throw .refused(.notBefore) }
  }
}
