/// The checksum that SQLite's own log has (sqlite.org/fileformat2.html section 4.2), of 32-bit words, little-endian: it finds
/// what a disk has damaged, keeps nobody out, and costs a tenth of a hash. [operation.11]
package struct Checksum: Equatable, Sendable {
  private var first: UInt32 = 0
  private var second: UInt32 = 0

  package var value: UInt64 { UInt64(first) << 32 | UInt64(second) }

  /// Of bytes; what is left of the last eight counts as if zeros followed.
  package init(_ bytes: ArraySlice<UInt8>) {
    var sum = (first: UInt32(0), second: UInt32(0))
    unsafe bytes.withUnsafeBytes { bytes in
      let whole = bytes.count & ~7
      for offset in stride(from: 0, to: whole, by: 8) {
        let word = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        sum.first &+= UInt32(truncatingIfNeeded: word) &+ sum.second
        sum.second &+= UInt32(truncatingIfNeeded: word >> 32) &+ sum.first
      }
      var rest: UInt64 = 0
      for offset in whole..<bytes.count { rest |= unsafe UInt64(bytes[offset]) << (8 * UInt64(offset - whole)) }
      if whole < bytes.count {
        sum.first &+= UInt32(truncatingIfNeeded: rest) &+ sum.second
        sum.second &+= UInt32(truncatingIfNeeded: rest >> 32) &+ sum.first
      }
    }
    (first, second) = sum
  }

  /// Goes on with another number.
  package mutating func add(_ word: UInt64) {
    first &+= UInt32(truncatingIfNeeded: word) &+ second
    second &+= UInt32(truncatingIfNeeded: word >> 32) &+ first
  }
}
