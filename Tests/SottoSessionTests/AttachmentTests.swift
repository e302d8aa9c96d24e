import Foundation
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Files become blobs and files again.
@Suite(.sealsAreWatched) struct AttachmentTests {
  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"

  // [attachments.2] [attachments.3] Below, at and above every edge of a chunk and of a class.
  @Test(arguments: [0, 1, 65_462, 65_463, 65_464, 65_535, 65_536, 65_537, 73_638, 73_639, 131_071, 131_073, 700_000])
  func everyLengthRoundTrips(count: Int) throws {
    let sealed = try SealedFile(count: count, seed: UInt64(count))
    #expect(UInt64(sealed.blob.count) == sealed.layout.blobLength)
    #expect(sealed.layout.parts.map(\.bytes) == [sealed.blob.count])
    #expect(sealed.open(sealed.blob).file == sealed.file)
  }

  // [attachments.2] However the bytes come, the blob and the file are the same.
  @Test(arguments: [1, 7, 56, 57, 4_096, 65_535, 65_536, 65_537, 65_552, 65_553, 65_554, 200_000])
  func piecesMayHaveAnyLength(pieces: Int) throws {
    // Very short pieces are slow in a debug build.
    let count = pieces < 50 ? 9_000 : 150_000
    let whole = try SealedFile(count: count, seed: 1)
    #expect(try SealedFile(count: count, seed: 1, pieces: pieces).blob == whole.blob)
    #expect(whole.open(whole.blob, pieces: pieces).file == whole.file)
  }

  // [attachments.7] What is yielded is what was verified: one byte less of a chunk, and nothing of it is there.
  @Test func nothingComesBeforeItsTag() throws {
    let sealed = try SealedFile(count: 150_000, seed: 3)
    var opener = AttachmentOpener(sealed.layout, key: sealed.key)
    let (first, end) = (56 + 65_553, sealed.blob.count)
    let pieces = [0..<56, 56..<first - 1, first - 1..<first, first..<end - 1, end - 1..<end]
    let files = [0..<0, 0..<0, 0..<65_536, 65_536..<131_072, 131_072..<150_000]
    for (piece, file) in zip(pieces, files) {
      let isWhole = opener.isWhole
      #expect(!isWhole)
      let yielded = try opener.open(sealed.blob.span.extracting(piece))
      #expect(yielded == Array(sealed.file[file]))
    }
    let isWhole = opener.isWhole
    #expect(isWhole)
    try opener.finish()
  }

  // [attachments.1] [attachments.2] [attachments.3] A31
  @Test func lengthsAreExact() throws {
    func numbers(_ length: UInt64) throws -> [UInt64] {
      let layout = try #require(AttachmentLayout(length: length))
      return [layout.blobLength, layout.chunkCount, layout.paddedLength]
    }
    #expect(try numbers(0) == [65_536, 1, 65_463])
    #expect(try numbers(1) == [65_536, 1, 65_463])
    #expect(try numbers(65_463) == [65_536, 1, 65_463])
    for length in [65_464, 65_535, 65_536, 65_537, 73_638] as [UInt64] {
      #expect(try numbers(length) == [73_728, 2, 73_638])
    }
    #expect(try numbers(73_639) == [81_920, 2, 81_830])
    #expect(try numbers(134_182_856) == [134_217_728, 2_048, 134_182_856])
    #expect(try numbers(1 << 32 - 1) == [4_831_838_208, 73_709, 4_830_585_099])
    #expect(try numbers(1 << 32) == [4_831_838_208, 73_709, 4_830_585_099])
    for beyond in [1 << 32 + 1, 1 << 32 + 65_536, 1 << 33, 1 << 63, .max] as [UInt64] {
      #expect(AttachmentLayout(length: beyond) == nil, "\(beyond)")
    }
  }

  // [attachments.13] Every class beyond 128 MiB is cut into lengths that relays take.
  @Test func everyClassIsCutIntoParts() throws {
    let large = BlobLength.largest.bytes
    func parts(_ length: UInt64) throws -> [Int] {
      try #require(AttachmentLayout(length: length)).parts.map(\.bytes)
    }
    #expect(try parts(134_182_856) == [large])
    #expect(try parts(134_182_857) == [large, 16_777_216])
    #expect(try parts(1 << 32) == [Int](repeating: large, count: 36))
    var classes: Set<UInt64> = []
    for length in stride(from: UInt64(134_182_857), through: 1 << 32, by: 1 << 24) {
      let layout = try #require(AttachmentLayout(length: length))
      classes.insert(layout.blobLength)
      #expect(UInt64(layout.parts.reduce(0) { $0 + $1.bytes }) == layout.blobLength)
      #expect(layout.parts.dropLast().allSatisfy { $0 == .largest })
    }
    #expect(classes.count == 41)
  }

  // [attachments.3] In every class: the longest file that fits, and one byte more.
  @Test func everyClassIsFilled() throws {
    var classes = 0
    var blob = 65_536
    while blob < 1 << 32 {
      let chunks = UInt64((blob - 56 + 65_552) / 65_553)
      let longest = UInt64(blob) - 56 - 17 * chunks
      #expect(AttachmentLayout(length: longest)?.blobLength == UInt64(blob))
      #expect(AttachmentLayout(length: longest)?.paddedLength == longest, "nothing is wasted")
      let next = try #require(AttachmentLayout(length: longest + 1)).blobLength
      #expect(next > UInt64(blob) && next <= UInt64(blob) + UInt64(blob) / 8)
      // No class ends in a chunk that has no room for its seal: then the chunks would not add up.
      #expect(AttachmentLayout(length: longest)!.chunk(chunks - 1).plaintextCount > 0)
      (blob, classes) = (Int(next), classes + 1)
    }
    #expect(classes == 128)
  }

  private static let farLengths: [UInt64] = [
    0, 65_463, 65_537, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_0000, 0xffff_ffff, 0x1_0000_0000,
  ]

  // [attachments.2] A31: 4 GiB are counted chunk by chunk, as sealer and opener count them, with nothing inside.
  @Test(arguments: farLengths) func chunksAddUp(length: UInt64) throws {
    let layout = try #require(AttachmentLayout(length: length))
    var (sealed, file, padded, wrong) = (UInt64(56), UInt64(0), UInt64(0), 0)
    for index in 0..<layout.chunkCount {
      let chunk = layout.chunk(index)
      let isFull = chunk.plaintextCount == 65_536 && chunk.sealedCount == 65_553
      let isLast = index == layout.chunkCount - 1
      // The file ends once, and zeros follow.
      let isInFile = chunk.fileCount == 0 || file == 65_536 * index && chunk.fileCount <= chunk.plaintextCount
      if chunk.isLast != isLast || !(isLast || isFull) || !isInFile { wrong += 1 }
      sealed += UInt64(chunk.sealedCount)
      file += UInt64(chunk.fileCount)
      padded += UInt64(chunk.plaintextCount)
    }
    #expect(wrong == 0)
    #expect([sealed, file, padded] == [layout.blobLength, length, layout.paddedLength])
  }

  // [attachments.1] The real thing, through both machines, in flat memory.
  @Test(.enabled(if: isSoak, "SOTTO_SOAK=1 seals 4 GiB"), .timeLimit(.minutes(30))) func fourGiBRoundTrip() throws {
    var entropy = SeededEntropy(seed: 4)
    let piece = entropy.bytes(1 << 20)
    let layout = try #require(AttachmentLayout(length: 1 << 32))
    var sealer = AttachmentSealer(layout, from: &entropy)
    var opener = AttachmentOpener(layout, key: sealer.key)
    var read = LongDigest("test file", length: 1 << 32)
    var written = LongDigest("test file", length: 1 << 32)
    var (pieces, blobLength) = (0, UInt64(0))
    while let sealed = try sealer.next(pieces < 4_096 ? piece : nil) {
      if pieces < 4_096 { piece.withUnsafeBytes { read.absorb($0.bytes) } }
      pieces += 1
      blobLength += UInt64(sealed.count)
      let file = try opener.open(sealed.span)
      file.withUnsafeBytes { written.absorb($0.bytes) }
    }
    try opener.finish()
    #expect(blobLength == layout.blobLength)
    let (one, other) = (read.finish(), written.finish())
    #expect(one == other)
  }

  // [attachments.8] A file that changes while it is read is not sealed as another one.
  @Test func aFileThatGrowsOrShrinksIsNotSealed() throws {
    var entropy = SeededEntropy(seed: 5)
    let layout = try #require(AttachmentLayout(length: 100))
    let file = [UInt8](repeating: 1, count: 101)
    for count in [0, 99] {
      var sealer = AttachmentSealer(layout, from: &entropy)
      _ = try sealer.seal(file.span.extracting(first: count))
      #expect(throws: UnsealableFile.changed) { _ = try sealer.padding() }
    }
    var sealer = AttachmentSealer(layout, from: &entropy)
    #expect(throws: UnsealableFile.changed) { _ = try sealer.seal(file.span) }
    var late = AttachmentSealer(layout, from: &entropy)
    _ = try late.blob(of: Array(file.prefix(100)), pieces: 64)
    #expect(throws: UnsealableFile.changed) { _ = try late.seal(file.span.extracting(first: 1)) }
    #expect(try late.padding() == nil)
  }

  // [attachments.4] [attachments.8] Whoever seals again seals under another key; under the same one, a file that has
  // changed would be sealed under nonces that were used.
  @Test func sealingAgainTakesAnotherKey() throws {
    let ledger = SealLedger(isCounted: false)
    try ledger.watching {
      var entropy = SeededEntropy(seed: 6)
      let layout = try #require(AttachmentLayout(length: 3))
      var blobs: [[UInt8]] = []
      for file in [[1, 2, 3], [1, 2, 3], [1, 2, 4]] as [[UInt8]] {
        var sealer = AttachmentSealer(layout, from: &entropy)
        blobs.append(try sealer.blob(of: file, pieces: 3))
      }
      #expect(ledger.reuses == 0 && Set(blobs.map { Array($0.prefix(56)) }).count == 3)
      // The control: a sealer that went on where another one died.
      let (key, header) = (AttachmentKey(from: &entropy), StreamHeader(from: &entropy))
      for file in [[1, 2, 3], [1, 2, 3], [1, 2, 4]] as [[UInt8]] {
        var sealer = AttachmentSealer(layout, key: key, header: header)
        _ = try sealer.blob(of: file, pieces: 3)
      }
      #expect(ledger.reuses == 1)
    }
  }

  // [attachments.4] Not even a mistake prints it.
  @Test func theKeyIsNotPrinted() throws {
    let secret = Secret(copying: [UInt8](repeating: 0xa7, count: 32))
    let key = AttachmentKey(secret.copy())
    #expect(key == AttachmentKey(secret.copy()) && key.hashValue == AttachmentKey(secret.copy()).hashValue)
    #expect(key != AttachmentKey(Secret(copying: [UInt8](repeating: 0xa7, count: 31) + [0])))
    for text in [String(describing: key), String(reflecting: key)] {
      #expect(!text.contains("167") && !text.lowercased().contains("a7a7"), "\(text)")
    }
  }
}
