internal import ArgumentParser
internal import SottoClient

/// `sotto contact remove NAME`: makes a contact a stranger again.
struct ContactRemoveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove a contact; what they still send arrives as a request.")

  @Argument(help: "A contact's name, or an address.")
  var contact: String

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    try await options.withClient { try await $0.removeContact(contact) }
    if options.json {
      try Output.line(JSON(["removed": .string(contact)]))
    } else {
      Output.note("Removed \(contact).")
    }
  }
}
