import SottoClient
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// How a device is woken that does not listen. [push.1] [push.11]
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

  @Test func `It can be changed, outlives an address, and is taken away`() throws {
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
    try bob.step { try $0.rotateContactSecret() }
    try bob.flush()
    #expect(try bob.mailbox == first && relay.pushes[first] == sealed)
    #expect(try bob.step { try $0.isWoken() })
    #expect(try bob.step { try $0.wakeNoMore() })
    #expect(try !bob.step { try $0.wakeNoMore() })
    try bob.flush()
    #expect(relay.pushes[first] == nil)
    #expect(try !bob.step { try $0.isWoken() })
  }

  /// Whether the present relay is asked to have somebody woken, and whether a former one was.
  private func state(_ node: Node) throws -> [Bool] { try node.step { [try $0.isWoken(), try $0.pushEndedByMove()] } }

  /// Bob, who had asked the relay from which he has moved to be woken.
  private func moved() throws -> (bob: Node, relay: WorldRelay, first: MailboxID, second: MailboxID) {
    let (_, bob, relay) = try acquainted()
    let key = try gateway().publicKey
    #expect(try bob.step { try $0.wake(by: .webPush(endpoint: "https://push.example/bob"), gateway: key) })
    try bob.flush()
    let first = try bob.mailbox
    try bob.step { try $0.move(to: there) }
    try bob.flush()
    return (bob, relay, first, try bob.mailbox)
  }

  @Test func `What one gateway can read goes to no other relay, and that it has ended is known`() throws {
    let (bob, relay, first, second) = try moved()
    #expect(second != first && relay.pushes[second] == nil)
    #expect(relay.pushes[first] != nil, "what still comes to the former mailbox wakes it")
    let subscription = try bob.step { try $0.webPushSubscription() }
    #expect(subscription == nil)
    #expect(try state(bob) == [false, true])
    var health = try bob.step { try $0.health() }
    #expect(!health.isWoken && health.pushEndedByMove)
    let key = try gateway().publicKey
    #expect(try bob.step { try $0.wake(by: .fcm(token: "a"), gateway: key) })
    try bob.flush()
    #expect(relay.pushes[second] != nil && relay.pushes[second] != relay.pushes[first])
    #expect(try state(bob) == [true, false])
    health = try bob.step { try $0.health() }
    #expect(health.isWoken && !health.pushEndedByMove)
  }

  @Test func `It is taken away from former relays too`() throws {
    let (bob, relay, first, second) = try moved()
    #expect(try bob.step { try $0.wakeNoMore() })
    #expect(try bob.step { try $0.nextUpload() } == nil, "the present relay never knew of it")
    try bob.flush()
    #expect(relay.pushes[first] == nil && relay.pushes[second] == nil)
    #expect(try state(bob) == [false, false])
  }

  @Test func `It goes with the mailbox at a former relay`() throws {
    let (bob, relay, first, _) = try moved()
    bob.now += ClientLimits.former + 1
    try bob.step { try $0.maintain() }
    try bob.flushUploads()
    #expect(relay.pushes[first] == nil && !relay.holds(first))
    #expect(try bob.step { try $0.pushEndedByMove() }, "it is said until somebody has decided")
  }

  @Test(arguments: [false, true])
  func `What a relay had still to be told of it is told where the account was`(isEnded: Bool) throws {
    let (_, bob, relay) = try acquainted()
    let key = try gateway().publicKey
    #expect(try bob.step { try $0.wake(by: .fcm(token: "a"), gateway: key) })
    if isEnded {
      try bob.flush()
      #expect(try bob.step { try $0.wakeNoMore() })
    }
    let first = try bob.mailbox
    try bob.step { try $0.move(to: there) }
    try bob.flush()
    #expect((relay.pushes[first] == nil) == isEnded)
    #expect(relay.pushes[try bob.mailbox] == nil)
  }

  @Test func `A former relay that wakes nobody ends nothing at the present one`() throws {
    let (_, bob, _) = try acquainted()
    let key = try gateway().publicKey
    #expect(try bob.step { try $0.wake(by: .fcm(token: "a"), gateway: key) })
    let first = try bob.mailbox
    try bob.step { try $0.move(to: there) }
    #expect(try bob.step { try $0.wake(by: .fcm(token: "b"), gateway: key) })
    try bob.step { engine in
      let errand = try #require(try engine.nextUpload(at: first))
      #expect(errand.method == .put && errand.route == .push(first))
      try engine.isNotWoken(errand)
      #expect(try engine.nextUpload(at: first) == nil)
      #expect(try engine.isWoken())
    }
  }

  @Test func `What an earlier client wrote down is read`() throws {
    let (_, bob, _) = try acquainted()
    var writer = SecretWriter()
    writer.u8(1)
    writer.vector([1, 2, 3])
    writer.u8(0)
    try bob.records.put(.own, Array("push".utf8), group: [], writer.finish())
    #expect(try state(bob) == [true, false])
    // It took that along when the account moved, to a relay whose gateway cannot read it: nobody knows whether it did.
    func finding() throws -> HealthReport.Finding? { Client.push(try bob.step { try $0.health() }) }
    #expect(try finding()?.verdict == .warning)
    #expect(try finding()?.finding.contains("If the account has moved since") == true)
    let key = try gateway().publicKey
    #expect(try bob.step { try $0.wake(by: .fcm(token: "a"), gateway: key) })
    #expect(try finding()?.verdict == .good)
    #expect(try bob.step { try $0.wakeNoMore() })
    #expect(try finding() == nil)
  }

  @Test func `What an earlier client wrote down ends with a move for sure`() throws {
    let (_, bob, _) = try acquainted()
    var writer = SecretWriter()
    writer.u8(1)
    writer.vector([1, 2, 3])
    writer.u8(0)
    try bob.records.put(.own, Array("push".utf8), group: [], writer.finish())
    try bob.step { try $0.move(to: there) }
    #expect(try state(bob) == [false, true])
    #expect(try !bob.step { try $0.pushMayHaveEnded() })
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
