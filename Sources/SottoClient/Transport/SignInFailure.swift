/// Why nobody is signed in. The first value is the issuer's URL. None holds what is secret.
package enum SignInFailure: Error, Equatable {
  /// No connection, or none that lived long enough for an answer.
  case unreachable(String, reason: String)
  /// The provider cannot do it now.
  case busy(String)
  /// The answer is nothing that an OpenID Connect provider says, or nothing that may be believed.
  case nonsense(String, what: String)
  /// The provider refuses this client, with one of the codes of RFC 6749 section 5.2 and the like.
  case declined(String, code: String)
  /// The person said no.
  case denied(String)
  /// Nobody acted in time.
  case expired(String)
  /// The provider cannot do this; nil when it can do nothing that this program can.
  case unsupported(String, SignInMethod?)
  /// The browser came back from another provider (RFC 9207 section 2.4).
  case mixedUp(String)
  /// Something on this machine calls the loopback address, and none of the calls is ours.
  case flooded
  /// The loopback address cannot be had.
  case cannotListen(port: Int, reason: String)

  package var asClientError: ClientError {
    switch self {
    case .unreachable(let issuer, let reason):
      ClientError(
        .signInUnavailable, "Cannot reach \(issuer), where people sign in: \(reason).",
        meaning: "It may be down, or this machine is offline. Nobody is signed in.",
        next: "Check the network, then try again.")
    case .busy(let issuer):
      ClientError(
        .signInUnavailable, "\(issuer), where people sign in, cannot answer now.",
        meaning: "It is overloaded, starting or stopping. Nobody is signed in.", next: "Try again in a minute.")
    case .nonsense(let issuer, let what):
      ClientError(
        .signInNonsense, "What answers at \(issuer) is no OpenID Connect provider to trust: \(what).",
        meaning: "The relay names a wrong issuer, or something stands between. Nothing was believed.",
        next: "Ask the relay's operator.")
    case .declined(let issuer, let code):
      ClientError(
        .signInRefused, "\(issuer), where people sign in, refuses this program: \(code).",
        meaning: "The relay's operator has to register it there as a public client. Nobody is signed in.",
        next: "Show the relay's operator this message.")
    case .denied(let issuer):
      ClientError(
        .signInRefused, "Signing in at \(issuer) was refused.",
        meaning: "Somebody said no there, or may not use this relay. Nobody is signed in.",
        next: "Try again and allow it, or ask the relay's operator.")
    case .expired(let issuer):
      ClientError(
        .signInExpired, "Nobody signed in at \(issuer) in time.",
        meaning: "Codes and links to sign in are good for minutes only. Nobody is signed in.", next: "Try again.")
    case .unsupported(let issuer, let method): Self.unsupported(issuer, method)
    case .mixedUp(let issuer):
      ClientError(
        .signInNonsense, "The browser did not come back from \(issuer).",
        meaning: "Another provider may have tried to take its place. Nothing was believed, nobody is signed in.",
        next: "Try again; tell the relay's operator if it happens again.")
    case .flooded:
      ClientError(
        .signInRefused, "A program on this machine keeps calling where only the browser should come back.",
        meaning: "None of its calls was believed. Nobody is signed in.",
        next: "End that program, or sign in by a code, then try again.")
    case .cannotListen(let port, let reason):
      ClientError(
        .signInUnavailable, "Cannot listen at 127.0.0.1\(port == 0 ? "" : ":\(port)"): \(reason).",
        meaning: "The browser could not come back. Nobody is signed in.",
        next: "Choose another port, or sign in by a code.")
    }
  }

  private static func unsupported(_ issuer: String, _ method: SignInMethod?) -> ClientError {
    let (what, next) =
      switch method {
      case .device?: ("by a code", "Sign in with a browser on this machine.")
      case .browser?: ("with a browser", "Sign in by a code.")
      case nil: ("from a program like this", "Ask the relay's operator.")
      }
    return ClientError(
      .signInUnavailable, "Nobody can sign in at \(issuer) \(what).",
      meaning: "What the provider publishes does not name an endpoint for it.", next: next)
  }
}
