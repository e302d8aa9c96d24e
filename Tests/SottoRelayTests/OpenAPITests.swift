import Foundation
import SottoCrypto
import SottoWire
import Testing

/// `Specs/openapi.json` and the code say the same paths, methods and problems. [relay.9] [relay.10]
@Suite struct OpenAPITests {
  private typealias Object = [String: Any]

  private static func document() throws -> [String: Any] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Specs/openapi.json")
    return try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: root)) as? [String: Any])
  }

  /// One route of each kind.
  private static func routes() throws -> [Route] {
    let mailbox = try MailboxID([UInt8](repeating: 1, count: 16))
    let blob = try BlobID([UInt8](repeating: 4, count: 16))
    return [
      .live, .ready, .tokenKeys, .tokens, .card(try CardID([UInt8](repeating: 2, count: 16))), .mailbox(mailbox),
      .capabilities(mailbox),
      .signedPart(mailbox), .oneTimeParts(mailbox), .batch(mailbox, 17), .claim(mailbox),
      .envelope(mailbox, try EnvelopeID([UInt8](repeating: 3, count: 16))), .push(mailbox), .stream(mailbox), .send,
      .uploads(mailbox), .upload(mailbox, blob), .blob(blob),
    ]
  }

  /// The path with names for what varies. A new case does not compile here: it belongs in `routes` and the document.
  private static func template(_ route: Route) -> String {
    let names: [(String, String)] =
      switch route {
      case .live, .ready, .tokenKeys, .tokens, .send: []
      case .card(let card): [(card.text, "{card}")]
      case .mailbox(let id), .capabilities(let id), .signedPart(let id), .oneTimeParts(let id), .claim(let id),
        .push(let id), .stream(let id), .uploads(let id):
        [(id.text, "{mailbox}")]
      case .batch(let id, let batch): [(id.text, "{mailbox}"), (String(batch), "{batch}")]
      case .envelope(let id, let envelope): [(id.text, "{mailbox}"), (envelope.text, "{envelope}")]
      case .upload(let id, let blob): [(id.text, "{mailbox}"), (blob.text, "{blob}")]
      case .blob(let blob): [(blob.text, "{blob}")]
      }
    let parts = route.path.split(separator: "/").map { part in names.first { $0.0 == part }?.1 ?? String(part) }
    return "/" + parts.joined(separator: "/")
  }

  @Test func pathsAndMethodsAreThoseOfTheCode() throws {
    let paths = try #require(try Self.document()["paths"] as? [String: Object])
    let documented = Set(
      paths.flatMap { path, operations in operations.keys.map { "\($0.uppercased()) \(path)" } })
    let coded = Set(
      try Self.routes().flatMap { route in route.methods.map { "\($0.rawValue) \(Self.template(route))" } })
    #expect(documented.subtracting(coded).sorted() == [])
    #expect(coded.subtracting(documented).sorted() == [])
  }

  /// Every problem has a schema with its very members, and nothing else is called a problem.
  @Test func problemsAreThoseOfTheCode() throws {
    let components = try #require(try Self.document()["components"] as? Object)
    let schemas = try #require(components["schemas"] as? [String: Object])
    func const(_ schema: Object, _ name: String) -> Any? {
      ((schema["properties"] as? Object)?[name] as? Object)?["const"]
    }
    for problem in Problem.allCases {
      let schema = try #require(schemas[problem.rawValue], "\(problem)")
      #expect(const(schema, "type") as? String == problem.type)
      #expect(const(schema, "status") as? Int == problem.status, "\(problem)")
      #expect(const(schema, "title") as? String == problem.title, "\(problem)")
      #expect(const(schema, "detail") as? String == problem.detail, "\(problem)")
    }
    #expect(Set(schemas.keys) == Set(Problem.allCases.map(\.rawValue) + ["problem"]))
    let all = try #require(schemas["problem"]?["properties"] as? [String: Object])
    #expect(Set(all["type"]?["enum"] as? [String] ?? []) == Set(Problem.allCases.map(\.type)))
    #expect(Set(all["status"]?["enum"] as? [Int] ?? []) == Set(Problem.allCases.map(\.status)))
  }

  /// A problem stands in an answer with its own status, and every problem stands in some answer.
  @Test func problemsStandWithTheirStatus() throws {
    let document = try Self.document()
    let paths = try #require(document["paths"] as? [String: [String: Object]])
    let shared = try #require((document["components"] as? Object)?["responses"] as? [String: Object])
    let answers =
      paths.values.flatMap(\.values).compactMap { $0["responses"] as? [String: Object] }
      .flatMap { $0.map { ($0.key, $0.value) } }
      + shared.map { name, answer in (Problem(rawValue: name).map { String($0.status) } ?? name, answer) }
    var seen: Set<Problem> = []
    for (status, answer) in answers {
      guard let content = (answer["content"] as? [String: Object])?[Problem.mediaType] else { continue }
      let schema = try #require(content["schema"] as? Object)
      for reference in schema["oneOf"] as? [Object] ?? [schema] {
        let name = try #require((reference["$ref"] as? String)?.split(separator: "/").last)
        let problem = try #require(Problem(rawValue: String(name)))
        #expect(String(problem.status) == status, "\(problem)")
        seen.insert(problem)
      }
    }
    #expect(seen == Set(Problem.allCases))
  }
}
