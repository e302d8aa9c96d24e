internal import Foundation

/// Which format a JSON file is in, and its cases.
enum PublicVectors {
  static let noRandomness = "the randomness of an encapsulation cannot be set from outside"
  static let noExpandedKeys = "private keys are seeds here, expanded keys cannot be imported"

  static func content(of json: Any, at url: URL, verdicts: (String) throws -> Fields) throws -> VectorContent {
    if let list = json as? [Any] { return try content(of: list, at: url, verdicts: verdicts) }
    let file = try Fields(json, url.lastPathComponent, allowsUpperCase: true)
    if file.has("vsId") { return try acvp(file, at: url) }
    if file.has("testGroups") { return try Wycheproof.content(of: file) }
    if file.has("schema") {
      switch try file.text("schema") {
      case SottoVectors.schema: return .cases(try SottoVectors.cases(of: try Fields(json, url.lastPathComponent)))
      case EdgeCases.schema:
        return .notApplicable("verdicts, read together with the public file", count: 1)
      case let schema: throw BadVector("unknown schema \"\(schema)\"")
      }
    }
    let names = Set(file.values.keys)
    if names == ["dk", "c", "K"] { return .notApplicable(noExpandedKeys, count: 1) }
    // CCTV's unlucky sample: its key is G(d), FIPS 203's is G(d || k). Wycheproof has such keys in the final form.
    if names == ["d", "z", "ek", "dk", "m", "c", "K"] {
      return .notApplicable("made with the draft of FIPS 203, whose seeds yield other keys", count: 1)
    }
    if file.has("cipher_suite") { return .notApplicable(mls, count: 1) }
    throw BadVector("unknown schema: the file says none, and its fields are of no known format")
  }

  private static let mls = "MLS is not part of version 1"

  private static func content(
    of list: [Any], at url: URL, verdicts: (String) throws -> Fields
  ) throws -> VectorContent {
    guard let first = list.first else { throw BadVector("the file has no cases") }
    let fields = try Fields(first, "case 0")
    for format in [EdgeCases.cctv, EdgeCases.speccheck] where fields.has(format.key) && fields.has(format.signature) {
      return .cases(try EdgeCases.cases(list, format, verdicts: verdicts(format.verdicts)))
    }
    if fields.has("path"), fields.has("sha256") { return .notApplicable("a list of files", count: 1) }
    let ofMLS = ["cipher_suite", "mls_welcome", "vlbytes_header", "n_leaves"]
    if ofMLS.contains(where: fields.has) { return .notApplicable(mls, count: list.count) }
    throw BadVector("unknown schema: the file says none, and its fields are of no known format")
  }

  private static func acvp(_ file: Fields, at url: URL) throws -> VectorContent {
    let name = url.lastPathComponent
    if name.hasSuffix("_expected.json") {
      return .notApplicable("answers, read together with the prompt", count: 1)
    }
    guard name.hasSuffix("_prompt.json") else { return try ACVP.content(of: file, answers: nil) }
    let beside = name.dropLast("_prompt.json".count) + "_expected.json"
    let answers = try VectorFiles.json(at: url.deletingLastPathComponent().appending(path: beside))
    return try ACVP.content(of: file, answers: try Fields(answers, String(beside), allowsUpperCase: true))
  }
}
