package import SottoCrypto
internal import SottoSession
internal import SottoWire

/// That this device asks to be woken when it does not listen. What it asks with is not kept: it is sealed for one
/// relay's gateway, and of no use to another. [push.1] [push.11]
struct Waking: StoredRecord {
  /// Where Web Push messages come to, if that is how.
  let subscription: WebPushSubscription?
  /// Whether it was a former relay that was asked, and not the one where the account is now.
  let isFormer: Bool
  /// Whether an earlier client wrote it down, which took it along when the account moved: nobody knows whether it did.
  let mayBeFormer: Bool

  static var table: Table { .own }
  static var format: UInt8 { 2 }
  static let key = Array("push".utf8)
  var key: [UInt8] { Self.key }

  init(_ subscription: WebPushSubscription?, isFormer: Bool = false) {
    (self.subscription, self.isFormer, mayBeFormer) = (subscription, isFormer, false)
  }

  func encode(to writer: inout SecretWriter) {
    writer.flag(isFormer)
    writer.flag(subscription != nil)
    if let subscription {
      writer.text(subscription.endpoint)
      writer.secret(subscription.key.secret)
      writer.fixed(subscription.auth)
    }
  }

  init(from reader: inout SecretReader, format: UInt8) throws {
    // What had been sealed, in the first format.
    if format == 1 { _ = try reader.vector() }
    mayBeFormer = format == 1
    isFormer = format >= 2 ? try reader.flag() : false
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
    let sealed = try target.sealed(to: gateway)
    try records.save(Waking(subscription))
    try records.save(Upload(.push, body: sealed))
    return true
  }

  /// Not any more, and not where the account was either. False when it was not before.
  package mutating func wakeNoMore() throws -> Bool {
    for former in try formerPlaces() where !former.isEnding { try records.save(Upload(.push, at: former.mailbox)) }
    guard let waking = try waking() else { return false }
    try records.remove(waking)
    if !waking.isFormer { try records.save(Upload(.push)) }
    return true
  }

  /// Whether the present relay is asked to have this device woken.
  package func isWoken() throws -> Bool { try waking().map { !$0.isFormer } ?? false }

  /// Whether a former relay was, and nobody has said since how this device is woken at the present one. [push.11]
  package func pushEndedByMove() throws -> Bool { try waking()?.isFormer ?? false }

  /// Whether the present relay is asked, and perhaps with what a former one's gateway alone can read. [push.11]
  package func pushMayHaveEnded() throws -> Bool { try waking()?.mayBeFormer ?? false }

  /// Where Web Push messages for this device come to, if that is how it is woken.
  package func webPushSubscription() throws -> WebPushSubscription? { try waking()?.subscription }

  /// The relay wakes nobody. What was asked of it is forgotten.
  package mutating func isNotWoken(_ errand: OwnerErrand) throws {
    let upload = try records.load(Upload.self, errand.upload)
    try records.delete(.upload, errand.upload)
    // What a former relay does says nothing of the present one.
    if upload?.place == nil, let waking = try waking() { try records.remove(waking) }
  }

  /// The account moves, and another gateway is behind its new relay: that one is asked nothing. What comes to the old
  /// mailbox wakes this device as long as it is read. [push.11]
  func endPush() throws {
    if try waking() != nil { try records.save(Waking(nil, isFormer: true)) }
  }

  private func waking() throws -> Waking? { try records.load(Waking.self, Waking.key) }
}
