/// How somebody signs in.
public enum SignInMethod: Sendable {
  /// By a code that is typed in on any machine with a browser (RFC 8628).
  case device
  /// By a browser on this machine, which comes back to a loopback address: RFC 6749 section 4.1 with PKCE (RFC 7636), as
  /// RFC 8252 section 7.3 has it for programs like this.
  case browser
}

/// What a person is to do.
public enum SignInStep: Sendable, Equatable {
  /// Open `at` and type `code` in; `direct`, if the provider has it, is a URL with the code in it (RFC 8628 section 3.3.1).
  case enter(code: String, at: String, direct: String?)
  /// Open this URL in a browser on this machine.
  case open(String)
}

/// What signing in needs besides a provider.
public struct SignInOptions: Sendable {
  /// A PEM file with certificate authorities to trust besides the system's.
  public var caFile: String?
  /// Where on 127.0.0.1 the browser comes back; 0 picks a free port. Some providers want the port in the redirect URIs
  /// that they are told, although RFC 8252 section 7.3 says that they must allow any.
  public var callbackPort: Int
  /// A whole request takes no longer.
  package var requestTimeout = Duration.seconds(15)
  /// As long as a browser may take.
  package var browserTimeout = Duration.seconds(300)
  package var pace = SignInPace.real

  public init(caFile: String? = nil, callbackPort: Int = 0) {
    (self.caFile, self.callbackPort) = (caFile, callbackPort)
  }
}

/// The clock that a device code runs down by.
package struct SignInPace: Sendable {
  package var now: @Sendable () -> ContinuousClock.Instant
  package var pause: @Sendable (Duration) async throws -> Void

  package init(
    now: @escaping @Sendable () -> ContinuousClock.Instant, pause: @escaping @Sendable (Duration) async throws -> Void
  ) {
    (self.now, self.pause) = (now, pause)
  }

  package static let real = SignInPace(now: { .now }, pause: { try await Task.sleep(for: $0) })
}

/// Has somebody sign in, and returns the ID token as the provider gave it, unverified: whoever it is shown to verifies it.
/// It is a secret while it is valid.
///
/// - Parameters:
///   - method: nil for a code where the provider has that, and a browser otherwise.
///   - nonce: stands in the ID token (OpenID Connect Core 1.0 section 3.1.2.1). By a code some providers leave it out:
///     RFC 8628 does not know it.
///   - show: called once, when somebody has to act.
/// - Throws: `ClientError`; `CancellationError` when the task is cancelled.
public func signIn(
  at provider: SignInProvider, by method: SignInMethod?, nonce: String, options: SignInOptions = SignInOptions(),
  show: @escaping @Sendable (SignInStep) -> Void
) async throws -> String {
  do {
    return try await SignIn.token(at: provider, by: method, nonce: nonce, options: options, show: show)
  } catch let failure as SignInFailure {
    throw failure.asClientError
  }
}

/// One attempt at it.
package struct SignIn: Sendable {
  let provider: SignInProvider
  let nonce: String
  let options: SignInOptions
  let exchange: ProviderExchange
  let show: @Sendable (SignInStep) -> Void

  /// The same as `signIn`, with a `SignInFailure` for what a provider or a person does.
  package static func token(
    at provider: SignInProvider, by method: SignInMethod?, nonce: String, options: SignInOptions = SignInOptions(),
    show: @escaping @Sendable (SignInStep) -> Void
  ) async throws -> String {
    let exchange = try ProviderExchange(provider, options)
    let attempt = SignIn(provider: provider, nonce: nonce, options: options, exchange: exchange, show: show)
    let token: String
    do {
      token = try await attempt.token(by: method)
    } catch {
      await exchange.close()
      // What a cut connection says of itself is not why.
      try Task.checkCancellation()
      throw error
    }
    await exchange.close()
    return token
  }

  private func token(by method: SignInMethod?) async throws -> String {
    let found = try await exchange.discover()
    switch (method, found.device, found.authorization) {
    case (.device?, let endpoint?, _), (nil, let endpoint?, _):
      return try await byDevice(endpoint, found.token)
    case (.browser?, _, let endpoint?), (nil, nil, let endpoint?):
      return try await byBrowser(endpoint, found.token, namesIssuer: found.namesIssuer)
    default: throw SignInFailure.unsupported(provider.issuer, method)
    }
  }
}
