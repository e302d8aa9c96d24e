internal import ArgumentParser
internal import SottoClient

/// `sotto contact`: whom you know.
struct ContactCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "contact", abstract: "Add, list, verify, block or remove contacts.",
    subcommands: [
      ContactAddCommand.self, ContactListCommand.self, ContactVerifyCommand.self, ContactTimerCommand.self,
      ContactBlockCommand.self, ContactUnblockCommand.self, ContactRemoveCommand.self,
    ])
}

extension ContactSummary {
  var json: JSON {
    JSON([
      "name": name.map { .string($0) }, "address": .string(address), "request": .bool(isRequest),
      "verified": .bool(isVerified), "blocked": isBlocked ? .bool(true) : nil,
      "fork_evidence": hasForkEvidence ? .bool(true) : nil,
      "disappear_after": messagesDisappearAfter.map { .number($0) },
    ])
  }
}
