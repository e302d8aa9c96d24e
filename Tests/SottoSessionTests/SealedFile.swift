import SottoCrypto
import SottoSession
import SottoSimulation
import Testing

/// A file, and the blob that an honest author makes of it.
struct SealedFile {
  let file: [UInt8]
  let layout: AttachmentLayout
  let key: AttachmentKey
  let blob: [UInt8]

  init(count: Int, seed: UInt64, pieces: Int = 1_000_000) throws {
    var entropy = SeededEntropy(seed: seed)
    file = entropy.bytes(count)
    layout = try #require(AttachmentLayout(length: UInt64(count)))
    var sealer = AttachmentSealer(layout, from: &entropy)
    key = sealer.key
    blob = try sealer.blob(of: file, pieces: pieces)
  }

  /// Header and commitment.
  var front: [UInt8] { Array(blob.prefix(AttachmentLayout.frontCount)) }

  /// The sealed chunks.
  var chunks: [[UInt8]] {
    var start = AttachmentLayout.frontCount
    return (0..<layout.chunkCount).map { index in
      let end = start + layout.chunk(index).sealedCount
      defer { start = end }
      return Array(blob[start..<end])
    }
  }

  /// What a reader of this attachment makes of `bytes`.
  func open(_ bytes: [UInt8], pieces: Int = 1_000_000) -> Opening { Opening(of: bytes, layout, key, pieces: pieces) }
}

extension AttachmentSealer {
  /// What comes of a piece of the file, or of its end.
  mutating func next(_ piece: [UInt8]?) throws(UnsealableFile) -> [UInt8]? {
    guard let piece else { return try padding() }
    return try seal(piece.span)
  }

  /// The whole blob, of a file that comes in pieces.
  mutating func blob(of file: [UInt8], pieces: Int) throws -> [UInt8] {
    var blob: [UInt8] = []
    for start in stride(from: 0, to: file.count, by: pieces) {
      blob += try seal(file.span.extracting(start..<min(start + pieces, file.count)))
    }
    while let more = try padding() { blob += more }
    return blob
  }
}

/// What came of opening a blob.
struct Opening {
  /// What was yielded, in a place where nobody takes it for the file.
  private(set) var yielded: [UInt8] = []
  /// The stage at which the blob was refused, at once or when it was over.
  private(set) var refusal: RefusalStage?

  init(of blob: [UInt8], _ layout: AttachmentLayout, _ key: AttachmentKey, pieces: Int = 1_000_000) {
    var opener = AttachmentOpener(layout, key: key)
    do throws(Refused) {
      for start in stride(from: 0, to: blob.count, by: pieces) {
        yielded += try opener.open(blob.span.extracting(start..<min(start + pieces, blob.count)))
      }
      try opener.finish()
    } catch { refusal = error.stage }
  }

  /// The file, if there is one.
  var file: [UInt8]? { refusal == nil ? yielded : nil }
}
