package import SottoCrypto
internal import SottoSession
internal import SottoWire

/// How this device is woken when it does not listen. It is kept for the next relay, and for whoever shows that it works.
/// [push.1]
struct Waking: StoredRecord {
  /// For the gateway alone.
  let sealed: [UInt8]
  /// Where Web Push messages come to, if that is how.
  let subscription: WebPushSubscription?

  static var table: Table { .own }
  static let key = Array("push".utf8)
  var key: [UInt8] { Self.key }

  init(_ sealed: [UInt8], _ subscription: WebPushSubscription?) {
    (self.sealed, self.subscription) = (sealed, subscription)
  }

  func encode(to writer: inout SecretWriter) {
    writer.vector(sealed)
    writer.flag(subscription != nil)
    if let subscription {
      writer.text(subscription.endpoint)
      writer.secret(subscription.key.secret)
      writer.fixed(subscription.auth)
    }
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    sealed = try reader.vector()
    subscription =
      try reader.flag()
      ? WebPushSubscription(
        endpoint: try reader.text(), key: SecretBox(try reader.secret(32)),
        auth: try reader.fixed(WebPushMessage.authCount))
      : nil
  }
}

/// A Web Push subscription as its device has it (RFC 8291 section 2).
package struct WebPushSubscription: Sendable {
  package let endpoint: String
  /// The private key, P-256: 32 bytes.
  let key: SecretBox
  let auth: [UInt8]

  fileprivate init(endpoint: String, key: SecretBox, auth: [UInt8]) {
    (self.endpoint, self.key, self.auth) = (endpoint, key, auth)
  }

  /// What a push service brought. Throws for everything that nobody has sealed for this device.
  package func open(_ body: [UInt8]) throws(CryptoError) -> [UInt8] {
    try WebPushMessage.open(body, with: key.secret, auth: auth)
  }
}

/// Who is asked to wake this device.
package enum PushService: Sendable {
  /// The endpoint of a subscription, for which the device makes the keys.
  case webPush(endpoint: String)
  /// The endpoint of a subscription that somebody else opens messages with: a browser, or a distributor of UnifiedPush.
  case foreignWebPush(endpoint: String, key: [UInt8], auth: [UInt8])
  case apns(token: [UInt8], isSandbox: Bool)
  case fcm(token: String)
}

extension Engine {
  /// Has this device woken from now on; the relay is told with the next uploads. False when there can be no such service.
  package mutating func wake(by service: PushService, gateway: AgreementPublicKey) throws -> Bool {
    try checkIsListed()
    var subscription: WebPushSubscription?
    let target: PushTarget?
    switch service {
    case .webPush(let endpoint):
      let key = SecretBox(Secret(count: 32, from: &entropy))
      let auth = entropy.bytes(WebPushMessage.authCount)
      subscription = WebPushSubscription(endpoint: endpoint, key: key, auth: auth)
      let publicKey = try WebPushMessage.publicKey(of: key.secret)
      target = PushTarget(.webPush(endpoint: endpoint, key: publicKey, auth: auth))
    case .foreignWebPush(let endpoint, let key, let auth):
      // A key that nobody can seal to is found out here, and not by a gateway that has nobody to tell.
      guard (try? WebPushMessage.seal([1], to: key, auth: auth, from: &entropy)) != nil else { return false }
      target = PushTarget(.webPush(endpoint: endpoint, key: key, auth: auth))
    case .apns(let token, let isSandbox): target = PushTarget(.apns(token: token, isSandbox: isSandbox))
    case .fcm(let token): target = PushTarget(.fcm(token: token))
    }
    guard let target else { return false }
    let waking = Waking(try target.sealed(to: gateway), subscription)
    try records.save(waking)
    try records.save(Upload(.push, body: waking.sealed))
    return true
  }

  /// Not any more. False when it was not before.
  package mutating func wakeNoMore() throws -> Bool {
    guard let waking = try waking() else { return false }
    try records.remove(waking)
    try records.save(Upload(.push))
    return true
  }

  /// Whether this device asks to be woken.
  package func isWoken() throws -> Bool { try waking() != nil }

  /// Where Web Push messages for this device come to, if that is how it is woken.
  package func webPushSubscription() throws -> WebPushSubscription? { try waking()?.subscription }

  /// The relay wakes nobody. What was asked of it is forgotten.
  package mutating func isNotWoken(_ errand: OwnerErrand) throws {
    try records.delete(.upload, errand.upload)
    if let waking = try waking() { try records.remove(waking) }
  }

  /// The same at a relay to which the account moves.
  mutating func wakeThere() throws {
    if let waking = try waking() { try records.save(Upload(.push, body: waking.sealed)) }
  }

  private func waking() throws -> Waking? { try records.load(Waking.self, Waking.key) }
}
