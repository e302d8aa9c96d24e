/// Builds secret bytes piece by piece, for saved state: the codec's rules, in memory that is wiped.
public struct SecretWriter: ~Copyable {
  private var buffer: Secret
  /// Bytes written so far.
  public private(set) var count = 0

  public init() { buffer = Secret(zeroed: 512) }

  public mutating func u8(_ value: UInt8) { fixed([value]) }
  /// Four bytes, big-endian.
  public mutating func u32(_ value: UInt32) {
    fixed((0..<4).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) })
  }
  /// Eight bytes, big-endian.
  public mutating func u64(_ value: UInt64) {
    fixed((0..<8).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) })
  }
  /// A minimal variable-length integer (RFC 9000 section 16).
  public mutating func varint(_ value: Int) { fixed(lengthPrefix(value)) }

  /// Public bytes whose number the reader knows.
  public mutating func fixed(_ bytes: [UInt8]) {
    reserve(bytes.count)
    unsafe bytes.withUnsafeBufferPointer { source in
      if let base = source.baseAddress {
        unsafe (buffer.mutablePointer + count).update(from: base, count: source.count)
      }
    }
    count += bytes.count
  }

  /// A length, then public bytes.
  public mutating func vector(_ bytes: [UInt8]) {
    varint(bytes.count)
    fixed(bytes)
  }

  /// Secret bytes whose number the reader knows.
  public mutating func secret(_ secret: borrowing Secret) {
    reserve(secret.count)
    unsafe (buffer.mutablePointer + count).update(from: secret.pointer, count: secret.count)
    count += secret.count
  }

  /// What has been written.
  public consuming func finish() -> Secret { buffer.slice(0..<count) }

  private mutating func reserve(_ more: Int) {
    guard count + more > buffer.count else { return }
    let larger = Secret(zeroed: max(buffer.count * 2, count + more))
    unsafe larger.mutablePointer.update(from: buffer.pointer, count: count)
    buffer = larger
  }
}

/// Reads what `SecretWriter` builds, strictly. Owns the bytes, and wipes them when it goes.
public struct SecretReader: ~Copyable {
  private let buffer: Secret
  private var position = 0

  public init(_ bytes: consuming Secret) { buffer = bytes }

  /// Bytes not yet read.
  public var remaining: Int { buffer.count - position }

  public mutating func u8() throws(CryptoError) -> UInt8 { try fixed(1)[0] }
  public mutating func u32() throws(CryptoError) -> UInt32 { try fixed(4).reduce(0) { $0 << 8 | UInt32($1) } }
  public mutating func u64() throws(CryptoError) -> UInt64 { try fixed(8).reduce(0) { $0 << 8 | UInt64($1) } }

  public mutating func varint() throws(CryptoError) -> Int {
    let first = try u8()
    let width = 1 << Int(first >> 6)
    var value = UInt64(first & 0x3f)
    for _ in 1..<width { value = value << 8 | UInt64(try u8()) }
    guard lengthPrefix(Int(value)).count == width else { throw .wrongLength }
    return Int(value)
  }

  /// `count` bytes that need no secrecy.
  public mutating func fixed(_ count: Int) throws(CryptoError) -> [UInt8] {
    guard count >= 0, remaining >= count else { throw .wrongLength }
    defer { position += count }
    return unsafe [UInt8](UnsafeBufferPointer(start: buffer.pointer + position, count: count))
  }

  /// A length, then bytes that need no secrecy.
  public mutating func vector() throws(CryptoError) -> [UInt8] { try fixed(try varint()) }

  /// `count` secret bytes.
  public mutating func secret(_ count: Int) throws(CryptoError) -> Secret {
    guard count >= 0, remaining >= count else { throw .wrongLength }
    defer { position += count }
    return buffer.slice(position..<position + count)
  }

  /// Refuses trailing bytes.
  public borrowing func finish() throws(CryptoError) {
    guard remaining == 0 else { throw .wrongLength }
  }
}
