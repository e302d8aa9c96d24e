// What may end a load early.
extension StartFailure {
  package static let loadUnreachable = StartFailure(
    69, "The server under load does not answer.", "It is not there, or has as many connections as it takes.",
    "Start it, or name another with `--url URL`; `ulimit -n` says how many connections this machine allows.")

  package static let loadConnectionEnded = StartFailure(
    76, "The server under load ended a connection, or said what the protocol does not have.",
    "What was measured until then is worth nothing.", "Look at its log; `sotto-relay doctor` says what is wrong.")

  package static func loadRefused(_ status: Int) -> StartFailure {
    StartFailure(
      69, "The relay refused with status \(status).",
      status == 429 ? "Its limits for one client are lower than this load." : "It does not take this load.",
      "Use a relay with open registration and room enough, and `limit-loopback = false`; or let `bench` start its own.")
  }

  static func loadAuthority(_ path: String) -> StartFailure {
    StartFailure(
      66, "Cannot read the certificate authority \(path).", "The relay's certificate could not be checked.",
      "Name a PEM file with `--ca-file FILE`.")
  }

  package static func loadLost(_ count: Int) -> StartFailure {
    StartFailure(
      76, "\(count) envelopes did not arrive in time.", "The machine is too busy, or the relay lost them.",
      "Try a lower rate; if it happens again it is a defect of the relay.")
  }
}
