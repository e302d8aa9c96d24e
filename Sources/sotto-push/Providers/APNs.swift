internal import AsyncHTTPClient
package import JWTKit
internal import NIOCore
internal import NIOHTTP1
package import NIOSSL
package import SottoWire

/// Apple's push service, over HTTP/2 with a token of the gateway's ("Sending notification requests to APNs").
package struct APNs: PushProvider {
  package struct Credentials: Sendable {
    /// What Apple gives out as a `.p8` file, and the ids that belong to it.
    package let key: ES256PrivateKey
    package let keyID: String
    package let teamID: String
    /// The app's bundle id.
    package let topic: String

    package init(key: ES256PrivateKey, keyID: String, teamID: String, topic: String) {
      (self.key, self.keyID, self.teamID, self.topic) = (key, keyID, teamID, topic)
    }
  }

  private struct Claims: JWTPayload {
    let iss: String
    let iat: Int

    func verify(using algorithm: some JWTAlgorithm) throws {}
  }

  package let name = ProviderName.apns
  private let client: ServiceClient
  private let topic: String
  private let token: ProviderToken
  private let now: @Sendable () -> Int64
  /// Where the two services are: `https://HOST[:PORT]`.
  private let origin: String
  private let sandbox: String

  package static let origin = "https://api.push.apple.com"
  package static let sandbox = "https://api.sandbox.push.apple.com"

  package init(
    _ credentials: Credentials, origin: String = Self.origin, sandbox: String = Self.sandbox, tls: TLSConfiguration,
    now: @escaping @Sendable () -> Int64
  ) {
    (self.origin, self.sandbox, topic, self.now) = (origin, sandbox, credentials.topic, now)
    client = ServiceClient(.ofGateway(tls))
    token = ProviderToken(now: now) { time in
      let keys = await JWTKeyCollection().add(ecdsa: credentials.key)
      let claims = Claims(iss: credentials.teamID, iat: Int(time))
      let jwt = try? await keys.sign(claims, header: ["kid": .string(credentials.keyID)])
      guard let jwt else { return .missing(.unauthorized) }
      return .token(ProviderToken.Token(text: jwt, end: time + Int64(PushLimits.apnsTokenSeconds)))
    }
  }

  package func wake(_ kind: PushTarget.Kind) async -> PushReply? {
    guard case .apns(let device, let isSandbox) = kind else { return nil }
    let token: ProviderToken.Token
    switch await self.token.current() {
    case .token(let current): token = current
    case .missing(let outcome): return PushReply(outcome)
    }
    var request = HTTPClientRequest(
      url: (isSandbox ? sandbox : origin) + "/3/device/" + Hex.encode(device))
    request.method = .POST
    request.headers = [
      "authorization": "bearer " + token.text, "apns-topic": topic, "apns-push-type": "alert", "apns-priority": "10",
      "apns-collapse-id": "sotto",
      "apns-expiration": String(Int(now()) + PushLimits.timeToLive),
    ]
    request.body = .bytes(ByteBuffer(string: Self.message))
    guard let answer = await client.ask(request, now: now) else { return PushReply(.busy) }
    if answer.reason == "ExpiredProviderToken" {
      // The next attempt has another. That a new one is old already is this machine's clock.
      await self.token.forget(token.text)
      return PushReply(token.isNew ? .unauthorized : .busy)
    }
    return answer.reply(answer.byAPNs)
  }

  package func close() async { await client.close() }

  /// The app's extension fetches, and writes what there is to show.
  static let message = #"{"aps":{"alert":{"loc-key":"SOTTO_WAKE"},"mutable-content":1}}"#
}
