public import SottoCrypto

/// Why a file was not sealed. What there is of the blob so far is worth nothing: delete it.
public enum UnsealableFile: Error, Equatable, Sendable {
  /// It does not have the length that it had: it changes while it is read. Try again when it is at rest.
  case changed
}

/// Makes the blob of one file: reads it once, from its beginning to its end, and yields the blob's bytes in order.
///
///     begun --seal(piece)..--> all of the file was read --padding()..--> nil: the blob is whole
///
/// It cannot go on after a crash, on purpose: to seal the file again under the same key would be to use nonces twice
/// whenever the file has changed meanwhile. What is sealed lies in a file of its own before the first byte is sent, and the
/// upload goes on from there. [attachments.8]
public struct AttachmentSealer: ~Copyable, Sendable {
  /// How long file and blob are.
  public let layout: AttachmentLayout
  /// What opens the blob: belongs into the message.
  public let key: AttachmentKey
  /// nil: the last chunk was sealed.
  private var stream: StreamSealer?
  private var index: UInt64 = 0
  /// What there is of the next chunk.
  private var plaintext = ChunkBuffer(capacity: Limits.attachmentChunk)
  /// How much of the file was read.
  private var read: UInt64 = 0
  private var sealed = [UInt8](repeating: 0, count: Int(AttachmentLayout.sealedChunk))
  /// Header and commitment, until they are yielded.
  private var front: [UInt8]

  /// Draws a key and a header.
  public init(_ layout: AttachmentLayout, from entropy: inout some Entropy) {
    let key = AttachmentKey(from: &entropy)
    self.init(layout, key: key, header: StreamHeader(from: &entropy))
  }

  /// With key and header as arguments, for vectors. A key and header seal one file only.
  package init(_ layout: AttachmentLayout, key: AttachmentKey, header: StreamHeader) {
    let derived = key.derive(layout.length, header)
    self.layout = layout
    self.key = key
    stream = StreamSealer(derived.streamKey, header: header)
    front = header.bytes + derived.b().revealed()
  }

  /// Takes the next bytes of the file, any number of them, and yields the next ones of the blob: as much as is complete.
  public mutating func seal(_ piece: Span<UInt8>) throws(UnsealableFile) -> [UInt8] {
    guard UInt64(piece.count) <= layout.length - read else { throw .changed }
    read += UInt64(piece.count)
    var blob = takeFront()
    var rest = piece
    while rest.count > 0 {
      // Bytes of the file are missing, so there is a chunk that takes some.
      let chunk = layout.chunk(index)
      rest = rest.extracting(droppingFirst: plaintext.take(rest, upTo: chunk.fileCount))
      if plaintext.count == chunk.fileCount { sealChunk(chunk, into: &blob) }
    }
    return blob
  }

  /// After all of the file: the next bytes of the blob, at most a chunk of them, and nil when it is whole.
  public mutating func padding() throws(UnsealableFile) -> [UInt8]? {
    guard read == layout.length else { throw .changed }
    var blob = takeFront()
    if index < layout.chunkCount { sealChunk(layout.chunk(index), into: &blob) }
    return blob.isEmpty ? nil : blob
  }

  private mutating func takeFront() -> [UInt8] {
    defer { front = [] }
    return front
  }

  /// Only the last of the file's chunks, and those behind it, have zeros. [attachments.3]
  private mutating func sealChunk(_ chunk: AttachmentLayout.Chunk, into blob: inout [UInt8]) {
    plaintext.clear(chunk.fileCount..<chunk.plaintextCount)
    Self.seal(chunk, of: plaintext.bytes, with: &stream, into: &sealed)
    blob += sealed[..<chunk.sealedCount]
    index += 1
    plaintext.restart()
  }

  private static func seal(
    _ chunk: AttachmentLayout.Chunk, of plaintext: [UInt8], with stream: inout StreamSealer?, into sealed: inout [UInt8]
  ) {
    guard var sealer = stream.take() else { preconditionFailure("the last chunk was sealed") }
    let content = plaintext.span.extracting(first: chunk.plaintextCount)
    var target = sealed.mutableSpan
    guard !chunk.isLast else { return sealer.sealLast(content, into: &target) }
    sealer.seal(content, into: &target)
    stream = consume sealer
  }
}
