internal import ArgumentParser
internal import SottoClient

/// `sotto identity register`: gets tokens ahead of use.
struct IdentityRegisterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "register", abstract: "Get what a relay that does not let everybody in wants, ahead of use.",
    discussion: """
      A new address, a new device or a move costs such a relay's token. They are fetched when they are needed, and this
      command fetches some now: with an invitation, or by signing in.
      """)

  @OptionGroup var registration: RegistrationOptions
  @OptionGroup var options: GlobalOptions

  func run() async throws {
    try await options.withClient(registration.applied(to: options)) { try await $0.register() }
    if options.json { return try Output.line(JSON(["state": .string("registered")])) }
    Output.note("Registered.")
  }
}
