internal import Crypto
internal import FoundationEssentials

/// An ML-KEM-1024 encapsulation key (FIPS 203), checked against the modulus. [primitives.7]
public struct KEMPublicKey: Hashable, Sendable {
  /// The number of bytes of every key.
  public static let count = 1568
  /// The number of bytes of every ciphertext.
  public static let ciphertextCount = 1568
  /// The bytes, in FIPS 203 encoding.
  public let bytes: [UInt8]

  /// Refuses a key of another length or with a coefficient outside the modulus (FIPS 203 section 7.2).
  public init(_ bytes: [UInt8]) throws(CryptoError) {
    guard bytes.count == Self.count else { throw .wrongLength }
    guard Self.isReduced(bytes) else { throw .invalidKey }
    self.bytes = bytes
  }

  /// The modulus check: 1,024 coefficients of twelve bits, two in three bytes, each below q = 3,329; then a seed, which may
  /// be anything. swift-crypto would expand the matrix as well, and does so when the key is used.
  private static func isReduced(_ bytes: [UInt8]) -> Bool {
    stride(from: 0, to: 1_536, by: 3).allSatisfy { start in
      let (low, middle, high) = (UInt16(bytes[start]), UInt16(bytes[start + 1]), UInt16(bytes[start + 2]))
      return low | (middle & 0x0f) << 8 < 3_329 && middle >> 4 | high << 4 < 3_329
    }
  }

  fileprivate init(computed bytes: [UInt8]) { self.bytes = bytes }

  /// A fresh shared secret for the holder of the private key. The randomness is the system's: swift-crypto's public
  /// interface takes none.
  public func encapsulate() throws(CryptoError) -> Encapsulation {
    defer { wipeStack() }
    guard let key = try? MLKEM1024.PublicKey(rawRepresentation: bytes), let result = try? key.encapsulate() else {
      throw .invalidKey
    }
    return Encapsulation(
      ciphertext: [UInt8](result.encapsulated), sharedSecret: Secret(adopting: result.sharedSecret))
  }
}

/// What an encapsulation yields.
public struct Encapsulation: ~Copyable {
  /// 1,568 bytes, for the holder of the private key.
  public let ciphertext: [UInt8]
  private let sharedSecret: Secret

  /// One that was made earlier, for vectors.
  package init(ciphertext: [UInt8], sharedSecret: consuming Secret) {
    self.ciphertext = ciphertext
    self.sharedSecret = sharedSecret
  }

  /// The 32-byte shared secret.
  public consuming func secret() -> Secret { sharedSecret.copy() }
}

/// An ML-KEM-1024 private key, held as its 64-byte seed d || z.
public struct KEMPrivateKey: ~Copyable, Sendable {
  /// The seed.
  public let seed: Secret
  /// The matching encapsulation key.
  public let publicKey: KEMPublicKey

  /// A fresh key.
  public init(from entropy: inout some Entropy) throws(CryptoError) {
    try self.init(seed: Secret(count: 64, from: &entropy))
  }

  /// A stored key: its 64-byte seed.
  public init(seed: consuming Secret) throws(CryptoError) {
    guard seed.count == 64 else { throw .wrongLength }
    publicKey = try Self.expanded(seed) { key throws(CryptoError) in
      KEMPublicKey(computed: [UInt8](key.publicKey.rawRepresentation))
    }
    self.seed = seed
  }

  /// The 32-byte shared secret. A ciphertext that was not made for this key yields an unrelated secret (implicit
  /// rejection, FIPS 203 section 6.3): only what is derived from it tells. [primitives.12]
  public func decapsulate(_ ciphertext: [UInt8]) throws(CryptoError) -> Secret {
    guard ciphertext.count == KEMPublicKey.ciphertextCount else { throw .wrongLength }
    return try Self.expanded(seed) { key throws(CryptoError) in
      guard let shared = try? key.decapsulate(ciphertext) else { throw .invalidKey }
      return Secret(adopting: shared)
    }
  }

  private static func expanded<R: ~Copyable>(
    _ seed: borrowing Secret, _ body: (MLKEM1024.PrivateKey) throws(CryptoError) -> R
  ) throws(CryptoError) -> R {
    let view = unsafe UnsafeBufferPointer(start: seed.pointer, count: seed.count)
    guard let key = try? unsafe MLKEM1024.PrivateKey(seedRepresentation: view, publicKey: nil) else {
      throw .invalidKey
    }
    defer { unsafe wipeResidue(of: key, seed: key.seedRepresentation, expandedCount: 12_384) }
    return try body(key)
  }
}

extension Secret {
  /// The bytes of a swift-crypto key, which wipes its own copy.
  fileprivate init(adopting key: SymmetricKey) {
    self.init(zeroed: key.bitCount / 8)
    unsafe key.withUnsafeBytes {
      unsafe UnsafeMutableRawPointer(mutablePointer).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
    }
  }
}
