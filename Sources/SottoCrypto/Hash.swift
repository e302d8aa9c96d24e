internal import CSodium

/// A domain-separation label: `L(label) = lp("Sotto/1 " || label)`. Labels are the only domain separation there is.
public struct Label: Sendable, ExpressibleByStringLiteral {
  /// The encoded label: a one-byte length, then the text.
  public let encoded: [UInt8]

  public init(stringLiteral text: StaticString) {
    let name = Array("Sotto/1 \(text)".utf8)
    precondition(name.count < 64, "a label's length fits one byte")
    encoded = [UInt8(name.count)] + name
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
    state.update(label.encoded)
    for part in parts { state.absorb(part) }
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
    state.update(label.encoded)
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

/// A running BLAKE2b whose state is wiped: it has absorbed keys.
@safe private struct HashState: ~Copyable {
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

  borrowing func absorb(_ part: [UInt8]) {
    update(lengthPrefix(part.count))
    update(part)
  }

  borrowing func absorb(_ part: borrowing Secret) {
    update(lengthPrefix(part.count))
    unsafe crypto_generichash_update(OpaquePointer(memory), part.pointer, UInt64(part.count))
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

/// The minimal variable-length integer of RFC 9000 section 16, for a length.
public func lengthPrefix(_ count: Int) -> [UInt8] {
  let value = UInt64(count)
  switch value {
  case 0..<(1 << 6): return [UInt8(value)]
  case 0..<(1 << 14): return [UInt8(0x40 | value >> 8), UInt8(value & 0xff)]
  case 0..<(1 << 30):
    return [UInt8(0x80 | value >> 24), UInt8(value >> 16 & 0xff), UInt8(value >> 8 & 0xff), UInt8(value & 0xff)]
  default:
    precondition(value < 1 << 62, "RFC 9000 integers have 62 bits")
    return (0..<8).reversed().map { UInt8(value >> (8 * UInt64($0)) & 0xff) | ($0 == 7 ? 0xc0 : 0) }
  }
}

/// SHA-256 (FIPS 180-4), only where HTTP asks for it: the Content-Digest of RFC 9530.
public func sha256(_ bytes: [UInt8]) -> [UInt8] {
  Sodium.ready
  return unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, filled in
    unsafe crypto_hash_sha256(buffer.baseAddress!, bytes, UInt64(bytes.count))
    filled = 32
  }
}
