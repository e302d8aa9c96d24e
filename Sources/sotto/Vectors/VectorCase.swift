/// One case of a vector file: whatever the format, it is run the same way.
struct VectorCase {
  /// How the file names it.
  let id: String
  /// Runs it. Throws `BadVector` when the case itself is not what its format says.
  let check: () throws -> Verdict
}

/// How a case came out.
enum Verdict: Equatable {
  case passed
  /// What differs, for a person.
  case failed(String)
  /// Why it says nothing about this implementation.
  case skipped(String)

  /// Passed if `condition` holds.
  static func expect(_ condition: Bool, _ otherwise: @autoclosure () -> String) -> Verdict {
    condition ? .passed : .failed(otherwise())
  }
}

/// What a vector file contains.
enum VectorContent {
  case cases([VectorCase])
  /// A file that is known but says nothing about Sotto: why, and how many cases it has.
  case notApplicable(String, count: Int)
}

/// A file or case that is not what its format says: exit 65.
struct BadVector: Error {
  let message: String

  init(_ message: String) { self.message = message }
}

/// An implementation's refusal, at the stage that Specs/README.md names.
struct Refused: Error {
  let stage: String
  /// Which rule of the encoding, where the stage is `encoding`.
  var reason: String?
}

/// What became of one file.
struct FileResult {
  let name: String
  var passed = 0
  var skipped: [(reason: String, count: Int)] = []
  var failed: [(id: String, why: String)] = []
  /// Why the file could not be run at all or to its end.
  var problem: Problem?

  struct Problem {
    let message: String
    /// 65 for bad data, 66 for a file that cannot be read.
    let exitCode: Int32
  }

  var executed: Int { passed + failed.count }
  var skippedCount: Int { skipped.reduce(0) { $0 + $1.count } }
  /// A file that could not be run counts as one failure: it never passes.
  var failedCount: Int { failed.count + (problem == nil ? 0 : 1) }

  init(name: String) { self.name = name }

  mutating func add(_ verdict: Verdict, of id: String) {
    switch verdict {
    case .passed: passed += 1
    case .failed(let why): failed.append((id, why))
    case .skipped(let reason): skip(reason, count: 1)
    }
  }

  mutating func skip(_ reason: String, count: Int) {
    if let index = skipped.firstIndex(where: { $0.reason == reason }) {
      skipped[index].count += count
    } else {
      skipped.append((reason, count))
    }
  }
}
