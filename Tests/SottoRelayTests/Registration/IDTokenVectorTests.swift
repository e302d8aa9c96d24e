import Foundation
import SottoRelay
import Testing

/// Wycheproof's vectors for JSON Web Signatures, as far as an ID token may be signed that way: the stage of the
/// signature alone, because what they sign are no claims.
@Suite struct IDTokenVectorTests {
  private static let folder = ProcessInfo.processInfo.environment["SOTTO_PUBLIC_VECTORS"]

  private struct Outcome {
    var executed: [String: Int] = [:]
    var skipped: [String: Int] = [:]
    var wrong: [String] = []
  }

  @Test(.enabled(if: folder != nil, "SKIPPED public vectors: SOTTO_PUBLIC_VECTORS is not set"))
  func `Every signature of Wycheproof has its verdict`() async throws {
    let path = try #require(Self.folder) + "/wycheproof/json_web_signature_test.json"
    let file = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path))) as? [String: Any]
    var outcome = Outcome()
    for group in try #require(file?["testGroups"] as? [[String: Any]]) {
      let tests = try #require(group["tests"] as? [[String: Any]])
      guard let key = group["public"] as? [String: Any] else {
        outcome.skipped["the key is a shared secret", default: 0] += tests.count
        continue
      }
      let algorithm = key["alg"] as? String
      guard algorithm.map({ SigningAlgorithm(rawValue: $0) != nil }) ?? true else {
        outcome.skipped["an algorithm that is not on the list", default: 0] += tests.count
        continue
      }
      let keys = try #require(await ProviderKeys(document: Array(json(["keys": [key]]).utf8)))
      for test in tests { try Self.run(test, keys, algorithm ?? "a key for encryption", &outcome) }
    }
    print("Wycheproof JWS: executed \(outcome.executed), skipped \(outcome.skipped), failed \(outcome.wrong)")
    #expect(outcome.wrong == [])
    #expect(outcome.executed == ["RS256": 233, "ES256": 39, "PS256": 48, "a key for encryption": 4])
    #expect(
      outcome.skipped == [
        "the key is a shared secret": 40, "an algorithm that is not on the list": 35,
        "the token's algorithm is not the key's": 2,
      ])
  }

  private static func run(
    _ test: [String: Any], _ keys: ProviderKeys, _ kind: String, _ outcome: inout Outcome
  ) throws {
    let (text, result) = (try #require(test["jws"] as? String), try #require(test["result"] as? String))
    var refusal: IDTokenRefusal?
    do throws(IDTokenRefusal) {
      let token = try SignedToken(text)
      guard let key = keys.key(named: token.keyName) else { throw .refused(.unknownKey) }
      _ = try token.payload(signedWith: key)
    } catch { refusal = error }
    // RFC 7520's figure 20 says PS384 of a key for PS256.
    if result == "valid", refusal == .refused(.algorithm) {
      outcome.skipped["the token's algorithm is not the key's", default: 0] += 1
      return
    }
    outcome.executed[kind, default: 0] += 1
    if (refusal == nil) != (result == "valid") {
      outcome.wrong.append("\(test["tcId"] ?? ""): \(refusal.map { "\($0)" } ?? "accepted"), and it is \(result)")
    }
  }
}
