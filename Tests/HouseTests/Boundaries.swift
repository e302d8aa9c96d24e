/// The imports that must never exist, and the calls that a state machine must never make. They are a function over one
/// file's path and text, so that the tests can plant what must be found.
enum Boundaries {
  /// What `source`, standing at `path`, does that the house forbids; one sentence each.
  static func violations(in source: String, at path: String) -> [String] {
    let tokens = SwiftText(source).tokens
    return importViolations(tokens, at: path) + callViolations(tokens, at: path)
  }

  private static let relayRooms = [
    "Sources/SottoRelay/", "Sources/SottoRelayFleet/", "Sources/sotto-relay/", "Sources/sotto-push/",
  ]

  /// What does not ship measures a relay, and stands beside the primitives' own calls in one file.
  private static let benchmarks = "Benchmarks/"
  private static let floor = "Benchmarks/CryptoFloor.swift"

  /// Rooms without I/O: whatever they need is an argument.
  private static let pureRooms = ["Sources/SottoCrypto/"] + machineRooms

  /// The state machines among them. SottoCrypto is not one: the system's randomness has to enter somewhere.
  private static let machineRooms = [
    "Sources/SottoWire/", "Sources/SottoSession/", "Sources/SottoClient/Engine/", "Sources/SottoRelay/Rules/",
  ]

  /// swift-crypto speaks `Data`. These files translate, and may import FoundationEssentials for it, internally.
  private static let dataFiles: Set<String> = [
    "Sources/SottoCrypto/KEM.swift", "Sources/SottoCrypto/MLDSA.swift", "Sources/SottoCrypto/BlindRSA.swift",
    "Sources/SottoCrypto/Residue.swift", "Sources/SottoCrypto/PublicKeySeal.swift", "Sources/SottoCrypto/WebPush.swift",
  ]

  private static let rules = [
    ImportRule(
      ["SottoSession", "SottoClient"], never: relayRooms, "the relay must not be able to name what it may not read"),
    ImportRule(
      ["SottoRelay", "SottoRelayFleet"], only: relayRooms + [benchmarks],
      "a relay is a program of its own, which others only start"),
    ImportRule(
      ["CSodium"], only: ["Sources/SottoCrypto/", floor], "primitives are used through the types of SottoCrypto"),
    // A certificate's key is TLS's, not the protocol's.
    ImportRule(
      ["Crypto*", "_Crypto*"],
      only: ["Sources/SottoCrypto/", "Sources/SottoRelay/Config/SelfSignedCertificate.swift", floor],
      "primitives are used through the types of SottoCrypto"),
    ImportRule(["GRDBSQLite", "SQLite3"], only: ["Sources/SottoRelay/SQLite/"], "SQLite is reached through GRDB"),
    ImportRule(
      ["CLibpq", "CRabbitMQ"], only: ["Sources/SottoRelayFleet/"], "a single relay needs no database or message server"),
    ImportRule(
      [
        "NIO*", "_NIO*", "GRDB*", "Foundation*", "Dispatch", "Logging", "AsyncHTTPClient", "Hummingbird*",
        "ServiceLifecycle",
      ], never: pureRooms, "this room does no I/O"),
  ]

  private static func importViolations(_ tokens: [SwiftText.Token], at path: String) -> [String] {
    var found: [String] = []
    for entry in ImportDeclaration.all(in: tokens) {
      if entry.module == "FoundationEssentials" && dataFiles.contains(path) && !entry.isExposed { continue }
      for rule in rules where rule.forbids(entry.module, at: path) {
        found.append("\(path):\(entry.line) imports \(entry.module): \(rule.reason)")
      }
    }
    return found
  }

  /// Clocks and randomness of the system, as runs of tokens.
  private static let systemCalls: [[String]] = [
    ["Date", "(", ")"], ["Date", ".", "init", "(", ")"], ["Date", ".", "now"], ["timeIntervalSinceNow"],
    ["ContinuousClock"], ["SuspendingClock"], ["clock_gettime"], ["gettimeofday"], ["Task", ".", "sleep"],
    ["SystemEntropy"], ["SystemRandomNumberGenerator"], ["UUID", "(", ")"],
    [".", "random", "("], [".", "randomElement", "(", ")"], [".", "shuffled", "(", ")"], [".", "shuffle", "(", ")"],
    ["getentropy"], ["getrandom"], ["arc4random"], ["arc4random_buf"], ["arc4random_uniform"],
    ["randombytes"], ["randombytes_buf"], ["randombytes_random"], ["randombytes_uniform"],
  ]

  /// Programs whose settings name files with keys and passwords.
  private static let secretRooms = ["Sources/sotto-relay/", "Sources/sotto-push/"]

  /// What makes a String of a file: nothing wipes it.
  private static let textCalls: [[String]] = [["String", "(", "contentsOfFile"], ["String", "(", "contentsOf"]]

  private static func callViolations(_ tokens: [SwiftText.Token], at path: String) -> [String] {
    var found: [String] = []
    if path.stands(in: machineRooms) {
      found += uses(of: systemCalls, in: tokens, at: path).map { "\($0): time and randomness are arguments here" }
    }
    if path.stands(in: secretRooms) {
      found += uses(of: textCalls, in: tokens, at: path).map { "\($0): what stands there may be a key" }
    }
    return found
  }

  private static func uses(of calls: [[String]], in tokens: [SwiftText.Token], at path: String) -> [String] {
    var found: [String] = []
    for start in tokens.indices {
      for call in calls where tokens[start...].prefix(call.count).map(\.text) == call {
        found.append("\(path):\(tokens[start].line) uses \(call.joined())")
      }
    }
    return found
  }
}

/// Which rooms may import some modules. A module name that ends in `*` is a prefix.
private struct ImportRule: Sendable {
  let modules: [String]
  let rooms: [String]
  /// Whether `rooms` are the only ones that may, or the ones that may not.
  let only: Bool
  let reason: String

  init(_ modules: [String], only rooms: [String], _ reason: String) {
    (self.modules, self.rooms, only, self.reason) = (modules, rooms, true, reason)
  }

  init(_ modules: [String], never rooms: [String], _ reason: String) {
    (self.modules, self.rooms, only, self.reason) = (modules, rooms, false, reason)
  }

  func forbids(_ module: String, at path: String) -> Bool {
    guard path.stands(in: rooms) != only else { return false }
    return modules.contains { $0.hasSuffix("*") ? module.hasPrefix($0.dropLast()) : module == $0 }
  }
}

/// One `import`, whatever stands before it on its line.
private struct ImportDeclaration {
  let module: String
  let line: Int
  /// Whether the module becomes part of what this one shows to others.
  let isExposed: Bool

  private static let kinds: Set<String> = [
    "actor", "class", "enum", "func", "let", "macro", "protocol", "struct", "typealias", "var",
  ]

  static func all(in tokens: [SwiftText.Token]) -> [ImportDeclaration] {
    var found: [ImportDeclaration] = []
    for index in tokens.indices where tokens[index].text == "import" {
      // `.import` is a member, not a declaration.
      if index > 0 && tokens[index - 1].text == "." { continue }
      let name = tokens[(index + 1)...].first { !kinds.contains($0.text) }
      let before = tokens[..<index].suffix { $0.line == tokens[index].line && $0.text != ";" }
      guard let name else { continue }
      let exposing: Set<String> = ["public", "package", "@_exported", "@usableFromInline"]
      found.append(
        ImportDeclaration(
          module: name.text.filter { $0 != "`" }, line: tokens[index].line,
          isExposed: before.contains { exposing.contains($0.text) }))
    }
    return found
  }
}

extension String {
  func stands(in rooms: [String]) -> Bool { rooms.contains { hasPrefix($0) } }
}

extension Collection where Self: BidirectionalCollection {
  /// The longest end of the collection whose elements all match.
  fileprivate func suffix(while matches: (Element) -> Bool) -> SubSequence {
    var start = endIndex
    while start > startIndex, matches(self[index(before: start)]) { start = index(before: start) }
    return self[start...]
  }
}
