internal import Crypto
internal import FoundationEssentials

/// Bytes for whoever holds a private key, from nobody in particular: HPKE in base mode, one message a key (RFC 9180
/// section 6.1), with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305. [primitives.15]
public enum PublicKeySeal {
  /// What is sealed is longer by so many bytes: an encapsulated key of 32, and a tag of 16.
  public static let overhead = keyCount + 16

  private static let keyCount = 32
  private static var suite: HPKE.Ciphersuite {
    HPKE.Ciphersuite(kem: .Curve25519_HKDF_SHA256, kdf: .HKDF_SHA256, aead: .chaChaPoly)
  }

  /// The encapsulated key, then the ciphertext. The randomness is the system's: swift-crypto's public interface takes none.
  /// Throws `lowOrder` for a key with which nothing can be agreed.
  public static func seal(
    _ plaintext: [UInt8], to key: AgreementPublicKey, as label: Label
  ) throws(CryptoError) -> [UInt8] {
    try checkOrder(of: key)
    guard
      let recipient = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: key.bytes),
      var sender = try? HPKE.Sender(recipientKey: recipient, ciphersuite: suite, info: Data(label.encoded)),
      let ciphertext = try? sender.seal(plaintext)
    else { throw .lowOrder }
    return [UInt8](sender.encapsulatedKey) + [UInt8](ciphertext)
  }

  /// What was sealed under the same label. Throws `notAuthentic` for everything else, whatever is wrong with it.
  public static func open(
    _ sealed: [UInt8], with key: borrowing AgreementPrivateKey, as label: Label
  ) throws(CryptoError) -> [UInt8] {
    try open(sealed, with: key, info: label.encoded, authenticating: [])
  }

  /// With any `info` and associated data, for vectors of others.
  package static func open(
    _ sealed: [UInt8], with key: borrowing AgreementPrivateKey, info: [UInt8], authenticating ad: [UInt8]
  ) throws(CryptoError) -> [UInt8] {
    defer { wipeStack() }
    guard sealed.count >= overhead, let sender = try? AgreementPublicKey(Array(sealed[..<keyCount])),
      (try? checkOrder(of: sender)) != nil
    else { throw .notAuthentic }
    let view = unsafe UnsafeBufferPointer(start: key.secret.pointer, count: key.secret.count)
    guard
      let privateKey = try? unsafe Curve25519.KeyAgreement.PrivateKey(rawRepresentation: view),
      var recipient = try? HPKE.Recipient(
        privateKey: privateKey, ciphersuite: suite, info: Data(info), encapsulatedKey: Data(sealed[..<keyCount])),
      let plaintext = try? recipient.open(Data(sealed[keyCount...]), authenticating: Data(ad))
    else { throw .notAuthentic }
    return [UInt8](plaintext)
  }

  /// That something can be agreed with it: swift-crypto goes on with an agreement that is all zero, which RFC 9180 section
  /// 7.1.4 forbids; anybody opens what is sealed with that. Whatever the other key, so one that is drawn.
  private static func checkOrder(of key: AgreementPublicKey) throws(CryptoError) {
    var entropy = SystemEntropy()
    _ = try AgreementPrivateKey(deferringPublicKey: Secret(count: 32, from: &entropy)).agree(with: key)
  }
}
