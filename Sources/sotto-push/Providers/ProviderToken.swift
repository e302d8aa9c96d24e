/// A token that a push service wants with every request, and that is renewed from time to time: whoever needs one while it is
/// being renewed waits for the same.
actor ProviderToken {
  struct Token: Sendable {
    let text: String
    /// Unix time in seconds from when on it is not used.
    let end: Int64
    /// Whether it was made for whoever has it now: if the service does not take that, it takes none.
    var isNew = true
  }

  /// What comes of wanting one.
  enum Answer: Sendable {
    case token(Token)
    /// There is none, and this is what the attempt comes to: `busy`, or `unauthorized`.
    case missing(PushOutcome)
  }

  private let now: @Sendable () -> Int64
  private let renew: @Sendable (Int64) async -> Answer
  private var token: Token?
  /// When that was made.
  private var tokenTime: Int64 = 0
  private var renewal: Task<Answer, Never>?

  /// `renew` takes the time.
  init(now: @escaping @Sendable () -> Int64, renew: @escaping @Sendable (Int64) async -> Answer) {
    (self.now, self.renew) = (now, renew)
  }

  func current() async -> Answer {
    let time = now()
    // One that a clock has made which was ahead is refused, and is not kept until then.
    if let token, time >= tokenTime - PushLimits.clockStep, time < token.end { return .token(token) }
    let running = renewal ?? Task { [renew] in await renew(time) }
    renewal = running
    let fresh = await running.value
    if renewal == running {
      renewal = nil
      token = nil
      if case .token(var kept) = fresh {
        kept.isNew = false
        (token, tokenTime) = (kept, time)
      }
    }
    return fresh
  }

  /// The service does not take it any more.
  func forget(_ text: String) {
    if token?.text == text { token = nil }
  }
}
