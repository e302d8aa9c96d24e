internal import SottoCrypto

/// Why bytes are not a valid encoding. One case a rule, so that a vector can name it; a peer never sees which.
public enum WireError: Error, Equatable, Sendable {
  /// The bytes end before the value does. [encoding.1]
  case truncated
  /// Bytes follow the last field. [encoding.2]
  case trailingBytes
  /// A variable-length integer that is not in its shortest form. [encoding.3]
  case nonMinimalInteger
  /// A length or number outside the range that its field allows. [encoding.4]
  case outOfRange
  /// A value that the field's type does not have: an unknown kind, non-zero padding, invalid UTF-8. [encoding.5]
  case invalidValue

  /// What vectors call it.
  package var reason: String {
    switch self {
    case .truncated: "truncated"
    case .trailingBytes: "trailing"
    case .nonMinimalInteger: "non-minimal"
    case .outOfRange: "out-of-range"
    case .invalidValue: "invalid-value"
    }
  }
}

/// Builds the TLS presentation language (RFC 8446 section 3) with the variable-length vectors of RFC 9420 section 2.1.
public struct WireWriter: Sendable {
  /// What has been written.
  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// With memory for `capacity` bytes, where how many there will be is known.
  package init(capacity: Int) { bytes.reserveCapacity(capacity) }

  /// One byte.
  public mutating func u8(_ value: UInt8) { bytes.append(value) }
  /// Two bytes, big-endian, as every integer of fixed width. [encoding.9]
  public mutating func u16(_ value: UInt16) { integer(UInt64(value), 2) }
  /// Four bytes, big-endian.
  public mutating func u32(_ value: UInt32) { integer(UInt64(value), 4) }
  /// Eight bytes, big-endian.
  public mutating func u64(_ value: UInt64) { integer(value, 8) }
  /// The 16 bytes of an id.
  package mutating func u128(_ value: UInt128) {
    u64(UInt64(truncatingIfNeeded: value >> 64))
    u64(UInt64(truncatingIfNeeded: value))
  }
  /// A minimal variable-length integer (RFC 9000 section 16).
  public mutating func varint(_ value: Int) {
    let (word, width) = lengthWord(value)
    integer(word, width)
  }
  /// Bytes whose number the reader knows.
  public mutating func fixed(_ value: [UInt8]) { bytes += value }
  /// `opaque value<V>`: the length as a variable-length integer, then the bytes. [encoding.10]
  public mutating func vector(_ value: [UInt8]) { vector(value[...]) }
  /// The same of a part of an array. Not generic: most fields of most messages are vectors.
  public mutating func vector(_ value: ArraySlice<UInt8>) {
    varint(value.count)
    bytes += value
  }
  /// The same of bytes that `write` writes.
  public mutating func vector(_ write: (inout WireWriter) -> Void) {
    let start = bytes.count
    write(&self)
    let (word, width) = lengthWord(bytes.count - start)
    // Byte by byte: an array for the prefix costs more than moving what is behind it.
    for index in 0..<width { bytes.insert(UInt8(truncatingIfNeeded: word >> (8 * UInt64(index))), at: start) }
  }
  /// `T values<V>`: the length in bytes of all elements, then the elements. [encoding.10]
  @inlinable public mutating func list<T>(_ values: [T], _ write: (inout WireWriter, T) -> Void) {
    vector { writer in
      for value in values { write(&writer, value) }
    }
  }

  private mutating func integer(_ value: UInt64, _ width: Int) {
    for shift in (0..<width).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(shift)))) }
  }
}

/// Reads what `WireWriter` builds, strictly: every deviation is an error, and nothing is allocated before a length has
/// been checked against the bytes that are there.
public struct WireReader: Sendable {
  private let bytes: [UInt8]
  private var position: Int
  private let end: Int

  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    position = 0
    end = bytes.count
  }

  private init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// Reads one value that fills `bytes` completely.
  public static func decode<T, E: Error>(_ bytes: [UInt8], _ read: (inout WireReader) throws(E) -> T) throws -> T {
    var reader = WireReader(bytes)
    let value = try read(&reader)
    try reader.finish()
    return value
  }

  /// Bytes not yet read.
  public var remaining: Int { end - position }

  /// Refuses trailing bytes. [encoding.2]
  public func finish() throws(WireError) {
    guard remaining == 0 else { throw .trailingBytes }
  }

  public mutating func u8() throws(WireError) -> UInt8 {
    guard remaining >= 1 else { throw .truncated }
    defer { position += 1 }
    return bytes[position]
  }
  public mutating func u16() throws(WireError) -> UInt16 { UInt16(try integer(2)) }
  public mutating func u32() throws(WireError) -> UInt32 { UInt32(try integer(4)) }
  public mutating func u64() throws(WireError) -> UInt64 { try integer(8) }
  /// The 16 bytes of an id.
  package mutating func u128() throws(WireError) -> UInt128 { UInt128(try integer(8)) << 64 | UInt128(try integer(8)) }

  /// `count` bytes.
  public mutating func fixed(_ count: Int) throws(WireError) -> [UInt8] {
    guard count >= 0, remaining >= count else { throw .truncated }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  /// Everything that is left.
  public mutating func rest() -> [UInt8] {
    defer { position = end }
    return Array(bytes[position..<end])
  }

  /// The same where it stands, without a copy.
  package mutating func restSlice() -> ArraySlice<UInt8> {
    defer { position = end }
    return bytes[position..<end]
  }

  /// A minimal variable-length integer (RFC 9000 section 16). [encoding.3]
  public mutating func varint() throws(WireError) -> Int {
    let first = try u8()
    let width = 1 << Int(first >> 6)
    var value = UInt64(first & 0x3f)
    for _ in 1..<width { value = value << 8 | UInt64(try u8()) }
    guard width == 1 || value >= 1 << (UInt64(width / 2) * 8 - 2) else { throw .nonMinimalInteger }
    return Int(value)
  }

  /// `opaque value<V>` of at most `limit` bytes. [encoding.4]
  public mutating func vector(limit: Int) throws(WireError) -> [UInt8] {
    let count = try varint()
    guard count <= limit else { throw .outOfRange }
    return try fixed(count)
  }

  /// The same, not copied: it keeps everything that is read alive.
  package mutating func slice(limit: Int) throws(WireError) -> ArraySlice<UInt8> {
    let count = try varint()
    guard count <= limit else { throw .outOfRange }
    guard remaining >= count else { throw .truncated }
    defer { position += count }
    return bytes[position..<position + count]
  }

  /// A vector's content, to be read to its end. [encoding.4]
  public mutating func nested() throws(WireError) -> WireReader {
    let count = try varint()
    guard count <= remaining else { throw .truncated }
    defer { position += count }
    return WireReader(bytes, position..<position + count)
  }

  /// `T values<V>`: at most `limit` elements, which fill the vector exactly. [encoding.4]
  @inlinable public mutating func list<T>(
    limit: Int, _ read: (inout WireReader) throws(WireError) -> T
  ) throws(WireError) -> [T] {
    var inner = try nested()
    var values: [T] = []
    while inner.remaining > 0 {
      guard values.count < limit else { throw .outOfRange }
      values.append(try read(&inner))
    }
    return values
  }

  /// UTF-8 text of at most `limit` bytes. [encoding.5]
  public mutating func text(limit: Int) throws(WireError) -> String {
    guard let text = String(validating: try vector(limit: limit), as: UTF8.self) else { throw .invalidValue }
    return text
  }

  private mutating func integer(_ width: Int) throws(WireError) -> UInt64 {
    guard remaining >= width else { throw .truncated }
    var value: UInt64 = 0
    for offset in 0..<width { value = value << 8 | UInt64(bytes[position + offset]) }
    position += width
    return value
  }
}
