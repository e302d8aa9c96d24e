internal import ArgumentParser

/// `sotto-relay config`: looks at the configuration, without a relay.
struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Check, show or begin a configuration.",
    subcommands: [
      ConfigCheckCommand.self, ConfigPrintCommand.self, ConfigExampleCommand.self,
      ConfigSelfSignedCommand.self,
    ])
}
