/// A Swift source split into what the compiler reads as code and what it reads as prose (comments and the text of string
/// literals). Both keep the line breaks. So a rule about code is not tripped by a comment, and code in a string's
/// interpolation is still code.
struct SwiftText {
  private(set) var code = ""
  private(set) var prose = ""
  private let source: [Character]
  private var next = 0

  init(_ text: String) {
    source = Array(text)
    while next < source.count { scanCode() }
  }

  /// The words and marks of the code, in order. A word in backticks is one token that keeps them.
  var tokens: [Token] {
    var tokens: [Token] = []
    for (index, line) in code.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      var rest = line[...]
      while let first = rest.first {
        var length = 1
        if first.isWordCharacter || first == "@" {
          length = 1 + rest.dropFirst().prefix { $0.isWordCharacter }.count
        } else if first == "`", let close = rest.dropFirst().firstIndex(of: "`") {
          length = rest.distance(from: rest.startIndex, to: close) + 1
        }
        if !first.isWhitespace { tokens.append(Token(text: String(rest.prefix(length)), line: index + 1)) }
        rest = rest.dropFirst(length)
      }
    }
    return tokens
  }

  struct Token {
    let text: String
    let line: Int
  }

  /// Takes code up to the end, or up to the bracket that closes an interpolation.
  private mutating func scanCode(insideInterpolation: Bool = false) {
    var depth = 0
    while next < source.count {
      if starts(with: "//") {
        takeProse { $0.starts(with: "\n") }
      } else if starts(with: "/*") {
        scanBlockComment()
      } else if let opening = stringOpening() {
        scanString(opening)
      } else {
        if source[next] == "(" { depth += 1 }
        if source[next] == ")" { depth -= 1 }
        take(asCode: true)
        if insideInterpolation && depth == 0 { return }
      }
    }
  }

  private mutating func scanBlockComment() {
    var depth = 0
    repeat {
      if starts(with: "/*") {
        depth += 1
        take(asCode: false)
      } else if starts(with: "*/") {
        depth -= 1
        take(asCode: false)
      }
      if next < source.count { take(asCode: false) }
    } while depth > 0 && next < source.count
  }

  private mutating func scanString(_ opening: StringOpening) {
    for _ in 0..<opening.length { take(asCode: false) }
    while next < source.count {
      // A single-line literal that is still open at its line's end is a regex with a quote in it: back to code.
      if starts(with: opening.closing) || (!opening.isMultiline && source[next] == "\n") {
        for _ in 0..<opening.closing.count where next < source.count && source[next] != "\n" { take(asCode: false) }
        return
      }
      if starts(with: opening.escape + "(") {
        for _ in opening.escape { take(asCode: false) }
        scanCode(insideInterpolation: true)
      } else {
        let isEscape = starts(with: opening.escape)
        take(asCode: false)
        if isEscape && opening.escape.count == 1 && next < source.count { take(asCode: false) }
      }
    }
  }

  private struct StringOpening {
    let hashes: Int
    let isMultiline: Bool
    var length: Int { hashes + (isMultiline ? 3 : 1) }
    var closing: String {
      String(repeating: "\"", count: isMultiline ? 3 : 1) + String(repeating: "#", count: hashes)
    }
    var escape: String { "\\" + String(repeating: "#", count: hashes) }
  }

  private func stringOpening() -> StringOpening? {
    let hashes = source[next...].prefix { $0 == "#" }.count
    let quotes = source[(next + hashes)...].prefix { $0 == "\"" }.count
    return quotes == 0 ? nil : StringOpening(hashes: hashes, isMultiline: quotes >= 3)
  }

  private func starts(with text: String) -> Bool { source[next...].starts(with: text) }

  private mutating func takeProse(until end: (SwiftText) -> Bool) {
    while next < source.count && !end(self) { take(asCode: false) }
  }

  private mutating func take(asCode: Bool) {
    let character = source[next]
    let blank: Character = character == "\n" ? "\n" : " "
    code.append(asCode ? character : blank)
    prose.append(asCode ? blank : character)
    next += 1
  }
}

extension Character {
  var isWordCharacter: Bool { isLetter || isNumber || self == "_" }
}
