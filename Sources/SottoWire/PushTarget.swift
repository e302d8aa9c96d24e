public import SottoCrypto

/// What a device is woken with: sealed to the gateway, so that the relay which keeps it cannot read it. [push.5]
public struct PushTarget: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// Where a Web Push service takes what is for the device (RFC 8030): a URL of at most 768 characters; and what that is
    /// encrypted with (RFC 8291 section 2): the device's public key, P-256, uncompressed, 65 bytes, and a secret that
    /// it shares with whoever may wake it, 16 bytes.
    case webPush(endpoint: String, key: [UInt8], auth: [UInt8])
    /// A device token of APNs, 1 to 100 bytes, and whether it is one of the sandbox.
    case apns(token: [UInt8], isSandbox: Bool)
    /// A registration token of FCM: 1 to 512 letters, digits, `-`, `_` and `:`.
    case fcm(token: String)

    fileprivate var isValid: Bool {
      switch self {
      case .webPush(let endpoint, let key, let auth):
        endpoint.utf8.count <= WireLimits.pushEndpoint
          && (endpoint.hasPrefix("https://") || endpoint.hasPrefix("http://"))
          && endpoint.utf8.allSatisfy { 0x21...0x7e ~= $0 }
          && key.count == WebPushMessage.keyCount && key[0] == 4 && auth.count == WebPushMessage.authCount
      case .apns(let token, _): 1...WireLimits.apnsToken ~= token.count
      case .fcm(let token):
        1...WireLimits.fcmToken ~= token.utf8.count
          && token.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_:".unicodeScalars.contains($0))
          }
      }
    }
  }

  public let kind: Kind

  /// nil when it cannot be one.
  public init?(_ kind: Kind) {
    guard kind.isValid else { return nil }
    self.kind = kind
  }

  /// Of this encoding.
  private static let version: UInt8 = 1
  /// Bytes of the encoding, whatever is in it: its length says nothing of the kind.
  private static let paddedCount = 1_024
  private static let mark: UInt8 = 0x80
  private static let label: Label = "push target"

  /// Bytes that a device hands to the relay.
  public static let sealedCount = 1 + paddedCount + PublicKeySeal.overhead

  /// For the gateway with this key, and nobody else.
  public func sealed(to gateway: AgreementPublicKey) throws(CryptoError) -> [UInt8] {
    [Self.version] + (try PublicKeySeal.seal(padded, to: gateway, as: Self.label))
  }

  /// What is sealed.
  package var padded: [UInt8] {
    var writer = WireWriter(capacity: Self.paddedCount)
    switch kind {
    case .webPush(let endpoint, let key, let auth):
      writer.u8(1)
      writer.vector(Array(endpoint.utf8))
      writer.fixed(key)
      writer.fixed(auth)
    case .apns(let token, let isSandbox):
      writer.u8(isSandbox ? 3 : 2)
      writer.vector(token)
    case .fcm(let token):
      writer.u8(4)
      writer.vector(Array(token.utf8))
    }
    writer.u8(Self.mark)
    writer.fixed([UInt8](repeating: 0, count: Self.paddedCount - writer.bytes.count))
    return writer.bytes
  }

  /// What a device has sealed. nil for anything else: why is nobody's business.
  public init?(opening sealed: [UInt8], with key: borrowing AgreementPrivateKey) {
    guard sealed.first == Self.version, sealed.count == Self.sealedCount,
      let plaintext = try? PublicKeySeal.open(Array(sealed.dropFirst()), with: key, as: Self.label),
      let target = try? Self(padded: plaintext)
    else { return nil }
    self = target
  }

  package init(padded bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    let kind: Kind
    switch try reader.u8() {
    case 1:
      kind = .webPush(
        endpoint: try reader.text(limit: WireLimits.pushEndpoint), key: try reader.fixed(WebPushMessage.keyCount),
        auth: try reader.fixed(WebPushMessage.authCount))
    case 2: kind = .apns(token: try reader.vector(limit: WireLimits.apnsToken), isSandbox: false)
    case 3: kind = .apns(token: try reader.vector(limit: WireLimits.apnsToken), isSandbox: true)
    case 4: kind = .fcm(token: try reader.text(limit: WireLimits.fcmToken))
    default: throw .invalidValue
    }
    guard bytes.count == Self.paddedCount, kind.isValid, try reader.u8() == Self.mark,
      reader.rest().allSatisfy({ $0 == 0 })
    else { throw .invalidValue }
    self.kind = kind
  }
}
