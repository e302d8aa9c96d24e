internal import ArgumentParser
internal import Foundation

/// `sotto vectors`.
struct VectorsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vectors", abstract: "Test vectors: Sotto's own and public ones.", subcommands: [Verify.self])

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Recompute test vectors and compare.",
      discussion: """
        Reads Sotto's own format (sotto-vectors/1), Wycheproof, ACVP ML-KEM, CCTV and ed25519-speccheck. A PATH is a file, \
        or a folder that is searched for JSON files.

        Without a PATH it verifies the vectors that came with this program, and those in the folder that \
        SOTTO_PUBLIC_VECTORS names.

        Exit codes: 0 when some cases passed and none failed; 1 when one failed; 65 for a file that is no vector file or \
        when nothing was executed; 66 for one that cannot be read.
        """)

    @Flag(help: "Print JSON: one object a file, then one with passed, failed and skipped.")
    var json = false

    @Argument(help: ArgumentHelp("Files or folders.", valueName: "path"))
    var paths: [String] = []

    func run() throws {
      let publicFolder = GlobalOptions.environment("SOTTO_PUBLIC_VECTORS")
      let printer = try VectorPrinter(json: json)
      var results: [FileResult] = []
      for path in paths.isEmpty ? [nil] + (publicFolder.map { [$0] } ?? []) : paths.map(Optional.some) {
        results += try VectorRun.results(of: path, printer)
      }
      try printer.summary(results)
      if paths.isEmpty, publicFolder == nil { printer.note("SKIPPED public vectors: SOTTO_PUBLIC_VECTORS is not set") }
      let code = Self.exitCode(of: results)
      if code != 0 { throw ExitCode(code) }
    }

    private static func exitCode(of results: [FileResult]) -> Int32 {
      if results.contains(where: { !$0.failed.isEmpty }) { return 1 }
      // Bad data before unreadable input: the first asks for a decision, the second for a path.
      let problems = results.compactMap { $0.problem?.exitCode }
      if let worst = problems.min() { return worst }
      return results.contains { $0.passed > 0 } ? 0 : 65
    }
  }
}
