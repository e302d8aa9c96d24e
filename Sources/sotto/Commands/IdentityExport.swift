internal import ArgumentParser
internal import Foundation
internal import SottoClient
internal import SottoCrypto

/// `sotto identity export FILE`: what another device needs to become this account.
struct IdentityExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write the account to a file, sealed under the passphrase.")

  @Argument(help: ArgumentHelp("The file to write; it must not exist yet.", valueName: "file"))
  var file: String

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    try Client.check(home: options.homePath)
    let passphrase = try Passphrase.read(options)
    let client = try Client.open(home: options.homePath, passphrase: passphrase, options: options.clientOptions)
    let content = try await client.exportIdentity(passphrase: passphrase)
    try await client.close()
    let output = try NewFile(file)
    do {
      try output.write(content)
      try output.finish()
    } catch {
      output.discard()
      throw error
    }
    if options.json {
      try Output.line(JSON(["file": .string(file)]))
    } else {
      Output.note("Wrote \(file). Whoever has it and the passphrase is you: keep it safe, and delete it after use.")
    }
  }
}
