internal import ArgumentParser
internal import SottoClient

/// `sotto identity rotate`: a new address; whoever has only the old one cannot write any more.
struct IdentityRotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Change your address; contacts follow, everyone else is cut off.",
    discussion: """
      Keys and safety numbers stay. Contacts are told in their conversations.
      Exit code 75: the relay cannot be reached; the next send or receive tells it, and until then the old address leads
      here.
      """)

  @OptionGroup var registration: RegistrationOptions
  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let chosen = registration.applied(to: options)
    let (address, isPublished) = try await options.withClient(chosen) { try await $0.rotateAddress() }
    if options.json {
      try Output.line(JSON(["address": .string(address), "state": .string(isPublished ? "published" : "queued")]))
    } else {
      try Output.line(address)
      Output.note(
        isPublished
          ? "This is your address now. The old one leads nowhere."
          : "Queued: the relay cannot be reached now. The next send or receive tells it; until then the old address holds."
      )
    }
    if !isPublished { throw ExitCode(ClientError.Code.queued.exitStatus) }
  }
}
