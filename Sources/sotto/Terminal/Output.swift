internal import Foundation
internal import SottoClient

/// What goes to standard output: results, and nothing else.
enum Output {
  /// A line for a person, or a JSON object, whichever was asked for.
  static func line(_ text: String) throws { try write(text + "\n") }

  static func line(_ object: JSON) throws { try line(object.text) }

  /// Writes all of it in as few calls as the system allows.
  static func write(_ text: String) throws {
    guard write(Array(text.utf8), to: STDOUT_FILENO) else {
      let code = errno
      throw ClientError(
        .io, "Cannot write to standard output: \(unsafe String(cString: strerror(code))).",
        meaning: code == EPIPE ? "Whoever was reading has gone." : "The disk may be full.",
        next: "Run the command again; what was not shown is shown then.")
    }
  }

  /// A note for a person, on standard error.
  static func note(_ text: String) { write(Array((text + "\n").utf8), to: STDERR_FILENO) }

  @discardableResult
  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// The width of the terminal that standard output is; nil if it is none, or does not say.
  static var columns: Int? {
    var window = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0 else { return nil }
    return Int(window.ws_col)
  }

  /// A text for somebody's camera. It is one for a dark terminal where colours are not wanted.
  static func code(_ text: String) throws {
    guard let code = QRCode(text) else { return }
    guard let zone = code.quietZone(columns: columns ?? .max) else {
      return note("The terminal is too narrow for the QR code: it needs \(code.size + 4) columns.")
    }
    let isPlain = isatty(STDOUT_FILENO) == 0 || GlobalOptions.environment("NO_COLOR") != nil
    try write(code.text(isPlain ? .plain : .ansi, quietZone: zone))
  }

  /// Text of somebody else, on one line and cut to `limit` characters.
  static func oneLine(_ text: String, limit: Int = 60) -> String {
    let line = harmless(String(text.prefix(limit + 1))).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return line.count > limit ? line.prefix(limit - 1) + "…" : line
  }

  /// An argument of a command line that a person may copy: in quotes when a shell would cut it.
  static func word(_ text: String) -> String {
    let plain = text.unicodeScalars.allSatisfy {
      $0.properties.isAlphabetic || "0123456789-_.:@".unicodeScalars.contains($0)
    }
    return plain ? text : "'" + harmless(text).replacing("'", with: "'\\''") + "'"
  }

  /// Text of somebody else, made harmless for a terminal: control characters could move the cursor or retitle it.
  static func harmless(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { scalar in
          let isControl = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
          let isDirectional = (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
          return isControl || isDirectional ? "\u{fffd}" : scalar
        }))
  }
}

/// A JSON object with its members in the order in which they are read best.
struct JSON {
  enum Value {
    case string(String)
    case number(Int)
    case object(JSON)
    case bool(Bool)
    case strings([String])
  }

  private var members: [(String, Value)]

  init(_ members: KeyValuePairs<String, Value?>) {
    self.members = members.compactMap { key, value in value.map { (key, $0) } }
  }

  init(_ members: [(String, Value)]) { self.members = members }

  var text: String {
    "{" + members.map { "\(Self.quoted($0)):\(Self.encoded($1))" }.joined(separator: ",") + "}"
  }

  private static func encoded(_ value: Value) -> String {
    switch value {
    case .string(let text): quoted(text)
    case .number(let number): String(number)
    case .object(let object): object.text
    case .bool(let flag): flag ? "true" : "false"
    case .strings(let texts): "[" + texts.map(quoted).joined(separator: ",") + "]"
    }
  }

  /// RFC 8259 section 7; everything but quotes, backslashes and control characters stands as it is.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
