internal import SottoCrypto
internal import SottoWire

extension SignIn {
  /// Has a browser on this machine fetch a code, and gets the token for it (RFC 6749 section 4.1, RFC 8252).
  func byBrowser(_ endpoint: ProviderURL, _ tokenEndpoint: ProviderURL, namesIssuer: Bool) async throws -> String {
    var entropy = SystemEntropy()
    // RFC 7636 section 4.1 and RFC 6749 section 10.12: nobody guesses 32 bytes.
    let verifier = Self.base64URL(entropy.bytes(32))
    let state = Self.base64URL(entropy.bytes(32))
    let challenge = Self.base64URL(sha256(Array(verifier.utf8)))
    let (fields, redirect) = try await BrowserCallback.wait(
      port: options.callbackPort, timeout: options.browserTimeout, state: state, issuer: provider.issuer
    ) { redirect in
      let form = Form([
        ("response_type", "code"), ("client_id", provider.clientID), ("redirect_uri", redirect), ("scope", "openid"),
        ("state", state), ("nonce", nonce), ("code_challenge", challenge), ("code_challenge_method", "S256"),
      ])
      show(.open(endpoint.adding(form)))
    }
    let code = try code(in: fields, namesIssuer: namesIssuer)
    let form = Form([
      ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect),
      ("client_id", provider.clientID), ("code_verifier", verifier),
    ])
    switch try await exchange.token(at: tokenEndpoint, form) {
    case .token(let token): return token
    case .error("access_denied"): throw SignInFailure.denied(provider.issuer)
    case .error(let code): throw SignInFailure.declined(provider.issuer, code: code)
    }
  }

  /// What the browser brought (RFC 6749 section 4.1.2); that it is an answer to us is known from the state.
  private func code(in fields: [String: String], namesIssuer: Bool) throws -> String {
    if let issuer = fields["iss"] {
      guard issuer == provider.issuer else { throw SignInFailure.mixedUp(provider.issuer) }
    } else if namesIssuer {
      throw SignInFailure.mixedUp(provider.issuer)
    }
    switch (fields["error"], fields["code"]) {
    case ("access_denied"?, _): throw SignInFailure.denied(provider.issuer)
    case (let error?, _): throw SignInFailure.declined(provider.issuer, code: ProviderExchange.shown(error))
    case (nil, let code?) where !code.isEmpty: return code
    default: throw exchange.nonsense("it sends the browser back without a code")
    }
  }

  /// RFC 4648 section 5, without padding.
  private static func base64URL(_ bytes: [UInt8]) -> String {
    String(
      Base64.encode(bytes).compactMap { character in
        switch character {
        case "+": "-"
        case "/": "_"
        case "=": nil
        default: character
        }
      })
  }
}
