public import SottoCrypto

/// Bytes that a 64-bit seed decides: block i is `H("test entropy"; seed, i)`, so a failing run is replayed from its
/// seed alone. Never for anything but tests, benchmarks and vectors.
public struct SeededEntropy: Entropy, RandomNumberGenerator, Sendable {
  private let seed: [UInt8]
  private var nextBlock: UInt64 = 0
  private var block: [UInt8] = []
  private var used = 0

  public init(seed: UInt64) { self.seed = bigEndian(seed) }

  public mutating func fill(_ bytes: inout MutableRawSpan) {
    var filled = 0
    while filled < bytes.byteCount {
      refill()
      let count = min(bytes.byteCount - filled, block.count - used)
      bytes.withUnsafeMutableBytes { target in
        block.withUnsafeBytes { source in
          UnsafeMutableRawBufferPointer(rebasing: target[filled..<filled + count])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[used..<used + count]))
        }
      }
      used += count
      filled += count
    }
  }

  /// The next eight bytes, big-endian: `RandomNumberGenerator`, for `shuffled(using:)` and its kin.
  public mutating func next() -> UInt64 { (0..<8).reduce(0) { value, _ in value << 8 | UInt64(nextByte()) } }

  /// A number in `0..<bound`, each equally likely: for schedules.
  public mutating func next(below bound: Int) -> Int {
    precondition(bound > 0)
    let bound = UInt64(bound)
    // Values past the last whole multiple of `bound` would favour the small numbers.
    let limit = UInt64.max - UInt64.max % bound
    while true {
      let value: UInt64 = next()
      if value < limit { return Int(value % bound) }
    }
  }

  /// True `parts` times in `whole`, on average.
  public mutating func chance(_ parts: Int, in whole: Int) -> Bool { next(below: whole) < parts }

  private mutating func nextByte() -> UInt8 {
    refill()
    defer { used += 1 }
    return block[used]
  }

  private mutating func refill() {
    guard used == block.count else { return }
    block = Digest.of("test entropy", seed, bigEndian(nextBlock)).bytes
    nextBlock += 1
    used = 0
  }
}

private func bigEndian(_ value: UInt64) -> [UInt8] {
  (0..<8).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}
