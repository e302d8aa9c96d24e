internal import CSodium

/// An Ed25519 public key (RFC 8032). Verification is libsodium's: cofactorless, canonical A, R and S, no point of small order. [primitives.5]
public struct VerifyingKey: Hashable, Sendable {
  /// The number of bytes of every key.
  public static let count = 32
  /// The number of bytes of every signature.
  public static let signatureCount = 64
  /// The 32 bytes.
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) throws(CryptoError) {
    guard bytes.count == Self.count else { throw .wrongLength }
    self.bytes = bytes
  }

  /// Whether `signature` (64 bytes) is this key's over `message`.
  public func verify(_ signature: [UInt8], over message: [UInt8]) -> Bool {
    guard signature.count == Self.signatureCount else { return false }
    Sodium.ready
    return unsafe crypto_sign_verify_detached(signature, message, UInt64(message.count), bytes) == 0
  }
}

/// An Ed25519 private key: for mailboxes and cards, whose requests the relay checks.
public struct SigningKey: ~Copyable, Sendable {
  /// The 32-byte seed of RFC 8032.
  public let seed: Secret
  private let expanded: Secret
  /// The matching public key.
  public let publicKey: VerifyingKey

  /// A fresh key.
  public init(from entropy: inout some Entropy) {
    self.init(unchecked: Secret(count: 32, from: &entropy))
  }

  /// A stored key: its 32-byte seed.
  public init(seed: consuming Secret) throws(CryptoError) {
    guard seed.count == 32 else { throw .wrongLength }
    self.init(unchecked: seed)
  }

  private init(unchecked seed: consuming Secret) {
    Sodium.ready
    var point = [UInt8](repeating: 0, count: 32)
    let expanded = Secret(zeroed: 64)
    _ = unsafe crypto_sign_seed_keypair(&point, expanded.mutablePointer, seed.pointer)
    publicKey = try! VerifyingKey(point)
    self.expanded = expanded
    self.seed = seed
  }

  /// The 64-byte signature over `message`; deterministic.
  public func sign(_ message: [UInt8]) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: 64) { buffer, filled in
      unsafe crypto_sign_detached(buffer.baseAddress!, nil, message, UInt64(message.count), expanded.pointer)
      filled = 64
    }
  }
}
