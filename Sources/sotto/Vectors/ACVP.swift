internal import SottoCrypto
internal import SottoWire

/// NIST ACVP, ML-KEM FIPS203: a prompt and the expected answers, joined on tgId and tcId, in two files or in one.
enum ACVP {
  /// `answers` is the file beside a prompt; nil when `file` holds both.
  static func content(of file: Fields, answers: Fields?) throws -> VectorContent {
    let (algorithm, mode) = (try file.text("algorithm"), try file.text("mode"))
    guard algorithm == "ML-KEM", ["keyGen", "encapDecap"].contains(mode) else {
      throw BadVector("unknown algorithm \"\(algorithm) \(mode)\"")
    }
    var expected: [String: Fields] = [:]
    for group in try (answers ?? file).objects("testGroups") {
      for test in try group.objects("tests") { expected[try key(group, test)] = test }
    }
    var cases: [VectorCase] = []
    for group in try file.objects("testGroups") {
      for test in try group.objects("tests") {
        guard let answer = expected[try key(group, test)] else { throw BadVector("\(test.place) has no answer") }
        cases.append(VectorCase(id: String(try test.number("tcId"))) { try check(mode, group, test, answer) })
      }
    }
    return .cases(cases)
  }

  private static func key(_ group: Fields, _ test: Fields) throws -> String {
    "\(try group.number("tgId"))/\(try test.number("tcId"))"
  }

  private static func check(_ mode: String, _ group: Fields, _ test: Fields, _ answer: Fields) throws -> Verdict {
    let set = try group.text("parameterSet")
    guard set == "ML-KEM-1024" else { return .skipped("Sotto does not use \(set)") }
    switch mode == "keyGen" ? "keyGen" : try group.text("function") {
    case "keyGen":
      let seed = Secret(copying: try test.bytes("d") + test.bytes("z"))
      guard let key = try? KEMPrivateKey(seed: seed) else { return .failed("the seed was refused") }
      let computed = key.publicKey.bytes
      return .expect(computed == (try answer.bytes("ek")), "another encapsulation key")
    case "encapsulationKeyCheck":
      let accepted = (try? KEMPublicKey(test.bytes("ek"))) != nil
      return .expect(accepted == (try answer.flag("testPassed")), accepted ? "accepted" : "refused")
    case "encapsulation":
      guard (try? KEMPublicKey(test.bytes("ek"))) != nil else { return .failed("the encapsulation key was refused") }
      return .skipped(PublicVectors.noRandomness)
    case "decapsulation", "decapsulationKeyCheck":
      return .skipped(PublicVectors.noExpandedKeys)
    case let function:
      throw BadVector("unknown algorithm \"ML-KEM \(function)\"")
    }
  }
}
