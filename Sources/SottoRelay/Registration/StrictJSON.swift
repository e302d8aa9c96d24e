/// JSON (RFC 8259) with one reading only: no member stands twice in an object, however it is spelled, nothing follows
/// the value, and every string is Unicode. What is signed says the same to every reader then. Strings are UTF-8 bytes,
/// because Swift holds different spellings of a character for equal, and a name is the same name only byte for byte.
package enum StrictJSON: Equatable, Sendable {
  case object([[UInt8]: StrictJSON])
  case array([StrictJSON])
  case string([UInt8])
  case number(Double)
  case bool(Bool)
  case null

  /// nil for anything that is not one such value, or nests deeper than `RelayLimits.jsonDepth`.
  package init?(_ bytes: [UInt8]) {
    guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
    var scanner = JSONScanner(bytes)
    guard let value = try? scanner.document() else { return nil }
    self = value
  }

  /// The member of this name; nil when this is no object, too.
  package subscript(_ name: String) -> StrictJSON? {
    guard case .object(let members) = self else { return nil }
    return members[Array(name.utf8)]
  }

  /// Whether it is this string, byte for byte.
  package func says(_ text: String) -> Bool { self == .string(Array(text.utf8)) }

  /// The bytes of a string.
  package var bytes: [UInt8]? {
    guard case .string(let bytes) = self else { return nil }
    return bytes
  }

  package var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

  package var number: Double? {
    guard case .number(let number) = self else { return nil }
    return number
  }

  package var elements: [StrictJSON]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }
}

/// Reads from the first byte to the last, and looks back nowhere.
private struct JSONScanner {
  struct Malformed: Error {}

  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(Malformed) -> StrictJSON {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw Malformed() }
    return value
  }

  private mutating func value(depth: Int) throws(Malformed) -> StrictJSON {
    guard depth < RelayLimits.jsonDepth else { throw Malformed() }
    skipSpace()
    guard position < bytes.count else { throw Malformed() }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["): return try array(depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return .number(try number())
    }
  }

  private mutating func object(_ depth: Int) throws(Malformed) -> StrictJSON {
    var members: [[UInt8]: StrictJSON] = [:]
    position += 1
    skipSpace()
    if take("}") { return .object([:]) }
    repeat {
      skipSpace()
      let name = try string()
      skipSpace()
      guard take(":") else { throw Malformed() }
      let member = try value(depth: depth + 1)
      guard members.updateValue(member, forKey: name) == nil else { throw Malformed() }
      skipSpace()
    } while take(",")
    guard take("}") else { throw Malformed() }
    return .object(members)
  }

  private mutating func array(_ depth: Int) throws(Malformed) -> StrictJSON {
    var elements: [StrictJSON] = []
    position += 1
    skipSpace()
    if take("]") { return .array([]) }
    repeat {
      elements.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw Malformed() }
    return .array(elements)
  }

  private mutating func string() throws(Malformed) -> [UInt8] {
    guard take("\"") else { throw Malformed() }
    var text: [UInt8] = []
    while true {
      let byte = try next()
      switch byte {
      case UInt8(ascii: "\""): return text
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw Malformed()
      default: text.append(byte)
      }
    }
  }

  private mutating func escape(into text: inout [UInt8]) throws(Malformed) {
    let byte = try next()
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text += String(Character(try scalar())).utf8
    default: throw Malformed()
    }
  }

  /// What stands behind `\u`, with the second half of a pair if it is the first.
  private mutating func scalar() throws(Malformed) -> Unicode.Scalar {
    let first = try unit()
    guard 0xD800...0xDBFF ~= first else {
      guard let scalar = Unicode.Scalar(first) else { throw Malformed() }
      return scalar
    }
    guard take("\\"), take("u") else { throw Malformed() }
    let second = try unit()
    guard 0xDC00...0xDFFF ~= second,
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw Malformed() }
    return scalar
  }

  private mutating func unit() throws(Malformed) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(try next())).hexDigitValue else { throw Malformed() }
      unit = unit << 4 | UInt32(digit)
    }
    return unit
  }

  private mutating func number() throws(Malformed) -> Double {
    let start = position
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    // Larger numbers than a double holds are read differently by different programs.
    guard let number = Double(text), number.isFinite else { throw Malformed() }
    return number
  }

  private mutating func digits() throws(Malformed) {
    let start = position
    while position < bytes.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[position] { position += 1 }
    guard position > start else { throw Malformed() }
  }

  private mutating func literal(_ word: String, _ value: StrictJSON) throws(Malformed) -> StrictJSON {
    guard bytes[position...].starts(with: word.utf8) else { throw Malformed() }
    position += word.utf8.count
    return value
  }

  private mutating func next() throws(Malformed) -> UInt8 {
    guard position < bytes.count else { throw Malformed() }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
  }
}
