internal import CSodium

/// A domain-separation label: `L(label) = lp("Sotto/1 " || label)`. Labels are the only domain separation there is, so
/// outside of this package each one is a literal. [primitives.11]
public struct Label: Sendable, ExpressibleByStringLiteral {
  // Encoded once and inline: a chain step has no time for an allocation, nor for reading a string again.
  private var storage = InlineArray<64, UInt8>(repeating: 0)
  private var count = 0

  public init(stringLiteral text: StaticString) { text.withUTF8Buffer { unsafe encode($0) } }

  /// For vectors, which name the label that they were made with: at most 55 bytes.
  package init(text: String) {
    var text = text
    text.withUTF8 { unsafe encode($0) }
  }

  /// The greatest number of bytes of a label: its encoding then has 64, of which one is the length.
  package static let limit = 63 - prefix.utf8CodeUnitCount

  /// The encoded label: a one-byte length, then the text.
  public var encoded: [UInt8] { unsafe withEncoded { unsafe [UInt8]($0) } }

  private static let prefix: StaticString = "Sotto/1 "

  private mutating func encode(_ text: UnsafeBufferPointer<UInt8>) {
    precondition(text.count <= Self.limit, "a label's length fits one byte")
    count = 1 + Self.prefix.utf8CodeUnitCount + text.count
    storage[0] = UInt8(count - 1)
    var bytes = storage.mutableSpan
    unsafe bytes.withUnsafeMutableBufferPointer { target in
      _ = unsafe target[1...].update(fromContentsOf: UnsafeBufferPointer(start: Self.prefix.utf8Start, count: 8))
      _ = unsafe target[9...].update(fromContentsOf: text)
    }
  }

  /// Lends the same without an allocation.
  func withEncoded<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    unsafe storage.span.withUnsafeBufferPointer { unsafe body(UnsafeBufferPointer(rebasing: $0[..<count])) }
  }
}

/// A 32-byte BLAKE2b-256 digest (RFC 7693).
public struct Digest: Hashable, Sendable {
  /// The number of bytes of every digest.
  public static let count = 32
  /// The 32 bytes.
  public let bytes: [UInt8]

  /// A digest that was received or stored.
  public init(_ bytes: [UInt8]) throws(CryptoError) {
    guard bytes.count == Self.count else { throw .wrongLength }
    self.bytes = bytes
  }

  init(computed bytes: [UInt8]) { self.bytes = bytes }

  /// The 32 zero bytes that stand where there is no digest yet.
  public static let zero = Digest(computed: [UInt8](repeating: 0, count: count))
}

extension Digest {
  /// `H(label; x..) = BLAKE2b-256(L(label) || lp(x)..)`: the one hash of the protocol. [primitives.1]
  public static func of(_ label: Label, _ parts: [UInt8]...) -> Digest {
    let state = HashState(outputLength: count)
    state.absorb(label)
    for part in parts { state.absorb(part) }
    return Digest(computed: state.finishPublic())
  }
}

/// `H(label; x)` of one part that is too long to be held, piece by piece. [primitives.1]
public struct LongDigest: ~Copyable {
  private let state: HashState
  private var missing: Int

  /// `length` is that of the whole part in bytes: it is hashed before them.
  public init(_ label: Label, length: Int) {
    missing = length
    state = HashState(outputLength: Digest.count)
    state.absorb(label)
    state.absorbLength(length)
  }

  /// Takes the next bytes of the part: no more in all than its length.
  public mutating func absorb(_ piece: RawSpan) {
    missing -= piece.byteCount
    precondition(missing >= 0, "more bytes than the length that was said")
    state.update(piece)
  }

  /// The digest, once every byte was absorbed.
  public consuming func finish() -> Digest {
    precondition(missing == 0, "fewer bytes than the length that was said")
    return Digest(computed: state.finishPublic())
  }
}

/// `P(key, label; x..) = BLAKE2b-512(key, L(label) || lp(x)..) -> (a[32], b[32])`: the one PRF of the protocol. [primitives.2]
///
/// Parts are absorbed in order; `finish` yields both halves. BLAKE2b's own keyed mode is the PRF (RFC 7693 section 2.9).
public struct PRF: ~Copyable {
  private let state: HashState

  /// `key` has 32 bytes.
  public init(key: borrowing Secret, label: Label) {
    precondition(key.count == 32, "P is keyed with 32 bytes")
    state = HashState(outputLength: 64, key: key)
    state.absorb(label)
  }

  /// Appends `lp(part)`.
  public consuming func absorbing(_ part: [UInt8]) -> PRF {
    state.absorb(part)
    return self
  }

  /// Appends `lp(part)`.
  public consuming func absorbing(_ part: borrowing Secret) -> PRF {
    state.absorb(part)
    return self
  }

  /// The 64 bytes of output, to be split with `Derived.a` and `Derived.b`.
  public consuming func finish() -> Derived { Derived(state.finishSecret()) }

  /// `P(key, label; parts..)` in one call, for public parts.
  public static func derive(_ key: borrowing Secret, _ label: Label, _ parts: [UInt8]...) -> Derived {
    var prf = PRF(key: key, label: label)
    for part in parts { prf = prf.absorbing(part) }
    return prf.finish()
  }
}

extension PRF {
  /// `P(key, label)` over what `output` held: for steps that are made too often to allocate. `key` has 32 bytes.
  public static func derive(_ key: Span<UInt8>, _ label: Label, into output: inout Derived) {
    unsafe label.withEncoded { message in unsafe output.fill(keyed: key, with: message) }
  }

  /// `P(key, label; first, second)`, likewise; of parts that together have at most 900 bytes.
  public static func derive(
    _ key: Span<UInt8>, _ label: Label, _ first: Span<UInt8>, _ second: Span<UInt8>, into output: inout Derived
  ) {
    // BLAKE2b takes a short message whole, which costs less than a running state.
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1_024) { message in
      var end = unsafe label.withEncoded { label in
        _ = unsafe message.update(fromContentsOf: label)
        return label.count
      }
      // A part may be secret.
      defer { unsafe sodium_memzero(message.baseAddress!, end) }
      for part in 0..<2 {
        let bytes = part == 0 ? first : second
        precondition(end + 8 + bytes.count <= message.count)
        end += unsafe writeLength(bytes.count, into: UnsafeMutableBufferPointer(rebasing: message[end...]))
        unsafe bytes.withUnsafeBufferPointer { _ = unsafe message[end...].update(fromContentsOf: $0) }
        end += bytes.count
      }
      unsafe output.fill(keyed: key, with: UnsafeBufferPointer(rebasing: message[..<end]))
    }
  }
}

/// The two halves of one PRF output.
public struct Derived: ~Copyable {
  private var output: Secret
  /// Whether the first half may still seal or open a message in place.
  package private(set) var isReady = false

  init(_ output: consuming Secret) { self.output = output }

  /// 64 bytes of memory for `PRF.derive(_:_:into:)` to fill, again and again.
  public init() { output = Secret(zeroed: 64) }

  /// The first 32 bytes.
  public func a() -> Secret { output.slice(0..<32) }
  /// The last 32 bytes.
  public func b() -> Secret { output.slice(32..<64) }
  /// All 64 bytes.
  public func both() -> Secret { output.copy() }

  /// Lends the first 32 bytes.
  public func withA<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try body(unsafe Span(_unsafeStart: output.pointer, count: 32))
  }

  /// Lends the last 32 bytes.
  public func withB<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try body(unsafe Span(_unsafeStart: output.pointer + 32, count: 32))
  }

  /// Whether the last 32 bytes are `other`, in time that does not depend on what they are.
  public func bIsEqual(to other: Span<UInt8>) -> Bool {
    guard other.count == 32 else { return false }
    return unsafe other.withUnsafeBufferPointer { unsafe sodium_memcmp(output.pointer + 32, $0.baseAddress!, 32) == 0 }
  }

  /// `(a, b) = P(a, label)`: the next step of a chain, in place.
  public mutating func step(_ label: Label) {
    unsafe label.withEncoded { message in
      let key = unsafe Span(_unsafeStart: output.pointer, count: 32)
      // BLAKE2b has read its key before it writes.
      unsafe fill(keyed: key, with: message)
    }
  }

  /// Forgets both halves.
  public mutating func wipe() {
    unsafe sodium_memzero(output.mutablePointer, 64)
    isReady = false
  }

  fileprivate mutating func fill(keyed key: Span<UInt8>, with message: UnsafeBufferPointer<UInt8>) {
    precondition(key.count == 32, "P is keyed with 32 bytes")
    _ = unsafe key.withUnsafeBufferPointer { key in
      unsafe crypto_generichash(
        output.mutablePointer, 64, message.baseAddress, UInt64(message.count), key.baseAddress, 32)
    }
    isReady = true
  }

  /// Lends the first half as a key that seals or opens one message, and forgets it. A second time is a mistake of the
  /// caller, and ends the program: where `SingleUseKey` is consumed, this memory is filled again.
  mutating func spendA<R>(_ body: (UnsafePointer<UInt8>) -> R) -> R {
    precondition(isReady, "this key has been used")
    isReady = false
    defer { unsafe sodium_memzero(output.mutablePointer, 32) }
    return unsafe body(output.pointer)
  }
}

/// A running BLAKE2b whose state is wiped: it has absorbed keys. Not private, because optimised callers of `PRF` then refer
/// to a type that the linker cannot see (Swift 6.3).
@safe struct HashState: ~Copyable {
  private let memory: UnsafeMutableRawPointer
  private let outputLength: Int

  init(outputLength: Int) {
    Sodium.ready
    self.outputLength = outputLength
    unsafe memory = Self.allocate()
    unsafe crypto_generichash_init(OpaquePointer(memory), nil, 0, outputLength)
  }

  init(outputLength: Int, key: borrowing Secret) {
    Sodium.ready
    self.outputLength = outputLength
    unsafe memory = Self.allocate()
    unsafe crypto_generichash_init(OpaquePointer(memory), key.pointer, key.count, outputLength)
  }

  deinit {
    unsafe sodium_memzero(memory, crypto_generichash_statebytes())
    unsafe memory.deallocate()
  }

  private static func allocate() -> UnsafeMutableRawPointer {
    // libsodium asks for 64-byte alignment of this state.
    UnsafeMutableRawPointer.allocate(byteCount: crypto_generichash_statebytes(), alignment: 64)
  }

  borrowing func update(_ bytes: [UInt8]) {
    unsafe crypto_generichash_update(OpaquePointer(memory), bytes, UInt64(bytes.count))
  }

  borrowing func update(_ bytes: RawSpan) {
    _ = unsafe bytes.withUnsafeBytes { bytes in
      unsafe crypto_generichash_update(
        OpaquePointer(memory), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    }
  }

  borrowing func absorb(_ label: Label) {
    _ = unsafe label.withEncoded { encoded in
      unsafe crypto_generichash_update(OpaquePointer(memory), encoded.baseAddress, UInt64(encoded.count))
    }
  }

  borrowing func absorb(_ part: [UInt8]) {
    absorbLength(part.count)
    update(part)
  }

  borrowing func absorb(_ part: borrowing Secret) {
    absorbLength(part.count)
    unsafe crypto_generichash_update(OpaquePointer(memory), part.pointer, UInt64(part.count))
  }

  borrowing func absorbLength(_ count: Int) {
    _ = unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 8) { buffer in
      let width = unsafe writeLength(count, into: buffer)
      unsafe crypto_generichash_update(OpaquePointer(memory), buffer.baseAddress, UInt64(width))
    }
  }

  borrowing func finishPublic() -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: outputLength) { buffer, filled in
      unsafe crypto_generichash_final(OpaquePointer(memory), buffer.baseAddress!, outputLength)
      filled = outputLength
    }
  }

  borrowing func finishSecret() -> Secret {
    let output = Secret(zeroed: outputLength)
    unsafe crypto_generichash_final(OpaquePointer(memory), output.mutablePointer, outputLength)
    return output
  }
}

/// The minimal variable-length integer of RFC 9000 section 16, for a length. [encoding.3]
public func lengthPrefix(_ count: Int) -> [UInt8] {
  unsafe [UInt8](unsafeUninitializedCapacity: 8) { buffer, filled in filled = unsafe writeLength(count, into: buffer) }
}

/// The same as a number: the prefix is its last `width` bytes, big-endian.
package func lengthWord(_ count: Int) -> (word: UInt64, width: Int) {
  precondition((0..<1 << 62).contains(count), "RFC 9000 integers have 62 bits")
  // The two top bits of the first byte are the logarithm of the width.
  let word = UInt64(count)
  return switch count {
  case 0..<1 << 6: (word, 1)
  case 0..<1 << 14: (word | 1 << 14, 2)
  case 0..<1 << 30: (word | 2 << 30, 4)
  default: (word | 3 << 62, 8)
  }
}

/// Writes it into a buffer of eight bytes and answers with its width.
private func writeLength(_ count: Int, into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
  let (word, width) = lengthWord(count)
  for index in 0..<width {
    unsafe buffer[index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * (width - 1 - index)))
  }
  return width
}

/// Plain BLAKE2b (RFC 7693), without label and lengths: for public vectors. An empty key means none.
package func blake2b(_ message: [UInt8], key: borrowing Secret, count: Int) -> [UInt8] {
  let state = HashState(outputLength: count, key: key)
  state.update(message)
  return state.finishPublic()
}

/// SHA-256 (FIPS 180-4), only where HTTP asks for it: the Content-Digest of RFC 9530. [primitives.13]
public func sha256(_ bytes: [UInt8]) -> [UInt8] {
  Sodium.ready
  return unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, filled in
    unsafe crypto_hash_sha256(buffer.baseAddress!, bytes, UInt64(bytes.count))
    filled = 32
  }
}
