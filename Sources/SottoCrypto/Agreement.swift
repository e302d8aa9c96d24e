internal import CSodium

/// An X25519 public key (RFC 7748), canonical: the top bit is clear and u < 2^255 - 19. [primitives.3]
public struct AgreementPublicKey: Hashable, Sendable {
  /// The number of bytes of every key.
  public static let count = 32
  /// The 32 bytes, little-endian.
  public let bytes: [UInt8]

  /// Refuses what RFC 7748 would mask or reduce: two encodings of one key would be two names for one party.
  public init(_ bytes: [UInt8]) throws(CryptoError) {
    guard bytes.count == Self.count else { throw .wrongLength }
    guard Self.isCanonical(bytes) else { throw .invalidKey }
    self.bytes = bytes
  }

  fileprivate init(computed bytes: [UInt8]) { self.bytes = bytes }

  private static func isCanonical(_ bytes: [UInt8]) -> Bool {
    // p = 2^255 - 19 is ed ff .. ff 7f in little-endian order.
    guard bytes[31] < 0x80 else { return false }
    let allOnes = bytes[31] == 0x7f && bytes[1...30].allSatisfy { $0 == 0xff }
    return !(allOnes && bytes[0] >= 0xed)
  }
}

/// An X25519 private key.
public struct AgreementPrivateKey: ~Copyable, Sendable {
  /// The 32 secret bytes, as drawn (clamping happens at use).
  public let secret: Secret
  /// The matching public key.
  public let publicKey: AgreementPublicKey

  /// A fresh key.
  public init(from entropy: inout some Entropy) {
    self.init(unchecked: Secret(count: 32, from: &entropy))
  }

  /// A stored key: 32 bytes.
  public init(_ secret: consuming Secret) throws(CryptoError) {
    guard secret.count == 32 else { throw .wrongLength }
    self.init(unchecked: secret)
  }

  private init(unchecked secret: consuming Secret) {
    var point = [UInt8](repeating: 0, count: 32)
    _ = unsafe crypto_scalarmult_base(&point, secret.pointer)
    self.init(secret, AgreementPublicKey(computed: point))
  }

  private init(_ secret: consuming Secret, _ publicKey: AgreementPublicKey) {
    self.secret = secret
    self.publicKey = publicKey
  }

  /// The 32-byte shared secret; an all-zero result is refused (RFC 7748 section 6.1). [primitives.4]
  public func agree(with other: AgreementPublicKey) throws(CryptoError) -> Secret {
    let shared = Secret(zeroed: 32)
    guard unsafe crypto_scalarmult(shared.mutablePointer, secret.pointer, other.bytes) == 0 else { throw .lowOrder }
    return shared
  }

  /// A second private key with the same bytes.
  public func copy() -> AgreementPrivateKey { AgreementPrivateKey(secret.copy(), publicKey) }
}
