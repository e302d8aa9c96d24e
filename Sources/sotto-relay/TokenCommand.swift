internal import ArgumentParser
internal import Foundation
internal import SottoCrypto
internal import SottoRelay
internal import SottoWire

/// `sotto-relay token`: who may register.
struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Let people register at a relay that does not let everybody in.",
    subcommands: [TokenIssueCommand.self, TokenKeyCommand.self])
}

/// `sotto-relay token issue`: prints invitations. Whoever may read the registration key may do so.
struct TokenIssueCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "issue", abstract: "Print invitations, one a line.",
    discussion: """
      For `registration = invite`. The relay may run meanwhile. An invitation is for one person: it is worth some tokens \
      in each 30 days, and a mailbox, a card or a device costs one. What it buys is signed blindly, so the relay does not \
      know who uses which mailbox. EXIT CODES: 0 done; 64 usage; 73 the registration key cannot be made; 78 configuration.
      """)

  @OptionGroup var options: RelayOptions
  @Option(help: "How many.") var count = 1
  @Option(help: "Tokens that each is worth in 30 days.") var tokens = RelayLimits.tokensPerEpoch
  @Option(help: "Days that it counts from today.") var days = RelayLimits.invitationDays
  @Flag(help: "Answer with one JSON object a line.") var json = false

  private struct Answer: Encodable {
    let invitation: String
    let tokens: Int
    let days: Int
  }

  func validate() throws {
    for (value, name, limit) in [(count, "--count", 10_000), (tokens, "--tokens", 1_000), (days, "--days", 3_650)]
    where !(1...limit ~= value) {
      throw ValidationError("\(name) takes 1 to \(limit).")
    }
  }

  func run() async throws {
    try await Terminal.failing {
      let key = try options.sources.read().configuration.registrationSecret().forInvitations()
      let lastDay = UInt32(clamping: Int64(Date.now.timeIntervalSince1970) / 86_400 + Int64(days))
      var entropy = SystemEntropy()
      for _ in 0..<count {
        let invitation = Invitation(lastDay: lastDay, tokens: UInt16(tokens), under: key, from: &entropy)
        if json {
          try Terminal.write(json: Answer(invitation: invitation.text, tokens: tokens, days: days))
        } else {
          Terminal.write(invitation.text + "\n")
        }
      }
    }
  }
}

/// `sotto-relay token key`: makes the secret that relays with one database share.
struct TokenKeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "Make a registration key, for relays that share a database.",
    discussion: """
      A relay with a file of its own makes its key itself. One that is there stays as it is. EXIT CODES: 0 done; 64 \
      usage; 73 it cannot be made; 78 what is there is no key.
      """)

  @Argument(help: "The file.") var file: String

  func run() async throws {
    try await Terminal.failing {
      try RegistrationSecret.make(at: file)
      _ = try RegistrationSecret.read(file)
      Terminal.write("The registration key is in \(file). Copy it to all relays, and set registration.key to it.\n")
    }
  }
}
