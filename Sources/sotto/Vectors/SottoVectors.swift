internal import Foundation
internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// A value of a vector, as it stands in the file.
enum VectorValue: Equatable {
  /// Text, or bytes as lower-case hexadecimal.
  case text(String)
  case number(Int)
  case list([String])

  static func bytes(_ bytes: [UInt8]) -> VectorValue { .text(Hex.encode(bytes)) }

  init?(_ json: Any) {
    switch json {
    case let text as String: self = .text(text)
    case let number as NSNumber:
      guard let number = Int(number.stringValue) else { return nil }
      self = .number(number)
    case let list as [String]: self = .list(list)
    default: return nil
    }
  }
}

/// Computes the outputs of one operation from its inputs, or refuses with a stage.
typealias VectorOperation = @Sendable (Fields) throws -> [String: VectorValue]

/// Sotto's own format, `sotto-vectors/1`: Vectors/README.md defines it.
enum SottoVectors {
  static let schema = "sotto-vectors/1"

  /// Every operation, by `construction/operation`.
  static let operations: [String: VectorOperation] = [
    PrimitiveOperations.all, EncodingOperations.all, IdentityOperations.all, PrekeyOperations.all,
    MessageOperations.all, HandshakeOperations.all, RatchetOperations.all, SessionOperations.all,
    AttachmentOperations.all, DeviceOperations.all, RelayOperations.all, StateOperations.all,
  ].reduce(into: [:]) { $0.merge($1) { $1 } }

  static func cases(of file: Fields) throws -> [VectorCase] {
    try allow(["schema", "construction", "operation", "description", "cases"], in: file)
    let name = "\(try file.text("construction"))/\(try file.text("operation"))"
    guard let known = operations[name] else { throw BadVector("unknown algorithm \"\(name)\"") }
    let operation: VectorOperation = { fields in
      do { return try known(fields) } catch let refused as SottoSession.Refused {
        throw Refused(stage: refused.stage.rawValue)
      }
    }
    let objects = try file.objects("cases")
    guard !objects.isEmpty else { throw BadVector("the file has no cases") }
    var ids = Set<String>()
    return try objects.map { object in
      let id = try object.text("id")
      guard ids.insert(id).inserted else { throw BadVector("two cases have the id \"\(id)\"") }
      return try vectorCase(id, object, operation)
    }
  }

  private static func vectorCase(
    _ id: String, _ object: Fields, _ operation: @escaping VectorOperation
  ) throws -> VectorCase {
    try allow(
      ["id", "comment", "rule", "given", "input", "output", "expect", "reason"], in: object)
    let given = object.has("given") ? try object.object("given").values : [:]
    let both = given.merging(try object.object("input").values) { $1 }
    let fields = try Fields(both, "case \"\(id)\"")
    if object.has("expect") {
      guard !object.has("output") else { throw BadVector("case \"\(id)\" has an output and must be refused") }
      let (stage, reason) = (try object.text("expect"), object.has("reason") ? try object.text("reason") : nil)
      return VectorCase(id: id) { try refusal(of: operation, fields, stage, reason) }
    }
    var output: [String: VectorValue] = [:]
    for (name, json) in try object.object("output").values {
      guard let value = VectorValue(json) else { throw BadVector("case \"\(id)\".output.\(name) has no known type") }
      output[name] = value
    }
    return VectorCase(id: id) { [output] in try comparison(of: operation, fields, output) }
  }

  private static func comparison(
    of operation: VectorOperation, _ fields: Fields, _ expected: [String: VectorValue]
  ) throws -> Verdict {
    do {
      let computed = try operation(fields)
      for name in Set(expected.keys).union(computed.keys).sorted() where expected[name] != computed[name] {
        return .failed("\(name) is \(describe(computed[name])), expected \(describe(expected[name]))")
      }
      return .passed
    } catch let refused as Refused {
      return .failed("refused at stage \(describe(refused)), expected to be accepted")
    }
  }

  private static func refusal(
    of operation: VectorOperation, _ fields: Fields, _ stage: String, _ reason: String?
  ) throws -> Verdict {
    do {
      _ = try operation(fields)
      return .failed("accepted, expected to be refused at stage \(stage)")
    } catch let refused as Refused {
      let agrees = refused.stage == stage && (reason == nil || refused.reason == reason)
      return .expect(
        agrees,
        "refused at stage \(describe(refused)), expected \(describe(Refused(stage: stage, reason: reason)))")
    }
  }

  /// A misspelt field would be ignored, and a check with it.
  private static func allow(_ names: Set<String>, in fields: Fields) throws {
    if let unknown = fields.values.keys.sorted().first(where: { !names.contains($0) }) {
      throw BadVector("\(fields.place) has an unknown field \"\(unknown)\"")
    }
  }

  private static func describe(_ value: VectorValue?) -> String {
    switch value {
    case .text(let text): text.count <= 80 ? "\"\(text)\"" : "\"\(text.prefix(72))...\" (\(text.count) characters)"
    case .number(let number): String(number)
    case .list(let list): "a list of \(list.count)"
    case nil: "missing"
    }
  }

  private static func describe(_ refused: Refused) -> String {
    refused.stage + (refused.reason.map { " (\($0))" } ?? "")
  }
}
