internal import SottoWire

/// Why a request to a relay had no good end. What it means for the user is for the flow to say.
enum RelayFailure: Error, Equatable {
  /// No connection, or none that lived long enough for an answer: whether the request was carried out is unknown.
  case unreachable(RelayAuthority, reason: String)
  /// The relay cannot do it now; after this many seconds perhaps, if it says so.
  case busy(RelayAuthority, retryAfter: Int?)
  /// The relay understood and declined.
  case declined(RelayAuthority, Problem)
  /// The answer is nothing that a relay says.
  case nonsense(RelayAuthority, what: String)

  /// Whether the same request may succeed later, without anybody doing anything.
  var isTransient: Bool {
    switch self {
    case .unreachable, .busy: true
    case .declined(_, let problem):
      problem == .mailboxFull || problem == .storageFull || problem == .prekeysMissing
        || problem == .blobsFull
    case .nonsense: false
    }
  }

  /// How long the relay wants to be left alone, in seconds.
  var retryAfter: Int? {
    if case .busy(_, let seconds) = self { seconds } else { nil }
  }

  /// How a command that cannot go on without the relay ends.
  var asClientError: ClientError {
    switch self {
    case .unreachable(let relay, let reason):
      ClientError(
        .relayUnavailable, "Cannot reach the relay at \(relay.text): \(reason).",
        meaning: "It may be down, or this machine is offline. Nothing was changed.",
        next: "Check the network and the relay, then try again.")
    case .busy(let relay, let seconds):
      ClientError(
        .relayUnavailable, "The relay at \(relay.text) cannot answer now.",
        meaning: "It is overloaded, starting or stopping. Nothing was changed.",
        next: "Try again in \(seconds.map { "\($0) seconds" } ?? "a minute").")
    case .declined(let relay, .clockSkew):
      ClientError(
        .configuration, "This machine's clock and that of the relay at \(relay.text) differ by more than 5 minutes.",
        meaning: "The relay cannot tell a fresh request from a replayed one, so it refused this one.",
        next: "Set the clock (for example with NTP), then try again.")
    case .declined(let relay, let problem):
      ClientError(
        .refused, "The relay at \(relay.text) declined: \(problem.title.lowercased()).", meaning: problem.detail,
        next: "Check with the relay's operator, or try again later.")
    case .nonsense(let relay, let what):
      ClientError(
        .relayNonsense, "What answers at \(relay.text) is not a Sotto relay: \(what).",
        meaning: "The address is wrong, or something stands between here and the relay. Nothing was believed.",
        next: "Check the relay's address and any proxy on the way.")
    }
  }
}
