internal import CSodium

/// A domain-separation label: `L(label) = lp("Sotto/1 " || label)`. Labels are the only domain separation there is, so
/// outside of this package each one is a literal. [primitives.11]
public struct Label: Sendable, ExpressibleByStringLiteral {
  private let text: String

  public init(stringLiteral text: StaticString) { self.init(text: text.description) }

  /// For vectors, which name the label that they were made with: at most 55 bytes.
  package init(text: String) {
    precondition(text.utf8.count <= Self.limit, "a label's length fits one byte")
    self.text = text
  }

  /// The greatest number of bytes of a label: its encoding then has 64, of which one is the length.
  package static let limit = 63 - prefix.utf8.count

  /// The encoded label: a one-byte length, then the text.
  public var encoded: [UInt8] { unsafe withEncoded { unsafe [UInt8]($0) } }

  private static let prefix = "Sotto/1 "

  /// The same on the stack: a chain step has no time for an allocation.
  func withEncoded<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
      unsafe buffer[0] = UInt8(Self.prefix.utf8.count + text.utf8.count)
      var end = 1
      for byte in Self.prefix.utf8 {
        unsafe buffer[end] = byte
        end += 1
      }
      for byte in text.utf8 {
        unsafe buffer[end] = byte
        end += 1
      }
      return unsafe body(UnsafeRawBufferPointer(rebasing: buffer[..<end]))
    }
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

/// The two halves of one PRF output.
public struct Derived: ~Copyable {
  private let output: Secret

  init(_ output: consuming Secret) { self.output = output }

  /// The first 32 bytes.
  public func a() -> Secret { output.slice(0..<32) }
  /// The last 32 bytes.
  public func b() -> Secret { output.slice(32..<64) }
  /// All 64 bytes.
  public func both() -> Secret { output.copy() }
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

/// Writes it into a buffer of eight bytes and answers with its width.
private func writeLength(_ count: Int, into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
  precondition((0..<1 << 62).contains(count), "RFC 9000 integers have 62 bits")
  // The two top bits of the first byte are the logarithm of the width.
  let (width, mark): (Int, Int) =
    switch count {
    case 0..<1 << 6: (1, 0)
    case 0..<1 << 14: (2, 1)
    case 0..<1 << 30: (4, 2)
    default: (8, 3)
    }
  for index in 0..<width {
    unsafe buffer[index] = UInt8(truncatingIfNeeded: count >> (8 * (width - 1 - index)))
  }
  unsafe buffer[0] |= UInt8(mark << 6)
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
