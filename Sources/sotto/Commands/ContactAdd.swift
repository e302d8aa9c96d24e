internal import ArgumentParser
internal import SottoClient

/// `sotto contact add ADDRESS --name NAME`: checks who is there and remembers them.
struct ContactAddCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "add", abstract: "Add a contact by address.")

  @Argument(help: "The address, sotto:...@relay.")
  var address: String

  @Option(help: ArgumentHelp("What you call them.", valueName: "name"))
  var name: String?

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let contact = try await options.withClient { try await $0.addContact(address, name: name) }
    if options.json { return try Output.line(contact.json) }
    Output.note("Added \(contact.name ?? contact.address).")
  }
}
