internal import Crypto
internal import FoundationEssentials

/// An ML-DSA-65 public key (FIPS 204).
public struct MLDSAPublicKey: Hashable, Sendable {
  /// The number of bytes of every key.
  public static let count = 1952
  /// The number of bytes of every signature.
  public static let signatureCount = 3309
  /// The bytes, in FIPS 204 encoding.
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) throws(CryptoError) {
    guard bytes.count == Self.count else { throw .wrongLength }
    self.bytes = bytes
  }

  /// Whether `signature` is this key's over `message` in the context "Sotto/1".
  func verify(_ signature: [UInt8], over message: [UInt8]) -> Bool {
    verify(signature, over: message, context: mldsaContext)
  }

  /// With the context as an argument, for public vectors.
  package func verify(_ signature: [UInt8], over message: [UInt8], context: [UInt8]) -> Bool {
    guard let key = try? MLDSA65.PublicKey(rawRepresentation: bytes) else { return false }
    return key.isValidSignature(signature, for: message, context: context)
  }
}

/// An ML-DSA-65 private key, held as its 32-byte seed.
package struct MLDSAPrivateKey: ~Copyable, Sendable {
  package let seed: Secret
  package let publicKey: MLDSAPublicKey

  package init(seed: consuming Secret) throws(CryptoError) {
    guard seed.count == 32 else { throw .wrongLength }
    publicKey = try Self.expanded(seed) { key throws(CryptoError) in
      try MLDSAPublicKey([UInt8](key.publicKey.rawRepresentation))
    }
    self.seed = seed
  }

  /// 3,309 bytes in the context "Sotto/1"; randomised (FIPS 204's hedged variant).
  package func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
    try Self.expanded(seed) { key throws(CryptoError) in
      guard let signature = try? key.signature(for: message, context: mldsaContext) else { throw .unavailable }
      return [UInt8](signature)
    }
  }

  private static func expanded<R>(
    _ seed: borrowing Secret, _ body: (MLDSA65.PrivateKey) throws(CryptoError) -> R
  ) throws(CryptoError) -> R {
    let view = unsafe UnsafeBufferPointer(start: seed.pointer, count: seed.count)
    guard let key = try? unsafe MLDSA65.PrivateKey(seedRepresentation: view, publicKey: nil) else {
      throw .invalidKey
    }
    defer { unsafe wipeResidue(of: key, seed: key.seedRepresentation, expandedCount: 17_536) }
    return try body(key)
  }
}

private let mldsaContext = Array("Sotto/1".utf8)
