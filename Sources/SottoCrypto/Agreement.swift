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
  /// The matching public key, if it was computed.
  private var known: AgreementPublicKey?

  /// A fresh key.
  public init(from entropy: inout some Entropy) {
    self.init(Secret(count: 32, from: &entropy), nil)
    rememberPublicKey()
  }

  /// A stored key: 32 bytes.
  public init(_ secret: consuming Secret) throws(CryptoError) {
    try self.init(deferringPublicKey: secret)
    rememberPublicKey()
  }

  /// A stored key: 32 bytes. Its public key, which costs as much as an agreement, is computed when it is asked for: most of
  /// the sessions that are loaded are only asked whether an envelope is theirs.
  package init(deferringPublicKey secret: consuming Secret) throws(CryptoError) {
    guard secret.count == 32 else { throw .wrongLength }
    self.init(secret, nil)
  }

  private init(_ secret: consuming Secret, _ known: AgreementPublicKey?) {
    self.secret = secret
    self.known = known
  }

  /// The matching public key.
  public var publicKey: AgreementPublicKey {
    if let known { return known }
    var point = [UInt8](repeating: 0, count: 32)
    _ = unsafe crypto_scalarmult_base(&point, secret.pointer)
    return AgreementPublicKey(computed: point)
  }

  /// Computes the public key once, for whoever will ask for it more than once.
  package mutating func rememberPublicKey() { known = publicKey }

  /// The 32-byte shared secret; an all-zero result is refused (RFC 7748 section 6.1). [primitives.4]
  public func agree(with other: AgreementPublicKey) throws(CryptoError) -> Secret {
    let shared = Secret(zeroed: 32)
    guard unsafe crypto_scalarmult(shared.mutablePointer, secret.pointer, other.bytes) == 0 else { throw .lowOrder }
    return shared
  }

  /// A second private key with the same bytes.
  public func copy() -> AgreementPrivateKey { AgreementPrivateKey(secret.copy(), known) }
}
