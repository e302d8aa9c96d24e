import SottoCrypto
public import SottoWire

/// How long everything of an attachment is: a file of `length` bytes, zeros behind it, cut into chunks, each sealed.
/// [attachments.2]
///
///     header[24] || COM[32] || chunk[65,553] || chunk[65,553] || .. || last chunk[18 to 65,553]
///
/// All numbers have 64 bits, and none that a peer says is added before it was compared: Signal for Android added lengths
/// in 32 bits (Aumasson and Vervier, 2016).
public struct AttachmentLayout: Hashable, Sendable {
  /// The bytes of the file.
  public let length: UInt64
  /// The bytes of the blob: the least m x 2^k with m = 8...15 that holds it, and at least 65,536. [attachments.3]
  public let blobLength: UInt64
  /// How many chunks the blob has: at least one.
  public let chunkCount: UInt64

  /// Header and commitment.
  package static let frontCount = StreamHeader.count + Digest.count
  package static let sealedChunk = UInt64(Limits.attachmentChunk + StreamSealer.overhead)
  private static let chunk = UInt64(Limits.attachmentChunk)

  /// nil for more than 4 GiB. [attachments.1]
  public init?(length: UInt64) {
    guard length <= Limits.attachment else { return nil }
    self.length = length
    let chunks = max(1, (length + Self.chunk - 1) / Self.chunk)
    let least = UInt64(Self.frontCount) + length + chunks * UInt64(StreamSealer.overhead)
    blobLength = UInt64(BlobLength.rounded(Int(least)))
    chunkCount = (blobLength - UInt64(Self.frontCount) + Self.sealedChunk - 1) / Self.sealedChunk
  }

  /// The lengths of the parts in which relays take the blob: all but the last are the longest. [attachments.13]
  public var parts: [BlobLength] {
    let longest = UInt64(BlobLength.largest.bytes)
    return (0..<(blobLength + longest - 1) / longest).map { index in
      guard let part = BlobLength(Int(min(longest, blobLength - index * longest))) else {
        preconditionFailure("what is left of m x 2^k is a multiple of an eighth of the longest")
      }
      return part
    }
  }

  /// File and zeros together.
  package var paddedLength: UInt64 {
    blobLength - UInt64(Self.frontCount) - chunkCount * UInt64(StreamSealer.overhead)
  }

  /// One chunk.
  package struct Chunk: Equatable, Sendable {
    /// Bytes of the file in it, in front.
    package let fileCount: Int
    /// These and zeros.
    package let plaintextCount: Int
    package let isLast: Bool

    package var sealedCount: Int { plaintextCount + StreamSealer.overhead }
  }

  /// The chunk with this number, counted from 0.
  package func chunk(_ index: UInt64) -> Chunk {
    precondition(index < chunkCount, "there is no such chunk")
    let start = index * Self.chunk
    return Chunk(
      fileCount: start < length ? Int(min(length - start, Self.chunk)) : 0,
      plaintextCount: Int(min(paddedLength - start, Self.chunk)), isLast: index == chunkCount - 1)
  }
}
