import Foundation
import SottoWire

/// One file of the format that Vectors/README.md defines.
struct VectorFile {
  let construction: String
  let operation: String
  let description: String
  let cases: [Case]

  var path: String { "\(construction)/\(operation).json" }

  /// The same bytes each time: fields in the order in which they were given, two spaces, a final line break.
  var json: String {
    let head: [(String, Value)] = [
      ("schema", "sotto-vectors/1"), ("construction", .text(construction)), ("operation", .text(operation)),
      ("description", .text(description)),
    ]
    let fields = head.map { "  \(quoted($0)): \($1.json)" }
    let cases = self.cases.map(\.json).joined(separator: ",\n")
    return "{\n\(fields.joined(separator: ",\n")),\n  \"cases\": [\n\(cases)\n  ]\n}\n"
  }
}

/// A value as it stands in the file: text, a number, a list of texts. Bytes are text in hexadecimal.
enum Value: ExpressibleByStringLiteral {
  case text(String)
  case number(Int)
  case list([String])

  init(stringLiteral value: String) { self = .text(value) }
  static func bytes(_ bytes: [UInt8]) -> Value { .text(Hex.encode(bytes)) }

  var json: String {
    switch self {
    case .text(let text): quoted(text)
    case .number(let number): String(number)
    case .list(let texts): "[" + texts.map(quoted).joined(separator: ", ") + "]"
    }
  }
}

/// Fields in the order in which they are written.
struct Named: ExpressibleByDictionaryLiteral {
  var fields: [(name: String, value: Value)]

  init(dictionaryLiteral elements: (String, Value)...) { fields = elements.map { ($0, $1) } }

  static func + (a: Named, b: Named) -> Named {
    var both = a
    both.fields += b.fields
    return both
  }
}

struct Case {
  enum Expectation {
    case output(Named)
    /// The stage that must refuse, and within the encoding the reason.
    case refusal(stage: String, reason: String?)
  }

  let id: String
  let comment: String
  let rule: String
  let given: Named
  let input: Named
  let expectation: Expectation

  /// A case with an output.
  init(_ id: String, _ rule: String, _ comment: String, given: Named = [:], _ input: Named, output: Named) {
    (self.id, self.rule, self.comment) = (id, "[\(rule)]", comment)
    (self.given, self.input, expectation) = (given, input, .output(output))
  }

  /// A case that must be refused.
  init(
    _ id: String, _ rule: String, _ comment: String, given: Named = [:], _ input: Named, refusedAt stage: String,
    _ reason: String? = nil
  ) {
    (self.id, self.rule, self.comment) = (id, "[\(rule)]", comment)
    (self.given, self.input, expectation) = (given, input, .refusal(stage: stage, reason: reason))
  }

  var json: String {
    var fields = ["\"id\": \(quoted(id))", "\"comment\": \(quoted(comment))", "\"rule\": \(quoted(rule))"]
    if !given.fields.isEmpty { fields.append("\"given\": \(Self.object(given))") }
    fields.append("\"input\": \(Self.object(input))")
    switch expectation {
    case .output(let output): fields.append("\"output\": \(Self.object(output))")
    case .refusal(let stage, let reason):
      fields.append("\"expect\": \(quoted(stage))")
      if let reason { fields.append("\"reason\": \(quoted(reason))") }
    }
    return "    {\n" + fields.map { "      \($0)" }.joined(separator: ",\n") + "\n    }"
  }

  private static func object(_ fields: Named) -> String {
    if fields.fields.isEmpty { return "{}" }
    return "{\n" + fields.fields.map { "        \(quoted($0)): \($1.json)" }.joined(separator: ",\n") + "\n      }"
  }
}

private func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"", "\\": result += "\\\(scalar)"
    case "\u{20}"..."\u{7e}": result.unicodeScalars.append(scalar)
    default: result += scalar.utf16.map { "\\u" + String(UInt32($0) + 0x10000, radix: 16).suffix(4) }.joined()
    }
  }
  return result + "\""
}

extension Unicode.Scalar {
  fileprivate var utf16: [UInt16] { Array(String(self).utf16) }
}

/// The bytes of a hexadecimal literal; white space in it is for the eye.
func hex(_ text: String) -> [UInt8] { Hex.decode(text.filter { !$0.isWhitespace })! }

/// `count` bytes that count up from `first`: the inputs that Specs/README.md calls seq(first, count).
func seq(_ first: Int, _ count: Int) -> [UInt8] { (first..<first + count).map { UInt8($0 & 0xff) } }

extension Array where Element == UInt8 {
  /// The same bytes with one bit of one byte inverted.
  func flipped(_ index: Int) -> [UInt8] {
    var bytes = self
    bytes[index] ^= 1
    return bytes
  }
}
