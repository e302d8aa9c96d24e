import Foundation
import Testing

/// What does not compile: a single-use key that is used twice, a secret that is copied, half of a hybrid key.
@Suite struct SingleUseTests {
  private static let prelude = """
    import SottoCrypto
    func example(_ bytes: consuming Secret, _ entropy: inout SystemEntropy) throws {

    """

  /// The control: with the same arguments, what is right compiles.
  @Test func usingAKeyOnceCompiles() throws {
    let result = try Self.compile("let key = SingleUseKey(bytes)\n_ = key.seal([1], ad: [])")
    #expect(result == "")
  }

  @Test(arguments: [
    // [primitives.8]
    ("let key = SingleUseKey(bytes)\n_ = key.seal([1], ad: [])\n_ = key.seal([2], ad: [])", "consumed more than once"),
    (
      "let key = SingleUseKey(bytes)\n_ = key.seal([1], ad: [])\n_ = try key.open([2], ad: [])",
      "consumed more than once"
    ),
    (
      "let key = SingleUseKey(bytes)\nlet again = SingleUseKey(bytes)\n_ = key.seal([1], ad: [])",
      "consumed more than once"
    ),
    // [primitives.14]
    (
      """
      let header = StreamHeader(from: &entropy)
      let key = StreamKey(bytes)
      _ = StreamSealer(key, header: header)
      _ = StreamSealer(key, header: header)
      """, "consumed more than once"
    ),
    (
      """
      let header = StreamHeader(from: &entropy)
      var stream = StreamSealer(StreamKey(bytes), header: header)
      var sealed = [UInt8](repeating: 0, count: 17)
      var target = sealed.mutableSpan
      let nothing: [UInt8] = []
      stream.sealLast(nothing.span, into: &target)
      stream.seal(nothing.span, into: &target)
      """, "used after consume"
    ),
    ("let one = bytes\nlet two = bytes\n_ = one.count + two.count", "consumed more than once"),
    ("let both = [bytes]\n_ = both", "Copyable"),
    ("print(bytes)", "Copyable"),
    // [primitives.6]
    ("let key = try HybridSigningKey(from: &entropy)\n_ = key.classical.sign([1])", "'classical' is inaccessible"),
    ("let key = try HybridSigningKey(from: &entropy)\n_ = key.postQuantum.sign([1])", "'postQuantum' is inaccessible"),
  ]) func misuseDoesNotCompile(body: String, diagnostic: String) throws {
    let result = try Self.compile(body)
    #expect(result.contains("error:") && result.contains(diagnostic), "\(result)")
  }

  /// What the compiler says about `body`, compiled against this build's modules.
  private static func compile(_ body: String) throws -> String {
    let folder = URL.temporaryDirectory.appending(path: "sotto-compile-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = folder.appending(path: "example.swift")
    try Data("\(prelude)\(body)\n}\n".utf8).write(to: source)

    let products = try #require(Bundle.main.executableURL).resolvingSymlinksInPath().deletingLastPathComponent()
    let shim = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources/CSodium")
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      // Not -typecheck: ownership is checked after it.
      "swiftc", "-emit-sil", "-o", "/dev/null", "-swift-version", "6", "-module-cache-path",
      products.appending(path: "ModuleCache").path, "-I",
      products.appending(path: "Modules").path, "-I", shim.path, source.path,
    ]
    let output = Pipe()
    process.standardError = output
    process.standardOutput = output
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }
}
