internal import ArgumentParser
internal import SottoClient

/// `sotto contact list`: contacts and strangers, oldest first.
struct ContactListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List contacts and requests.")

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let contacts = try await options.withClient { try await $0.contacts() }
    if options.json {
      for contact in contacts { try Output.line(contact.json) }
      return
    }
    let width = contacts.compactMap { $0.name?.count }.max() ?? 0
    for contact in contacts {
      let name = (contact.name ?? (contact.isRequest ? "(request)" : "(no name)"))
      let padded = name + String(repeating: " ", count: max(0, width - name.count))
      try Output.line("\(padded)  \(contact.address)")
    }
  }
}
