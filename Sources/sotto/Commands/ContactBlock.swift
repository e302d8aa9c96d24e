internal import ArgumentParser
internal import SottoClient

/// `sotto contact block NAME`: nothing of theirs is shown any more, and their right to write ends.
struct ContactBlockCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "block", abstract: "Block a contact or a stranger.",
    discussion: """
      What they send is dropped here at once. Your other contacts are given a new right to write, and the old one ends
      after 7 days; whoever still has your address can knock. To end that too: sotto identity rotate
      """)

  @Argument(help: "A contact's name, or an address.")
  var contact: String

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    try await options.withClient { try await $0.block(contact) }
    if options.json {
      try Output.line(JSON(["contact": .string(contact), "blocked": .bool(true)]))
    } else {
      Output.note("Blocked \(contact).")
    }
  }
}

/// `sotto contact unblock NAME`: again what they were before.
struct ContactUnblockCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unblock", abstract: "Unblock somebody: they are again what they were before.")

  @Argument(help: "A contact's name, or an address.")
  var contact: String

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    try await options.withClient { try await $0.unblock(contact) }
    if options.json {
      try Output.line(JSON(["contact": .string(contact), "blocked": .bool(false)]))
    } else {
      Output.note("Unblocked \(contact).")
    }
  }
}
