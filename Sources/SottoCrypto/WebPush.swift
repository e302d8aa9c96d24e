internal import Crypto
internal import FoundationEssentials

/// What a Web Push service carries and cannot read (RFC 8291): one record of RFC 8188's `aes128gcm`. A push service's
/// protocol, which is not ours to choose: nothing but "wake up" is ever said by it. [push.7]
public enum WebPushMessage {
  /// A point on P-256, uncompressed: what a device subscribes with.
  public static let keyCount = 65
  /// The secret that the device shares with whoever may wake it.
  public static let authCount = 16
  private static let saltCount = 16
  private static let headerCount = saltCount + 4 + 1 + keyCount
  /// 4,096, which every receiver has room for.
  private static let recordSize: [UInt8] = [0, 0, 16, 0]
  /// Ends the last record.
  private static let end: UInt8 = 2

  /// The body of the request, for the device with this key. Throws `invalidKey` when it is no point of the curve.
  public static func seal(
    _ plaintext: [UInt8], to key: [UInt8], auth: [UInt8], from entropy: inout some Entropy
  ) throws(CryptoError) -> [UInt8] {
    let salt = entropy.bytes(saltCount)
    // The few numbers that are no private key are as likely as none.
    while true {
      if let sender = try? P256.KeyAgreement.PrivateKey(rawRepresentation: entropy.bytes(32)) {
        return try seal(plaintext, to: key, auth: auth, salt: salt, sender)
      }
    }
  }

  private static func seal(
    _ plaintext: [UInt8], to key: [UInt8], auth: [UInt8], salt: [UInt8], _ sender: P256.KeyAgreement.PrivateKey
  ) throws(CryptoError) -> [UInt8] {
    defer { wipeStack() }
    guard key.count == keyCount, auth.count == authCount else { throw .wrongLength }
    let senderKey = [UInt8](sender.publicKey.x963Representation)
    guard let receiver = try? P256.KeyAgreement.PublicKey(x963Representation: key),
      let shared = try? sender.sharedSecretFromKeyAgreement(with: receiver)
    else { throw .invalidKey }
    let keys = MessageKeys(shared, auth: auth, salt: salt, receiver: key, sender: senderKey)
    guard let box = try? AES.GCM.seal(plaintext + [end], using: keys.key, nonce: keys.nonce) else { throw .unavailable }
    return salt + recordSize + [UInt8(keyCount)] + senderKey + box.ciphertext + box.tag
  }

  /// What was sealed for the device whose private key, 32 bytes, this is. Throws `notAuthentic` for everything else.
  public static func open(
    _ body: [UInt8], with key: borrowing Secret, auth: [UInt8]
  ) throws(CryptoError) -> [UInt8] {
    defer { wipeStack() }
    let view = unsafe UnsafeBufferPointer(start: key.pointer, count: key.count)
    guard body.count > headerCount + 16, body[saltCount + 4] == UInt8(keyCount), auth.count == authCount,
      let receiver = try? unsafe P256.KeyAgreement.PrivateKey(rawRepresentation: view)
    else { throw .notAuthentic }
    let senderKey = Array(body[saltCount + 5..<headerCount])
    guard let sender = try? P256.KeyAgreement.PublicKey(x963Representation: senderKey),
      let shared = try? receiver.sharedSecretFromKeyAgreement(with: sender)
    else { throw .notAuthentic }
    let keys = MessageKeys(
      shared, auth: auth, salt: Array(body[..<saltCount]), receiver: [UInt8](receiver.publicKey.x963Representation),
      sender: senderKey)
    guard
      let box = try? AES.GCM.SealedBox(
        nonce: keys.nonce, ciphertext: body[headerCount..<body.count - 16], tag: body[(body.count - 16)...]),
      let padded = try? AES.GCM.open(box, using: keys.key), let mark = padded.lastIndex(where: { $0 != 0 }),
      padded[mark] == end
    else { throw .notAuthentic }
    return [UInt8](padded[..<mark])
  }

  /// The public key of a private one, 32 bytes. Throws `invalidKey` for the few that are none.
  public static func publicKey(of key: borrowing Secret) throws(CryptoError) -> [UInt8] {
    let view = unsafe UnsafeBufferPointer(start: key.pointer, count: key.count)
    guard let key = try? unsafe P256.KeyAgreement.PrivateKey(rawRepresentation: view) else { throw .invalidKey }
    return [UInt8](key.publicKey.x963Representation)
  }
}

/// Key and nonce of one message (RFC 8291 section 3.4, RFC 8188 sections 2.2 and 2.3).
private struct MessageKeys {
  let key: SymmetricKey
  let nonce: AES.GCM.Nonce

  init(_ shared: SharedSecret, auth: [UInt8], salt: [UInt8], receiver: [UInt8], sender: [UInt8]) {
    let secret = shared.hkdfDerivedSymmetricKey(
      using: SHA256.self, salt: auth, sharedInfo: Array("WebPush: info\0".utf8) + receiver + sender,
      outputByteCount: 32)
    func derived(_ name: String, _ count: Int) -> SymmetricKey {
      HKDF<SHA256>.deriveKey(
        inputKeyMaterial: secret, salt: salt, info: Array("Content-Encoding: \(name)\0".utf8), outputByteCount: count)
    }
    key = derived("aes128gcm", 16)
    // A nonce has 12 bytes, and these are.
    nonce = try! unsafe AES.GCM.Nonce(data: derived("nonce", 12).withUnsafeBytes { unsafe [UInt8]($0) })
  }
}
