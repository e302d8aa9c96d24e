/// A token that a push service wants with every request, and that is renewed from time to time: whoever needs one while it is
/// being renewed waits for the same.
actor ProviderToken {
  struct Token: Sendable {
    let text: String
    /// Unix time in seconds from when on it is not used.
    let end: Int64
  }

  private let now: @Sendable () -> Int64
  private let renew: @Sendable (Int64) async -> Token?
  private var token: Token?
  private var renewal: Task<Token?, Never>?

  /// `renew` takes the time, and returns nil when there is none to be had.
  init(now: @escaping @Sendable () -> Int64, renew: @escaping @Sendable (Int64) async -> Token?) {
    (self.now, self.renew) = (now, renew)
  }

  /// nil when there is none to be had now.
  func text() async -> String? {
    let time = now()
    if let token, time < token.end { return token.text }
    let running = renewal ?? Task { [renew] in await renew(time) }
    renewal = running
    let fresh = await running.value
    if renewal == running {
      renewal = nil
      token = fresh
    }
    return fresh?.text
  }

  /// The service does not take it any more.
  func forget(_ text: String) {
    if token?.text == text { token = nil }
  }
}
