internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// `sotto demo`: two people talk through a real relay, and then everything that the relay saw.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Watch two people talk through a relay that cannot read.",
    discussion: "Starts the sotto-relay that stands beside this program, with a temporary folder that goes afterwards.")

  @Option(
    help: ArgumentHelp(
      "Write FILE.html, a page that shows which key lived when and what the relay saw, or FILE.json, the facts.",
      valueName: "file"))
  var report: String?

  func validate() throws {
    guard let report, !report.hasSuffix(".html"), !report.hasSuffix(".json") else { return }
    throw ValidationError("--report writes a page to FILE.html, or facts to FILE.json.")
  }

  func run() async throws {
    let start = ContinuousClock.now
    let folder = FileManager.default.temporaryDirectory.appending(path: "sotto-demo-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let relay = try DemoRelay(data: folder + "/relay")
    defer { relay.stop() }
    var demo = try DemoConversation(relay: relay, folder: folder)
    do {
      try await demo.run()
    } catch let mismatch as DemoMismatch {
      try Output.line("\nFAILED: \(mismatch.what)")
      throw ExitCode(1)
    }
    if let report {
      demo.facts.seconds = Double((ContinuousClock.now - start).components.seconds)
      let bytes = report.hasSuffix(".html") ? Array(ReportPage(demo.trace).html.utf8) : try demo.facts.json
      do { try NewFile.replace(report, with: bytes) } catch {
        throw ClientError(
          .cannotCreate, "Cannot write \(report).", meaning: "The demo itself went well.", next: "Choose another file.")
      }
    }
    try Output.line(demo.lastLine)
  }
}

/// Something is not as it must be.
struct DemoMismatch: Error {
  let what: String

  init(_ what: String) { self.what = what }

  /// Says what is wrong unless `condition` holds.
  static func unless(_ condition: Bool, _ what: @autoclosure () -> String) throws(DemoMismatch) {
    if !condition { throw DemoMismatch(what()) }
  }
}
