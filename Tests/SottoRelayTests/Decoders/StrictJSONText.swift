import SottoRelay

extension StrictJSON {
  /// The same in JSON, in one of its spellings.
  var written: String {
    switch self {
    case .object(let members):
      "{" + members.map { StrictJSON.string($0.key).written + ":" + $0.value.written }.joined(separator: ",") + "}"
    case .array(let elements): "[" + elements.map(\.written).joined(separator: ",") + "]"
    case .string(let bytes): Self.quoted(String(decoding: bytes, as: UTF8.self))
    case .number(let number): "\(number)"
    case .bool(let bool): "\(bool)"
    case .null: "null"
    }
  }

  private static func quoted(_ text: String) -> String {
    let characters = text.unicodeScalars.map { scalar -> String in
      if scalar == "\"" || scalar == "\\" { return "\\" + String(scalar) }
      if scalar.value >= 0x20 { return String(scalar) }
      return (scalar.value < 16 ? "\\u000" : "\\u00") + String(scalar.value, radix: 16)
    }
    return "\"" + characters.joined() + "\""
  }
}
