internal import ArgumentParser
internal import SottoClient

/// `sotto session list`: one line for each session with each device.
struct SessionListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List sessions.")

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let sessions = try await options.withClient { try await $0.sessions() }
    if options.json {
      for session in sessions { try Output.line(session.json) }
    } else {
      for line in TextTable.lines(sessions.map(\.cells)) { try Output.line(line) }
    }
  }
}

extension SessionDescription {
  var json: JSON {
    JSON([
      "contact": .string(contact), "device": .string(device), "generation": .number(Int(generation)),
      "state": .string(state), "confirmed": .bool(isConfirmed),
    ])
  }

  var cells: [String] { [contact, "device \(device)", "generation \(generation)", state] }

  private var state: String {
    if isArchived { return "archived" }
    if isSuspect { return "suspect" }
    return isSending ? "active" : "standby"
  }
}
