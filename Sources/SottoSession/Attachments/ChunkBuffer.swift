import SottoCrypto

/// Bytes that come in pieces of any length, gathered until a chunk is there.
struct ChunkBuffer: Sendable {
  private(set) var bytes: [UInt8]
  /// How many have come.
  private(set) var count = 0

  init(capacity: Int) { bytes = [UInt8](repeating: 0, count: capacity) }

  /// Takes of `piece` what is missing to `whole` bytes, and says how much that was.
  mutating func take(_ piece: Span<UInt8>, upTo whole: Int) -> Int {
    let start = count
    let taken = min(whole - start, piece.count)
    count += taken
    var target = bytes.mutableSpan
    target.write(piece.extracting(first: taken), at: start)
    return taken
  }

  /// Makes them zeros.
  mutating func clear(_ range: Range<Int>) {
    if !range.isEmpty { bytes.replaceSubrange(range, with: repeatElement(0, count: range.count)) }
  }

  /// The next chunk begins.
  mutating func restart() { count = 0 }
}
