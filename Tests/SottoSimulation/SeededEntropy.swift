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
    for offset in 0..<bytes.byteCount { bytes.storeBytes(of: nextByte(), toByteOffset: offset, as: UInt8.self) }
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
    if used == block.count {
      block = Digest.of("test entropy", seed, bigEndian(nextBlock)).bytes
      nextBlock += 1
      used = 0
    }
    defer { used += 1 }
    return block[used]
  }
}

private func bigEndian(_ value: UInt64) -> [UInt8] {
  (0..<8).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}
