internal import Crypto
internal import CryptoExtras
internal import FoundationEssentials

/// What verifies tokens, and blinds what is to become one: RSABSSA-SHA384-PSS-Deterministic with 2,048 bits (RFC 9474, the
/// token type 2 of RFC 9578). A key has one encoding, 342 bytes (RFC 9578 section 6.5): SubjectPublicKeyInfo that names
/// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes, and the exponent 65,537. [primitives.16]
public struct BlindVerifyingKey: Hashable, Sendable {
  /// Bytes of the encoding.
  public static let count = head.count + modulusCount + exponent.count
  /// Bytes of a signature, of what is blinded and of what is signed blindly.
  public static let modulusCount = 256

  public let encoded: [UInt8]
  private let key: BoxedKey

  /// Throws `invalidKey` for anything but that encoding.
  public init(_ encoded: [UInt8]) throws(CryptoError) {
    guard encoded.count == Self.count, encoded.starts(with: Self.head),
      encoded.suffix(Self.exponent.count) == Self.exponent[...],
      // A number of 2,048 bits, and odd.
      encoded[Self.head.count] >= 0x80, encoded[Self.head.count + Self.modulusCount - 1] & 1 == 1,
      let key = try? Key(
        n: encoded[Self.head.count..<Self.head.count + Self.modulusCount], e: Self.exponent.suffix(3),
        parameters: .RSABSSA_SHA384_PSS_Deterministic)
    else { throw .invalidKey }
    self.encoded = encoded
    self.key = BoxedKey(key: key)
  }

  /// SHA-256 of the encoding: the name of the key.
  public var id: [UInt8] { sha256(encoded) }

  /// Whether the signature, 256 bytes, is this key's over the message.
  public func verify(_ signature: [UInt8], over message: [UInt8]) -> Bool {
    signature.count == Self.modulusCount
      && key.key.isValidSignature(
        _RSA.Signing.RSASignature(rawRepresentation: signature), for: key.key.prepare(message))
  }

  /// Whether a number of 256 bytes, big-endian, can be signed: it is below the modulus (RFC 9474 section 4.3).
  public func canSign(_ blinded: [UInt8]) -> Bool {
    let modulus = encoded[Self.head.count..<Self.head.count + Self.modulusCount]
    return blinded.count == Self.modulusCount && blinded.lexicographicallyPrecedes(modulus)
  }

  /// Hides the message from who is to sign it. The message must have 32 random bytes in it: nothing is added. The
  /// randomness of the blinding is the system's: swift-crypto's interface takes none.
  public func blind(_ message: [UInt8]) throws(CryptoError) -> BlindedMessage {
    let prepared = key.key.prepare(message)
    guard let result = try? key.key.blind(prepared) else { throw .unavailable }
    return BlindedMessage(key: self, message: message, bytes: [UInt8](result.blindedMessage), inverse: result.inverse)
  }

  fileprivate typealias Key = _RSA.BlindSigning.PublicKey<SHA384>
  fileprivate var value: Key { key.key }

  public static func == (a: Self, b: Self) -> Bool { a.encoded == b.encoded }
  public func hash(into hasher: inout Hasher) { hasher.combine(encoded) }

  private struct BoxedKey: Sendable { let key: Key }

  /// Everything before the modulus: two sequences, the algorithm with its parameters, and the modulus's sign.
  fileprivate static let head: [UInt8] = [
    0x30, 0x82, 0x01, 0x52, 0x30, 0x3d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x30,
    0xa0, 0x0d, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0xa1, 0x1a, 0x30, 0x18,
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
    0x65, 0x03, 0x04, 0x02, 0x02, 0xa2, 0x03, 0x02, 0x01, 0x30, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a,
    0x02, 0x82, 0x01, 0x01, 0x00,
  ]
  /// And everything after it.
  fileprivate static let exponent: [UInt8] = [0x02, 0x03, 0x01, 0x00, 0x01]
}

/// A message on its way to be signed by somebody who does not see it.
public struct BlindedMessage {
  private let key: BlindVerifyingKey
  private let message: [UInt8]
  /// What is signed: 256 bytes.
  public let bytes: [UInt8]
  private let inverse: _RSA.BlindSigning.BlindingInverse

  fileprivate init(
    key: BlindVerifyingKey, message: [UInt8], bytes: [UInt8], inverse: _RSA.BlindSigning.BlindingInverse
  ) {
    (self.key, self.message, self.bytes, self.inverse) = (key, message, bytes, inverse)
  }

  /// The signature over the message, out of the blind one. Throws `notAuthentic` when that is none of this key.
  public func finalize(_ blindSignature: [UInt8]) throws(CryptoError) -> [UInt8] {
    let blind = _RSA.BlindSigning.BlindSignature(rawRepresentation: blindSignature)
    guard blindSignature.count == BlindVerifyingKey.modulusCount,
      let signature = try? key.value.finalize(blind, for: key.value.prepare(message), blindingInverse: inverse),
      case let bytes = [UInt8](signature.rawRepresentation), key.verify(bytes, over: message)
    else { throw .notAuthentic }
    return bytes
  }
}

/// What signs tokens without seeing them. The numbers are swift-crypto's to wipe: it holds them. [primitives.16]
public struct BlindSigningKey: Sendable {
  private let key: _RSA.BlindSigning.PrivateKey<SHA384>
  public let publicKey: BlindVerifyingKey

  /// A new one, of the system's randomness: a second or two of processor time at worst.
  public init() throws(CryptoError) {
    guard
      let key = try? _RSA.BlindSigning.PrivateKey<SHA384>(
        keySize: .bits2048, parameters: .RSABSSA_SHA384_PSS_Deterministic)
    else { throw .unavailable }
    try self.init(key)
  }

  /// From PKCS #1 DER, as `encoded` gives it.
  public init(_ encoded: borrowing Secret) throws(CryptoError) {
    let view = unsafe UnsafeBufferPointer(start: encoded.pointer, count: encoded.count)
    guard
      let key = try? unsafe _RSA.BlindSigning.PrivateKey<SHA384>(
        derRepresentation: view, parameters: .RSABSSA_SHA384_PSS_Deterministic)
    else { throw .invalidKey }
    try self.init(key)
  }

  /// From PEM, for vectors of others.
  package init(pem: String) throws(CryptoError) {
    guard
      let key = try? _RSA.BlindSigning.PrivateKey<SHA384>(
        pemRepresentation: pem, parameters: .RSABSSA_SHA384_PSS_Deterministic)
    else { throw .invalidKey }
    try self.init(key)
  }

  private init(_ key: _RSA.BlindSigning.PrivateKey<SHA384>) throws(CryptoError) {
    guard let modulus = try? key.publicKey.getKeyPrimitives().modulus else { throw .invalidKey }
    self.key = key
    publicKey = try BlindVerifyingKey(BlindVerifyingKey.head + [UInt8](modulus) + BlindVerifyingKey.exponent)
  }

  /// PKCS #1 DER.
  public var encoded: Secret { Secret(copying: [UInt8](key.derRepresentation)) }

  /// Signs what somebody has blinded: 256 bytes, a number below the modulus. Throws `wrongLength` for anything else.
  public func sign(_ blinded: [UInt8]) throws(CryptoError) -> [UInt8] {
    guard blinded.count == BlindVerifyingKey.modulusCount, let signature = try? key.blindSignature(for: blinded)
    else { throw .wrongLength }
    return [UInt8](signature.rawRepresentation)
  }
}
