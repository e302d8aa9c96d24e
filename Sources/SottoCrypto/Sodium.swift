internal import CSodium

/// libsodium wants `sodium_init` once before anything else; it is safe from any thread and cheap to repeat.
///
/// Every entry point of this module that reaches libsodium touches this value first.
enum Sodium {
  static let ready: Void = {
    precondition(sodium_init() >= 0, "libsodium could not be initialised")
  }()
}

/// What a primitive can refuse. A peer never sees which: the rooms above fold all of these into one outcome.
public enum CryptoError: Error, Equatable, Sendable {
  /// A key, signature, ciphertext or seed does not have the length its type fixes.
  case wrongLength
  /// A public key that its specification calls invalid: not canonical, or outside the modulus.
  case invalidKey
  /// An X25519 agreement whose result is all zero (RFC 7748 section 6.1).
  case lowOrder
  /// An authenticated decryption that did not authenticate.
  case notAuthentic
  /// A cost that was read back and that this build will not pay: below what Argon2id allows or above what is sane.
  case outOfRange
  /// The library underneath could not do its work: not enough memory for Argon2id, for example.
  case unavailable
}
