/// A QR Code symbol, model 2 (ISO/IEC 18004:2015), for showing an address to somebody's camera.
///
/// The whole text is one segment: mixing modes would save a few modules at most, and only for texts that Sotto has not.
package struct QRCode: Equatable {
  /// How much of a symbol may be unreadable, and how much of it is therefore not text.
  package enum Correction: CaseIterable {
    /// 7 % of the codewords.
    case low
    /// 15 %: enough for a screen, which is neither torn nor dirty.
    case medium
    /// 25 %.
    case quartile
    /// 30 %.
    case high
  }

  package let symbol: QRSymbol

  /// The smallest symbol for a text.
  ///
  /// - Parameter text: letters of A...Z, digits and `$%*+-./:` with spaces take 5.5 bits each; with anything else among
  ///   them, every byte of UTF-8 takes 8.
  /// - Returns: nil when version 40 does not hold the text (2,331 bytes at medium), and for the empty text: a symbol
  ///   that says nothing looks like one that cannot be read.
  package init?(_ text: String, correction: Correction = .medium) {
    guard !text.isEmpty else { return nil }
    let segment = QRSegment(text)
    let version = QRVersion.all.first { segment.bitCount(in: $0) <= 8 * $0.dataCodewords(correction) }
    guard let version else { return nil }
    let data = segment.codewords(count: version.dataCodewords(correction), in: version)
    symbol = QRSymbol(version, version.codewords(data, correction)).masked(correction)
  }

  /// Modules along each side, without the quiet zone: 21...177.
  package var size: Int { symbol.size }

  /// Whether a module is dark. The first row is the top one, the first column the leftmost.
  package subscript(row: Int, column: Int) -> Bool { symbol[row, column] }
}

/// A text in the mode that needs fewer bits (7.4).
package struct QRSegment {
  private static let alphanumerics = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:".utf8)

  private enum Mode {
    case alphanumeric
    case byte
  }

  private let mode: Mode
  /// Everything before the count: the mode indicator, and for other than ASCII the character set.
  private var header = QRBits()
  private let count: Int
  private var payload = QRBits()

  /// - Complexity: O(n).
  package init(_ text: String) {
    let bytes = Array(text.utf8)
    count = bytes.count
    let values = bytes.compactMap(Self.alphanumerics.firstIndex(of:))
    if values.count == bytes.count {
      mode = .alphanumeric
      header.append(0b0010, bits: 4)
      appendPairs(values)
    } else {
      mode = .byte
      // Bytes are ISO 8859-1 unless an ECI designator says otherwise (7.3.2). 26 is UTF-8; ASCII is the same in both, and
      // goes without: readers that do not know ECI are still about.
      if bytes.contains(where: { $0 >= 0x80 }) {
        header.append(0b0111, bits: 4)
        header.append(26, bits: 8)
      }
      header.append(0b0100, bits: 4)
      for byte in bytes { payload.append(Int(byte), bits: 8) }
    }
  }

  /// Two characters in 11 bits, a last one that has no partner in 6 (7.4.4).
  private mutating func appendPairs(_ values: [Int]) {
    for index in stride(from: 0, to: values.count, by: 2) {
      if index + 1 < values.count {
        payload.append(45 * values[index] + values[index + 1], bits: 11)
      } else {
        payload.append(values[index], bits: 6)
      }
    }
  }

  /// Bits of the character count: larger versions have longer ones (Table 3).
  private func countBits(in version: QRVersion) -> Int {
    switch (mode, version.number) {
    case (.alphanumeric, ...9): 9
    case (.alphanumeric, ...26): 11
    case (.alphanumeric, _): 13
    case (.byte, ...9): 8
    case (.byte, _): 16
    }
  }

  package func bitCount(in version: QRVersion) -> Int { header.count + countBits(in: version) + payload.count }

  /// The segment without terminator.
  package func bits(in version: QRVersion) -> QRBits {
    var bits = header
    bits.append(count, bits: countBits(in: version))
    bits.append(payload)
    return bits
  }

  /// The segment, terminated and filled up to the capacity (7.4.9, 7.4.10).
  ///
  /// - Precondition: it fits.
  package func codewords(count: Int, in version: QRVersion) -> [UInt8] {
    var bits = bits(in: version)
    precondition(bits.count <= 8 * count)
    bits.append(0, bits: min(4, 8 * count - bits.count))
    var bytes = bits.bytes
    let padding: [UInt8] = [0b1110_1100, 0b0001_0001]
    for index in 0..<(count - bytes.count) { bytes.append(padding[index % 2]) }
    return bytes
  }
}

/// A string of bits, most significant first.
package struct QRBits: Equatable {
  package private(set) var bits: [Bool] = []

  package var count: Int { bits.count }

  /// Appends the low bits of a number.
  package mutating func append(_ value: Int, bits count: Int) {
    for shift in (0..<count).reversed() { bits.append(value >> shift & 1 == 1) }
  }

  package mutating func append(_ other: QRBits) { bits += other.bits }

  /// The last byte is filled with zeros.
  package var bytes: [UInt8] {
    stride(from: 0, to: count, by: 8).map { start in
      (start..<(start + 8)).reduce(0) { byte, index in byte << 1 | (index < count && bits[index] ? 1 : 0) }
    }
  }
}

/// A size of symbol, and how codewords are divided into blocks there.
package struct QRVersion: Equatable {
  package static let all = (1...40).map(QRVersion.init)

  /// 1...40.
  package let number: Int

  /// - Precondition: 1...40.
  package init(_ number: Int) {
    precondition((1...40).contains(number))
    self.number = number
  }

  /// Modules along each side.
  package var size: Int { 17 + 4 * number }

  /// From version 7 on the version stands in the symbol: a reader cannot measure large ones well enough.
  package var hasVersionInformation: Bool { number >= 7 }

  /// Modules from one alignment pattern to the next, from version 2 on (Annex E).
  private static let alignmentSteps = [
    0, 0, 0, 0, 0, 16, 18, 20, 22, 24, 26, 28, 20, 22, 24, 24, 26, 28, 28,
    22, 24, 24, 26, 26, 28, 28, 24, 24, 26, 26, 26, 28, 28, 24, 26, 26, 26, 28, 28,
  ]

  /// The rows, which are the columns too, of the alignment patterns' centres: 6 first, then even steps that end 7 modules
  /// before the edge.
  package var alignmentCentres: [Int] {
    guard number >= 2 else { return [] }
    let last = size - 7
    let step = Self.alignmentSteps[number - 2]
    let steps = number / 7
    return [6] + (0...steps).reversed().map { last - $0 * step }
  }

  /// Data and check codewords together (Table 1): what the function patterns leave free, in whole bytes.
  package var totalCodewords: Int {
    let finders = 3 * 8 * 8
    let timing = 2 * (size - 16)
    let formats = 2 * 15 + 1
    let versions = hasVersionInformation ? 2 * 18 : 0
    let centres = alignmentCentres.count
    // None stands on a finder, and two rows of them share five modules each with the timing patterns.
    let alignments = centres == 0 ? 0 : 25 * (centres * centres - 3) - 2 * 5 * (centres - 2)
    return (size * size - finders - timing - formats - versions - alignments) / 8
  }

  package func dataCodewords(_ correction: QRCode.Correction) -> Int {
    let (blocks, checks) = blocks(correction)
    return totalCodewords - blocks * checks
  }

  /// How many blocks there are, and how many check codewords each of them has (Table 9).
  package func blocks(_ correction: QRCode.Correction) -> (count: Int, checks: Int) {
    (correction.blocks[number - 1], correction.checks[number - 1])
  }

  /// The final sequence (7.6): every block's first codeword, every block's second..., and the check codewords likewise. A
  /// stain then hurts many blocks a little.
  ///
  /// - Parameter data: as many as `dataCodewords`.
  package func codewords(_ data: [UInt8], _ correction: QRCode.Correction) -> [UInt8] {
    precondition(data.count == dataCodewords(correction))
    let (count, checks) = blocks(correction)
    let code = ReedSolomon(checks: checks)
    let short = data.count / count
    // The remainder is spread over the last blocks, one codeword each.
    let firstLong = count - data.count % count
    var rest = data[...]
    let blocks = (0..<count).map { index in
      let block = Array(rest.prefix(short + (index < firstLong ? 0 : 1)))
      rest = rest.dropFirst(block.count)
      return block
    }
    return Self.interleaved(blocks) + Self.interleaved(blocks.map(code.checks(of:)))
  }

  private static func interleaved(_ blocks: [[UInt8]]) -> [UInt8] {
    let longest = blocks.map(\.count).max() ?? 0
    return (0..<longest).flatMap { index in blocks.compactMap { index < $0.count ? $0[index] : nil } }
  }
}

/// Table 9, a column at a time, from version 1 to 40.
extension QRCode.Correction {
  private static let lowBlocks = [
    1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8,
    8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25,
  ]
  private static let mediumBlocks = [
    1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16,
    17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49,
  ]
  private static let quartileBlocks = [
    1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20,
    23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68,
  ]
  private static let highBlocks = [
    1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25,
    25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81,
  ]

  private static let lowChecks = [
    7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28,
    28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
  ]
  private static let mediumChecks = [
    10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26,
    26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  ]
  private static let quartileChecks = [
    13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30,
    28, 30, 30, 30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
  ]
  private static let highChecks = [
    17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28,
    30, 24, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
  ]

  fileprivate var blocks: [Int] {
    switch self {
    case .low: Self.lowBlocks
    case .medium: Self.mediumBlocks
    case .quartile: Self.quartileBlocks
    case .high: Self.highBlocks
    }
  }

  fileprivate var checks: [Int] {
    switch self {
    case .low: Self.lowChecks
    case .medium: Self.mediumChecks
    case .quartile: Self.quartileChecks
    case .high: Self.highChecks
    }
  }
}
