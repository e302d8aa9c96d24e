internal import ArgumentParser
internal import SottoRelay

/// `sotto-relay config print`: what is in force, and who said so.
struct ConfigPrintCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "print",
    abstract: "Show every setting, its value and where it came from.",
    discussion: "What it prints is a configuration file itself. No secret is in it: keys stay in their files.")

  @OptionGroup var options: RelayOptions
  @Flag(help: "Answer with one JSON object a setting.") var json = false

  private struct Line: Encodable {
    let name: String
    let values: [String]
    let origin: String
  }

  func run() async throws {
    try await Terminal.failing {
      for line in try options.sources.read().lines {
        let name = line.setting.name
        if json {
          try Terminal.write(json: Line(name: name, values: line.values, origin: line.origin))
        } else if line.values.isEmpty {
          Terminal.write("# \(name) is not set\n")
        } else {
          Terminal.write(line.values.map { "\(name) = \($0)  # \(line.origin)\n" }.joined())
        }
      }
    }
  }
}
