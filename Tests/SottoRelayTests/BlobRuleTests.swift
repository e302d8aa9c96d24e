import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// What of blobs needs neither a store nor a disk.
@Suite struct BlobRuleTests {
  /// [blob.2]
  @Test func lengths() throws {
    let all = (13...24).flatMap { power in (8...15).map { $0 << power } }.filter { (65_536...134_217_728).contains($0) }
    #expect(all.count == 89)
    for length in all {
      #expect(BlobLength(length)?.bytes == length)
      #expect(BlobLength(length + 1) == nil && BlobLength(length - 1) == nil)
    }
    for (count, length) in zip(all.dropFirst().map { $0 }, all) {
      #expect(BlobLength(holding: length)?.bytes == length)
      #expect(BlobLength(holding: length + 1)?.bytes == count)
      #expect(BlobLength(holding: count)?.bytes == count)
    }
    #expect(BlobLength(holding: 0) == .smallest && BlobLength(holding: 1) == .smallest)
    #expect(BlobLength(holding: 134_217_729) == nil && BlobLength(holding: .max) == nil)
    for bad in [0, -1, 1, 32_768, 61_440, 268_435_456, .max, .min] { #expect(BlobLength(bad) == nil, "\(bad)") }
  }

  /// RFC 9110 section 14.1.2, and what is not in it. [blob.8]
  @Test(arguments: [
    ("bytes=0-0", ByteRange.part(0..<1)), ("bytes=0-99", .part(0..<100)), ("bytes=0-100", .part(0..<100)),
    ("bytes=99-", .part(99..<100)), ("bytes=0-", .part(0..<100)), ("bytes=007-0008", .part(7..<9)),
    ("BYTES=1-2", .part(1..<3)), ("bytes=-1", .part(99..<100)), ("bytes=-100", .part(0..<100)),
    ("bytes=-101", .part(0..<100)), ("bytes=-99999999999999999999999", .part(0..<100)),
    ("bytes=5-99999999999999999999999", .part(5..<100)), ("bytes=5-9223372036854775807", .part(5..<100)),
    ("bytes=100-", .unsatisfiable), ("bytes=100-200", .unsatisfiable), ("bytes=-0", .unsatisfiable),
    ("bytes=99999999999999999999999-", .unsatisfiable), ("bytes=9223372036854775807-", .unsatisfiable),
    ("bytes=5-4", .whole), ("bytes=", .whole), ("bytes=-", .whole), ("bytes", .whole), ("", .whole),
    ("bytes=0-1,3-4", .whole), ("bytes=0-1, 3-4", .whole), ("lines=0-1", .whole), ("bytes=a-b", .whole),
    ("bytes=+1-2", .whole), ("bytes=0x1-2", .whole), ("bytes= 1-2", .whole), ("bytes=1-2-3", .whole),
    ("bytes=\u{663}-4", .whole), ("bytes=1--", .whole), ("bytes=--1", .whole),
  ]) func ranges(_ value: String, _ expected: ByteRange) {
    #expect(ByteRange([value], length: 100) == expected)
    #expect(ByteRange([value, value], length: 100) == .whole, "two lines are not one range")
    #expect(ByteRange([], length: 100) == .whole)
  }

  /// [blob.5]
  @Test func runs() throws {
    var run = UploadRun(.largest, at: 100)
    #expect(!run.hasUnsaved && !run.isWorthSaving && !run.isWhole)
    try run.check(BlobLength.largest.bytes - 100)
    #expect(throws: Refusal(.bodyTooLarge)) { try run.check(BlobLength.largest.bytes - 99) }
    run.wrote(4 * 1024 * 1024 - 1)
    #expect(run.hasUnsaved && !run.isWorthSaving)
    run.wrote(1)
    #expect(run.isWorthSaving)
    run.didSave()
    #expect(run.saved == run.end && !run.hasUnsaved)
    run.wrote(BlobLength.largest.bytes - run.end)
    #expect(run.isWhole && !run.isWorthSaving && !run.hasUnsaved, "what is whole is published instead")
    #expect(throws: Refusal(.bodyTooLarge)) { try run.check(1) }
  }

  /// [blob.4] [blob.9]
  @Test func bounds() throws {
    let most = 5 * 1024 * 1024 * 1024
    try BlobRules.admit(.smallest, besides: .init(count: 999, bytes: most - 65_536))
    #expect(throws: Refusal(.blobsFull)) { try BlobRules.admit(.smallest, besides: .init(count: 1_000, bytes: 0)) }
    #expect(throws: Refusal(.blobsFull)) {
      try BlobRules.admit(.smallest, besides: .init(count: 1, bytes: most - 65_535))
    }
    #expect(BlobRules.firstDay(isWhole: true, now: 40 * 86_400) == 10)
    #expect(BlobRules.firstDay(isWhole: false, now: 40 * 86_400 + 86_399) == 39)
    #expect(CapabilityClass.allCases.filter(BlobRules.mayUpload) == [.contact, .retiring])
  }

  /// A piecewise digest is the digest, wherever the pieces end. [blob.7]
  @Test func longDigests() {
    let bytes = (0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    for size in [1, 7, 128, 65_536, 70_000] {
      var digest = LongDigest("blob", length: bytes.count)
      for start in stride(from: 0, to: bytes.count, by: size) {
        digest.absorb(Array(bytes[start..<min(start + size, bytes.count)]).span.bytes)
      }
      #expect(digest.finish() == Digest.of("blob", bytes), "\(size)")
    }
    #expect(LongDigest("blob", length: 0).finish() == Digest.of("blob", []))
  }
}
