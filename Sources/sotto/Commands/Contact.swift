internal import ArgumentParser
internal import SottoClient

/// `sotto contact`: whom you know.
struct ContactCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "contact", abstract: "Add, list, verify or remove contacts.",
    subcommands: [
      ContactAddCommand.self, ContactListCommand.self, ContactVerifyCommand.self, ContactRemoveCommand.self,
    ])
}

extension ContactSummary {
  var json: JSON {
    JSON([
      "name": name.map { .string($0) }, "address": .string(address), "request": .bool(isRequest),
      "fork_evidence": hasForkEvidence ? .bool(true) : nil,
    ])
  }
}
