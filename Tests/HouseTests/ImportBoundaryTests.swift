import Foundation
import Testing

@Suite struct ImportBoundaryTests {
  @Test func `No shipped file crosses a boundary`() throws {
    let paths = try Repository.files(under: "Sources", endingWith: ".swift")
    // An empty walk would pass: every Swift room must be among what was read.
    let rooms = Set(paths.map { $0.split(separator: "/")[1] })
    for room in [
      "SottoCrypto", "SottoWire", "SottoSession", "SottoClient", "SottoRelay", "SottoRelayFleet", "sotto",
      "sotto-relay",
    ] {
      #expect(rooms.contains(Substring(room)))
    }
    let violations = try paths.flatMap { try Boundaries.violations(in: Repository.text($0), at: $0) }
    expectNone(violations)
  }

  /// `swift build` has to do without what only a fleet needs.
  @Test func `Nothing of the fleet is compiled without its trait`() throws {
    func isGuarded(_ source: String) -> Bool {
      let lines = source.split(separator: "\n")
      let isOneBlock = lines.dropLast().allSatisfy { $0.hasPrefix(" ") || $0 == lines[0] }
      return lines.first == "#if Fleet" && lines.last == "#endif" && isOneBlock
    }
    let paths = try Repository.files(under: "Sources/SottoRelayFleet", endingWith: ".swift")
    #expect(paths.count > 5)
    expectNone(try paths.filter { !isGuarded(try Repository.text($0)) })
    #expect(!isGuarded("#if Fleet\n  let a = 1\n#endif\nimport CLibpq\n"))
    #expect(!isGuarded("#if Fleet\n#else\n  let a = 1\n#endif\n"))
    let manifest = try Repository.text("Package.swift")
    for room in ["CLibpq", "CRabbitMQ", "SottoRelayFleet"] {
      let uses = manifest.matches(
        of: try Regex("\\.target\\(name: \"\(room)\", condition: \\.when\\(traits: \\[\"Fleet\"\\]\\)\\)"))
      let all = manifest.ranges(of: "\"\(room)\"").count
      #expect(!uses.isEmpty && all == uses.count + 1, "its own declaration, and dependencies under the trait alone")
    }
  }

  @Test func `A benchmark reaches primitives in one file only`() throws {
    let paths = try Repository.files(under: "Benchmarks", endingWith: ".swift")
    #expect(paths.contains("Benchmarks/CryptoFloor.swift"))
    expectNone(try paths.flatMap { try Boundaries.violations(in: Repository.text($0), at: $0) })
    for module in ["CSodium", "Crypto", "GRDBSQLite"] {
      let planted = Boundaries.violations(in: "import \(module)\n", at: "Benchmarks/CryptoOperations.swift")
      #expect(planted.count == 1)
    }
  }

  @Test(arguments: [
    // The relay cannot name what it must not read.
    ("SottoRelay/HTTP/Routes.swift", "import SottoSession"),
    ("SottoRelay/HTTP/Routes.swift", "internal import struct SottoClient.Engine"),
    ("SottoRelayFleet/Bus.swift", "import SottoSession"),
    ("sotto-relay/Serve.swift", "@testable import SottoClient"),
    ("sotto-push/Main.swift", "import SottoClient"),
    // And nobody else holds a relay.
    ("SottoClient/Transport/Pool.swift", "import SottoRelay"),
    ("sotto/Demo.swift", "import SottoRelay"),
    ("sotto/Demo.swift", "import SottoRelayFleet"),
    // C libraries have one room each.
    ("SottoWire/Codec.swift", "import CSodium"),
    ("SottoClient/Store/Store.swift", "import Crypto"),
    ("SottoRelay/HTTP/Digest.swift", "import _CryptoExtras"),
    ("SottoRelay/Operations/Backup.swift", "import GRDBSQLite"),
    ("SottoClient/Store/Store.swift", "import GRDBSQLite"),
    ("SottoRelay/SQLite/Writer.swift", "import CLibpq"),
    ("sotto-relay/Serve.swift", "import CRabbitMQ"),
    // No I/O in a machine.
    ("SottoCrypto/Hash.swift", "import Foundation"),
    ("SottoCrypto/Hash.swift", "internal import FoundationEssentials"),
    ("SottoCrypto/KEM.swift", "import Foundation"),
    ("SottoCrypto/KEM.swift", "public import FoundationEssentials"),
    ("SottoCrypto/MLDSA.swift", "package import FoundationEssentials"),
    ("SottoCrypto/MLDSA.swift", "@_exported import FoundationEssentials"),
    ("SottoWire/Codec.swift", "import NIOCore"),
    ("SottoWire/Codec.swift", "@_exported import _NIOFileSystem"),
    ("SottoSession/Ratchet/Ratchet.swift", "import struct Foundation.Date"),
    ("SottoSession/Ratchet/Ratchet.swift", "import Dispatch"),
    ("SottoClient/Engine/Engine.swift", "import GRDB"),
    ("SottoClient/Engine/Engine.swift", "import Logging"),
    ("SottoRelay/Rules/Mailbox.swift", "import FoundationNetworking"),
    ("SottoRelay/Rules/Mailbox.swift", "import HTTPTypes; import Hummingbird"),
    ("SottoRelay/Rules/Mailbox.swift", "#if canImport(Logging)\n  @preconcurrency import Logging\n#endif"),
    // Time and randomness are arguments.
    ("SottoSession/Ratchet/Ratchet.swift", "let now = Date()"),
    ("SottoSession/Ratchet/Ratchet.swift", "let now = Date . now"),
    ("SottoClient/Engine/Engine.swift", "let text = \"at \\(ContinuousClock.now)\""),
    ("SottoClient/Engine/Engine.swift", "func wait(clock: SuspendingClock)"),
    ("SottoRelay/Rules/Mailbox.swift", "clock_gettime(CLOCK_REALTIME, &time)"),
    ("SottoRelay/Rules/Mailbox.swift", "let delay = Int.random(in: 0..<10)"),
    ("SottoWire/Codec.swift", "var generator = SystemRandomNumberGenerator()"),
    ("SottoSession/Handshake/Initiator.swift", "randombytes_buf(pointer, 32)"),
    ("SottoSession/Handshake/Initiator.swift", "var entropy = SystemEntropy()"),
    ("SottoClient/Engine/Outbox.swift", "let first = items.randomElement()"),
    // What stands in a file of these programs may be a key.
    ("sotto-relay/Token.swift", "let key = try? String(contentsOfFile: path, encoding: .utf8)"),
    ("sotto-push/Gateway/Key.swift", "let key = try String(contentsOf: URL(filePath: path), encoding: .utf8)"),
  ])
  func `A planted violation is found`(path: String, source: String) {
    let violations = Boundaries.violations(in: "/// A file.\n\(source)\n", at: "Sources/\(path)")
    #expect(violations.count == 1)
  }

  @Test(arguments: [
    ("SottoCrypto/KEM.swift", "internal import CSodium\ninternal import Crypto\ninternal import FoundationEssentials"),
    ("SottoCrypto/Entropy.swift", "randombytes_buf(pointer, count)"),
    ("SottoWire/Codec.swift", "public import SottoCrypto  // not Foundation"),
    ("SottoSession/Ratchet/Ratchet.swift", "/// Date() is an argument.\nlet text = \"import Foundation\""),
    ("SottoClient/Store/Store.swift", "import GRDB\nimport Foundation\nlet now = Date()"),
    ("SottoClient/Engine/Outbox.swift", "let delay = entropy.below(limit); case `import`; let kind = Kind.import"),
    ("SottoRelay/SQLite/Writer.swift", "import GRDBSQLite\nimport GRDB"),
    ("SottoRelay/Rules/Mailbox.swift", "#if canImport(Foundation)\n#endif"),
    ("SottoRelayFleet/Store.swift", "import CLibpq\nimport SottoRelay"),
    ("sotto-relay/Serve.swift", "import SottoRelay\nimport Foundation\nlet now = ContinuousClock.now"),
    ("sotto/Send.swift", "import SottoClient\nimport SottoSession\nimport Foundation"),
    ("SottoRelay/Config/File.swift", "let text = try String(contentsOfFile: path, encoding: .utf8)"),
  ])
  func `What is allowed is let through`(path: String, source: String) {
    let violations = Boundaries.violations(in: source, at: "Sources/\(path)")
    expectNone(violations)
  }
}
