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
    secret.withSpan { KeyUse.seal(plaintext.span, ad: ad.span, key: $0, nonce: nonce.span) }
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

// The same with the first half of a PRF output as the key, in memory that the caller has: for what is done too often to
// allocate. [primitives.8]
extension Derived {
  /// Encrypts all but the last 16 bytes of `message` in place and writes the tag there. The key is forgotten.
  public mutating func sealOnce(_ message: inout MutableSpan<UInt8>) {
    let count = message.count - SingleUseKey.overhead
    precondition(count >= 0, "there is no room for the tag")
    withA {
      KeyUse.seal(
        message.span.extracting(0..<count), ad: zeroNonce.span.extracting(0..<0), key: $0, nonce: zeroNonce.span)
    }
    unsafe message.withUnsafeMutableBufferPointer { buffer in
      let bytes = buffer.baseAddress!
      _ = unsafe spendA { key in
        unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
          bytes, nil, bytes, UInt64(count), nil, 0, nil, zeroNonce, key)
      }
    }
  }

  /// Decrypts `sealed` into `plaintext`, which has 16 bytes less; zeros if the tag differs. The key is forgotten.
  public mutating func openOnce(
    _ sealed: Span<UInt8>, into plaintext: inout MutableSpan<UInt8>
  ) throws(CryptoError) {
    guard sealed.count == plaintext.count + SingleUseKey.overhead else { throw .notAuthentic }
    let status = unsafe plaintext.withUnsafeMutableBufferPointer { target in
      unsafe sealed.withUnsafeBufferPointer { sealed in
        unsafe spendA { key in
          unsafe crypto_aead_chacha20poly1305_ietf_decrypt(
            target.baseAddress, nil, nil, sealed.baseAddress!, UInt64(sealed.count), nil, 0, zeroNonce, key)
        }
      }
    }
    guard status == 0 else { throw .notAuthentic }
  }
}

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
    var sealed = [UInt8](repeating: 0, count: plaintext.count + Self.overhead)
    var target = sealed.mutableSpan
    seal(plaintext.span, ad: ad.span, into: &target, from: &entropy)
    return sealed
  }

  /// The same into the caller's memory, which has 40 bytes more than `plaintext`.
  public func seal(
    _ plaintext: Span<UInt8>, ad: Span<UInt8>, into sealed: inout MutableSpan<UInt8>, from entropy: inout some Entropy
  ) {
    precondition(sealed.count == plaintext.count + Self.overhead)
    unsafe sealed.withUnsafeMutableBufferPointer { sealed in
      let bytes = sealed.baseAddress!
      var nonce = unsafe MutableRawSpan(_unsafeStart: bytes, byteCount: 24)
      entropy.fill(&nonce)
      unsafe encrypt(plaintext, ad: ad, nonce: bytes, to: bytes + 24)
    }
  }

  /// With the nonce as an argument, for vectors; the result does not repeat it.
  package func seal(_ plaintext: [UInt8], ad: [UInt8], nonce: [UInt8]) -> [UInt8] {
    precondition(nonce.count == 24)
    return unsafe [UInt8](unsafeUninitializedCapacity: plaintext.count + 16) { buffer, filled in
      unsafe encrypt(plaintext.span, ad: ad.span, nonce: nonce, to: buffer.baseAddress!)
      filled = plaintext.count + 16
    }
  }

  /// The same for secret bytes.
  public func seal(_ plaintext: borrowing Secret, ad: [UInt8], from entropy: inout some Entropy) -> [UInt8] {
    var sealed = [UInt8](repeating: 0, count: plaintext.count + Self.overhead)
    var target = sealed.mutableSpan
    plaintext.withSpan { seal($0, ad: ad.span, into: &target, from: &entropy) }
    return sealed
  }

  /// The plaintext, if tag and `ad` agree.
  public func open(_ sealed: [UInt8], ad: [UInt8]) throws(CryptoError) -> [UInt8] {
    guard sealed.count >= Self.overhead else { throw .notAuthentic }
    var plaintext = [UInt8](repeating: 0, count: sealed.count - Self.overhead)
    var target = plaintext.mutableSpan
    try open(sealed.span, ad: ad.span, into: &target)
    return plaintext
  }

  /// The same into the caller's memory, which has 40 bytes less than `sealed`; zeros if it does not open.
  public func open(
    _ sealed: Span<UInt8>, ad: Span<UInt8>, into plaintext: inout MutableSpan<UInt8>
  ) throws(CryptoError) {
    guard sealed.count == plaintext.count + Self.overhead else { throw .notAuthentic }
    let isAuthentic = unsafe plaintext.withUnsafeMutableBufferPointer { target in
      unsafe decrypt(sealed, ad: ad, to: target.baseAddress)
    }
    guard isAuthentic else { throw .notAuthentic }
  }

  /// The same for secret bytes.
  public func openSecret(_ sealed: [UInt8], ad: [UInt8]) throws(CryptoError) -> Secret {
    guard sealed.count >= Self.overhead else { throw .notAuthentic }
    let plaintext = Secret(zeroed: sealed.count - Self.overhead)
    guard unsafe decrypt(sealed.span, ad: ad.span, to: plaintext.mutablePointer) else { throw .notAuthentic }
    return plaintext
  }

  /// A second key with the same bytes.
  public func copy() -> SealingKey { SealingKey(secret.copy()) }

  /// The 32 bytes, to be stored.
  public func bytes() -> Secret { secret.copy() }

  private func encrypt(
    _ plaintext: Span<UInt8>, ad: Span<UInt8>, nonce: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>
  ) {
    let nonceBytes = unsafe Span(_unsafeStart: nonce, count: 24)
    secret.withSpan { KeyUse.seal(plaintext, ad: ad, key: $0, nonce: nonceBytes) }
    unsafe plaintext.withUnsafeBufferPointer { plaintext in
      unsafe ad.withUnsafeBufferPointer { ad in
        _ = unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
          target, nil, plaintext.baseAddress, UInt64(plaintext.count), ad.baseAddress, UInt64(ad.count), nil, nonce,
          secret.pointer)
      }
    }
  }

  private func decrypt(_ sealed: Span<UInt8>, ad: Span<UInt8>, to target: UnsafeMutablePointer<UInt8>?) -> Bool {
    unsafe sealed.withUnsafeBufferPointer { sealed in
      unsafe ad.withUnsafeBufferPointer { ad in
        unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
          target, nil, nil, sealed.baseAddress! + 24, UInt64(sealed.count - 24), ad.baseAddress, UInt64(ad.count),
          sealed.baseAddress!, secret.pointer) == 0
      }
    }
  }
}
