/// One cluster as a screen may show it. The painter knows nothing else, so nobody's text can steer the terminal.
package struct Glyph: Equatable, Sendable {
  package let text: String
  package let columns: Int
  /// Whether a line may end behind it.
  package let isSpace: Bool

  private init(_ text: String, columns: Int, isSpace: Bool = false) {
    (self.text, self.columns, self.isSpace) = (text, columns, isSpace)
  }

  package static let space = Glyph(" ", columns: 1, isSpace: true)
  /// Looks like a space and keeps its neighbours together.
  package static let tie = Glyph(" ", columns: 1)
  package static let replacement = Glyph("\u{fffd}", columns: 1)
  /// What cannot be seen is not painted: terminals disagree about how wide nothing is.
  private static let nothing = Glyph("", columns: 0)

  /// Made harmless: control characters and bidirectional controls are replaced, invisible ones have no columns.
  package init(_ character: Character) {
    let scalars = character.unicodeScalars
    let first = scalars[scalars.startIndex]
    switch first.value {
    case 0x20: self = .space
    case 0x21..<0x7f where scalars.count == 1: self.init(String(character), columns: 1)
    case 0x09:
      self.init(String(repeating: " ", count: ChatLimits.tabColumns), columns: ChatLimits.tabColumns, isSpace: true)
    case 0x3000: self.init("\u{3000}", columns: 2, isSpace: true)
    case _ where Self.isHarmful(first): self = .replacement
    default: self.init(visible: character)
    }
  }

  private init(visible character: Character) {
    let scalars = character.unicodeScalars.prefix(ChatLimits.glyphScalars)
    let isWhole = scalars.endIndex == character.unicodeScalars.endIndex
    let text = isWhole ? String(character) : String(String.UnicodeScalarView(scalars))
    let columns = TextWidth.columns(ofCluster: scalars)
    if columns > 0 {
      self.init(text, columns: columns)
    } else if scalars.contains(where: { !$0.properties.isDefaultIgnorableCodePoint }) {
      // A mark with nothing to stand on is given the circle that books print under it.
      self.init("\u{25cc}" + text, columns: 1)
    } else {
      self = .nothing
    }
  }

  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isControl || (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
  }

  /// In a window narrower than itself it is replaced.
  package func fitting(_ limit: Int) -> Glyph { columns <= limit ? self : isSpace ? .space : .replacement }

  /// Whether every terminal agrees about the columns. Behind a glyph of which that is not known the painter says where
  /// the next one stands.
  package var isSure: Bool {
    let scalars = text.unicodeScalars
    guard let first = scalars.first?.value else { return true }
    if first == 0x20 { return true }
    guard scalars.dropFirst().isEmpty else { return false }
    switch first {
    case 0x20..<0x600, 0x2010...0x2027, 0x2190...0x2193, 0x2500...0x257f, 0x2713, 0x3041...0x4dbf, 0x4e00...0x9fff,
      0xac00...0xd7a3, 0xff01...0xff5e:
      return true
    default: return false
    }
  }
}

extension Collection<Glyph> {
  package var columns: Int { reduce(0) { $0 + $1.columns } }

  /// As many as fit, with an ellipsis for the rest.
  package func cut(to limit: Int) -> [Glyph] {
    guard columns > limit else { return Array(self) }
    var kept: [Glyph] = []
    var used = 0
    for glyph in self {
      guard used + glyph.columns < limit else { break }
      kept.append(glyph)
      used += glyph.columns
    }
    return limit > 0 ? kept + [Glyph("…")] : []
  }
}

extension String {
  /// On one line, whatever stands in it.
  package var glyphs: [Glyph] { map { Glyph($0.isLineEnd ? " " : $0) }.filter { $0.columns > 0 } }
}

extension Character {
  /// Where text goes on in the next line. A lone CR is a control character like others.
  package var isLineEnd: Bool {
    let scalars = unicodeScalars
    switch scalars[scalars.startIndex].value {
    case 0x0a, 0x2028, 0x2029: return true
    case 0x0d: return scalars.count == 2
    default: return false
    }
  }
}

extension Unicode.Scalar {
  /// The general category Cc, which will never have others.
  package var isControl: Bool { value < 0x20 || (0x7f..<0xa0).contains(value) }
}
