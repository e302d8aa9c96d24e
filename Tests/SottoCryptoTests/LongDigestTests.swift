import SottoCrypto
import Testing

/// A digest of one long part is that of the same part held as a whole.
@Suite struct LongDigestTests {
  @Test(arguments: [0, 1, 63, 64, 127, 128, 129, 16_383, 16_384, 70_000])
  func piecesMakeTheSameDigest(count: Int) {
    let part = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    for size in [1_000, 128, 70_000] {
      var digest = LongDigest("example", length: count)
      for start in stride(from: 0, to: count, by: size) {
        let piece = Secret(copying: Array(part[start..<min(start + size, count)]))
        piece.withBytes { digest.absorb($0) }
      }
      let finished = digest.finish()
      #expect(finished == Digest.of("example", part))
    }
  }
}
