import sotto

/// A terminal that knows what the painter says, and nothing more: whatever else comes is a finding.
struct TestTerminal {
  struct Square: Equatable {
    var text = " "
    var sequence = "0"
  }

  let size: ScreenSize
  private(set) var squares: [[Square]]
  private(set) var cursor = Position(row: 0, column: 0)
  private(set) var isCursorShown = true
  private(set) var strange: [String] = []
  private var sequence = "0"
  /// How many columns this terminal gives a cluster; terminals disagree.
  private let width: (Character) -> Int

  init(size: ScreenSize, width: @escaping (Character) -> Int = TextWidth.columns(of:)) {
    (self.size, self.width) = (size, width)
    squares = Array(repeating: Array(repeating: Square(), count: size.columns), count: size.rows)
  }

  mutating func take(_ bytes: [UInt8]) {
    var rest = Substring(String(decoding: bytes, as: UTF8.self))
    while let first = rest.first {
      if first == "\u{1b}", let match = rest.prefixMatch(of: /\x{1b}\[([?0-9;]*)([A-Za-z])/) {
        obey(String(match.1), match.2.first ?? " ")
        rest = rest[match.range.upperBound...]
      } else {
        put(first)
        rest.removeFirst()
      }
    }
  }

  private mutating func obey(_ parameters: String, _ final: Character) {
    let numbers = parameters.split(separator: ";").compactMap { Int($0) }
    switch (final, parameters) {
    case ("H", _) where numbers.count == 2: cursor = Position(row: numbers[0] - 1, column: numbers[1] - 1)
    case ("G", _) where numbers.count == 1: cursor.column = numbers[0] - 1
    case ("K", ""): for column in cursor.column..<size.columns { squares[cursor.row][column] = Square() }
    case ("m", _): sequence = parameters.hasPrefix("0;") ? String(parameters.dropFirst(2)) : parameters
    case ("h", "?25"): isCursorShown = true
    case ("l", "?25"): isCursorShown = false
    case ("h", "?2026"), ("l", "?2026"): break
    default: strange.append("\(parameters)\(final)")
    }
    // A terminal would take the last column instead, and erase what stands there.
    guard "HGK".contains(final) else { return }
    if cursor.row >= size.rows || cursor.column >= size.columns { strange.append("beyond the edge: \(cursor)") }
  }

  private mutating func put(_ character: Character) {
    if character.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
      strange.append(character.debugDescription)
    }
    for offset in 0..<width(character) where cursor.column + offset < size.columns {
      // The further columns of a wide glyph have nothing of their own.
      squares[cursor.row][cursor.column + offset] = Square(
        text: offset == 0 ? String(character) : "", sequence: sequence)
    }
    cursor.column += width(character)
  }

  /// What the screen looks like if it shows `frame`.
  static func expected(_ frame: Frame, colored: Bool) -> [[Square]] {
    frame.rows.map { row in
      var squares: [Square] = []
      for cell in row.cells {
        let sequence = cell.style.numbers(colored: colored)
        // A tab is several spaces; anything else is one cluster, whose further columns have nothing of their own.
        let isTab = cell.glyph.isSpace && cell.glyph.text.count > 1
        for column in 0..<cell.glyph.columns {
          squares.append(Square(text: isTab ? " " : column == 0 ? cell.glyph.text : "", sequence: sequence))
        }
      }
      return squares + Array(repeating: Square(), count: frame.size.columns - squares.count)
    }
  }
}

extension Style {
  func numbers(colored: Bool) -> String {
    var numbers: [String] = []
    if isBold { numbers.append("1") }
    if isDim { numbers.append("2") }
    if isReverse { numbers.append("7") }
    switch color {
    case _ where !colored: break
    case .none: break
    case .red: numbers.append("31")
    case .green: numbers.append("32")
    case .yellow: numbers.append("33")
    case .cyan: numbers.append("36")
    }
    return numbers.isEmpty ? "0" : numbers.joined(separator: ";")
  }
}

extension Frame {
  /// The text of the rows, without the blanks at their ends.
  var text: [String] {
    rows.map { row in
      var line = row.cells.map(\.glyph.text).joined()
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// What a golden file holds: the rows between bars, and where the cursor is.
  var golden: String {
    let edge = "+" + String(repeating: "-", count: size.columns) + "+\n"
    let body = rows.map { row in
      "|" + row.cells.map(\.glyph.text).joined() + String(repeating: " ", count: size.columns - row.columns) + "|\n"
    }
    return edge + body.joined() + edge
      + (cursor.map { "cursor: row \($0.row), column \($0.column)\n" } ?? "no cursor\n")
  }

  /// One letter for the style of each column.
  var styles: String {
    rows.map { row in
      let letters = row.cells.map { String(repeating: $0.style.letter, count: $0.glyph.columns) }.joined()
      return letters + "\n"
    }.joined()
  }
}

extension Style {
  fileprivate var letter: String {
    let color = ["none": "b", "red": "r", "green": "g", "yellow": "y", "cyan": "c"]["\(color)"] ?? "?"
    if isReverse { return color == "b" ? (isBold ? "B" : "#") : color.uppercased() }
    if color != "b" { return color }
    return isBold ? "b" : isDim ? "d" : "."
  }
}
