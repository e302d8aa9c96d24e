internal import ArgumentParser
internal import Foundation
internal import SottoClient
internal import SottoCrypto

/// What every command takes.
struct GlobalOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The folder of the identity.", valueName: "dir"))
  var home: String?

  @Flag(help: "Print JSON: one object a line on stdout, errors as one object on stderr.")
  var json = false

  @Option(help: ArgumentHelp("Read the passphrase from the first line of a file.", valueName: "file"))
  var passphraseFile: String?

  @Option(help: ArgumentHelp("Trust the certificate authorities in a PEM file too.", valueName: "file"))
  var caFile: String?

  /// --home, $SOTTO_HOME, $XDG_DATA_HOME/sotto or ~/.local/share/sotto.
  var homePath: String { home ?? Self.usualHome }

  static var usualHome: String {
    if let home = environment("SOTTO_HOME") { return home }
    if let data = environment("XDG_DATA_HOME"), data.hasPrefix("/") { return data + "/sotto" }
    return NSHomeDirectory() + "/.local/share/sotto"
  }

  var clientOptions: Client.Options { Client.Options(caFile: caFile ?? Self.environment("SOTTO_CA_FILE")) }

  /// Opens the identity, lets `work` use it, and closes it whatever happens.
  func withClient<R: Sendable>(_ work: (Client) async throws -> R) async throws -> R {
    try await withClient(clientOptions, work)
  }

  /// The same, with other options.
  func withClient<R: Sendable>(_ chosen: Client.Options, _ work: (Client) async throws -> R) async throws -> R {
    let path = homePath
    try Client.check(home: path)
    let client = try Client.open(home: path, passphrase: try Passphrase.read(self), options: chosen)
    do {
      let result = try await work(client)
      if let failure = await client.registrationFailure { Output.note("\(failure.message) \(failure.next)") }
      try await client.close()
      return result
    } catch {
      try? await client.close()
      throw error
    }
  }

  static func environment(_ name: String) -> String? {
    guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else { return nil }
    return value
  }
}
