public import SottoCrypto

/// What a token is for: the TokenChallenge of RFC 9577 section 2.1.1. Every token of a relay answers the same one, so that
/// they can be fetched ahead of use, and say nothing of when. [token.3]
public struct TokenChallenge: Hashable, Sendable {
  /// RFC 9578 section 8.2.2: blind RSA with 2,048 bits.
  public static let tokenType: UInt16 = 2

  public let encoded: [UInt8]

  /// The relay is issuer and origin both.
  public init(of relay: RelayAuthority) {
    let name = Array(relay.text.utf8)
    var writer = WireWriter()
    writer.u16(Self.tokenType)
    for part in [name, [], name] {
      // An empty redemption context has one byte of length, the names two.
      if part.isEmpty { writer.u8(0) } else { writer.u16(UInt16(part.count)) }
      writer.fixed(part)
    }
    encoded = writer.bytes
  }

  /// SHA-256 of the encoding.
  public var digest: [UInt8] { sha256(encoded) }

  /// What stands as `nonce` in the ID token of whoever signs in to have these requests answered: a relay that is shown it
  /// can buy nothing for others with it, and nothing at another relay. [token.12]
  public func nonce(for requests: [UInt8]) -> String { Base64URL.encode(sha256(encoded + requests)) }
}

/// What creates a mailbox or a card at a relay that does not let anybody do so, once: the Token of RFC 9577 section 2.2.
/// Who signed it has never seen it. [token.4]
public struct RegistrationToken: Hashable, Sendable {
  /// Bytes of the encoding.
  public static let count = signedCount + BlindVerifyingKey.modulusCount
  private static let signedCount = 2 + 32 + 32 + 32

  public let encoded: [UInt8]

  /// nil when it cannot be one.
  public init?(_ encoded: [UInt8]) {
    guard encoded.count == Self.count, encoded[0] == 0, encoded[1] == UInt8(TokenChallenge.tokenType) else {
      return nil
    }
    self.encoded = encoded
  }

  /// What is signed.
  private var message: [UInt8] { Array(encoded[..<Self.signedCount]) }
  private var challengeDigest: [UInt8] { Array(encoded[34..<66]) }
  /// Names the key that signed it.
  public var keyID: [UInt8] { Array(encoded[66..<98]) }
  /// Under which the relay remembers that it was spent. The random part is in it, so nobody has another like it.
  public var spentID: Digest { Digest.of("token", message) }

  /// Whether it was signed with the key for this relay.
  public func isValid(at relay: RelayAuthority, under key: BlindVerifyingKey) -> Bool {
    keyID == key.id && challengeDigest == TokenChallenge(of: relay).digest
      && key.verify(Array(encoded[Self.signedCount...]), over: message)
  }

  /// The value of an `Authorization` header (RFC 9577 section 2.2).
  public var authorization: String { #"PrivateToken token=""# + Base64URL.encode(encoded) + "\"" }

  /// nil for anything but that one spelling.
  public init?(authorization: String) {
    let head = #"PrivateToken token=""#
    guard authorization.utf8.count < 600, authorization.hasPrefix(head), authorization.hasSuffix("\""),
      let bytes = Base64URL.decode(authorization.dropFirst(head.count).dropLast())
    else { return nil }
    self.init(bytes)
  }
}

/// A token on its way to be signed. [token.5]
public struct PendingToken {
  private let message: [UInt8]
  private let blinded: BlindedMessage
  private let key: BlindVerifyingKey

  /// A new one for this relay, under its key.
  public init(at relay: RelayAuthority, under key: BlindVerifyingKey, from entropy: inout some Entropy)
    throws(CryptoError)
  {
    var writer = WireWriter()
    writer.u16(TokenChallenge.tokenType)
    writer.fixed(entropy.bytes(32))
    writer.fixed(TokenChallenge(of: relay).digest)
    writer.fixed(key.id)
    message = writer.bytes
    self.key = key
    blinded = try key.blind(message)
  }

  /// What the issuer is asked to sign.
  public var request: TokenRequest { TokenRequest(truncatedKeyID: key.id[31], blinded: blinded.bytes) }

  /// The token. Throws `notAuthentic` when what came back is not signed with the key.
  public func token(_ blindSignature: [UInt8]) throws(CryptoError) -> RegistrationToken {
    guard let token = RegistrationToken(message + (try blinded.finalize(blindSignature))) else { throw .notAuthentic }
    return token
  }
}

/// The TokenRequest of RFC 9578 section 6.1. Several stand one after the other in a body. [token.6]
public struct TokenRequest: Hashable, Sendable {
  public static let count = 2 + 1 + BlindVerifyingKey.modulusCount

  /// The last byte of the key's name.
  public let truncatedKeyID: UInt8
  /// 256 bytes.
  public let blinded: [UInt8]

  public init(truncatedKeyID: UInt8, blinded: [UInt8]) {
    self.truncatedKeyID = truncatedKeyID
    self.blinded = blinded
  }

  public var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u16(TokenChallenge.tokenType)
    writer.u8(truncatedKeyID)
    writer.fixed(blinded)
    return writer.bytes
  }

  /// All requests of a body: 1 to `WireLimits.tokens`.
  public static func all(_ body: [UInt8]) throws(WireError) -> [TokenRequest] {
    guard body.count.isMultiple(of: count), 1...WireLimits.tokens ~= body.count / count else { throw .outOfRange }
    var reader = WireReader(body)
    var requests: [TokenRequest] = []
    for _ in 0..<body.count / count {
      guard try reader.u16() == TokenChallenge.tokenType else { throw .invalidValue }
      requests.append(
        TokenRequest(truncatedKeyID: try reader.u8(), blinded: try reader.fixed(BlindVerifyingKey.modulusCount)))
    }
    return requests
  }
}
