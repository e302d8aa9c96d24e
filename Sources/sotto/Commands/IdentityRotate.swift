internal import ArgumentParser
internal import SottoClient

/// `sotto identity rotate`: a new address; whoever has only the old one cannot write any more.
struct IdentityRotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Change your address; contacts follow, everyone else is cut off.",
    discussion: "Keys and safety numbers stay. Contacts are told in their conversations.")

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let address = try await options.withClient { try await $0.rotateAddress() }
    if options.json { return try Output.line(JSON(["address": .string(address)])) }
    try Output.line(address)
    Output.note("This is your address now. The old one leads nowhere.")
  }
}
