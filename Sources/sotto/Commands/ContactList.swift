internal import ArgumentParser
internal import SottoClient

/// `sotto contact list`: contacts and strangers, oldest first.
struct ContactListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List contacts and requests.",
    discussion: "In a terminal lines are cut to its width; whole addresses are in the output to a pipe or file.")

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let contacts = try await options.withClient { try await $0.contacts() }
    if options.json {
      for contact in contacts { try Output.line(contact.json) }
      return
    }
    let rows = contacts.map { [$0.name ?? ($0.isRequest ? "(request)" : "(no name)"), $0.marks, $0.address] }
    for line in TextTable.lines(rows) { try Output.line(line) }
  }
}

extension ContactSummary {
  /// What is to be known of them, in a few words.
  fileprivate var marks: String {
    let marks = [
      (isVerified, "verified"), (isBlocked, "blocked"), (hasForkEvidence, "SPLIT VIEWS: compare safety numbers"),
      (messagesDisappearAfter != nil, "disappearing"),
    ]
    return marks.filter(\.0).map(\.1).joined(separator: ", ")
  }
}
