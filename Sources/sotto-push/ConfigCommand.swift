internal import ArgumentParser
internal import Foundation
internal import SottoRelay

/// `sotto-push config`: looks at the configuration, without a gateway.
struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Check, show or begin a configuration.",
    subcommands: [Check.self, Print.self, Example.self])

  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check", abstract: "Say whether the configuration can be used.",
      discussion: "Reads what `serve` would read, and starts nothing. EXIT CODES: 0 it can; 64 usage; 78 it cannot.")

    @OptionGroup var options: GatewayOptions
    @Flag(help: "Answer with one JSON object.") var json = false

    private struct Answer: Encodable {
      let valid: Bool
    }

    func run() async throws {
      try await Terminal.failing {
        let configuration = try GatewayConfiguration(try options.sources.read())
        let providers = configuration.providers(resolver: SystemResolver(), now: { 0 })
        for provider in providers { await provider.close() }
        if json {
          try Terminal.write(json: Answer(valid: true))
        } else {
          let names = providers.map(\.name.rawValue).joined(separator: ", ")
          Terminal.write("The configuration can be used (\(names)).\n")
        }
      }
    }
  }

  struct Print: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "print", abstract: "Show every setting, its value and where it came from.",
      discussion: "What it prints is a configuration file itself. No secret is in it: keys stay in their files.")

    @OptionGroup var options: GatewayOptions
    @Flag(help: "Answer with one JSON object a setting.") var json = false

    private struct Line: Encodable {
      let name: String
      let value: String?
      let origin: String
    }

    func run() async throws {
      try await Terminal.failing {
        let said = try options.sources.read()
        for setting in GatewaySetting.allCases {
          let (name, value) = (setting.rawValue, said[setting])
          if json {
            try Terminal.write(json: Line(name: name, value: value?.value, origin: value?.origin ?? "default"))
          } else if let value {
            Terminal.write("\(name) = \(value.value)  # \(value.origin)\n")
          } else {
            Terminal.write("# \(name) is not set\n")
          }
        }
      }
    }
  }

  struct Example: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "example", abstract: "Print a configuration file with every setting explained.",
      discussion: "It changes nothing: sotto-push config example > push.conf")

    func run() async throws { Terminal.write(GatewaySources.example) }
  }
}
