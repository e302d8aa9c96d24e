internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// `sotto identity import FILE`: makes this home a new device of an exported account.
struct IdentityImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Become the account in an exported file, on a new device.",
    discussion: """
      The new device replaces the old one, and contacts notice within an hour. Messages, contacts and sessions are not
      in the file, nor how the old device was woken: `sotto device push enable` says it of this one. The passphrase is
      the one that the identity had when it was exported.
      """)

  @Argument(help: ArgumentHelp("What `sotto identity export` wrote.", valueName: "file"))
  var file: String

  @OptionGroup var registration: RegistrationOptions
  @OptionGroup var options: GlobalOptions

  func run() async throws {
    guard let content = FileManager.default.contents(atPath: file) else {
      throw ClientError(
        .unreadable, "Cannot read \(file).", meaning: "Nothing was created.",
        next: "Check the path and the permissions.")
    }
    let client = try await Client.importIdentity(
      Array(content), home: options.homePath, passphrase: try Passphrase.read(options),
      options: registration.applied(to: options))
    let identity = try await client.identity()
    try await client.close()
    if options.json { return try Output.line(identity.json) }
    try Output.line(identity.address)
    Output.note("This is the account's device now; the old one can no longer receive.")
  }
}
