internal import ArgumentParser
internal import SottoClient

/// `sotto identity move URL`: the same account at another relay.
struct IdentityMoveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "move", abstract: "Move to another relay; contacts follow.",
    discussion: """
      Keys, contacts, messages and safety numbers stay. Contacts are told in their conversations; the old address leads to
      the new place, and the old mailbox is read, for 30 days. Then nothing is left at the old relay.
      How this device is woken is sealed for the old relay's push gateway and does not come along: say it again with
      `sotto device push enable`, with the key of the new one's.
      Exit code 75: the new relay did not take everything; the next send or receive goes on.
      """)

  @Argument(help: ArgumentHelp("The relay to move to.", valueName: "url"))
  var relay: String

  @OptionGroup var registration: RegistrationOptions
  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let (moved, pushEnded) = try await options.withClient(registration.applied(to: options)) {
      (try await $0.move(to: relay), try await $0.pushEndedByMove())
    }
    let (address, isPublished) = moved
    if options.json {
      try Output.line(
        JSON([
          "address": .string(address), "state": .string(isPublished ? "published" : "queued"),
          "push_ended": .bool(pushEnded),
        ]))
    } else {
      try Output.line(address)
      Output.note(
        isPublished
          ? "This is your address now. The old one leads here for 30 days."
          : "Queued: the new relay has not taken everything. The next send or receive goes on.")
      if pushEnded {
        Output.note("This device is not woken at the new relay. With the key of the push gateway there, run:")
        Output.note("  sotto device push enable ... --gateway KEY")
      }
    }
    if !isPublished { throw ExitCode(ClientError.Code.queued.exitStatus) }
  }
}
