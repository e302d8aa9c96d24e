/// Both halves of an account's or device's public key: Ed25519 and ML-DSA-65. Both must verify. [primitives.6]
public struct HybridPublicKey: Hashable, Sendable {
  /// The Ed25519 half.
  public let classical: VerifyingKey
  /// The ML-DSA-65 half.
  public let postQuantum: MLDSAPublicKey
  /// `H("signer"; pkEd, pkML)`: stands in every signed message, so that neither half can be exchanged alone.
  public let signer: Digest

  public init(classical: VerifyingKey, postQuantum: MLDSAPublicKey) {
    self.classical = classical
    self.postQuantum = postQuantum
    signer = Digest.of("signer", classical.bytes, postQuantum.bytes)
  }

  // The digest stands for both halves.
  public static func == (one: HybridPublicKey, other: HybridPublicKey) -> Bool { one.signer == other.signer }
  public func hash(into hasher: inout Hasher) { hasher.combine(signer) }

  /// Whether both halves of `signature` are over `payload` under `label`.
  public func verify(_ signature: HybridSignature, _ label: Label, over payload: [UInt8]) -> Bool {
    let message = signedMessage(label, signer, payload)
    // Both are always checked: which half failed is nobody's business.
    let first = classical.verify(signature.classical, over: message)
    let second = postQuantum.verify(signature.postQuantum, over: message)
    return first && second
  }
}

/// An Ed25519 and an ML-DSA-65 signature over the same message.
public struct HybridSignature: Hashable, Sendable {
  /// The number of bytes of every hybrid signature: 64 + 3,309.
  public static let count = VerifyingKey.signatureCount + MLDSAPublicKey.signatureCount
  /// 64 bytes.
  public let classical: [UInt8]
  /// 3,309 bytes.
  public let postQuantum: [UInt8]
  /// Ed25519 first, then ML-DSA-65.
  public var bytes: [UInt8] { classical + postQuantum }

  public init(_ bytes: [UInt8]) throws(CryptoError) {
    guard bytes.count == Self.count else { throw .wrongLength }
    classical = Array(bytes[..<VerifyingKey.signatureCount])
    postQuantum = Array(bytes[VerifyingKey.signatureCount...])
  }
}

/// Both halves of a private key; neither ever signs alone.
public struct HybridSigningKey: ~Copyable, Sendable {
  private let classical: SigningKey
  private let postQuantum: MLDSAPrivateKey
  /// The matching public key.
  public let publicKey: HybridPublicKey

  /// A fresh key.
  public init(from entropy: inout some Entropy) throws(CryptoError) {
    let seeds = Secret(count: 64, from: &entropy)
    try self.init(seeds: seeds)
  }

  /// A stored key: the Ed25519 seed and the ML-DSA-65 seed, 32 bytes each.
  public init(seeds: borrowing Secret) throws(CryptoError) {
    guard seeds.count == 64 else { throw .wrongLength }
    let classical = try SigningKey(seed: seeds.slice(0..<32))
    let postQuantum = try MLDSAPrivateKey(seed: seeds.slice(32..<64))
    publicKey = HybridPublicKey(classical: classical.publicKey, postQuantum: postQuantum.publicKey)
    self.classical = classical
    self.postQuantum = postQuantum
  }

  /// The two seeds, 64 bytes.
  public func seeds() -> Secret {
    let both = Secret(zeroed: 64)
    unsafe both.mutablePointer.update(from: classical.seed.pointer, count: 32)
    unsafe (both.mutablePointer + 32).update(from: postQuantum.seed.pointer, count: 32)
    return both
  }

  /// Signs `lp(label) || lp(H("signer"; pkEd, pkML)) || lp(payload)` with both halves. ML-DSA signing is randomised.
  public func sign(_ label: Label, _ payload: [UInt8]) throws(CryptoError) -> HybridSignature {
    let message = signedMessage(label, publicKey.signer, payload)
    return try HybridSignature(classical.sign(message) + postQuantum.sign(message))
  }
}

private func signedMessage(_ label: Label, _ signer: Digest, _ payload: [UInt8]) -> [UInt8] {
  label.encoded + lengthPrefix(Digest.count) + signer.bytes + lengthPrefix(payload.count) + payload
}
