import Foundation

extension Decoder {
  /// Of the rooms around the core, one each: they stand in `Decoders/` of the suites of these rooms, which replay them.
  public static let elsewhere: Set<String> = ["relay", "gateway", "client"]

  /// What the fuzzer found worth keeping of this one, and what has stopped it.
  public var kept: [(name: String, bytes: [UInt8])] {
    ["corpora", "crashes"].flatMap { folder -> [(name: String, bytes: [UInt8])] in
      let place = Self.fuzz.appending(path: folder).appending(path: name)
      let files = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
      return files.sorted().map { file -> (name: String, bytes: [UInt8]) in
        let bytes = (try? Data(contentsOf: place.appending(path: file))) ?? Data()
        return (name: "\(folder)/\(name)/\(file)", bytes: [UInt8](bytes))
      }
    }
  }

  /// Whether its promises hold for what is honest, and for everything that is kept. Throws a `BrokenPromise`.
  public func replay() throws {
    try promise(!seeds.isEmpty, "\(name) has no honest input")
    for (index, seed) in seeds.enumerated() {
      let isAccepted = try check(seed)
      try promise(isAccepted && seed.count <= limit, "seed \(index) of \(name) is refused")
    }
    let inputs = kept
    try promise(!inputs.isEmpty, "the corpus of \(name) is not there")
    for input in inputs {
      do { _ = try check(input.bytes) } catch { throw BrokenPromise(description: "\(input.name): \(error)") }
    }
  }

  /// `Fuzz/` of the checkout that this was compiled from.
  private static let fuzz = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fuzz")
}
