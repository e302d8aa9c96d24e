/// What Package.swift declares, read as text: asking SwiftPM would run a second one inside a test.
struct Manifest {
  struct Target {
    let name: String
    /// Whether it stands in `Sources/`, where everything ships.
    let ships: Bool
    let dependencies: [String]
  }

  let targets: [Target]

  /// Which other rooms a room may know. A room that is not listed is one that nobody has decided about.
  private static let arrows: [String: Set<String>] = [
    "CSodium": [],
    "SottoCrypto": ["CSodium"],
    "SottoWire": ["SottoCrypto"],
    "SottoSession": ["SottoCrypto", "SottoWire"],
    "SottoClient": ["SottoCrypto", "SottoWire", "SottoSession"],
    "SottoRelay": ["SottoCrypto", "SottoWire"],
    "CLibpq": [],
    "CRabbitMQ": [],
    "SottoRelayFleet": ["SottoCrypto", "SottoWire", "SottoRelay", "CLibpq", "CRabbitMQ"],
    "sotto": ["SottoCrypto", "SottoWire", "SottoSession", "SottoClient"],
    "sotto-relay": ["SottoCrypto", "SottoWire", "SottoRelay", "SottoRelayFleet"],
    "sotto-push": ["SottoCrypto", "SottoWire", "SottoRelay", "SottoRelayFleet"],
  ]

  /// Rooms that may use nothing from outside but this.
  private static let outside: [String: Set<String>] = [
    "SottoCrypto": ["Crypto", "CryptoExtras", "_CryptoExtras"], "SottoWire": [], "SottoSession": [],
  ]

  /// Each arrow that must not be there; one sentence each.
  var violations: [String] {
    let inHouse = Set(targets.map(\.name)).union(Self.arrows.keys)
    var found: [String] = []
    for target in targets where target.ships {
      guard let allowed = Self.arrows[target.name] else {
        found.append("\(target.name) stands in Sources/, but HouseTests does not say what it may depend on")
        continue
      }
      for dependency in target.dependencies {
        if inHouse.contains(dependency) {
          if !allowed.contains(dependency) { found.append("\(target.name) must not depend on \(dependency)") }
        } else if let external = Self.outside[target.name], !external.contains(dependency) {
          found.append("\(target.name) must not depend on \(dependency), which is not of this house")
        }
      }
    }
    return found
  }
}

extension Manifest {
  init(_ source: String) {
    // Code and source have the same length: brackets are matched in the code, words are read from the source.
    let text = ManifestText(code: Array(SwiftText(source).code), source: Array(source))
    let kinds = ["systemLibrary", "target", "executableTarget", "testTarget", "macro", "plugin"]
    var targets: [Target] = []
    var index = 0
    while index < text.code.count {
      guard let kind = kinds.first(where: { text.code[index...].starts(with: ".\($0)(") }) else {
        index += 1
        continue
      }
      let open = index + kind.count + 1
      let arguments = text.elements(from: open)
      func value(_ label: String) -> Range<Int>? { arguments.lazy.compactMap { text.value(of: label, in: $0) }.first }
      let path = value("path").map(text.literal) ?? (kind == "testTarget" ? "Tests/" : "Sources/")
      let listed = value("dependencies").map { text.elements(from: $0.lowerBound) } ?? []
      targets.append(
        Target(
          name: value("name").map(text.literal) ?? "", ships: path.hasPrefix("Sources/"),
          dependencies: listed.map(text.literal)))
      index = text.closing(of: open)
    }
    self.targets = targets
  }
}

private struct ManifestText {
  let code: [Character]
  let source: [Character]

  /// Where the bracket that opens at `open` closes.
  func closing(of open: Int) -> Int {
    var depth = 0
    for index in open..<code.count {
      if "([{".contains(code[index]) { depth += 1 }
      if ")]}".contains(code[index]) { depth -= 1 }
      if depth == 0 { return index }
    }
    return code.count
  }

  /// What stands between the commas of the brackets that open at `open`.
  func elements(from open: Int) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var start = open + 1
    var index = start
    let end = closing(of: open)
    while index < end {
      if "([{".contains(code[index]) { index = closing(of: index) }
      if code[index] == "," {
        found.append(start..<index)
        start = index + 1
      }
      index += 1
    }
    found.append(start..<end)
    return found.map(trimmed).filter { !$0.isEmpty }
  }

  /// What follows `label:` if the argument has that label.
  func value(of label: String, in argument: Range<Int>) -> Range<Int>? {
    guard code[argument].starts(with: "\(label):") else { return nil }
    return trimmed(argument.lowerBound + label.count + 1..<argument.upperBound)
  }

  /// The first string literal: a dependency's own, or the name in `.product(name:package:)`.
  func literal(in range: Range<Int>) -> String {
    String(source[range].drop { $0 != "\"" }.dropFirst().prefix { $0 != "\"" })
  }

  private func trimmed(_ range: Range<Int>) -> Range<Int> {
    let start = range.first { !source[$0].isWhitespace } ?? range.upperBound
    return start..<range.upperBound
  }
}
