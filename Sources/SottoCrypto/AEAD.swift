internal import CSodium

/// A key that seals exactly one message: ChaCha20-Poly1305 (RFC 8439) with the zero nonce. [primitives.8]
///
/// Using it consumes it, so a second message under the same key and nonce does not compile.
public struct SingleUseKey: ~Copyable, Sendable {
  /// The number of bytes that sealing adds.
  public static let overhead = 16
  private let secret: Secret

  /// `secret` has 32 bytes.
  public init(_ secret: consuming Secret) {
    precondition(secret.count == 32)
    self.secret = secret
  }

  /// `plaintext` encrypted, then a 16-byte tag over it and `ad`.
  public consuming func seal(_ plaintext: [UInt8], ad: [UInt8]) -> [UInt8] {
    seal(plaintext, ad: ad, nonce: zeroNonce)
  }

  /// The plaintext, if tag and `ad` agree.
  public consuming func open(_ sealed: [UInt8], ad: [UInt8]) throws(CryptoError) -> [UInt8] {
    try open(sealed, ad: ad, nonce: zeroNonce)
  }

  /// With the nonce as an argument, for public vectors.
  package consuming func seal(_ plaintext: [UInt8], ad: [UInt8], nonce: [UInt8]) -> [UInt8] {
    precondition(nonce.count == 12)
    unsafe KeyUse.seal(plaintext.span.bytes, ad: ad, key: secret, nonce: nonce)
    return unsafe [UInt8](unsafeUninitializedCapacity: plaintext.count + Self.overhead) { buffer, filled in
      unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
        buffer.baseAddress!, nil, plaintext, UInt64(plaintext.count), ad, UInt64(ad.count), nil, nonce,
        secret.pointer)
      filled = plaintext.count + Self.overhead
    }
  }

  /// With the nonce as an argument, for public vectors.
  package consuming func open(_ sealed: [UInt8], ad: [UInt8], nonce: [UInt8]) throws(CryptoError) -> [UInt8] {
    precondition(nonce.count == 12)
    guard sealed.count >= Self.overhead else { throw .notAuthentic }
    var authentic = false
    let plaintext = unsafe [UInt8](unsafeUninitializedCapacity: sealed.count) { buffer, filled in
      authentic =
        unsafe crypto_aead_chacha20poly1305_ietf_decrypt(
          buffer.baseAddress!, nil, nil, sealed, UInt64(sealed.count), ad, UInt64(ad.count), nonce, secret.pointer)
        == 0
      filled = authentic ? sealed.count - Self.overhead : 0
    }
    guard authentic else { throw .notAuthentic }
    return plaintext
  }
}

private let zeroNonce = [UInt8](repeating: 0, count: 12)

/// A key that seals many messages: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random 24-byte nonce in
/// front. [primitives.9]
public struct SealingKey: ~Copyable, Sendable {
  /// The number of bytes that sealing adds: nonce and tag.
  public static let overhead = 24 + 16
  private let secret: Secret

  /// `secret` has 32 bytes.
  public init(_ secret: consuming Secret) {
    precondition(secret.count == 32)
    self.secret = secret
  }

  /// The nonce, `plaintext` encrypted, and a tag over it and `ad`.
  public func seal(_ plaintext: [UInt8], ad: [UInt8], from entropy: inout some Entropy) -> [UInt8] {
    let nonce = entropy.bytes(24)
    return nonce + seal(plaintext, ad: ad, nonce: nonce)
  }

  /// With the nonce as an argument, for vectors; the result does not repeat it.
  package func seal(_ plaintext: [UInt8], ad: [UInt8], nonce: [UInt8]) -> [UInt8] {
    precondition(nonce.count == 24)
    return unsafe plaintext.withUnsafeBufferPointer { unsafe sealBytes($0, ad: ad, nonce: nonce) }
  }

  /// The same for secret bytes.
  public func seal(_ plaintext: borrowing Secret, ad: [UInt8], from entropy: inout some Entropy) -> [UInt8] {
    let nonce = entropy.bytes(24)
    let view = unsafe UnsafeBufferPointer(start: plaintext.pointer, count: plaintext.count)
    return unsafe nonce + sealBytes(view, ad: ad, nonce: nonce)
  }

  /// The plaintext, if tag and `ad` agree.
  public func open(_ sealed: [UInt8], ad: [UInt8]) throws(CryptoError) -> [UInt8] {
    guard sealed.count >= Self.overhead else { throw .notAuthentic }
    var plaintext = [UInt8](repeating: 0, count: sealed.count - Self.overhead)
    let authentic = unsafe plaintext.withUnsafeMutableBufferPointer { unsafe openBytes(sealed, ad: ad, into: $0) }
    guard authentic else { throw .notAuthentic }
    return plaintext
  }

  /// The same for secret bytes.
  public func openSecret(_ sealed: [UInt8], ad: [UInt8]) throws(CryptoError) -> Secret {
    guard sealed.count >= Self.overhead else { throw .notAuthentic }
    let plaintext = Secret(zeroed: sealed.count - Self.overhead)
    let target = unsafe UnsafeMutableBufferPointer(start: plaintext.mutablePointer, count: plaintext.count)
    guard unsafe openBytes(sealed, ad: ad, into: target) else { throw .notAuthentic }
    return plaintext
  }

  /// A second key with the same bytes.
  public func copy() -> SealingKey { SealingKey(secret.copy()) }

  /// The 32 bytes, to be stored.
  public func bytes() -> Secret { secret.copy() }

  private func sealBytes(_ plaintext: UnsafeBufferPointer<UInt8>, ad: [UInt8], nonce: [UInt8]) -> [UInt8] {
    unsafe KeyUse.seal(Span(_unsafeElements: plaintext).bytes, ad: ad, key: secret, nonce: nonce)
    return unsafe [UInt8](unsafeUninitializedCapacity: plaintext.count + 16) { buffer, filled in
      unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
        buffer.baseAddress!, nil, plaintext.baseAddress, UInt64(plaintext.count), ad, UInt64(ad.count), nil, nonce,
        secret.pointer)
      filled = plaintext.count + 16
    }
  }

  private func openBytes(_ sealed: [UInt8], ad: [UInt8], into target: UnsafeMutableBufferPointer<UInt8>) -> Bool {
    unsafe sealed.withUnsafeBufferPointer { sealed in
      unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
        target.baseAddress, nil, nil, sealed.baseAddress! + 24, UInt64(sealed.count - 24), ad, UInt64(ad.count),
        sealed.baseAddress!, secret.pointer) == 0
    }
  }
}
