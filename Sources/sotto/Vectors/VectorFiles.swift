internal import Foundation

/// Finds and reads vector files.
enum VectorFiles {
  /// A path that cannot be read: exit 66.
  struct Unreadable: Error {
    let message: String
  }

  /// What this build ships: `share/sotto/Vectors` beside the `bin` that the program was installed into, or `Vectors/` of
  /// the package that it was built in.
  static func shipped() throws -> URL {
    guard let program = Bundle.main.executableURL?.resolvingSymlinksInPath() else { throw notShipped }
    var folder = program.deletingLastPathComponent()
    let installed = folder.deletingLastPathComponent().appending(path: "share/sotto/Vectors")
    if isFolder(installed) { return installed }
    while folder.path != "/" {
      let vectors = folder.appending(path: "Vectors")
      let manifest = folder.appending(path: "Package.swift").path
      if FileManager.default.fileExists(atPath: manifest), isFolder(vectors) { return vectors }
      folder = folder.deletingLastPathComponent()
    }
    throw notShipped
  }

  private static let notShipped = Unreadable(
    message: "no vectors were found beside this program; install it with `make install`, or give a PATH")

  /// The file itself, or every JSON file in the folder, in order.
  static func list(_ url: URL) throws -> [URL] {
    guard FileManager.default.fileExists(atPath: url.path) else { throw Unreadable(message: "no such file or folder") }
    guard isFolder(url) else { return [url] }
    guard let paths = FileManager.default.subpaths(atPath: url.path) else {
      throw Unreadable(message: "the folder cannot be read")
    }
    let files = paths.filter { $0.hasSuffix(".json") }.sorted().map { url.appending(path: $0) }
    if files.isEmpty { throw Unreadable(message: "the folder has no JSON file") }
    return files
  }

  static func json(at url: URL) throws -> Any {
    let data: Data
    do { data = try Data(contentsOf: url) } catch {
      let exists = FileManager.default.fileExists(atPath: url.path)
      throw Unreadable(message: exists ? "the file cannot be read" : "no such file: \(url.lastPathComponent)")
    }
    do { return try JSONSerialization.jsonObject(with: data) } catch {
      throw BadVector("malformed JSON")
    }
  }

  private static func isFolder(_ url: URL) -> Bool {
    (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true
  }
}
