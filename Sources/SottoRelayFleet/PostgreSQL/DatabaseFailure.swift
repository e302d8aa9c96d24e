#if Fleet
  internal import SottoRelay

  /// The database did not do what it was asked to. What it says about it is not kept: it may repeat names and values.
  struct DatabaseFailure: Error, Equatable {
    /// Five digits or capital letters (PostgreSQL's documentation, appendix A); nil: the connection is gone, and nobody
    /// knows what was done.
    let state: String?

    static let connectionLost = DatabaseFailure(state: nil)
    /// What PostgreSQL says when a transaction would have to see what another has just written.
    static let collision = DatabaseFailure(state: "40001")

    /// Whether another connection may do better: this one is gone, is about to be, or leads to a server that takes no
    /// writes, as after a failover.
    var isLost: Bool {
      guard let state else { return true }
      return state.hasPrefix("08") || state.hasPrefix("57P") || state == "25006"
    }

    /// Whether others were in the way: a deadlock, or a lock that was held too long.
    var isCollision: Bool { ["40001", "40P01", "55P03"].contains(state) }

    var forStore: StoreFailure {
      if isLost { return .unavailable }
      if state == "53100" { return .full }
      return .failed(state.flatMap { Int($0, radix: 36) } ?? -1)
    }
  }

  /// Why there is no connection.
  enum ConnectFailure: Error, Equatable {
    /// The address is none.
    case malformed
    /// Nobody answers there.
    case unreachable
    /// A server answers, and is starting, stopping, or only a standby.
    case notReady
    /// A server answers, and does not let us in: the user, the password or the database.
    case refused
    case passwordMissing
    /// It would acknowledge what a power cut may take back.
    case notDurable
    case tooOld
  }
#endif
