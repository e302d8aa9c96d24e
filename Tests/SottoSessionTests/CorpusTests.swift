import Foundation
import SottoSimulation
import Testing

/// What the fuzzer starts from, what it found worth keeping, and every input that ever broke a promise: replayed here, so
/// that whoever changes a decoder need not fuzz to see it. The suites of the rooms around the core replay theirs.
@Suite(.sealsAreForged) struct CorpusTests {
  private static let fuzz = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fuzz")

  private static func inputs(_ folder: String, _ decoder: String) -> [(name: String, bytes: [UInt8])] {
    let place = fuzz.appending(path: folder).appending(path: decoder)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
    return names.sorted().map { name in
      ("\(folder)/\(decoder)/\(name)", [UInt8]((try? Data(contentsOf: place.appending(path: name))) ?? Data()))
    }
  }

  @Test(arguments: Decoder.all.map(\.name))
  func `An honest input is accepted by every part of its decoder`(_ name: String) throws {
    let decoder = try #require(Decoder.all.first { $0.name == name })
    #expect(!decoder.seeds.isEmpty)
    for (index, seed) in decoder.seeds.enumerated() {
      #expect(try decoder.check(seed), "seed \(index)")
      #expect(seed.count <= decoder.limit)
    }
  }

  @Test(arguments: Decoder.all.map(\.name))
  func `No input of the corpora breaks a promise`(_ name: String) throws {
    let decoder = try #require(Decoder.all.first { $0.name == name })
    let inputs = Self.inputs("corpora", name) + Self.inputs("crashes", name)
    #expect(!inputs.isEmpty, "the corpus of \(name) is not there")
    for input in inputs {
      #expect(throws: Never.self, "\(input.name)") { _ = try decoder.check(input.bytes) }
    }
  }

  /// The chain after it would have a number that does not exist.
  @Test func `The last of all receiving chains is refused`() throws {
    let name = "crashes/state/last-of-all-receiving-chains"
    let input = try #require(Self.inputs("crashes", "state").first { $0.name == name })
    let decoder = try #require(Decoder.all.first { $0.name == "state" })
    #expect(try !decoder.check(input.bytes))
  }

  /// A promise is only worth what its breach looks like.
  @Test func `A second spelling breaks a promise`() throws {
    #expect(throws: BrokenPromise.self) { _ = try promiseOneSpelling([1, 2], { $0[0] }, { [$0] }) }
  }

  @Test func `Every corpus belongs to a decoder`() throws {
    for folder in ["corpora", "crashes"] {
      let found = (try? FileManager.default.contentsOfDirectory(atPath: Self.fuzz.appending(path: folder).path)) ?? []
      #expect(Set(found).isSubset(of: Decoder.elsewhere.union(Decoder.all.map(\.name))))
    }
  }
}
