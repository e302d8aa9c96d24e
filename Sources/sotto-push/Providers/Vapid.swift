package import Foundation
package import JWTKit

/// Says to push services who asks them (RFC 8292): a token for each, which is used again until half of its time is over.
package actor Vapid {
  private struct Claims: JWTPayload {
    let aud: String
    let exp: Int
    let sub: String

    func verify(using algorithm: some JWTAlgorithm) throws {}
  }

  private struct Token {
    let text: String
    /// When it was made.
    let time: Int64

    /// One that a clock has made which was ahead is refused, and is not kept until then.
    func isUsed(_ now: Int64) -> Bool {
      -PushLimits.clockStep..<Int64(PushLimits.vapidSeconds / 2) ~= now - time
    }
  }

  private let key: ES256PrivateKey
  private let publicKey: String
  /// Whom a push service may write to: a `mailto:` or `https:` URI.
  private let contact: String
  /// Unix time in seconds.
  let now: @Sendable () -> Int64
  private var tokens: [String: Token] = [:]

  package init(_ key: ES256PrivateKey, contact: String, now: @escaping @Sendable () -> Int64) {
    (self.key, self.contact, self.now) = (key, contact, now)
    publicKey = Self.point(of: key)
  }

  /// A header field; nil when nothing can be signed.
  package func authorization(for endpoint: Endpoint) async -> String? {
    let (origin, time) = (endpoint.origin, now())
    if let token = tokens[origin], token.isUsed(time) { return token.text }
    let keys = await JWTKeyCollection().add(ecdsa: key)
    let claims = Claims(aud: origin, exp: Int(time) + PushLimits.vapidSeconds, sub: contact)
    guard let jwt = try? await keys.sign(claims) else { return nil }
    let text = "vapid t=\(jwt), k=\(publicKey)"
    // Strangers choose where tokens are for.
    if tokens.count >= PushLimits.vapidTokens { tokens = [:] }
    tokens[origin] = Token(text: text, time: time)
    return text
  }

  /// What devices subscribe with: a point of P-256, uncompressed, base64url.
  package static func point(of key: ES256PrivateKey) -> String {
    let coordinates = key.publicKey.parameters.map { [$0.x, $0.y] } ?? []
    // The library says them in the other alphabet of base64.
    let bytes = coordinates.compactMap { Data(base64Encoded: $0) }.reduce(Data([4]), +)
    return bytes.base64URL
  }
}

extension Data {
  /// RFC 4648 section 5, without padding.
  package var base64URL: String {
    base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }
}
