internal import ArgumentParser
internal import SottoRelay

/// `sotto-relay config check`: whether `serve` would start with this configuration.
struct ConfigCheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Say whether the configuration can be used.",
    discussion: "Reads what `serve` would read, and starts nothing. EXIT CODES: 0 it can; 64 usage; 78 it cannot.")

  @OptionGroup var options: RelayOptions
  @Flag(help: "Answer with one JSON object.") var json = false

  private struct Answer: Encodable {
    let valid: Bool
    let file: String?
  }

  func run() async throws {
    try await Terminal.failing {
      let effective = try options.sources.read()
      try effective.checkCertificate()
      try effective.configuration.checkRegistration()
      if case .postgreSQL = effective.configuration.store { _ = try Database.named(by: effective.configuration) }
      try effective.configuration.checkAttachments()
      try effective.configuration.checkBus(Database.bus)
      if json {
        try Terminal.write(json: Answer(valid: true, file: effective.file))
      } else {
        Terminal.write("The configuration can be used (\(effective.file ?? "there is no file")).\n")
      }
    }
  }
}
