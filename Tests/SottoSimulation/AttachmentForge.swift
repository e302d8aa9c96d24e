package import SottoCrypto
package import SottoSession

/// Makes a blob as its author may, honest or not: chunks of any length with any mark, under the right keys.
package struct AttachmentForge: ~Copyable {
  /// What there is of the blob.
  package private(set) var bytes: [UInt8]
  private var stream: StreamSealer
  private let layout: AttachmentLayout

  package init(_ layout: AttachmentLayout, key: AttachmentKey, header: StreamHeader) {
    let length = (0..<8).reversed().map { UInt8(truncatingIfNeeded: layout.length >> (8 * $0)) }
    let derived = PRF.derive(key.bytes(), "attachment", length, header.bytes)
    stream = StreamSealer(StreamKey(derived.a()), header: header)
    bytes = header.bytes + derived.b().revealed()
    self.layout = layout
  }

  /// One chunk.
  package mutating func seal(chunk: [UInt8], _ mark: StreamMark) {
    var sealed = [UInt8](repeating: 0, count: chunk.count + StreamSealer.overhead)
    var target = sealed.mutableSpan
    stream.seal(chunk.span, mark: mark, into: &target)
    bytes += sealed
  }

  /// File and padding, in the chunks that they must have. `mark` may give a chunk another mark.
  package mutating func seal(_ padded: [UInt8], mark: (UInt64) -> StreamMark? = { _ in nil }) {
    var start = 0
    for index in 0..<layout.chunkCount {
      let chunk = layout.chunk(index)
      seal(chunk: Array(padded[start..<start + chunk.plaintextCount]), mark(index) ?? (chunk.isLast ? .last : .chunk))
      start += chunk.plaintextCount
    }
  }
}
