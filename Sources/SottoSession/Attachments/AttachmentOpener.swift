import SottoCrypto

/// Opens a blob: takes its bytes in order and yields those of the file.
///
///     front --commitment--> chunks --last chunk--> whole
///        \____________\__________________________________> refused: nothing more is opened
///
/// Nothing of a chunk is yielded before its tag was verified. What is yielded is nevertheless not the file before
/// `finish()` has returned: a relay may keep its end back. So it goes into a place where nobody takes it for the file, and
/// gets its name then. [attachments.7]
public struct AttachmentOpener: ~Copyable, Sendable {
  private enum Step: Equatable {
    case front
    case chunk(UInt64)
    case whole
    case refused(RefusalStage)
  }

  private let layout: AttachmentLayout
  private let key: AttachmentKey
  private var step = Step.front
  /// There while chunks are opened.
  private var stream: StreamOpener?
  /// What has come of the front or the chunk that is next.
  private var sealed = ChunkBuffer(capacity: Int(AttachmentLayout.sealedChunk))
  private var plaintext = [UInt8](repeating: 0, count: Limits.attachmentChunk)

  /// For a blob of `layout.blobLength` bytes: a reader asks for no other. [attachments.6]
  public init(_ layout: AttachmentLayout, key: AttachmentKey) {
    self.layout = layout
    self.key = key
  }

  /// Whether every byte of the file was yielded.
  public var isWhole: Bool { step == .whole }

  /// Takes the next bytes of the blob, any number of them, and yields the next ones of the file: those of the chunks that
  /// are complete. After a refusal it refuses everything, at the same stage.
  public mutating func open(_ piece: Span<UInt8>) throws(Refused) -> [UInt8] {
    var file: [UInt8] = []
    var rest = piece
    while rest.count > 0 {
      let wanted = try wanted()
      rest = rest.extracting(droppingFirst: sealed.take(rest, upTo: wanted))
      guard sealed.count == wanted else { break }
      sealed.restart()
      do { try take(into: &file) } catch {
        stream = nil
        step = .refused(error.stage)
        throw error
      }
    }
    return file
  }

  /// Refuses unless the blob was whole: then what was yielded is the file. [attachments.7]
  public consuming func finish() throws(Refused) {
    if case .refused(let stage) = step { throw Refused(stage) }
    guard step == .whole else { throw Refused(.attachment) }
  }

  /// How many bytes make the front, or the chunk that is next.
  private mutating func wanted() throws(Refused) -> Int {
    switch step {
    case .front: return AttachmentLayout.frontCount
    case .chunk(let index): return layout.chunk(index).sealedCount
    case .refused(let stage): throw Refused(stage)
    case .whole:
      // [attachments.6] Nothing follows the last chunk. What was yielded is no file any more.
      step = .refused(.attachment)
      throw Refused(.attachment)
    }
  }

  private mutating func take(into file: inout [UInt8]) throws(Refused) {
    guard case .chunk(let index) = step else { return try takeFront() }
    let chunk = layout.chunk(index)
    try Self.open(chunk, of: sealed.bytes, with: &stream, into: &plaintext)
    // [attachments.3] A file has one blob under a key and a header: nothing else travels in its zeros.
    guard plaintext[chunk.fileCount..<chunk.plaintextCount].allSatisfy({ $0 == 0 }) else { throw Refused(.padding) }
    file += plaintext[..<chunk.fileCount]
    step = chunk.isLast ? .whole : .chunk(index + 1)
  }

  /// The commitment is compared, in constant time, before anything is opened. [attachments.5]
  private mutating func takeFront() throws(Refused) {
    let front = sealed.bytes
    let header = try refusing(at: .attachment) { try StreamHeader(Array(front[..<StreamHeader.count])) }
    let derived = key.derive(layout.length, header)
    let commitment = front.span.extracting(StreamHeader.count..<AttachmentLayout.frontCount)
    guard derived.bIsEqual(to: commitment) else { throw Refused(.commitment) }
    stream = StreamOpener(derived.streamKey, header: header)
    step = .chunk(0)
  }

  /// The next chunk of this stream, marked as the last exactly if it is. [attachments.6]
  private static func open(
    _ chunk: AttachmentLayout.Chunk, of sealed: [UInt8], with stream: inout StreamOpener?,
    into plaintext: inout [UInt8]
  ) throws(Refused) {
    guard var opener = stream.take() else { throw Refused(.attachment) }
    let bytes = sealed.span.extracting(first: chunk.sealedCount)
    var target = plaintext.mutableSpan
    do throws(CryptoError) {
      guard !chunk.isLast else { return try opener.openLast(bytes, into: &target) }
      try opener.open(bytes, into: &target)
      stream = consume opener
    } catch { throw Refused(.attachment) }
  }
}
