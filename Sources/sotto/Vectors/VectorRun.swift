internal import Foundation

/// Runs files.
enum VectorRun {
  /// The results of a file, of each file of a folder, or with nil of what this build ships.
  static func results(of path: String?, _ printer: VectorPrinter) throws -> [FileResult] {
    let shown = path.map { $0.count > 1 && $0.hasSuffix("/") ? String($0.dropLast()) : $0 } ?? "Vectors"
    let files: [URL]
    let root: URL
    do {
      root = try path.map { URL(filePath: $0) } ?? VectorFiles.shipped()
      files = try VectorFiles.list(root)
    } catch {
      var result = FileResult(name: shown)
      result.problem = problem(error)
      try printer.add(result)
      return [result]
    }
    return try files.map { file in
      let below = file.path.dropFirst(root.path.count).drop { $0 == "/" }
      let result = result(of: file, named: below.isEmpty ? shown : "\(shown)/\(below)", printer)
      try printer.add(result)
      return result
    }
  }

  private static func result(of file: URL, named name: String, _ printer: VectorPrinter) -> FileResult {
    var result = FileResult(name: name)
    do {
      switch try PublicVectors.content(of: VectorFiles.json(at: file), at: file, verdicts: verdicts) {
      case .notApplicable(let reason, let count): result.skip(reason, count: count)
      case .cases(let cases):
        for (index, one) in cases.enumerated() {
          printer.progress(name, index, of: cases.count)
          result.add(try one.check(), of: one.id)
        }
      }
    } catch {
      result.problem = problem(error)
    }
    return result
  }

  private static func verdicts(_ name: String) throws -> Fields {
    let url = try VectorFiles.shipped().appending(path: "ed25519-edge-cases/\(name)")
    return try Fields(VectorFiles.json(at: url), name)
  }

  private static func problem(_ error: any Error) -> FileResult.Problem {
    switch error {
    case let error as BadVector: FileResult.Problem(message: error.message, exitCode: 65)
    case let error as VectorFiles.Unreadable: FileResult.Problem(message: error.message, exitCode: 66)
    default: FileResult.Problem(message: "unexpected error: \(error)", exitCode: 70)
    }
  }
}
