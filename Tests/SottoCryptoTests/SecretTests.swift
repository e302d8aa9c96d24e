import SottoCrypto
import SottoSimulation
import Testing

@Suite struct SecretTests {
  private struct Refusal: Error, Equatable {}

  @Test func emptySecretsAndDrawsAreOrdinary() {
    var system = SystemEntropy()
    #expect(system.bytes(0).isEmpty)
    var nowhere = MutableRawSpan()
    system.fill(&nowhere)
    let drawn = Secret(count: 0, from: &system)
    let copied = Secret(copying: [])
    let equal = drawn.isEqual(to: copied)
    #expect(drawn.count == 0 && equal)
    let again = copied.copy().revealed()
    #expect(again.isEmpty)
  }

  @Test func systemEntropyFillsEveryByte() {
    var system = SystemEntropy()
    // A byte that is never written stays zero in all 64 draws: one chance in 2^512 for each of the 33.
    var union = [UInt8](repeating: 0, count: 33)
    for _ in 0..<64 { for (index, byte) in system.bytes(33).enumerated() { union[index] |= byte } }
    #expect(union.allSatisfy { $0 != 0 })
    #expect(system.bytes(16) != system.bytes(16))
  }

  @Test func slicesAndCopiesHoldTheirBytes() {
    let secret = Secret(copying: Array(0..<10))
    let (middle, none, all) = (
      secret.slice(2..<5).revealed(), secret.slice(10..<10).revealed(), secret.copy().revealed()
    )
    #expect(middle == [2, 3, 4])
    #expect(none.isEmpty)
    #expect(all == Array(0..<10))
    let sum = secret.withBytes { span in
      (0..<span.byteCount).reduce(0) { $0 + Int(span.unsafeLoad(fromByteOffset: $1, as: UInt8.self)) }
    }
    #expect(sum == 45)
  }

  @Test func equalityNeedsEveryByteAndTheLength() {
    let secret = Secret(copying: Array(0..<32))
    for index in 0..<32 {
      var other = [UInt8](0..<32)
      other[index] ^= 0x80
      let equal = secret.isEqual(to: Secret(copying: other))
      #expect(!equal)
      #expect(!constantTimeEqual(Array(0..<32), other))
    }
    let (same, shorter) = (secret.isEqual(to: secret.copy()), secret.isEqual(to: secret.slice(0..<31)))
    #expect(same && !shorter)
    #expect(!constantTimeEqual([1], []))
    #expect(constantTimeEqual([], []))
  }

  @Test func textHasOneSpelling() {
    for (bytes, digits, text) in [
      ([], "", ""), ([0], "00", "AA"), ([0xfb, 0xff], "fbff", "-_8"), ([1, 2, 0xab], "0102ab", "AQKr"),
      ([0xff, 0xff, 0xff, 0x3e], "ffffff3e", "____Pg"),
    ] as [([UInt8], String, String)] {
      let secret = Secret(copying: bytes)
      let (hexadecimal, base64) = (secret.digits().revealed(), secret.base64URL().revealed())
      #expect(hexadecimal == Array(digits.utf8) && base64 == Array(text.utf8), "\(digits)")
      guard let read = Secret(copying: Array(text.utf8)).decodingBase64URL() else {
        Issue.record("\(text) is not read")
        continue
      }
      let back = read.revealed()
      #expect(back == bytes, "\(digits)")
    }
    for bad in ["A", "-_9", "+/8", "-_8=", "-_8 ", "-_8\n", " -_8", "-_\u{0}8", "AAAAA", "é"] {
      let isRead = Secret(copying: Array(bad.utf8)).decodingBase64URL() != nil
      #expect(!isRead, "\(bad)")
    }
  }

  @Test func aFillThatThrowsIsPassedOn() {
    #expect(throws: Refusal()) {
      _ = try Secret(count: 32) { _ throws(Refusal) in throw Refusal() }
    }
  }

  @Test func seededEntropyReplaysAndSpreads() {
    var first = SeededEntropy(seed: 7)
    var again = SeededEntropy(seed: 7)
    var other = SeededEntropy(seed: 8)
    // Draws of any size come from one stream.
    let bytes = first.bytes(100)
    #expect(bytes == again.bytes(1) + again.bytes(67) + again.bytes(32))
    #expect(bytes != other.bytes(100))
    var seen = Set<Int>()
    for _ in 0..<200 { seen.insert(first.next(below: 5)) }
    #expect(seen == [0, 1, 2, 3, 4])
  }

  @Test func writerAndReaderAgreeAcrossGrowth() throws {
    var writer = SecretWriter()
    writer.u8(7)
    writer.u32(0x0102_0304)
    writer.u64(0x0506_0708_090a_0b0c)
    writer.varint(16_384)
    writer.vector([9, 9])
    writer.secret(Secret(copying: []))
    // Past the first 512 bytes, so that the buffer moves.
    writer.secret(Secret(copying: [UInt8](repeating: 3, count: 2_000)))
    writer.fixed([])
    let written = writer.count
    let saved = writer.finish()
    #expect(saved.count == written)
    let start = saved.slice(0..<13).revealed()
    #expect(start == [7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])

    var reader = SecretReader(saved)
    let (byte, word, long) = (try reader.u8(), try reader.u32(), try reader.u64())
    #expect(byte == 7 && word == 0x0102_0304 && long == 0x0506_0708_090a_0b0c)
    let (number, vector, empty) = (try reader.varint(), try reader.vector(), try reader.secret(0).revealed())
    #expect(number == 16_384 && vector == [9, 9] && empty.isEmpty)
    #expect(refusal { () throws(CryptoError) in try reader.finish() } == .wrongLength)
    let rest = try reader.secret(2_000).revealed()
    #expect(rest == [UInt8](repeating: 3, count: 2_000))
    try reader.finish()
  }

  @Test func readerRefusesWhatIsNotThere() {
    #expect(throws: CryptoError.wrongLength) {
      var reader = SecretReader(Secret(copying: [1, 2, 3]))
      _ = try reader.u32()
    }
    #expect(throws: CryptoError.wrongLength) {
      var reader = SecretReader(Secret(copying: [1, 2, 3]))
      _ = try reader.secret(4)
    }
    #expect(throws: CryptoError.wrongLength) {
      var reader = SecretReader(Secret(copying: [1]))
      _ = try reader.secret(-1)
    }
    // A length far past the end, a length cut short, and lengths that are not minimal.
    for bytes: [UInt8] in [
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], [0x40], [], [0x40, 0x01, 1], [0x80, 0, 0x3f, 0xff],
      [0xc0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff],
    ] {
      #expect(throws: CryptoError.wrongLength) {
        var reader = SecretReader(Secret(copying: bytes))
        _ = try reader.vector()
      }
    }
  }
}
