internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// What commands take that make something new at a relay.
struct RegistrationOptions: ParsableArguments {
  // An older invitation may begin with `-`: whatever stands behind the option is one.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "An invitation, for a relay that does not let everybody in. Or say it in $SOTTO_INVITE.",
      valueName: "invitation"))
  var invite: String?

  @Option(
    help: ArgumentHelp(
      "How to sign in where a relay wants that: `device` shows a code, `browser` opens on this machine.",
      valueName: "way"))
  var signIn: SignInWay?

  @Option(
    help: ArgumentHelp(
      "Where on this machine the browser comes back, for a provider that wants to know. (default: any)",
      valueName: "port"))
  var callbackPort = 0

  func validate() throws {
    guard 0...65_535 ~= callbackPort else { throw ValidationError("--callback-port takes 1 to 65535.") }
  }

  func applied(to options: GlobalOptions) -> Client.Options {
    var chosen = options.clientOptions
    chosen.invitation = invite ?? GlobalOptions.environment("SOTTO_INVITE")
    let json = options.json
    chosen.signIn = SignInDialogue(by: signIn?.method, callbackPort: callbackPort) { try? Self.show($0, json: json) }
    chosen.signIn?.allowsLocalProvider = GlobalOptions.environment("SOTTO_LOCAL_PROVIDER") == "1"
    return chosen
  }

  /// On standard error but for --json: what a command answers is something else.
  private static func show(_ step: SignInStep, json: Bool) throws {
    switch step {
    case .enter(let code, let page, let direct):
      if json {
        return try Output.line(
          JSON(["sign_in": .string(page), "code": .string(code), "direct": direct.map { .string($0) }]))
      }
      if let direct, isatty(STDOUT_FILENO) == 1 { try Output.code(direct) }
      Output.note("Sign in: open \(Output.harmless(page)) and enter  \(Output.harmless(code))")
      Output.note("It may be on another device. This goes on when you have.")
    case .open(let page):
      if json { return try Output.line(JSON(["sign_in": .string(page)])) }
      Output.note("Sign in: open this in a browser on this machine:\n\n  \(Output.harmless(page))\n")
    }
  }
}

/// What `--sign-in` takes.
enum SignInWay: String, ExpressibleByArgument, CaseIterable {
  case device
  case browser

  var method: SignInMethod {
    switch self {
    case .device: .device
    case .browser: .browser
    }
  }
}
