internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// `sotto identity delete`: removes everything at the relay, then the home.
struct IdentityDeleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete this identity, at the relay and here.",
    discussion: """
      Where there is no identity, but tokens of a relay that were kept from an attempt to make one, these are discarded; that
      needs no passphrase.
      """)

  @Flag(help: "Do not ask.")
  var yes = false

  @Flag(help: "Delete here even when the relay cannot be reached.")
  var evenIfUnreachable = false

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let path = options.homePath
    try Client.check(home: path)
    let isIdentity = try !Client.holdsTokensAlone(home: path)
    if !yes, isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 {
      let question =
        isIdentity
        ? "Delete the identity in \(path), with all its messages? [y/N] "
        : "Discard the registration tokens that were kept in \(path)? [y/N] "
      Output.write(Array(question.utf8), to: STDERR_FILENO)
      guard readLine()?.lowercased() == "y" else { throw ExitCode(1) }
    }
    if isIdentity { try await deleteIdentity(path) } else { try Client.discardTokens(home: path) }
    if options.json {
      try Output.line(JSON(["deleted": .bool(true)]))
    } else {
      Output.note("Deleted.")
    }
  }

  private func deleteIdentity(_ path: String) async throws {
    let client = try Client.open(home: path, passphrase: try Passphrase.read(options), options: options.clientOptions)
    do { try await client.delete(evenIfUnreachable: evenIfUnreachable) } catch {
      try? await client.close()
      throw error
    }
  }
}
