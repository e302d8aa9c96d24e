import Foundation
import Testing

/// The checkout that these tests were compiled from. Paths are relative to its root and use `/`.
enum Repository {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Where the test bundle lies, and beside it everything else that the same build made.
  static var buildFolder: URL {
    let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
    return (bundle ?? Bundle.main.executableURL!).deletingLastPathComponent()
  }

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: root.appending(path: path).path)
  }

  /// Every file below `folder`, sorted; build folders and git's own are left out, and a folder that is not there is empty.
  static func files(under folder: String = "", endingWith suffix: String = "") throws -> [String] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path) else {
      return []
    }
    var found: [String] = []
    for name in names.sorted() where !isGenerated(name) {
      let path = folder.isEmpty ? name : "\(folder)/\(name)"
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: root.appending(path: path).path, isDirectory: &isFolder)
      if isFolder.boolValue {
        found += try files(under: path, endingWith: suffix)
      } else if name.hasSuffix(suffix) {
        found.append(path)
      }
    }
    return found
  }

  private static func isGenerated(_ name: String) -> Bool {
    [".git", ".swiftpm", "Package.resolved", "__pycache__", "dist"].contains(name) || name.hasPrefix(".build")
  }
}

/// The names of all test functions, as a document may name them.
struct TestNames {
  private let names: Set<String>

  init() throws {
    names = try Set(
      Repository.files(under: "Tests", endingWith: ".swift").flatMap { path in
        // What follows an attribute, up to the next one, declares one function.
        try Repository.text(path).components(separatedBy: "@Test").dropFirst().compactMap(Self.name)
      })
  }

  private static func name(in declaration: String) -> String? {
    guard let name = declaration.range(of: "func ").map({ declaration[$0.upperBound...] }) else { return nil }
    return name.first == "`" ? String(name.dropFirst().prefix { $0 != "`" }) : String(name.prefix { $0 != "(" })
  }

  func contains(_ name: String) -> Bool { names.contains(name) }
}

/// Fails once with every finding, one a line, so that nobody has to mend them one run at a time.
func expectNone(_ findings: [String], sourceLocation: SourceLocation = #_sourceLocation) {
  guard !findings.isEmpty else { return }
  Issue.record("\n\(findings.map { "  \($0)\n" }.joined())", sourceLocation: sourceLocation)
}
