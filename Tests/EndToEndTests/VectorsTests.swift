import Foundation
import Testing

/// `sotto vectors verify`, as a process: what ships passes, and nothing that is wrong ever does.
@Suite struct VectorsTests {
  private func verify(_ arguments: [String], environment: [String: String] = [:]) async throws -> Outcome {
    try await run(
      Programs.path("sotto"), ["vectors", "verify"] + arguments, environment: environment, killedAfter: 900)
  }

  /// Writes `text` as one file and verifies it.
  private func verify(file text: String) async throws -> Outcome {
    let folder = try TemporaryFolder()
    try Data(text.utf8).write(to: URL(filePath: folder.file("a.json")))
    let outcome = try await verify(["--json", folder.file("a.json")])
    withExtendedLifetime(folder) {}
    return outcome
  }

  private func counts(_ outcome: Outcome) -> [Int?] {
    ["passed", "failed", "skipped"].map { outcome.objects.last?[$0] as? Int }
  }

  @Test func `What the build ships passes, file by file`() async throws {
    let outcome = try await verify(["--json"])
    #expect(outcome.status == 0, "\(outcome)")
    let files = outcome.objects.dropLast().compactMap { $0["file"] as? String }
    #expect(files.contains("Vectors/primitives/x25519.json") && files.contains("Vectors/encoding/varint.json"))
    let (passed, failed) = (outcome.objects.last?["passed"] as? Int, outcome.objects.last?["failed"] as? Int)
    #expect(try #require(passed) >= 269 && failed == 0)
    #expect(outcome.stderr == "SKIPPED public vectors: SOTTO_PUBLIC_VECTORS is not set\n")
  }

  @Test func `The table has a line for each file and the sum at its end`() async throws {
    let outcome = try await verify([])
    #expect(outcome.status == 0, "\(outcome)")
    #expect(outcome.lines.first?.split(separator: " ") == ["file", "executed", "skipped", "failed"])
    let row = try #require(outcome.lines.first { $0.hasPrefix("Vectors/primitives/sha256.json") })
    #expect(row.split(separator: " ").dropFirst() == ["3", "0", "0"])
    #expect(outcome.lines.last?.contains(" passed, 0 failed, ") == true)
    // A progress bar is for a terminal.
    #expect(!outcome.stderr.contains("\r"))
  }

  @Test func `An installed program finds its vectors beside it`() async throws {
    let prefix = try TemporaryFolder()
    let files = FileManager.default
    let (bin, share) = (URL(filePath: prefix.file("bin")), URL(filePath: prefix.file("share/sotto/Vectors")))
    for folder in [bin, share] { try files.createDirectory(at: folder, withIntermediateDirectories: true) }
    let program = bin.appending(path: "sotto")
    try files.copyItem(at: Programs.path("sotto"), to: program)
    let alone = try await run(program, ["vectors", "verify"])
    #expect(alone.status == 66 && alone.output.contains("the folder has no JSON file"), "\(alone)")

    try Data(Self.good.utf8).write(to: share.appending(path: "one.json"))
    let outcome = try await run(program, ["vectors", "verify", "--json"])
    #expect(outcome.status == 0 && counts(outcome) == [1, 0, 0], "\(outcome)")
    withExtendedLifetime(prefix) {}
  }

  private static func file(_ operation: String, _ cases: String, schema: String = "sotto-vectors/1") -> String {
    """
    {"schema": "\(schema)", "construction": "primitives", "operation": "\(operation)", "cases": [\(cases)]}
    """
  }
  private static let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
  private static let good = file(
    "sha256", "{\"id\": \"a\", \"input\": {\"message\": \"616263\"}, \"output\": {\"digest\": \"\(right)\"}}")

  @Test func `A right case passes and a wrong one fails with exit 1`() async throws {
    let right = try await verify(file: Self.good)
    #expect(right.status == 0 && counts(right) == [1, 0, 0], "\(right)")
    let wrong = try await verify(file: Self.good.replacing("ba78", with: "ba79"))
    #expect(wrong.status == 1 && counts(wrong) == [0, 1, 0], "\(wrong)")
    // Accepted where a refusal was expected, and refused at another stage.
    let key = "\"key\": \"\(String(repeating: "00", count: 32))\", \"label\": \"example\", \"parts\": []"
    let accepted = Self.file("prf", "{\"id\": \"a\", \"input\": {\(key)}, \"expect\": \"encoding\"}")
    let outcome = try await verify(file: accepted)
    #expect(outcome.status == 1 && outcome.output.contains("expected to be refused at stage encoding"), "\(outcome)")
    let short = accepted.replacing("\"0000", with: "\"00")
    let refused = try await verify(file: short)
    #expect(refused.status == 0, "\(refused)")
    let elsewhere = try await verify(file: short.replacing("\"expect\": \"encoding\"", with: "\"expect\": \"open\""))
    #expect(elsewhere.status == 1 && counts(elsewhere) == [0, 1, 0], "\(elsewhere)")
  }

  @Test(arguments: [
    ("", "malformed JSON"), ("{", "malformed JSON"), ("3", "malformed JSON"), ("[]", "no cases"),
    ("{}", "unknown schema"), ("[{\"a\": 1}]", "unknown schema"),
    (file("sha256", "", schema: "sotto-vectors/2"), "unknown schema \"sotto-vectors/2\""),
    (file("rot13", "{}"), "unknown algorithm \"primitives/rot13\""), (file("sha256", ""), "no cases"),
    (good.replacing("616263", with: "61626"), "case \"a\".message is not hexadecimal"),
    (good.replacing("616263", with: "6162GG"), "case \"a\".message is not hexadecimal"),
    (good.replacing("616263", with: "6162AB"), "case \"a\".message is not hexadecimal"),
    (good.replacing("\"616263\"", with: "616263"), "case \"a\".message is not a string"),
    (good.replacing("\"message\"", with: "\"massage\""), "has no field \"message\""),
    (good.replacing("\"output\"", with: "\"outptu\""), "unknown field \"outptu\""),
    (good.replacing("\"cases\": [", with: "\"cases\": [\(right), "), "malformed JSON"),
    (
      file("sha256", "{\"id\": \"a\", \"input\": {\"message\": \"GG\"}, \"expect\": \"encoding\"}"),
      "case \"a\".message is not hexadecimal"
    ),
    (
      "{\"algorithm\": \"ROT13\", \"numberOfTests\": 1, \"testGroups\": [{\"type\": \"RotTest\", \"tests\": []}]}",
      "unknown algorithm \"ROT13 RotTest\""
    ),
    (
      "{\"algorithm\": \"EDDSA\", \"numberOfTests\": 1, \"testGroups\": [{\"type\": \"EddsaVerify\", \"tests\": []}]}",
      "0 tests and promises 1"
    ),
    (
      "{\"vsId\": 1, \"algorithm\": \"ML-DSA\", \"mode\": \"sigGen\", \"testGroups\": []}",
      "unknown algorithm \"ML-DSA sigGen\""
    ),
  ]) func `What is no vector file says so and exits 65`(text: String, line: String) async throws {
    let outcome = try await verify(file: text)
    #expect(outcome.status == 65, "\(outcome)")
    #expect(counts(outcome) == [0, 1, 0], "\(outcome)")
    #expect(outcome.stderr.split(separator: "\n").count == 1 && outcome.stderr.contains(line), "\(outcome)")
  }

  @Test func `Only skipped cases are no pass`() async throws {
    let group = "{\"type\": \"HkdfTest\", \"tests\": []}"
    let outcome = try await verify(
      file: "{\"algorithm\": \"HKDF-SHA-256\", \"numberOfTests\": 86, \"testGroups\": [\(group)]}")
    #expect(outcome.status == 65 && counts(outcome) == [0, 0, 86], "\(outcome)")
  }

  @Test func `What cannot be read exits 66`() async throws {
    let folder = try TemporaryFolder()
    let empty = try await verify(["--json", folder.path])
    #expect(empty.status == 66 && empty.stderr.contains("the folder has no JSON file"), "\(empty)")
    let missing = try await verify(["--json", folder.file("missing.json")])
    #expect(missing.status == 66 && missing.stderr.contains("no such file or folder"), "\(missing)")
    try Data("{\"vsId\": 1, \"algorithm\": \"ML-KEM\", \"mode\": \"keyGen\", \"testGroups\": []}".utf8).write(
      to: URL(filePath: folder.file("keygen_prompt.json")))
    let alone = try await verify(["--json", folder.path])
    #expect(alone.status == 66 && alone.stderr.contains("no such file: keygen_expected.json"), "\(alone)")
  }

  @Test func `A bad file beside a good one is not outvoted`() async throws {
    let folder = try TemporaryFolder()
    try Data(Self.good.utf8).write(to: URL(filePath: folder.file("a.json")))
    try Data("{".utf8).write(to: URL(filePath: folder.file("b.json")))
    let outcome = try await verify(["--json", folder.path])
    #expect(outcome.status == 65 && counts(outcome) == [1, 1, 0], "\(outcome)")
  }

  /// The public files, where they are at hand.
  @Test(.enabled(if: publicVectors != nil, "SKIPPED public vectors: SOTTO_PUBLIC_VECTORS is not set"))
  func `Public vectors have no wrong verdict`() async throws {
    let folder = try #require(Self.publicVectors)
    let outcome = try await verify(["--json"], environment: ["SOTTO_PUBLIC_VECTORS": folder])
    #expect(outcome.status == 0, "\(outcome)")
    let executed = Dictionary(
      outcome.objects.dropLast().map { object in
        ((object["file"] as? String ?? "").split(separator: "/").suffix(2).joined(separator: "/"), object)
      }, uniquingKeysWith: { first, _ in first }
    ).mapValues { $0["passed"] as? Int }
    // At least as many as when this was written: a file that is suddenly skipped is a finding.
    for (file, count) in [
      "wycheproof/x25519_test.json": 518, "wycheproof/ed25519_test.json": 151,
      "wycheproof/chacha20_poly1305_test.json": 316, "wycheproof/xchacha20_poly1305_test.json": 315,
      "wycheproof/mlkem_1024_test.json": 193, "wycheproof/mlkem_1024_keygen_seed_test.json": 100,
      "wycheproof/mlkem_1024_encaps_test.json": 136, "wycheproof/mldsa_65_verify_test.json": 210,
      "wycheproof/mldsa_65_sign_seed_test.json": 87, "acvp/keygen_1.1.0.40_prompt.json": 25,
      "acvp/encapdecap_1.1.0.40_prompt.json": 10, "cctv/ed25519vectors.json": 914, "ed25519-speccheck/cases.json": 12,
    ] {
      #expect(executed[file] == .some(count), "\(file)")
    }
  }

  private static let publicVectors = ProcessInfo.processInfo.environment["SOTTO_PUBLIC_VECTORS"]
}
