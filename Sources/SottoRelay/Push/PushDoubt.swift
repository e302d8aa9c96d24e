/// Whether a relay may have taken pushes that it does not know of, because an answer was lost: then it gives back everything
/// that is its own. A database that was silent may carry out what it was asked before only after that, so it does so once
/// more. A part without a clock or a store. [push.4]
package struct PushDoubt: Sendable {
  private enum State {
    case settled
    case open
    /// Everything was given back; it is once more from this time on.
    case givenBack(again: Int64)
  }

  private var state = State.settled

  package init() {}

  /// Nobody knows what the database has done.
  package mutating func arises() { state = .open }

  /// Whether everything is to be given back. `now`: seconds of a clock that only goes forward.
  package func wantsAllBack(now: Int64) -> Bool {
    switch state {
    case .settled: false
    case .open: true
    case .givenBack(let again): now >= again
    }
  }

  /// The database has said that it was.
  package mutating func gaveAllBack(now: Int64) {
    if case .open = state {
      state = .givenBack(again: now + RelayLimits.pushDoubt)
    } else {
      state = .settled
    }
  }
}
