internal import ArgumentParser
internal import SottoRelay

/// `sotto-relay config example`: a file to begin with.
struct ConfigExampleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "example",
    abstract: "Print a configuration file with every setting explained.",
    discussion: "It is valid as it stands and changes nothing: sotto-relay config example > relay.conf")

  func run() async throws { Terminal.write(EffectiveConfiguration.example) }
}
