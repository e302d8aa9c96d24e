/// How long a blob may be: m x 2^k bytes with m = 8...15, from 64 KiB to 128 MiB. So a length says little about what is
/// inside, and padding costs less than an eighth. [blob.2]
public struct BlobLength: Hashable, Sendable {
  /// The length in bytes.
  public let bytes: Int

  /// What is shorter fits an envelope.
  public static let smallest = BlobLength(unchecked: 64 * 1024)
  /// Holds what a person calls 100 MB, with the seals of its pieces.
  public static let largest = BlobLength(unchecked: 128 * 1024 * 1024)

  private init(unchecked bytes: Int) { self.bytes = bytes }

  /// nil for any other number.
  public init?(_ bytes: Int) {
    guard let fit = Self(holding: bytes), fit.bytes == bytes else { return nil }
    self = fit
  }

  /// The shortest that holds `count` bytes; nil when none does.
  public init?(holding count: Int) {
    guard count <= Self.largest.bytes else { return nil }
    bytes = Self.rounded(count)
  }

  /// The same as a number, and without an upper end: what is padded knows its length also where no relay takes it.
  package static func rounded(_ count: Int) -> Int {
    guard count > smallest.bytes else { return smallest.bytes }
    // Three bits after the leading one may be set.
    let step = 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount - 3)
    return (count + step - 1) / step * step
  }
}
