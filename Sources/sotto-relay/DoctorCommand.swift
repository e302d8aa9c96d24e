internal import ArgumentParser
internal import SottoRelay

/// `sotto-relay doctor`: what is wrong, and what to do about it.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Examine everything that the relay stands on, and change nothing.",
    discussion: """
      It may run beside the relay. EXIT CODES: 0 nothing failed; otherwise the first failure's: 64 usage; 69 cannot \
      listen; 73 data folder; 74 store or disk; 78 configuration, certificate, registration, bus, clock, or a store of a \
      newer version.
      """)

  @OptionGroup var options: RelayOptions
  @Flag(help: "Answer with one JSON object a check.") var json = false

  private struct Answer: Encodable {
    let check: String
    let verdict: String
    let what: String
    let meaning: String
    let next: String
    let exit: Int32
  }

  func run() async throws {
    let findings: [Doctor.Finding]
    do {
      let adapters = Adapters(database: Database.adapter, bus: Database.bus)
      findings = await Doctor(try options.sources.read().configuration, adapters).examine()
    } catch {
      findings = [Doctor.finding(error)]
    }
    for finding in findings {
      if json {
        try Terminal.write(
          json: Answer(
            check: finding.check, verdict: finding.verdict.rawValue, what: finding.what, meaning: finding.meaning,
            next: finding.next, exit: finding.exitCode))
      } else {
        let words = [finding.what, finding.meaning, finding.next].filter { !$0.isEmpty }.joined(separator: " ")
        Terminal.write(Self.padded(finding.verdict.rawValue, 8) + Self.padded(finding.check, 14) + words + "\n")
      }
    }
    if let failure = findings.first(where: { $0.verdict == .failed }) { throw ExitCode(failure.exitCode) }
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(width - text.count, 0) + 1)
  }
}
