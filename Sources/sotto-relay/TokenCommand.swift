internal import ArgumentParser
internal import Foundation
internal import SottoCrypto
internal import SottoRelay
internal import SottoWire

/// `sotto-relay token`: who may register.
struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Let people register at a relay that does not let everybody in.",
    subcommands: [TokenIssueCommand.self, TokenInviterCommand.self, TokenShowCommand.self, TokenKeyCommand.self])

  static let mostTokens = 1_000
  static let mostDays = 3_650
  /// Bytes of a file with an inviter's key: it has 78 characters, and perhaps space around them.
  static let inviterFile = 1_024

  /// Since 1970, UTC.
  static var today: Int64 { Int64(Date.now.timeIntervalSince1970) / 86_400 }

  static func check(_ value: Int, _ name: String, _ limit: Int) throws {
    guard 1...limit ~= value else { throw ValidationError("\(name) takes 1 to \(limit).") }
  }
}

/// `sotto-relay token issue`: prints invitations. Whoever may read the registration key may do so, and whoever was given an
/// inviter's key.
struct TokenIssueCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "issue", abstract: "Print invitations, one a line.",
    discussion: """
      For `registration = invite` or `oidc`. The relay may run meanwhile. An invitation is for one person: it is worth \
      some tokens in each 30 days, and a mailbox, a card or a device costs one. What it buys is signed blindly, so the \
      relay does not know who uses which mailbox. With --inviter it is made with that key, within what it allows, and \
      nothing of the relay's is read. EXIT CODES: 0 done; 64 usage, or more than the inviter's key allows; 73 the \
      registration key cannot be made; 78 configuration, or no inviter's key.
      """)

  @OptionGroup var options: RelayOptions
  @Option(help: "How many.") var count = 1
  @Option(
    help: "Tokens that each is worth in 30 days. (default: \(RelayLimits.tokensPerEpoch), or what the key allows)")
  var tokens: Int?
  @Option(help: "Days that it counts from today. (default: \(RelayLimits.invitationDays), or what the key allows)")
  var days: Int?
  @Option(help: ArgumentHelp("The file with an inviter's key.", valueName: "file")) var inviter: String?
  @Flag(help: "Answer with one JSON object a line.") var json = false

  private struct Answer: Encodable {
    let invitation: String
    let id: String
    let tokens: Int
    let days: Int
  }

  func validate() throws {
    try TokenCommand.check(count, "--count", 10_000)
    if let tokens { try TokenCommand.check(tokens, "--tokens", TokenCommand.mostTokens) }
    if let days { try TokenCommand.check(days, "--days", TokenCommand.mostDays) }
  }

  func run() async throws {
    try await Terminal.failing {
      var entropy = SystemEntropy()
      let today = TokenCommand.today
      guard let inviter else {
        let key = try options.sources.read().configuration.registrationSecret().forInvitations()
        let (tokens, days) = (tokens ?? RelayLimits.tokensPerEpoch, days ?? RelayLimits.invitationDays)
        for _ in 0..<count {
          try print(
            Invitation(
              lastDay: UInt32(clamping: today + Int64(days)), tokens: UInt16(tokens), under: key, from: &entropy), days)
        }
        return
      }
      let key = try Self.read(inviter)
      let scope = key.scope
      let left = Int(Int64(scope.lastDay) - today)
      let (tokens, days) = (
        tokens ?? min(RelayLimits.tokensPerEpoch, Int(scope.tokens)), days ?? min(RelayLimits.invitationDays, left)
      )
      guard left >= 0, tokens <= scope.tokens, days <= left else {
        throw StartFailure(
          64, "The inviter's key allows \(scope.tokens) tokens and \(max(left, 0)) days at most.",
          "A relay would take no such invitation, so none was made.",
          left < 0 ? "Ask the relay's operator for another key." : "Ask for less with --tokens and --days.")
      }
      for _ in 0..<count {
        let lastDay = UInt32(clamping: today + Int64(days))
        try print(Invitation(lastDay: lastDay, tokens: UInt16(tokens), by: key, from: &entropy), days)
      }
    }
  }

  private static func read(_ path: String) throws(StartFailure) -> InviterKey {
    do throws(SecretFile.Fault) {
      let text = try SecretFile.word(at: path, limit: TokenCommand.inviterFile)
      if let key = InviterKey(text: text) { return key }
    } catch {
      throw .inviterKeyUnusable(path)
    }
    throw .inviterKeyUnusable(path)
  }

  private func print(_ invitation: Invitation, _ days: Int) throws {
    guard json else { return Terminal.write(invitation.text + "\n") }
    try Terminal.write(
      json: Answer(
        invitation: invitation.text, id: Hex.encode(invitation.id), tokens: Int(invitation.tokens), days: days))
  }
}

/// `sotto-relay token inviter`: lets somebody invite who is no operator. [token.14]
struct TokenInviterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inviter", abstract: "Make a key with which somebody may invite, so much and no more.",
    discussion: """
      Who has the file makes invitations with `sotto-relay token issue --inviter FILE`, on any machine, and can do nothing \
      else: not read the store, not make more than the key allows, not make such keys. A file that is there stays as it \
      is. EXIT CODES: 0 done; 64 usage; 73 the file cannot be made; 78 configuration.
      """)

  @OptionGroup var options: RelayOptions
  @Argument(help: "The file.") var file: String
  @Option(help: "Tokens that an invitation may be worth in 30 days.") var tokens = RelayLimits.tokensPerEpoch
  @Option(help: "Tokens that all invitations together are worth in 30 days.") var total =
    10 * RelayLimits.tokensPerEpoch
  @Option(help: "Days from today after which no invitation counts.") var days = RelayLimits.invitationDays
  @Flag(help: "Answer with one JSON object.") var json = false

  private struct Answer: Encodable {
    let file: String
    let id: String
  }

  func validate() throws {
    try TokenCommand.check(tokens, "--tokens", TokenCommand.mostTokens)
    try TokenCommand.check(total, "--total", 1_000_000)
    try TokenCommand.check(days, "--days", TokenCommand.mostDays)
  }

  func run() async throws {
    try await Terminal.failing {
      let key = try options.sources.read().configuration.registrationSecret().forInvitations()
      var entropy = SystemEntropy()
      let scope = InviterScope(
        lastDay: UInt32(clamping: TokenCommand.today + Int64(days)), tokens: UInt16(tokens), total: UInt32(total),
        from: &entropy)
      let isMade: Bool
      do {
        isMade = try SecretFile.make(at: file) { InviterKey(scope, under: key).text() }
      } catch {
        throw StartFailure(
          73, "Cannot write \(file).", "There is no key.", "Make its folder writable, or name another.")
      }
      guard isMade else {
        throw StartFailure(
          73, "There is a file \(file).", "Somebody may invite with it, so it was left alone.", "Name another.")
      }
      let id = Hex.encode(scope.id)
      if json {
        try Terminal.write(json: Answer(file: file, id: id))
      } else {
        Terminal.write(
          "\(file) is the key of \(id). To end it, put that name into the list of registration.withdrawn.\n")
      }
    }
  }
}

/// `sotto-relay token show`: what an invitation is, and its name. It asks no relay. [token.15]
struct TokenShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Say what an invitation is worth, and the name to withdraw it by.",
    discussion: """
      Whether a relay takes it, only that relay can tell. An older one may begin with -: give it behind --, or on \
      standard input. EXIT CODES: 0 done; 64 usage; 65 it is no invitation.
      """)

  @Argument(help: "The invitation; without it, standard input is read.") var invitation: String?
  @Flag(help: "Answer with one JSON object.") var json = false

  private struct Answer: Encodable {
    let id: String
    let inviter: String?
    let tokens: Int
    let days: Int
  }

  func run() async throws {
    try await Terminal.failing {
      let said = invitation ?? readLine() ?? ""
      guard let found = Invitation(text: said.trimmingCharacters(in: .whitespacesAndNewlines)) else {
        throw StartFailure(
          65, "This is no invitation.", "There is nothing to say of it.", "Give it as `token issue` printed it.")
      }
      let answer = Answer(
        id: Hex.encode(found.id), inviter: found.inviter.map { Hex.encode($0.id) }, tokens: Int(found.tokens),
        days: Int(Int64(found.lastDay) - TokenCommand.today))
      if json { return try Terminal.write(json: answer) }
      let inviter = answer.inviter.map { ", by \($0)" } ?? ""
      let days = answer.days < 0 ? "it is over" : "\(answer.days) days"
      Terminal.write("\(answer.id)\(inviter): \(answer.tokens) tokens in 30 days, \(days)\n")
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
