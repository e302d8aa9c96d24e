internal import ArgumentParser
internal import SottoClient

/// `sotto contact verify NAME`: the number that both sides compare.
struct ContactVerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Show the safety number to compare with a contact, or compare it.",
    discussion: """
      Both sides see the same sixty digits if nobody stands in between. Have them read or send theirs over a channel
      that you trust, and give it with --compare: if the two are equal the contact is marked as verified.
      """)

  @Argument(help: "A contact's name, or an address.")
  var contact: String

  @Option(help: ArgumentHelp("The digits that your contact sees.", valueName: "digits"))
  var compare: String?

  @Flag(help: "Forget that the contact was verified.")
  var undo = false

  @Flag(help: "Show the digits as a QR code too.")
  var qr = false

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    if let compare { return try await compareWith(compare) }
    if undo { return try await takeBack() }
    let number = try await options.withClient { try await $0.safetyNumber(with: contact) }
    if options.json {
      return try Output.line(JSON(["contact": .string(contact), "safety_number": .string(number)]))
    }
    try Output.line(number.inGroups)
    if qr { try Output.code(number) }
    Output.note("Compare these digits with what your contact sees, over a channel that you trust. Then mark it:")
    Output.note("  sotto contact verify \(contact) --compare DIGITS")
  }

  private func compareWith(_ digits: String) async throws {
    guard try await options.withClient({ try await $0.verify(contact, digits: digits) }) else {
      throw ClientError(
        .refused, "The digits are not those of this contact.",
        meaning: "They were mistyped, or somebody stands between you and them. The contact is not verified.",
        next: "See yours with `sotto contact verify \(contact)`, and compare group by group.")
    }
    if options.json {
      try Output.line(JSON(["contact": .string(contact), "verified": .bool(true)]))
    } else {
      Output.note("The numbers are equal: \(contact) is verified.")
    }
  }

  private func takeBack() async throws {
    try await options.withClient { try await $0.unverify(contact) }
    if options.json {
      try Output.line(JSON(["contact": .string(contact), "verified": .bool(false)]))
    } else {
      Output.note("\(contact) is no longer marked as verified.")
    }
  }
}

extension String {
  /// Sixty digits as twelve groups of five.
  var inGroups: String {
    stride(from: 0, to: count, by: 5).map { String(dropFirst($0).prefix(5)) }.joined(separator: " ")
  }
}
