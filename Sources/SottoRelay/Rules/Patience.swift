/// How long a client may take to ask. Time is an argument, in microseconds. [limits.5]
///
///     connected -> head --(head)--> body --(end)--> asked --(answered)--> idle --(bytes that are no head yet)--> head ...
///
/// A head has a fixed time from its first byte, so that a byte now and then keeps nothing open. A body has some time,
/// and then as much as its bytes earn, but never long without a byte: a large one would earn days. While the answer is
/// made nobody waits for the client.
package struct Patience: Equatable, Sendable {
  private enum State: Equatable {
    case asked
    case idle(since: Int64)
    case head(since: Int64)
    case body(since: Int64, bytes: Int64, last: Int64)
  }

  package enum Verdict: Equatable {
    case over
    /// Ask again then; nil when nothing is waited for.
    case until(Int64?)
  }

  private var state = State.asked
  /// Whether what was read last had any part of a request in it.
  private var sawPart = false

  /// Seconds that a body may bring nothing.
  private let stallSeconds: Int64

  package init(stallSeconds: Int64 = RelayLimits.stallSeconds) { self.stallSeconds = stallSeconds }

  /// Each of these answers when to ask `alarm`.
  package mutating func connected(now: Int64) -> Int64? {
    state = .head(since: now)
    return deadline
  }

  package mutating func head(now: Int64) -> Int64? {
    sawPart = true
    state = .body(since: now, bytes: 0, last: now)
    return deadline
  }

  package mutating func body(_ count: Int, now: Int64) {
    sawPart = true
    if case .body(let since, let bytes, _) = state {
      state = .body(since: since, bytes: bytes + Int64(count), last: now)
    }
  }

  package mutating func end() -> Int64? {
    sawPart = true
    state = .asked
    return nil
  }

  /// Everything that was asked has been answered; nil when the next request has begun.
  package mutating func answered(now: Int64) -> Int64? {
    guard state == .asked else { return nil }
    state = .idle(since: now)
    return deadline
  }

  /// All bytes that were there have been looked at; nil when that changes nothing.
  package mutating func readComplete(now: Int64) -> Int64? {
    defer { sawPart = false }
    guard !sawPart else { return nil }
    switch state {
    case .asked, .idle:
      state = .head(since: now)
      return deadline
    case .head, .body: return nil
    }
  }

  package func alarm(now: Int64) -> Verdict {
    guard let deadline else { return .until(nil) }
    return now >= deadline ? .over : .until(deadline)
  }

  private var deadline: Int64? {
    switch state {
    case .asked: nil
    case .idle(let since): since + RelayLimits.idleSeconds * 1_000_000
    case .head(let since): since + RelayLimits.headSeconds * 1_000_000
    case .body(let since, let bytes, let last):
      min(
        since + RelayLimits.bodyGraceSeconds * 1_000_000 + bytes * 1_000_000 / RelayLimits.bodyRate,
        last + stallSeconds * 1_000_000)
    }
  }
}
