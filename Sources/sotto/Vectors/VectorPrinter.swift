internal import Foundation

/// Prints results: a table, or JSON, one object a line. Progress goes to a terminal's standard error only.
struct VectorPrinter {
  let json: Bool
  private let showsProgress = isatty(STDERR_FILENO) == 1

  init(json: Bool) throws {
    self.json = json
    if !json { try write(Self.row("file", "executed", "skipped", "failed")) }
  }

  func progress(_ name: String, _ done: Int, of count: Int) {
    guard showsProgress, done.isMultiple(of: 16) else { return }
    let width = 24
    let filled = width * done / count
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    note("\r[\(bar)] \(done)/\(count) \(name.suffix(44))\u{1b}[K", end: "")
  }

  func add(_ result: FileResult) throws {
    if showsProgress { note("\r\u{1b}[K", end: "") }
    if json { try write(Self.object(result)) } else { try writeRows(result) }
    if json, let problem = result.problem { note("\(result.name): \(problem.message)") }
  }

  func summary(_ results: [FileResult]) throws {
    let (passed, failed, skipped) = (
      results.reduce(0) { $0 + $1.passed }, results.reduce(0) { $0 + $1.failedCount },
      results.reduce(0) { $0 + $1.skippedCount }
    )
    if json {
      try write("{\"passed\":\(passed),\"failed\":\(failed),\"skipped\":\(skipped)}")
    } else {
      try write("\(passed) passed, \(failed) failed, \(skipped) skipped")
      if passed == 0 { note("nothing was verified") }
    }
  }

  /// A line on standard error.
  func note(_ text: String, end: String = "\n") { Output.write(Array((text + end).utf8), to: STDERR_FILENO) }

  private func write(_ line: String) throws { try Output.line(line) }

  private func writeRows(_ result: FileResult) throws {
    let executed = result.problem == nil ? String(result.executed) : "-"
    try write(Self.row(result.name, executed, String(result.skippedCount), String(result.failedCount)))
    for (reason, count) in result.skipped { try write("  skipped \(count): \(reason)") }
    for (id, why) in result.failed { try write("  FAILED \(id): \(why)") }
    if let problem = result.problem { try write("  FAILED: \(problem.message)") }
  }

  private static func row(_ name: String, _ columns: String...) -> String {
    name.padding(toLength: max(58, name.count), withPad: " ", startingAt: 0)
      + columns.map { String(repeating: " ", count: max(1, 10 - $0.count)) + $0 }.joined()
  }

  private static func object(_ result: FileResult) -> String {
    var object: [String: Any] = [
      "file": result.name, "passed": result.passed, "failed": result.failedCount,
      "skipped": result.skipped.map { ["reason": $0.reason, "count": $0.count] as [String: Any] },
      "failures": result.failed.map { ["case": $0.id, "why": $0.why] },
    ]
    if let problem = result.problem { object["error"] = problem.message }
    let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data ?? Data(), as: UTF8.self)
  }
}
