import Foundation

/// A thing that crosses the wire, with every bit of it turned in turn: each of them must be refused. With `SOTTO_SOAK=1`
/// also any two bits, and bytes at random.
public struct Mutations {
  private let name: String
  private let isRefused: ([UInt8]) throws -> Bool
  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"

  /// `isRefused` says what a reader makes of altered bytes.
  public init(of name: String, isRefused: @escaping ([UInt8]) throws -> Bool) {
    self.name = name
    self.isRefused = isRefused
  }

  /// Tries all of `bytes`, prints how many bits were refused, and answers what was accepted.
  public func survivors(of bytes: [UInt8]) throws -> [String] {
    var survivors: [String] = []
    let bits = bytes.count * 8
    for bit in 0..<bits where try !isRefused(bytes.flipping(bit)) { survivors.append("bit \(bit) of \(name)") }
    print("FIGURE single-bit mutation of \(name): \(bits - survivors.count) of \(bits) bits refused")
    if Self.isSoak { try survivors += soak(bytes) }
    return survivors
  }

  private func soak(_ bytes: [UInt8]) throws -> [String] {
    var entropy = SeededEntropy(seed: 20)
    var survivors: [String] = []
    let count = 200_000
    for number in 0..<count {
      var bent = bytes
      if number.isMultiple(of: 2) {
        let first = entropy.next(below: bytes.count * 8)
        let second = (first + 1 + entropy.next(below: bytes.count * 8 - 1)) % (bytes.count * 8)
        bent = bytes.flipping(first).flipping(second)
      } else {
        for _ in 0...entropy.next(below: 16) {
          bent[entropy.next(below: bytes.count)] = UInt8(truncatingIfNeeded: entropy.next() as UInt64)
        }
        if bent == bytes { continue }
      }
      if try !isRefused(bent) { survivors.append("mutation \(number) of \(name)") }
    }
    print("FIGURE two-bit and random mutation of \(name): \(count - survivors.count) of \(count) refused")
    return survivors
  }
}

extension [UInt8] {
  /// The same with one bit turned.
  public func flipping(_ bit: Int) -> [UInt8] {
    var bent = self
    bent[bit / 8] ^= 1 << UInt8(bit % 8)
    return bent
  }

  /// The first `place` bytes of these, then what follows in `other`.
  public func joined(to other: [UInt8], at place: Int) -> [UInt8] { Array(self[..<place] + other[place...]) }
}
