/// HTML that is safe to put into a page. A literal is taken as it is; whatever is interpolated into one is escaped,
/// unless it is markup itself.
struct Markup: Sendable, Hashable, ExpressibleByStringInterpolation {
  private(set) var html: String

  init(stringLiteral value: String) { html = value }

  init(stringInterpolation: Interpolation) { html = stringInterpolation.html }

  struct Interpolation: StringInterpolationProtocol {
    fileprivate var html = ""

    init(literalCapacity: Int, interpolationCount: Int) { html.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: String) { html += literal }

    mutating func appendInterpolation(_ markup: Markup) { html += markup.html }

    mutating func appendInterpolation(_ parts: [Markup]) { for part in parts { html += part.html } }

    mutating func appendInterpolation(_ text: String) { html += Markup.escape(text) }

    mutating func appendInterpolation(_ number: Int) { html += String(number) }

    /// A coordinate, to a tenth.
    mutating func appendInterpolation(_ number: Double) {
      let tenths = Int((number * 10).rounded())
      html += (tenths < 0 ? "-" : "") + String(abs(tenths) / 10)
      if tenths % 10 != 0 { html += "." + String(abs(tenths) % 10) }
    }
  }

  static func + (left: Markup, right: Markup) -> Markup { "\(left)\(right)" }

  static func += (left: inout Markup, right: Markup) { left.html += right.html }

  /// Text of somebody else: what could end a tag, an attribute or a direction is made harmless.
  private static func escape(_ text: String) -> String {
    var html = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": html += "&amp;"
      case "<": html += "&lt;"
      case ">": html += "&gt;"
      case "\"": html += "&quot;"
      case "'": html += "&#39;"
      case "\n", "\t": html.unicodeScalars.append(scalar)
      case "\u{202a}"..."\u{202e}", "\u{2066}"..."\u{2069}": html += "\u{fffd}"
      default:
        let isControl = scalar.properties.generalCategory == .control || scalar.properties.isNoncharacterCodePoint
        html.unicodeScalars.append(isControl ? "\u{fffd}" : scalar)
      }
    }
    return html
  }
}

extension [Markup] {
  func joined(by separator: Markup) -> Markup {
    guard var result = first else { return "" }
    for part in dropFirst() { result += separator + part }
    return result
  }

  /// "a, b and c"
  var asSentencePart: Markup {
    count < 2 ? joined(by: "") : "\(Array(dropLast()).joined(by: ", ")) and \(self[count - 1])"
  }
}
