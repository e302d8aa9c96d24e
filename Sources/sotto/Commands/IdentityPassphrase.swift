internal import ArgumentParser
internal import SottoClient

/// `sotto identity passphrase`: another passphrase for this home.
struct IdentityPassphraseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "passphrase", abstract: "Change the passphrase of this identity.",
    discussion: """
      The new one is typed, or read from --new-passphrase-file or $SOTTO_NEW_PASSPHRASE. Copies of the folder that were
      made before still open with the old one.
      """)

  @Option(help: ArgumentHelp("Read the new passphrase from the first line of a file.", valueName: "file"))
  var newPassphraseFile: String?

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    try Client.check(home: options.homePath)
    let old = try Passphrase.read(options)
    let client = try Client.open(home: options.homePath, passphrase: old, options: options.clientOptions)
    do {
      let new = try Passphrase.readNew(file: newPassphraseFile)
      try await client.changePassphrase(from: old, to: new)
      try await client.close()
    } catch {
      try? await client.close()
      throw error
    }
    if options.json {
      try Output.line(JSON(["changed": .bool(true)]))
    } else {
      Output.note("The passphrase is changed.")
    }
  }
}
