internal import ArgumentParser
internal import SottoClient

/// `sotto identity create --relay URL`: makes an identity and registers it at a relay.
struct IdentityCreateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Create an identity and register it at a relay.")

  @Option(help: ArgumentHelp("The relay, such as https://relay.example.", valueName: "url"))
  var relay: String

  @Option(help: ArgumentHelp("What you call this identity; nobody else sees it.", valueName: "name"))
  var name = ""

  @OptionGroup var registration: RegistrationOptions
  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let passphrase = try Passphrase.read(options, isNew: true)
    let client = try await Client.create(
      home: options.homePath, passphrase: passphrase, name: name, relay: relay,
      options: registration.applied(to: options))
    let identity = try await client.identity()
    try await client.close()
    if options.json {
      try Output.line(identity.json)
    } else {
      try Output.line(identity.address)
      Output.note("Give this address to people who want to write to you.")
    }
  }
}

extension Identity {
  var json: JSON {
    JSON([
      "address": .string(address), "name": .string(name), "relay": .string(relay), "account": .string(account),
      "device": .string(device),
    ])
  }
}
