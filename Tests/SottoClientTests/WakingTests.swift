import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// How a device is woken that does not listen. [push.1]
@Suite(.sealsAreWatched) struct WakingTests {
  private let there = RelayAuthority("elsewhere.example")!

  private func gateway() throws -> AgreementPrivateKey {
    try AgreementPrivateKey(Secret(copying: [UInt8](repeating: 5, count: 32)))
  }

  @Test func `Only the gateway reads how a device is woken, and the device reads what comes`() throws {
    let (_, bob, relay) = try acquainted()
    let gateway = try gateway()
    let key = gateway.publicKey
    let endpoint = "https://push.example/bob"
    #expect(try bob.step { try $0.wake(by: .webPush(endpoint: endpoint), gateway: key) })
    try bob.flush()
    let sealed = try #require(relay.pushes[try bob.mailbox])
    #expect(sealed.count == PushTarget.sealedCount)
    let target = PushTarget(opening: sealed, with: gateway)
    guard case .webPush(endpoint, let publicKey, let auth) = target?.kind else {
      Issue.record("another kind")
      return
    }
    var entropy = SystemEntropy()
    let message = try WebPushMessage.seal([1], to: publicKey, auth: auth, from: &entropy)
    let subscription = try #require(try bob.step { try $0.webPushSubscription() })
    #expect(subscription.endpoint == endpoint)
    #expect(try subscription.open(message) == [1])
    #expect(throws: CryptoError.notAuthentic) { try subscription.open(message.dropLast()) }
  }

  /// Of a browser, or of UnifiedPush: this device has no key to it.
  @Test func `Keys of a subscription that somebody else made are passed on`() throws {
    let (_, bob, relay) = try acquainted()
    let gateway = try gateway()
    let sealingKey = gateway.publicKey
    let key = try WebPushMessage.publicKey(of: Secret(copying: [UInt8](repeating: 7, count: 32)))
    let auth = [UInt8](repeating: 8, count: 16)
    let endpoint = "https://push.example/bob"
    let bad: [(String, [UInt8], [UInt8])] = [
      (endpoint, Array(key.dropLast()), auth), (endpoint, [4] + [UInt8](repeating: 1, count: 64), auth),
      (endpoint, [2] + key.dropFirst(), auth), (endpoint, key, auth + [0]), (endpoint, [], []), ("ftp://a/", key, auth),
    ]
    for (endpoint, key, auth) in bad {
      #expect(
        try !bob.step {
          try $0.wake(by: .foreignWebPush(endpoint: endpoint, key: key, auth: auth), gateway: sealingKey)
        })
    }
    #expect(try !bob.step { try $0.isWoken() })
    #expect(
      try bob.step { try $0.wake(by: .foreignWebPush(endpoint: endpoint, key: key, auth: auth), gateway: sealingKey) })
    try bob.flush()
    let target = PushTarget(opening: try #require(relay.pushes[try bob.mailbox]), with: gateway)
    #expect(target?.kind == .webPush(endpoint: endpoint, key: key, auth: auth))
    let subscription = try bob.step { try $0.webPushSubscription() }
    #expect(subscription == nil)
  }

  @Test func `It can be changed, goes along to another relay, and is taken away`() throws {
    let (_, bob, relay) = try acquainted()
    let gateway = try gateway()
    let key = gateway.publicKey
    #expect(try bob.step { try $0.wake(by: .apns(token: [1, 2], isSandbox: false), gateway: key) })
    #expect(try bob.step { try $0.wake(by: .fcm(token: "a"), gateway: key) })
    try bob.flush()
    let first = try bob.mailbox
    let sealed = try #require(relay.pushes[first])
    let kind = PushTarget(opening: sealed, with: gateway)?.kind
    #expect(kind == .fcm(token: "a"))
    let subscription = try bob.step { try $0.webPushSubscription() }
    #expect(subscription == nil)
    try bob.step { try $0.move(to: there) }
    try bob.flush()
    let second = try bob.mailbox
    #expect(second != first && relay.pushes[second] == sealed)
    #expect(try bob.step { try $0.isWoken() })
    #expect(try bob.step { try $0.wakeNoMore() })
    #expect(try !bob.step { try $0.wakeNoMore() })
    try bob.flush()
    #expect(relay.pushes[try bob.mailbox] == nil)
    #expect(try !bob.step { try $0.isWoken() })
  }

  @Test func `What cannot be is refused, and a relay that wakes nobody is asked once`() throws {
    let (_, bob, _) = try acquainted()
    let gateway = try gateway()
    let key = gateway.publicKey
    for service: PushService in [.fcm(token: "a/b"), .apns(token: [], isSandbox: true), .webPush(endpoint: "a")] {
      #expect(try !bob.step { try $0.wake(by: service, gateway: key) })
    }
    #expect(try !bob.step { try $0.isWoken() })
    #expect(try bob.step { try $0.wake(by: .fcm(token: "a"), gateway: key) })
    try bob.step { engine in
      let errand = try #require(try engine.nextUpload())
      let mailbox = try engine.profile().mailbox
      #expect(errand.method == .put && errand.route == .push(mailbox))
      try engine.isNotWoken(errand)
      #expect(try engine.nextUpload() == nil)
      #expect(try !engine.isWoken())
    }
  }
}
