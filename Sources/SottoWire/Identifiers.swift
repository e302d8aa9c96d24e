public import SottoCrypto

// Ids are kept as numbers: compared and hashed in one step, and passed between threads without an allocation.
extension UInt128 {
  /// Of 16 bytes, big-endian. Not generic: to another module a generic function is ten times as slow.
  package init(bytes: ArraySlice<UInt8>) {
    var words = (first: UInt64(0), second: UInt64(0))
    for byte in bytes.prefix(8) { words.first = words.first << 8 | UInt64(byte) }
    for byte in bytes.dropFirst(8) { words.second = words.second << 8 | UInt64(byte) }
    self = UInt128(words.first) << 64 | UInt128(words.second)
  }

  package init(bytes: [UInt8]) { self.init(bytes: bytes[...]) }

  /// The 16 bytes, big-endian.
  package var bytes: [UInt8] {
    (0..<16).map { UInt8(truncatingIfNeeded: self >> (8 * (15 - UInt128($0)))) }
  }
}

/// The name of a mailbox: `H("mailbox"; pkEd)[0..16]` of a key made for that mailbox alone. [relay.1]
public struct MailboxID: Hashable, Sendable {
  /// The number of bytes of every id.
  public static let count = 16
  package let number: UInt128
  /// The 16 bytes.
  public var bytes: [UInt8] { number.bytes }

  public init(_ bytes: [UInt8]) throws(WireError) {
    guard bytes.count == Self.count else { throw .outOfRange }
    number = UInt128(bytes: bytes)
  }

  /// The mailbox that `key` owns.
  public init(owner key: VerifyingKey) {
    number = UInt128(bytes: Digest.of("mailbox", key.bytes).bytes[..<Self.count])
  }

  package init(number: UInt128) { self.number = number }

  /// 32 lower-case hexadecimal digits, as in a path.
  public var text: String { Hex.encode(bytes) }
}

/// The place of a card: 16 bytes that only someone with the address can compute. [relay.2]
public struct CardID: Hashable, Sendable {
  /// The number of bytes of every id.
  public static let count = 16
  package let number: UInt128
  /// The 16 bytes.
  public var bytes: [UInt8] { number.bytes }

  public init(_ bytes: [UInt8]) throws(WireError) {
    guard bytes.count == Self.count else { throw .outOfRange }
    number = UInt128(bytes: bytes)
  }

  package init(number: UInt128) { self.number = number }

  /// 32 lower-case hexadecimal digits, as in a path.
  public var text: String { Hex.encode(bytes) }
}

/// The name of an envelope in its mailbox, drawn at random by the sender so that a retry is harmless. [relay.3]
public struct EnvelopeID: Hashable, Sendable {
  /// The number of bytes of every id.
  public static let count = 16
  package let number: UInt128
  /// The 16 bytes.
  public var bytes: [UInt8] { number.bytes }

  public init(_ bytes: [UInt8]) throws(WireError) {
    guard bytes.count == Self.count else { throw .outOfRange }
    number = UInt128(bytes: bytes)
  }

  /// A fresh id.
  public init(from entropy: inout some Entropy) { number = UInt128(bytes: entropy.bytes(Self.count)) }

  package init(number: UInt128) { self.number = number }

  /// 32 lower-case hexadecimal digits, as in a path.
  public var text: String { Hex.encode(bytes) }
}

/// The name of a blob, drawn at random by whoever uploads it: it is also the right to read it. [blob.1]
public struct BlobID: Hashable, Sendable {
  /// The number of bytes of every id.
  public static let count = 16
  package let number: UInt128
  /// The 16 bytes.
  public var bytes: [UInt8] { number.bytes }

  public init(_ bytes: [UInt8]) throws(WireError) {
    guard bytes.count == Self.count else { throw .outOfRange }
    number = UInt128(bytes: bytes)
  }

  /// A fresh id.
  public init(from entropy: inout some Entropy) { number = UInt128(bytes: entropy.bytes(Self.count)) }

  package init(number: UInt128) { self.number = number }

  /// 32 lower-case hexadecimal digits, as in a path.
  public var text: String { Hex.encode(bytes) }
}

/// The right to put envelopes into one mailbox, as a sender shows it; the relay keeps its hash. [relay.4]
public struct Capability: Hashable, Sendable {
  /// The number of bytes of every capability.
  public static let count = 32
  /// The 32 bytes. They are sent with each request, so they live in ordinary memory.
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) throws(WireError) {
    guard bytes.count == Self.count else { throw .outOfRange }
    self.bytes = bytes
  }

  /// `H("capability"; bytes)`, what the relay stores.
  public var hash: Digest { Digest.of("capability", bytes) }

  /// 64 lower-case hexadecimal digits, as in a header.
  public var text: String { Hex.encode(bytes) }
}

/// What a capability is for; each class has quotas and rates of its own. [relay.5]
public enum CapabilityClass: UInt8, Sendable, CaseIterable {
  /// Whoever has the address: first contact.
  case knock = 1
  /// All contacts of a mailbox share one.
  case contact = 2
  /// The previous contact capability, for 7 days after a block issued a new one.
  case retiring = 3
}

/// The eight sizes an envelope may have: 512 B x 2^k, k = 0...7. [envelope.1]
public enum SizeClass: Int, Sendable, CaseIterable, Comparable {
  case b512 = 512
  case k1 = 1024
  case k2 = 2048
  case k4 = 4096
  case k8 = 8192
  case k16 = 16384
  case k32 = 32768
  case k64 = 65536

  /// The smallest class that holds `count` bytes; nil when none does.
  public init?(holding count: Int) {
    guard let fit = Self.allCases.first(where: { $0.rawValue >= count }) else { return nil }
    self = fit
  }

  public static func < (a: SizeClass, b: SizeClass) -> Bool { a.rawValue < b.rawValue }
}
