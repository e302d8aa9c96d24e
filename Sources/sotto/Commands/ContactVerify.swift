internal import ArgumentParser
internal import SottoClient

/// `sotto contact verify NAME`: the number that both sides compare.
struct ContactVerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Show the safety number to compare with a contact.")

  @Argument(help: "A contact's name, or an address.")
  var contact: String

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let number = try await options.withClient { try await $0.safetyNumber(with: contact) }
    if options.json {
      return try Output.line(JSON(["contact": .string(contact), "safety_number": .string(number)]))
    }
    try Output.line(number.inGroups)
    Output.note("Compare these digits with what your contact sees, over a channel that you trust.")
  }
}

extension String {
  /// Sixty digits as twelve groups of five.
  var inGroups: String {
    stride(from: 0, to: count, by: 5).map { String(dropFirst($0).prefix(5)) }.joined(separator: " ")
  }
}
