internal import ArgumentParser
internal import SottoClient

/// `sotto identity show`: the address to give away.
struct IdentityShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "Show your address.")

  @Flag(help: "Show the address as a QR code too.")
  var qr = false

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let identity = try await options.withClient { try await $0.identity() }
    if options.json { return try Output.line(identity.json) }
    if !identity.name.isEmpty { try Output.line("name     \(identity.name)") }
    try Output.line("address  \(identity.address)")
    try Output.line("relay    \(identity.relay)")
    if qr { try Output.code(identity.address) }
  }
}
