/// Verifies ID tokens, with the provider's keys as they are now.
///
///     no keys  --ask: answered-->  fresh  --an hour-->  stale  --a day-->  no keys
///                                    ^                    |
///                                    +---ask: answered----+
///
/// It asks when keys are missing or stale, and when a token names a key that is not among them; never more than once in
/// `RelayLimits.keyPause`, whatever is shown to it.
package actor IDTokenVerifier {
  private let provider: OIDCProvider
  private let fetch: @Sendable (String) async throws -> [UInt8]
  private let now: @Sendable () -> Int64
  private var keys: ProviderKeys?
  /// When `keys` was asked for.
  private var keysTime: Int64 = 0
  /// When the provider was last asked, with whatever success.
  private var askTime: Int64?
  private var asking: Task<Void, Never>?

  /// `fetch` gets what stands at a URL, within a time and a size; `now` is Unix time in seconds.
  package init(
    _ provider: OIDCProvider, fetch: @escaping @Sendable (String) async throws -> [UInt8],
    now: @escaping @Sendable () -> Int64
  ) {
    (self.provider, self.fetch, self.now) = (provider, fetch, now)
  }

  package func verify(_ token: String) async throws(IDTokenRefusal) -> SignedIn {
    let token = try SignedToken(token)
    let payload = try token.payload(signedWith: try await key(named: token.keyName))
    return try IDTokenClaims(payload).signedIn(at: provider, now: now())
  }

  private func key(named name: [UInt8]?) async throws(IDTokenRefusal) -> ProviderKey {
    if !areFresh { await ask() }
    guard let keys = usableKeys else { throw .providerUnavailable }
    if let key = keys.key(named: name) { return key }
    await ask()
    guard let key = usableKeys?.key(named: name) else { throw .refused(.unknownKey) }
    return key
  }

  /// A clock that was set back makes them stale, and not unusable.
  private var areFresh: Bool { keys != nil && 0..<RelayLimits.keyFresh ~= now() - keysTime }

  /// Keys are kept while the provider is away, but not for ever: one that was withdrawn may be among them.
  private var usableKeys: ProviderKeys? { now() - keysTime < RelayLimits.keyKept ? keys : nil }

  /// Asks the provider, or waits for the answer that is on its way, unless it was asked just now.
  private func ask() async {
    if asking == nil {
      let time = now()
      if let askTime, 0..<RelayLimits.keyPause ~= time - askTime { return }
      askTime = time
      // Not of the token that is first to need it, which may be given up.
      asking = Task { await load(time) }
    }
    await asking?.value
  }

  private func load(_ time: Int64) async {
    if let found = await answer() { (keys, keysTime) = (found, time) }
    asking = nil
  }

  private func answer() async -> ProviderKeys? {
    guard let discovery = try? await fetch(provider.discoveryURL), let url = provider.keysURL(in: discovery),
      let document = try? await fetch(url)
    else { return nil }
    return await ProviderKeys(document: document)
  }
}
