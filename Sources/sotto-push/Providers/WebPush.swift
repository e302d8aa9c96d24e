internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
package import NIOSSL
internal import SottoCrypto
package import SottoWire

/// Web Push: RFC 8030, with a token of the gateway's (RFC 8292) and a message that the service cannot read (RFC 8291).
/// UnifiedPush is the same thing. [push.7] [push.8]
package struct WebPush: PushProvider {
  package let name = ProviderName.webPush
  private let clients: PinnedClients
  private let vapid: Vapid

  package init(rules: EndpointRules, vapid: Vapid, tls: TLSConfiguration) {
    clients = PinnedClients(tls: tls) { await rules.answer(for: $0) }
    self.vapid = vapid
  }

  package func wake(_ kind: PushTarget.Kind) async -> PushReply? {
    guard case .webPush(let url, let key, let auth) = kind else { return nil }
    var entropy = SystemEntropy()
    guard let endpoint = Endpoint(url),
      let body = try? WebPushMessage.seal(Self.message, to: key, auth: auth, from: &entropy),
      let authorization = await vapid.authorization(for: endpoint)
    else { return PushReply(.refused) }
    var request = HTTPClientRequest(url: endpoint.url)
    request.method = .POST
    request.headers = [
      "TTL": String(PushLimits.timeToLive), "Urgency": "high", "Topic": Self.topic, "Authorization": authorization,
      "Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream",
    ]
    request.body = .bytes(ByteBuffer(bytes: body))
    let (outgoing, now) = (request, vapid.now)
    return await clients.with(endpoint) { client in
      (await client.ask(outgoing, now: now)).map { $0.reply($0.byWebPush) }
    }
  }

  package func close() async { await clients.close() }

  /// "Wake up" is all that it says.
  package static let message: [UInt8] = [1]
  /// The service keeps one message of this name for a device, the newest (RFC 8030 section 5.4).
  static let topic = "sotto"
}
