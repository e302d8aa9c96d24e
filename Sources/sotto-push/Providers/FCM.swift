internal import AsyncHTTPClient
internal import Foundation
package import JWTKit
internal import NIOCore
internal import NIOHTTP1
package import NIOSSL
package import SottoWire

/// Google's push service, HTTP v1 API, with an access token that the service account's key buys (RFC 7523).
package struct FCM: PushProvider {
  /// What Google gives out as a JSON file.
  package struct ServiceAccount: Decodable, Sendable {
    package let project: String
    package let email: String
    package let key: Insecure.RSA.PrivateKey
    package let tokenURI: String

    package init(project: String, email: String, key: Insecure.RSA.PrivateKey, tokenURI: String) {
      (self.project, self.email, self.key, self.tokenURI) = (project, email, key, tokenURI)
    }

    /// What can be wrong with what has the form of one.
    enum Fault: Error {
      /// It would be asked for tokens in the clear.
      case tokenURI
      /// There is no PEM of an RSA key of at least 2,048 bits.
      case key
    }

    package init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      project = try values.decode(String.self, forKey: .project)
      email = try values.decode(String.self, forKey: .email)
      tokenURI = try values.decode(String.self, forKey: .tokenURI)
      guard Self.isOverTLS(tokenURI) else { throw Fault.tokenURI }
      guard let key = try? Insecure.RSA.PrivateKey(pem: try values.decode(String.self, forKey: .key)) else {
        throw Fault.key
      }
      self.key = key
    }

    /// `https://HOST[:PORT]`, and perhaps a path. Whoever reads what goes there reads what the account has signed, and the
    /// token that it buys. A file says it, and no setting: so on this machine too.
    private static func isOverTLS(_ url: String) -> Bool {
      url.hasPrefix("https://") && RelayAuthority(url.dropFirst("https://".count).prefix { $0 != "/" }) != nil
    }

    private enum CodingKeys: String, CodingKey {
      case project = "project_id"
      case email = "client_email"
      case key = "private_key"
      case tokenURI = "token_uri"
    }
  }

  private struct Claims: JWTPayload {
    let iss: String
    let scope: String
    let aud: String
    let iat: Int
    let exp: Int

    func verify(using algorithm: some JWTAlgorithm) throws {}
  }

  private struct Message: Encodable {
    struct Content: Encodable {
      struct Android: Encodable {
        let priority = "HIGH"
        let ttl = "\(PushLimits.timeToLive)s"
        let collapseKey = "sotto"
      }

      let token: String
      let data = ["wake": "1"]
      let android = Android()
    }

    let message: Content
  }

  package let name = ProviderName.fcm
  private let client: ServiceClient
  private let url: String
  private let token: ProviderToken
  private let now: @Sendable () -> Int64

  package static let origin = "https://fcm.googleapis.com"

  package init(
    _ account: ServiceAccount, origin: String = Self.origin, tls: TLSConfiguration, now: @escaping @Sendable () -> Int64
  ) {
    let client = ServiceClient(.ofGateway(tls))
    (self.client, self.now) = (client, now)
    url = "\(origin)/v1/projects/\(account.project)/messages:send"
    token = ProviderToken(now: now) { time in await Self.buy(account, client, time) }
  }

  package func wake(_ kind: PushTarget.Kind) async -> PushReply? {
    guard case .fcm(let device) = kind else { return nil }
    let token: ProviderToken.Token
    switch await self.token.current() {
    case .token(let current): token = current
    case .missing(let outcome): return PushReply(outcome)
    }
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.headers = ["authorization": "Bearer " + token.text, "content-type": "application/json"]
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    guard let body = try? encoder.encode(Message(message: .init(token: device))) else { return PushReply(.refused) }
    request.body = .bytes(ByteBuffer(bytes: body))
    guard let answer = await client.ask(request, now: now) else { return PushReply(.busy) }
    if answer.status == 401 {
      // It may have been withdrawn; the next attempt has another. If this one is new, that would not help.
      await self.token.forget(token.text)
      return PushReply(token.isNew ? .unauthorized : .busy)
    }
    return answer.reply(answer.byFCM)
  }

  package func close() async { await client.close() }

  private static func buy(
    _ account: ServiceAccount, _ client: ServiceClient, _ time: Int64
  ) async -> ProviderToken.Answer {
    let keys = await JWTKeyCollection().add(rsa: account.key, digestAlgorithm: .sha256)
    let claims = Claims(
      iss: account.email, scope: "https://www.googleapis.com/auth/firebase.messaging", aud: account.tokenURI,
      iat: Int(time), exp: Int(time) + 3_600)
    guard let assertion = try? await keys.sign(claims) else { return .missing(.unauthorized) }
    var request = HTTPClientRequest(url: account.tokenURI)
    request.method = .POST
    request.headers = ["content-type": "application/x-www-form-urlencoded"]
    // Neither has a character that would have to be escaped.
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
    request.body = .bytes(ByteBuffer(string: "grant_type=\(grant)&assertion=\(assertion)"))
    guard let answer = await client.ask(request, now: { time }) else { return .missing(.busy) }
    guard let (text, end) = answer.accessToken(boughtAt: time) else { return .missing(answer.byTokenEndpoint) }
    return .token(ProviderToken.Token(text: text, end: end))
  }
}
