import Testing
import sotto

@Suite struct CodewordTests {
  /// Annex A, as exponents of 2 after the leading 1.
  @Test func `Generator polynomials are the standard's`() {
    let generators = [
      7: [87, 229, 146, 149, 238, 102, 21],
      10: [251, 67, 46, 61, 118, 70, 64, 94, 32, 45],
      13: [74, 152, 176, 100, 86, 100, 106, 104, 130, 218, 206, 140, 78],
      15: [8, 183, 61, 91, 202, 37, 51, 58, 58, 237, 140, 124, 5, 99, 105],
      16: [120, 104, 107, 109, 102, 161, 76, 3, 91, 191, 147, 169, 182, 194, 225, 120],
    ]
    for (checks, exponents) in generators {
      #expect(ReedSolomon(checks: checks).generator == [1] + exponents.map(Self.power))
    }
  }

  /// For every length that table 9 has: a codeword is zero at each of the generator's roots.
  @Test func `Data with its checks is a codeword`() {
    for checks in [7, 10, 13, 15, 16, 17, 18, 20, 22, 24, 26, 28, 30] {
      let data = (0..<50).map { UInt8(truncatingIfNeeded: $0 * $0 * 7 + checks) }
      let codeword = data + ReedSolomon(checks: checks).checks(of: data)
      #expect(codeword.count == 50 + checks)
      for root in 0..<checks {
        #expect(codeword.reduce(0) { ReedSolomon.product($0, Self.power(root)) ^ $1 } == 0)
      }
    }
  }

  /// Annex I: "01234567" in version 1-M. Its data are numeric, a mode that this encoder has not.
  @Test func `The standard's example has the standard's checks`() {
    let data: [UInt8] = [
      0x10, 0x20, 0x0c, 0x56, 0x61, 0x80, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11,
    ]
    let checks: [UInt8] = [0xa5, 0x24, 0xd4, 0xc1, 0xed, 0x36, 0xc7, 0x87, 0x2c, 0x55]
    #expect(ReedSolomon(checks: 10).checks(of: data) == checks)
    #expect(QRVersion(1).codewords(data, .medium) == data + checks)
  }

  /// The example of 7.4.4.
  @Test func `Letters and digits are packed as in the standard's example`() {
    #expect(
      Self.bits("AC-42", 1) == "0010" + "000000101" + "00111001110" + "11100111001" + "000010")
  }

  /// A published worked example (thonky.com, "QR code tutorial"), computed by others.
  @Test func `HELLO WORLD in version 1-M`() {
    let data: [UInt8] = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17]
    #expect(QRSegment("HELLO WORLD").codewords(count: 16, in: QRVersion(1)) == data)
    #expect(ReedSolomon(checks: 10).checks(of: data) == [196, 35, 39, 119, 235, 215, 231, 226, 93, 23])
  }

  /// Table 3: mode indicator and count.
  @Test func `The count is as long as the version wants it`() {
    for (version, letters, bytes) in [(1, 9, 8), (9, 9, 8), (10, 11, 16), (26, 11, 16), (27, 13, 16), (40, 13, 16)] {
      #expect(Self.bits("A", version) == "0010" + Self.padded("1", letters) + "001010")
      #expect(Self.bits("a", version) == "0100" + Self.padded("1", bytes) + "01100001")
    }
  }

  /// 7.4.2: the ECI designator of UTF-8 is 26.
  @Test func `Other than ASCII is marked as UTF-8`() {
    #expect(Self.bits("ä", 1) == "0111" + "00011010" + "0100" + "00000010" + "11000011" + "10100100")
  }

  /// One letter in lower case, and every other takes eight bits too.
  @Test func `Alphanumeric mode is for its 45 characters only`() {
    let all = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
    #expect(Self.bits(all, 1).hasPrefix("0010"))
    for other in ["a", "#", "\n", "\0", "~", "@", ",", ";", "[", "Ä"] {
      #expect(!Self.bits(all + other, 1).hasPrefix("0010"))
    }
  }

  /// Four zeros, fewer where the text leaves fewer, then zeros up to a byte, then 236 and 17 by turns.
  @Test func `What is left is filled up`() {
    #expect(QRSegment("a").codewords(count: 5, in: QRVersion(1)) == [0x40, 0x16, 0x10, 0xec, 0x11])
    #expect(QRSegment("a").codewords(count: 3, in: QRVersion(1)) == [0x40, 0x16, 0x10])
    // 4 + 9 + 11 bits: the terminator has no room at all.
    #expect(QRSegment("AB").codewords(count: 3, in: QRVersion(1)) == [0x20, 0x11, 0xcd])
    // 4 + 9 + 17 bits: two zeros are all.
    #expect(QRSegment("AAA").codewords(count: 4, in: QRVersion(1)) == [0x20, 0x19, 0xcc, 0x28])
  }

  /// Version 5-Q has two blocks of 15 and two of 16 data codewords, with 18 check codewords each.
  @Test func `Blocks take turns`() {
    let data = (0..<62).map { UInt8($0) }
    let codewords = QRVersion(5).codewords(data, .quartile)
    #expect(codewords.count == 134)
    #expect(Array(codewords.prefix(8)) == [0, 15, 30, 46, 1, 16, 31, 47])
    #expect(Array(codewords[56..<62]) == [14, 29, 44, 60, 45, 61])
    let third = ReedSolomon(checks: 18).checks(of: Array(data[30..<46]))
    #expect(stride(from: 62 + 2, to: 134, by: 4).map { codewords[$0] } == third)
  }

  @Test func `The empty text has no symbol`() {
    #expect(QRCode("") == nil)
  }

  @Test func `A text of a megabyte has no symbol`() {
    #expect(QRCode(String(repeating: "x", count: 1 << 20)) == nil)
  }

  /// 2 to the power of an exponent, by another way than the encoder's.
  private static func power(_ exponent: Int) -> UInt8 {
    var value = 1
    for _ in 0..<exponent {
      value *= 2
      if value > 255 { value ^= 0b1_0001_1101 }
    }
    return UInt8(value)
  }

  private static func bits(_ text: String, _ version: Int) -> String {
    QRSegment(text).bits(in: QRVersion(version)).bits.map { $0 ? "1" : "0" }.joined()
  }

  private static func padded(_ digits: String, _ width: Int) -> String {
    String(repeating: "0", count: width - digits.count) + digits
  }
}
