internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// `sotto identity delete`: removes everything at the relay, then the home.
struct IdentityDeleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete this identity, at the relay and here.")

  @Flag(help: "Do not ask.")
  var yes = false

  @Flag(help: "Delete here even when the relay cannot be reached.")
  var evenIfUnreachable = false

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let path = options.homePath
    if !yes, isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 {
      Output.write(Array("Delete the identity in \(path), with all its messages? [y/N] ".utf8), to: STDERR_FILENO)
      guard readLine()?.lowercased() == "y" else { throw ExitCode(1) }
    }
    try Client.check(home: path)
    let client = try Client.open(home: path, passphrase: try Passphrase.read(options), options: options.clientOptions)
    do { try await client.delete(evenIfUnreachable: evenIfUnreachable) } catch {
      try? await client.close()
      throw error
    }
    if options.json {
      try Output.line(JSON(["deleted": .bool(true)]))
    } else {
      Output.note("Deleted.")
    }
  }
}
