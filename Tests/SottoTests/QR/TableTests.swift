import Testing
import sotto

/// The tables of ISO/IEC 18004:2015, which the code has in another form or not at all.
@Suite struct TableTests {
  /// Annex C, table C.1: level and mask count up together.
  @Test func `Format information is the standard's`() {
    let strings = [
      0x5412, 0x5125, 0x5e7c, 0x5b4b, 0x45f9, 0x40ce, 0x4f97, 0x4aa0, 0x77c4, 0x72f3, 0x7daa, 0x789d, 0x662f, 0x6318,
      0x6c41, 0x6976, 0x1689, 0x13be, 0x1ce7, 0x19d0, 0x0762, 0x0255, 0x0d0c, 0x083b, 0x355f, 0x3068, 0x3f31, 0x3a06,
      0x24b4, 0x2183, 0x2eda, 0x2bed,
    ]
    let levels: [QRCode.Correction] = [.medium, .low, .high, .quartile]
    let computed = levels.flatMap { level in (0..<8).map { QRSymbol.formatInformation(level, mask: $0) } }
    #expect(computed == strings)
    // The example of 7.9.1.
    #expect(QRSymbol.formatInformation(.medium, mask: 0b101) == 0b100_0000_1100_1110)
  }

  /// Annex D, table D.1.
  @Test func `Version information is the standard's`() {
    let strings = [
      0x07c94, 0x085bc, 0x09a99, 0x0a4d3, 0x0bbf6, 0x0c762, 0x0d847, 0x0e60d, 0x0f928, 0x10b78, 0x1145d, 0x12a17,
      0x13532, 0x149a6, 0x15683, 0x168c9, 0x177ec, 0x18ec4, 0x191e1, 0x1afab, 0x1b08e, 0x1cc1a, 0x1d33f, 0x1ed75,
      0x1f250, 0x209d5, 0x216f0, 0x228ba, 0x2379f, 0x24b0b, 0x2542e, 0x26a64, 0x27541, 0x28c69,
    ]
    let versions = QRVersion.all.filter(\.hasVersionInformation)
    #expect(versions.map(\.number) == Array(7...40))
    #expect(versions.map(QRSymbol.versionInformation) == strings)
  }

  /// Annex E, table E.1.
  @Test func `Alignment patterns stand where the standard puts them`() {
    let centres = [
      [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50], [6, 30, 54],
      [6, 32, 58], [6, 34, 62], [6, 26, 46, 66], [6, 26, 48, 70], [6, 26, 50, 74], [6, 30, 54, 78], [6, 30, 56, 82],
      [6, 30, 58, 86], [6, 34, 62, 90], [6, 28, 50, 72, 94], [6, 26, 50, 74, 98], [6, 30, 54, 78, 102],
      [6, 28, 54, 80, 106], [6, 32, 58, 84, 110], [6, 30, 58, 86, 114], [6, 34, 62, 90, 118],
      [6, 26, 50, 74, 98, 122], [6, 30, 54, 78, 102, 126], [6, 26, 52, 78, 104, 130], [6, 30, 56, 82, 108, 134],
      [6, 34, 60, 86, 112, 138], [6, 30, 58, 86, 114, 142], [6, 34, 62, 90, 118, 146], [6, 30, 54, 78, 102, 126, 150],
      [6, 24, 50, 76, 102, 128, 154], [6, 28, 54, 80, 106, 132, 158], [6, 32, 58, 84, 110, 136, 162],
      [6, 26, 54, 82, 110, 138, 166], [6, 30, 58, 86, 114, 142, 170],
    ]
    #expect(QRVersion.all.map(\.alignmentCentres) == centres)
  }

  /// Table 1, the formula and what the drawn patterns leave free.
  @Test func `Three counts of the codewords agree`() {
    let codewords = [
      26, 44, 70, 100, 134, 172, 196, 242, 292, 346, 404, 466, 532, 581, 655, 733, 815, 901, 991, 1085,
      1156, 1258, 1364, 1474, 1588, 1706, 1828, 1921, 2051, 2185, 2323, 2465, 2611, 2761, 2876, 3034, 3196, 3362, 3532,
      3706,
    ]
    #expect(QRVersion.all.map(\.totalCodewords) == codewords)
    #expect(QRVersion.all.map { QRSymbol($0).freeModules / 8 } == codewords)
    let remainders = QRVersion.all.map { QRSymbol($0).freeModules % 8 }
    #expect(remainders[0] == 0 && remainders[1] == 7 && remainders[13] == 3 && remainders[20] == 4)
    #expect(Set(remainders) == [0, 3, 4, 7])
  }

  /// Table 7, byte mode.
  private static let capacities: [QRCode.Correction: [Int]] = [
    .low: [
      17, 32, 53, 78, 106, 134, 154, 192, 230, 271, 321, 367, 425, 458, 520, 586, 644, 718, 792, 858,
      929, 1003, 1091, 1171, 1273, 1367, 1465, 1528, 1628, 1732, 1840, 1952, 2068, 2188, 2303, 2431, 2563, 2699, 2809,
      2953,
    ],
    .medium: [
      14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666,
      711, 779, 857, 911, 997, 1059, 1125, 1190, 1264, 1370, 1452, 1538, 1628, 1722, 1809, 1911, 1989, 2099, 2213, 2331,
    ],
    .quartile: [
      11, 20, 32, 46, 60, 74, 86, 108, 130, 151, 177, 203, 241, 258, 292, 322, 364, 394, 442, 482,
      509, 565, 611, 661, 715, 751, 805, 868, 908, 982, 1030, 1112, 1168, 1228, 1283, 1351, 1423, 1499, 1579, 1663,
    ],
    .high: [
      7, 14, 24, 34, 44, 58, 64, 84, 98, 119, 137, 155, 177, 194, 220, 250, 280, 310, 338, 382,
      403, 439, 461, 511, 535, 593, 625, 658, 698, 742, 790, 842, 898, 958, 983, 1051, 1093, 1139, 1219, 1273,
    ],
  ]

  /// The blocks are not listed in Table 7, so it checks them.
  @Test(arguments: QRCode.Correction.allCases)
  func `A version holds as many bytes as the standard says`(_ correction: QRCode.Correction) throws {
    for (version, capacity) in zip(QRVersion.all, try #require(Self.capacities[correction])) {
      let headerBits = version.number < 10 ? 4 + 8 : 4 + 16
      #expect((8 * version.dataCodewords(correction) - headerBits) / 8 == capacity)
    }
  }

  /// Alphanumeric columns of Table 7.
  @Test func `The largest symbols hold as many letters as the standard says`() {
    let longest: [(QRCode.Correction, Int)] = [(.low, 4296), (.medium, 3391), (.quartile, 2420), (.high, 1852)]
    for (correction, count) in longest {
      #expect(QRCode(String(repeating: "A", count: count), correction: correction)?.size == 177)
      #expect(QRCode(String(repeating: "A", count: count + 1), correction: correction) == nil)
    }
  }

  /// One more byte needs the next version, or there is none.
  @Test(arguments: QRCode.Correction.allCases)
  func `The smallest version is chosen`(_ correction: QRCode.Correction) throws {
    let capacities = try #require(Self.capacities[correction])
    for (version, capacity) in zip(QRVersion.all, capacities) where version.number % 8 < 2 {
      let text = String(repeating: "a", count: capacity)
      #expect(QRCode(text, correction: correction)?.size == version.size)
      #expect(QRCode(text + "a", correction: correction)?.size == (version.number < 40 ? version.size + 4 : nil))
    }
  }
}
