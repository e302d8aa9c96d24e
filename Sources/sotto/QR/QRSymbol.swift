/// The modules of a symbol, before or after masking.
package struct QRSymbol: Equatable {
  package let version: QRVersion
  /// Modules along each side.
  package let size: Int
  private var isDark: [Bool]
  /// The modules that codewords do not fill and masks do not turn.
  private var isFunction: [Bool]

  /// An unmasked symbol, whose format information is missing still.
  ///
  /// - Parameter codewords: the final sequence, as many as the version holds.
  package init(_ version: QRVersion, _ codewords: [UInt8]) {
    precondition(codewords.count == version.totalCodewords)
    self.init(version)
    draw(codewords)
  }

  /// The function patterns alone.
  package init(_ version: QRVersion) {
    self.version = version
    size = version.size
    isDark = Array(repeating: false, count: size * size)
    isFunction = isDark
    drawTiming()
    drawFinders()
    drawAlignments()
    drawFormat(0)
    if version.hasVersionInformation { drawVersion() }
  }

  package subscript(row: Int, column: Int) -> Bool { isDark[index(row, column)] }

  /// How many modules are left for codewords and the up to seven remainder bits.
  package var freeModules: Int { isFunction.count { !$0 } }

  private func index(_ row: Int, _ column: Int) -> Int {
    precondition((0..<size).contains(row) && (0..<size).contains(column))
    return row * size + column
  }
}

/// Function patterns (6.3).
extension QRSymbol {
  private mutating func setFunction(_ row: Int, _ column: Int, _ dark: Bool) {
    let index = index(row, column)
    isDark[index] = dark
    isFunction[index] = true
  }

  /// Draws after this may cover its ends, which belong to the finders.
  private mutating func drawTiming() {
    for position in 0..<size {
      setFunction(6, position, position.isMultiple(of: 2))
      setFunction(position, 6, position.isMultiple(of: 2))
    }
  }

  /// Finder patterns with their separators, in all corners but the lower right one.
  private mutating func drawFinders() {
    for (row, column) in [(3, 3), (3, size - 4), (size - 4, 3)] {
      drawRings(row, column, radius: 4) { $0 != 2 && $0 != 4 }
    }
  }

  private mutating func drawAlignments() {
    let centres = version.alignmentCentres
    guard let first = centres.first, let last = centres.last else { return }
    for row in centres {
      for column in centres {
        // Finders stand at three of the four corners.
        let isAtFinder = min(row, column) == first && (max(row, column) == first || max(row, column) == last)
        if !isAtFinder { drawRings(row, column, radius: 2) { $0 != 1 } }
      }
    }
  }

  /// Concentric squares, cut off at the edge.
  ///
  /// - Parameter isDark: by the distance from the centre.
  private mutating func drawRings(_ row: Int, _ column: Int, radius: Int, _ isDark: (Int) -> Bool) {
    for down in -radius...radius where (0..<size).contains(row + down) {
      for right in -radius...radius where (0..<size).contains(column + right) {
        setFunction(row + down, column + right, isDark(max(abs(down), abs(right))))
      }
    }
  }

  /// Twice, and the module beside it that is always dark (7.9.1). Bit 0 is the least significant.
  private mutating func drawFormat(_ format: Int) {
    for bit in 0..<15 {
      let dark = format >> bit & 1 == 1
      // Around the upper left finder, going round the timing patterns in row and column 6.
      switch bit {
      case 0...5: setFunction(bit, 8, dark)
      case 6, 7: setFunction(bit + 1, 8, dark)
      case 8: setFunction(8, 7, dark)
      default: setFunction(8, 14 - bit, dark)
      }
      // Half beside the upper right finder, half beside the lower left one.
      if bit < 8 {
        setFunction(8, size - 1 - bit, dark)
      } else {
        setFunction(size - 15 + bit, 8, dark)
      }
    }
    setFunction(size - 8, 8, true)
  }

  /// Twice: three columns left of the upper right finder, and mirrored above the lower left one (7.10).
  private mutating func drawVersion() {
    let information = Self.versionInformation(version)
    for bit in 0..<18 {
      let dark = information >> bit & 1 == 1
      setFunction(bit / 3, size - 11 + bit % 3, dark)
      setFunction(size - 11 + bit % 3, bit / 3, dark)
    }
  }
}

/// Format and version information (7.9, 7.10).
extension QRSymbol {
  /// 15 bits: level and mask, protected by a BCH code, and turned so that they are never all light.
  package static func formatInformation(_ correction: QRCode.Correction, mask: Int) -> Int {
    let level =
      switch correction {
      case .low: 0b01
      case .medium: 0b00
      case .quartile: 0b11
      case .high: 0b10
      }
    return withChecks(level << 3 | mask, generator: 0b101_0011_0111, degree: 10) ^ 0b101_0100_0001_0010
  }

  /// 18 bits: the version, protected by a Golay code.
  package static func versionInformation(_ version: QRVersion) -> Int {
    withChecks(version.number, generator: 0b1_1111_0010_0101, degree: 12)
  }

  /// Data followed by the remainder of its division by the generator, as polynomials over GF(2).
  private static func withChecks(_ data: Int, generator: Int, degree: Int) -> Int {
    var remainder = data << degree
    while remainder >> degree != 0 {
      let width = Int.bitWidth - remainder.leadingZeroBitCount
      remainder ^= generator << (width - degree - 1)
    }
    return data << degree | remainder
  }
}

/// Codewords and masks (7.7.3, 7.8).
extension QRSymbol {
  /// From the lower right corner in strips two modules wide, up and down by turns. Remainder bits stay light.
  private mutating func draw(_ codewords: [UInt8]) {
    var bits = codewords.lazy.flatMap { byte in (0..<8).reversed().map { byte >> $0 & 1 == 1 } }.makeIterator()
    // The timing pattern's column belongs to no strip.
    let rightColumns = Array(stride(from: size - 1, to: 6, by: -2)) + [5, 3, 1]
    for (strip, right) in rightColumns.enumerated() {
      for step in 0..<size {
        let row = strip.isMultiple(of: 2) ? size - 1 - step : step
        for column in [right, right - 1] where !isFunction[index(row, column)] {
          isDark[index(row, column)] = bits.next() ?? false
        }
      }
    }
    precondition(bits.next() == nil)
  }

  /// With the mask of the least penalty, the first of them if there are several.
  package func masked(_ correction: QRCode.Correction) -> QRSymbol {
    var best = masked(correction, mask: 0)
    var least = best.penalty
    for mask in 1..<8 {
      let candidate = masked(correction, mask: mask)
      let penalty = candidate.penalty
      if penalty < least { (best, least) = (candidate, penalty) }
    }
    return best
  }

  /// - Parameter mask: 0..<8.
  package func masked(_ correction: QRCode.Correction, mask: Int) -> QRSymbol {
    var result = self
    for row in 0..<size {
      for column in 0..<size where !isFunction[index(row, column)] && Self.turns(mask, row, column) {
        result.isDark[index(row, column)].toggle()
      }
    }
    result.drawFormat(Self.formatInformation(correction, mask: mask))
    return result
  }

  /// Table 10.
  private static func turns(_ mask: Int, _ row: Int, _ column: Int) -> Bool {
    let product = row * column
    return switch mask {
    case 0: (row + column) % 2 == 0
    case 1: row % 2 == 0
    case 2: column % 3 == 0
    case 3: (row + column) % 3 == 0
    case 4: (row / 2 + column / 3) % 2 == 0
    case 5: product % 2 + product % 3 == 0
    case 6: (product % 2 + product % 3) % 2 == 0
    case 7: ((row + column) % 2 + product % 3) % 2 == 0
    default: preconditionFailure("There are eight masks.")
    }
  }

  /// How hard the symbol is to read (7.8.3).
  package var penalty: Int { QRPenalty.of((0..<size).map { Array(isDark[($0 * size)..<(($0 + 1) * size)]) }) }
}

/// What makes a symbol hard to read (ISO/IEC 18004, 7.8.3.1, Table 11): the mask that makes the least of it is used.
package enum QRPenalty {
  /// - Parameter rows: of a square, dark modules are true.
  package static func of(_ rows: [[Bool]]) -> Int {
    let columns = rows.indices.map { column in rows.map { $0[column] } }
    let lines = (rows + columns).map { runs($0) + finders($0) }
    return lines.reduce(0, +) + squares(rows) + balance(rows)
  }

  /// Five or more of a colour in a line: 3, and 1 for each beyond five.
  package static func runs(_ line: [Bool]) -> Int {
    var penalty = 0
    var length = 0
    for (index, module) in line.enumerated() {
      length = index > 0 && line[index - 1] == module ? length + 1 : 1
      if length == 5 { penalty += 3 }
      if length > 5 { penalty += 1 }
    }
    return penalty
  }

  /// Every square of two by two in a colour, those that overlap too: 3.
  package static func squares(_ rows: [[Bool]]) -> Int {
    var penalty = 0
    for (upper, lower) in zip(rows, rows.dropFirst()) {
      for column in upper.indices.dropLast() {
        let isDark = upper[column]
        if upper[column + 1] == isDark && lower[column] == isDark && lower[column + 1] == isDark { penalty += 3 }
      }
    }
    return penalty
  }

  /// What looks like a line through a finder, with four light modules before or after it: 40.
  ///
  /// The standard does not say whether the quiet zone's modules count among the four. Here they do: a reader sees them.
  package static func finders(_ line: [Bool]) -> Int {
    let finder = [true, false, true, true, true, false, true]
    guard line.count >= finder.count else { return 0 }
    var penalty = 0
    for start in 0...(line.count - finder.count) where line[start] {
      let end = start + finder.count
      guard line[start..<end].elementsEqual(finder) else { continue }
      let isLightBefore = !line[max(0, start - 4)..<start].contains(true)
      let isLightAfter = !line[end..<min(line.count, end + 4)].contains(true)
      if isLightBefore || isLightAfter { penalty += 40 }
    }
    return penalty
  }

  /// For each whole 5 % by which the dark modules are more or fewer than half: 10.
  package static func balance(_ rows: [[Bool]]) -> Int {
    let all = rows.reduce(0) { $0 + $1.count }
    let dark = rows.reduce(0) { $0 + $1.count { $0 } }
    // |dark / all - 1/2| / (1/20), rounded down, in whole numbers.
    return 10 * (abs(20 * dark - 10 * all) / all)
  }
}
