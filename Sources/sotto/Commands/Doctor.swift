internal import ArgumentParser
internal import SottoClient

/// `sotto doctor`: how this identity stands, without a secret or a name.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Look at store, sessions, keys, relay and clock.",
    discussion: """
      What it prints has no name, address, key or text in it, and can be pasted into a bug report.
      Exit code 0: nothing is wrong. 1: something does not work.
      """)

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let report = try await options.withClient { try await $0.health() }
    for finding in report.findings {
      if options.json {
        try Output.line(finding.json)
      } else {
        try Output.line("\(finding.mark)  \(finding.subject.padded(to: 9)) \(finding.finding)")
        if let advice = finding.advice { try Output.line("              \(advice)") }
      }
    }
    if options.json { try Output.line(JSON(report.counts.map { ($0.name, .number($0.count)) })) }
    try Output.line(options.json ? JSON(["version": .string(sottoVersion)]).text : "sotto \(sottoVersion)")
    if report.findings.contains(where: { $0.verdict == .bad }) { throw ExitCode(1) }
  }
}

extension HealthReport.Finding {
  var json: JSON {
    JSON([
      "subject": .string(subject), "verdict": .string(verdict.rawValue), "finding": .string(finding),
      "advice": advice.map { .string($0) },
    ])
  }

  /// One column, so that the eye finds what is wrong.
  var mark: String {
    switch verdict {
    case .good: "ok  "
    case .warning: "look"
    case .bad: "BAD "
    }
  }
}
