extension SignIn {
  /// What RFC 8628 section 3.2 has for a provider that says nothing, and adds for `slow_down` (section 3.5).
  private static let usualInterval = 5
  /// A code that is good for longer is given up all the same: nobody comes back after half an hour.
  private static let longestWait = 1_800
  /// Whoever does not answer is asked less and less often, up to this.
  private static let longestBackoff = Duration.seconds(60)

  /// Shows a code, and asks until somebody has typed it in (RFC 8628).
  func byDevice(_ endpoint: ProviderURL, _ tokenEndpoint: ProviderURL) async throws -> String {
    let asked = Form([("client_id", provider.clientID), ("scope", "openid"), ("nonce", nonce)])
    let code = try await exchange.deviceCode(at: endpoint, asked)
    let end = options.pace.now() + .seconds(min(max(code.expiresIn, 0), Self.longestWait))
    show(.enter(code: code.userCode, at: code.verificationUri, direct: code.verificationUriComplete))

    let form = Form([
      ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", code.deviceCode),
      ("client_id", provider.clientID),
    ])
    var interval = Duration.seconds(min(max(code.interval ?? Self.usualInterval, 1), Self.longestWait))
    while options.pace.now() < end {
      try await options.pace.pause(min(interval, end - options.pace.now()))
      do {
        switch try await exchange.token(at: tokenEndpoint, form) {
        case .token(let token): return token
        case .error("authorization_pending"): break
        case .error("slow_down"): interval += .seconds(Self.usualInterval)
        case .error("access_denied"): throw SignInFailure.denied(provider.issuer)
        case .error("expired_token"): throw SignInFailure.expired(provider.issuer)
        case .error(let code): throw SignInFailure.declined(provider.issuer, code: code)
        }
      } catch SignInFailure.unreachable, SignInFailure.busy {
        try Task.checkCancellation()
        interval = max(interval, min(interval * 2, Self.longestBackoff))
      }
    }
    throw SignInFailure.expired(provider.issuer)
  }
}
