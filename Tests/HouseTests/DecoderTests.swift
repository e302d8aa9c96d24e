import Testing

/// Whatever reads bytes or text from outside is fuzzed: each decoder of the three core rooms is called by a promise in
/// `Tests/SottoSimulation/Decoders/`, or stands here with the reason why not.
@Suite struct DecoderTests {
  private static let rooms = ["Sources/SottoCrypto", "Sources/SottoWire", "Sources/SottoSession"]

  private static let exceptions = [
    "FixedEntropy": "bytes that a vector names, in the order in which they are drawn",
    "Device": "read inside DeviceList, which is fuzzed",
    "BatchRoot": "read inside SignedPart, which is fuzzed",
    "Label": "a label that a vector names",
  ]

  @Test func `Every decoder is fuzzed`() throws {
    let files = try Repository.files(under: "Tests/SottoSimulation/Decoders", endingWith: ".swift")
    let promises = try files.map { SwiftText(try Repository.text($0)).code }.joined()
    let words = Set(promises.split { !$0.isWordCharacter }.map(String.init))
    var found: [Decoding] = []
    for room in Self.rooms {
      for path in try Repository.files(under: room, endingWith: ".swift") {
        found += Decoding.all(in: try Repository.text(path), at: path)
      }
    }
    #expect(found.count > 30, "the search finds only \(found.map(\.type))")
    let missing = found.filter { !words.contains($0.type) && Self.exceptions[$0.type] == nil }
    expectNone(missing.map { "\($0.place): no promise names \($0.type)" })
  }

  @Test func `A decoder is found in whatever form it has`() {
    func types(_ source: String) -> [String] { Decoding.all(in: source, at: "a").map(\.type) }
    #expect(types("public struct A { public init(decoding bytes: [UInt8]) throws {} }") == ["A"])
    #expect(types("struct A {\n struct B { package init?(path: String) {} } }") == ["B"])
    #expect(types("extension A { public init?(_ text: some StringProtocol) {} }") == ["A"])
    #expect(types("public enum A { public static func decode(_ text: some StringProtocol) -> Int? { 1 } }") == ["A"])
    #expect(types("struct A { public init(_ bytes: [UInt8]) throws(E) {} }") == ["A"])
    #expect(types("public struct A: ~Copyable { public init?(text: String) {} }") == ["A"])
    #expect(types("struct A { public init?(authorization: String) {} init?(text: String) {} }") == ["A"])
    #expect(types("struct A { public init?(_ encoded: [UInt8]) {} }") == ["A"])
    #expect(types("struct A { init(decoding bytes: [UInt8]) {} // public init(decoding\n }") == [])
    #expect(types("struct A { public init(number: UInt32, bytes: [UInt8]) {} }") == [])
  }

  /// The main package and the fuzzer's own must build the same code.
  @Test func `The fuzzer's package is of the main one's parts`() throws {
    let (main, fuzz) = try (Repository.text("Package.swift"), Repository.text("Fuzz/Package.swift"))
    let crypto = try #require(main.firstMatch(of: /\.package\(url: "[^"]*swift-crypto", exact: "[^"]*"\)/)?.output)
    #expect(fuzz.contains(crypto))
    let rooms = Manifest(fuzz).targets.map(\.name)
    let core = ["CSodium", "SottoCrypto", "SottoWire", "SottoSession", "SottoSimulation"]
    let parts = ["SottoRelay", "SottoClient", "sotto-push", "RelayDecoders", "ClientDecoders", "GatewayDecoders"]
    #expect(rooms == core + parts + ["fuzz"])
  }

  /// And so must the copy of the core that mutants, coverage and sanitizers are made from.
  @Test func `The core's package is of the main one's parts`() throws {
    let (main, core) = try (Repository.text("Package.swift"), Repository.text(".ci/core/Package.swift"))
    let crypto = try #require(main.firstMatch(of: /\.package\(url: "[^"]*swift-crypto", exact: "[^"]*"\)/)?.output)
    #expect(core.contains(crypto))
    let rooms = ["SottoCrypto", "SottoWire", "SottoSession"]
    let expected = ["CSodium"] + rooms + ["SottoSimulation"] + rooms.map { $0 + "Tests" }
    #expect(Manifest(core).targets.map(\.name) == expected)
  }
}

/// A function or initialiser that makes a value of a type from bytes or text.
private struct Decoding {
  let type: String
  let place: String

  /// The labels and types of the first parameter that say so.
  private static let parameters = [
    ["decoding"], ["parsing"], ["path", ":", "String"], ["document"], ["from", "reader"],
    ["_", "bytes", ":", "[", "UInt8", "]"], ["_", "text", ":", "some", "StringProtocol"],
    ["_", "field", ":", "HeaderField"], ["_", "bytes", ":", "consuming", "Secret"],
    ["_", "encoded", ":", "[", "UInt8", "]"], ["text", ":", "String"], ["authorization", ":", "String"],
  ]

  static func all(in source: String, at path: String) -> [Decoding] {
    let tokens = SwiftText(source).tokens
    let words = tokens.map(\.text)
    var found: [Decoding] = []
    // The types whose braces are open, and how many were when each began.
    var types: [(name: String, depth: Int)] = []
    var depth = 0
    var pending: String?
    for (index, word) in words.enumerated() {
      switch word {
      case "struct", "enum", "class", "actor", "extension", "protocol":
        if index + 1 < words.count { pending = words[index + 1] }
      case "{":
        if let name = pending { types.append((name, depth)) }
        pending = nil
        depth += 1
      case "}":
        depth -= 1
        if types.last?.depth == depth { types.removeLast() }
      case "init", "decode":
        guard let type = types.last?.name, isVisible(words[..<index].suffix(4)) else { continue }
        let open = words[index...].prefix(4).firstIndex(of: "(") ?? index
        if parameters.contains(where: { words[(open + 1)...].starts(with: $0) }) {
          found.append(Decoding(type: type, place: "\(path):\(tokens[index].line)"))
        }
      default: break
      }
    }
    return found
  }

  private static func isVisible(_ before: ArraySlice<String>) -> Bool {
    // Back to the end of what stands before.
    let modifiers = before.reversed().prefix { !["}", "{", ";", ")"].contains($0) }
    return modifiers.contains("public") || modifiers.contains("package")
  }
}
