import Foundation

/// The `given` fields of the files that are there: what cannot be computed again.
struct Recorded: Sendable {
  let folder: URL

  /// The bytes of a `given` field; nil when nothing was recorded yet.
  func bytes(_ path: String, _ id: String, _ field: String) throws -> [UInt8]? {
    guard let data = try? Data(contentsOf: folder.appending(path: path)) else { return nil }
    let cases = try JSONDecoder().decode(File.self, from: data).cases
    return cases.first { $0.id == id }?.given?[field].map(hex)
  }

  private struct File: Decodable {
    struct Case: Decodable {
      let id: String
      let given: [String: String]?
    }
    let cases: [Case]
  }
}

/// A recorded value that no longer fits what it was recorded for.
struct StaleRecord: Error, CustomStringConvertible {
  let description: String
}
