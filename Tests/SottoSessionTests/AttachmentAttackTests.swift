import Foundation
import SottoCrypto
import SottoSession
import SottoSimulation
import Testing

/// Blobs that a relay has bent, and blobs that no honest author makes.
@Suite(.sealsAreWatched) struct AttachmentAttackTests {
  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"

  /// Four chunks with the file, the last of which has zeros behind it, and one of zeros alone.
  private func fiveChunks(_ seed: UInt64 = 1) throws -> SealedFile {
    let sealed = try SealedFile(count: 3 * 65_536 + 100, seed: seed)
    #expect(sealed.layout.chunkCount == 4 && sealed.open(sealed.blob).file == sealed.file)
    return sealed
  }

  /// Whether `blob` is refused at `stage`, after the file's chunks before number `count` and not a byte more.
  private func isRefused(
    _ blob: [UInt8], _ sealed: SealedFile, after count: Int, at stage: RefusalStage = .attachment
  ) -> Bool {
    // Piece by piece, so that what is yielded before a refusal is seen.
    let opening = sealed.open(blob, pieces: 10_007)
    return opening.refusal == stage && opening.yielded == Array(sealed.file.prefix(count * 65_536))
  }

  // [attachments.6] [attachments.7] A31
  @Test func aBlobThatIsCutShortIsNoFile() throws {
    let sealed = try fiveChunks()
    let front = sealed.front.count
    for count in [0, 1, 23, 24, 55, 56, 57, front + 17, front + 65_552] {
      #expect(isRefused(Array(sealed.blob.prefix(count)), sealed, after: 0), "\(count)")
    }
    for chunks in 1..<4 {
      for cut in [-1, 0, 1, 17] {
        let count = front + chunks * 65_553 + cut
        #expect(isRefused(Array(sealed.blob.prefix(count)), sealed, after: cut < 0 ? chunks - 1 : chunks), "\(count)")
      }
    }
    for missing in [1, 2, 16, 17, 18, 1_000] {
      #expect(isRefused(Array(sealed.blob.dropLast(missing)), sealed, after: 3), "\(missing)")
    }
  }

  // [attachments.6] A31
  @Test func chunksHaveOneOrder() throws {
    let sealed = try fiveChunks()
    func blob(_ order: [Int]) -> [UInt8] { sealed.front + order.flatMap { sealed.chunks[$0] } }
    // Removed, repeated, exchanged: refused where it begins to differ.
    let orders: [([Int], Int)] = [
      ([1, 2, 3], 0), ([0, 2, 3], 1), ([0, 1, 3], 2), ([0, 0, 1, 2, 3], 1), ([0, 1, 1, 2, 3], 2), ([0, 1, 2, 2, 3], 3),
      ([1, 0, 2, 3], 0), ([0, 2, 1, 3], 1), ([3, 0, 1, 2], 0), ([2, 1, 0, 3], 0), ([0, 0, 0, 0], 1),
    ]
    for (order, verified) in orders { #expect(isRefused(blob(order), sealed, after: verified), "\(order)") }
    // A chunk of another file, in its own place.
    let other = try fiveChunks(2)
    for place in 0..<4 {
      var chunks = sealed.chunks
      chunks[place] = other.chunks[place]
      #expect(isRefused(sealed.front + chunks.flatMap { $0 }, sealed, after: place), "\(place)")
    }
  }

  // [attachments.6] Nothing follows the last chunk: then there is no file, though all of it was yielded.
  @Test func nothingFollowsTheLastChunk() throws {
    let sealed = try fiveChunks()
    for more in [[0], [UInt8](repeating: 0, count: 17), sealed.chunks[3], sealed.blob] {
      let opening = sealed.open(sealed.blob + more, pieces: 65_536)
      #expect(opening.refusal == .attachment && opening.file == nil)
    }
    // Once refused it stays refused, at the stage at which it was.
    var opener = AttachmentOpener(sealed.layout, key: sealed.key)
    _ = try opener.open(sealed.blob.span)
    for _ in 0..<3 {
      let zero: [UInt8] = [0]
      #expect(throws: Refused(.attachment)) { _ = try opener.open(zero.span) }
    }
    let isWhole = opener.isWhole
    #expect(!isWhole)
  }

  // [attachments.6] The stage of the first refusal is the one that counts: no later byte opens anything.
  @Test func aRefusalIsFinal() throws {
    let sealed = try fiveChunks()
    let forged = Opening(of: [UInt8](repeating: 0, count: 56) + sealed.blob, sealed.layout, sealed.key, pieces: 56)
    #expect(forged.refusal == .commitment && forged.yielded.isEmpty)
    var opener = AttachmentOpener(sealed.layout, key: sealed.key)
    for bytes in [[UInt8](repeating: 0, count: 56), sealed.blob, sealed.blob] {
      #expect(throws: Refused(.commitment)) { _ = try opener.open(bytes.span) }
    }
    #expect(stage { try Self.refusedOpener(sealed).finish() } == .commitment)
  }

  private static func refusedOpener(_ sealed: SealedFile) -> AttachmentOpener {
    var opener = AttachmentOpener(sealed.layout, key: sealed.key)
    let forged = [UInt8](repeating: 0, count: 56)
    _ = try? opener.open(forged.span)
    return opener
  }

  /// A blob of `count` bytes of a file with chunks that are marked by `mark`, and what opens it.
  private func forge(
    _ count: Int, seed: UInt64, padding: (Int) -> UInt8 = { _ in 0 }, mark: (UInt64) -> StreamMark? = { _ in nil }
  ) throws -> (file: [UInt8], opening: Opening) {
    var entropy = SeededEntropy(seed: seed)
    let file = entropy.bytes(count)
    let layout = try #require(AttachmentLayout(length: UInt64(count)))
    let key = AttachmentKey(from: &entropy)
    var forge = AttachmentForge(layout, key: key, header: StreamHeader(from: &entropy))
    forge.seal(file + (0..<Int(layout.paddedLength) - count).map(padding), mark: mark)
    return (file, Opening(of: forge.bytes, layout, key, pieces: 10_007))
  }

  // [attachments.6] The author ends the stream early, late or not at all, or changes keys in the middle.
  @Test func everyMarkHasItsPlace() throws {
    let honest = try forge(150_000, seed: 10)
    #expect(honest.opening.file == honest.file)
    var seed: UInt64 = 10
    for place in 0..<3 as Range<UInt64> {
      let right: StreamMark = place == 2 ? .last : .chunk
      for wrong in [StreamMark.chunk, .push, .rekey, .last] where wrong != right {
        seed += 1
        let (file, opening) = try forge(150_000, seed: seed, mark: { $0 == place ? wrong : nil })
        #expect(opening.refusal == .attachment && opening.yielded == Array(file.prefix(Int(place) * 65_536)))
      }
    }
  }

  // [attachments.6] A stream that ends properly, but before or after the length that its message says.
  @Test func theLengthIsTheOneThatWasSaid() throws {
    var entropy = SeededEntropy(seed: 30)
    let layout = try #require(AttachmentLayout(length: 150_000))
    for chunks in [1, 2, 4] {
      let key = AttachmentKey(from: &entropy)
      var forge = AttachmentForge(layout, key: key, header: StreamHeader(from: &entropy))
      for index in 1...chunks {
        forge.seal(chunk: [UInt8](repeating: 1, count: 65_536), index == chunks ? .last : .chunk)
      }
      let opening = Opening(of: forge.bytes, layout, key, pieces: 10_007)
      #expect(opening.refusal == .attachment && opening.yielded.count == (min(chunks, 3) - 1) * 65_536, "\(chunks)")
    }
  }

  // [attachments.3]
  @Test func paddingIsZeros() throws {
    // The file ends in the second of three chunks.
    let (count, padded) = (131_000, 147_349)
    #expect(AttachmentLayout(length: UInt64(count)).map { [Int($0.paddedLength), Int($0.chunkCount)] } == [padded, 3])
    var seed: UInt64 = 40
    for (place, chunks) in [(0, 1), (1, 1), (71, 1), (72, 2), (1_000, 2), (padded - count - 1, 2)] {
      for value in [1, 0x80, 0xff] as [UInt8] {
        seed += 1
        let (file, opening) = try forge(count, seed: seed, padding: { $0 == place ? value : 0 })
        #expect(opening.refusal == .padding && opening.yielded == Array(file.prefix(chunks * 65_536)), "\(place)")
      }
    }
    let empty = try forge(0, seed: 39, padding: { $0 == 65_462 ? 1 : 0 })
    #expect(empty.opening.refusal == .padding && empty.opening.yielded == [])
  }

  // [attachments.5] A32
  @Test func oneBlobOpensUnderOneKey() throws {
    let sealed = try fiveChunks()
    var entropy = SeededEntropy(seed: 50)
    let other = AttachmentKey(from: &entropy)
    #expect(Opening(of: sealed.blob, sealed.layout, other).refusal == .commitment)
    // Only the commitment stands there. Whoever sees to it that it is the other key's reaches the chunks, of which a
    // salamander would open under both keys: `CommitmentTests` makes one. But then the first key is refused.
    let header = try StreamHeader(Array(sealed.blob.prefix(StreamHeader.count)))
    let forged = AttachmentForge(sealed.layout, key: other, header: header).bytes + sealed.chunks.flatMap { $0 }
    #expect(Opening(of: forged, sealed.layout, other).refusal == .attachment)
    #expect(sealed.open(forged).refusal == .commitment)
  }

  // [attachments.5] Two messages cannot call one blob two files, not even files that differ in zeros at their end.
  @Test func oneBlobHasOneLength() throws {
    var entropy = SeededEntropy(seed: 51)
    let layout = try #require(AttachmentLayout(length: 10))
    var sealer = AttachmentSealer(layout, from: &entropy)
    let blob = try sealer.blob(of: [1, 2, 3, 4, 5, 6, 7, 8, 0, 0], pieces: 10)
    for length in [0, 8, 9, 11, 65_463] as [UInt64] {
      let said = try #require(AttachmentLayout(length: length))
      #expect(said.blobLength == layout.blobLength)
      #expect(Opening(of: blob, said, sealer.key).refusal == .commitment, "\(length)")
    }
  }

  // [attachments.5] [attachments.6]
  @Test func everyBitOfABlob() throws {
    let sealed = try SealedFile(count: 1_000, seed: 60)
    let front = sealed.front.count
    // Of the one chunk the ends, and every 997th bit between; with SOTTO_SOAK=1 all of them.
    let ends = Set(front * 8..<(front + 40) * 8).union((sealed.blob.count - 40) * 8..<sealed.blob.count * 8)
    let between = stride(from: front * 8, to: sealed.blob.count * 8, by: Self.isSoak ? 1 : 997)
    var survivors: [Int] = []
    for bit in Array(0..<front * 8) + ends.union(between) {
      let opening = sealed.open(sealed.blob.flipping(bit))
      let stage: RefusalStage = bit < front * 8 ? .commitment : .attachment
      if opening.refusal != stage || !opening.yielded.isEmpty { survivors.append(bit) }
    }
    #expect(survivors == [])
  }
}
