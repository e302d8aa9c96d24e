import Foundation
import NIOSSL
import SottoRelay
import SottoWire
import Synchronization
import Testing
import sotto_push

/// Each provider against a server that enforces what its push service publishes, over TLS. [push.7]
@Suite(.enabled(if: PushServices.python != nil), .serialized) struct ProviderTests {
  private func tls(_ services: PushServices) throws -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(services.authorities))]
    return tls
  }

  private static let now: @Sendable () -> Int64 = { Int64(Date.now.timeIntervalSince1970) }

  private func apns(_ services: PushServices, now: @escaping @Sendable () -> Int64 = Self.now) throws -> APNs {
    APNs(
      APNs.Credentials(
        key: services.apnsKey, keyID: "KEY1234567", teamID: "TEAM123456", topic: "org.example.sotto"),
      origin: services.origin, sandbox: services.origin, tls: try tls(services), now: now)
  }

  private func webPush(
    _ services: PushServices, exempt: Bool = true, now: @escaping @Sendable () -> Int64 = Self.now
  ) throws -> WebPush {
    let authority = try #require(RelayAuthority("services.test:\(services.port)"))
    return WebPush(
      rules: EndpointRules(
        exempt: exempt ? [authority] : [], resolver: FixedResolver(["services.test": ["127.0.0.1"]])),
      vapid: Vapid(services.webPushKey, contact: "mailto:operator@relay.example", now: now),
      tls: try tls(services))
  }

  private func fcm(_ services: PushServices, _ account: FCM.ServiceAccount? = nil) throws -> FCM {
    FCM(account ?? services.account, origin: services.origin, tls: try tls(services), now: Self.now)
  }

  // MARK: APNs

  @Test func apnsTakesTheMessageOverOneConnection() async throws {
    let services = try PushServices()
    let apns = try apns(services)
    let device = [UInt8](repeating: 0xab, count: 32)
    for isSandbox in [false, true, false] {
      #expect(await apns.wake(.apns(token: device, isSandbox: isSandbox))?.outcome == .woken)
      let line = try services.next()
      #expect(line.status == 200 && line.why == nil, "\(line)")
      #expect(line.version == "h2" && line.device == Hex.encode(device) && line.connection == 1)
    }
    #expect(await apns.wake(.fcm(token: "a"))?.outcome == nil, "another's")
    await apns.close()
  }

  @Test func whatAPNsAnswersIsUnderstood() async throws {
    let services = try PushServices()
    let apns = try apns(services)
    let kind = PushTarget.Kind.apns(token: [1, 2], isSandbox: false)
    for (status, reason, outcome) in [
      (410, "Unregistered", PushOutcome.gone), (410, "ExpiredToken", .gone), (400, "BadDeviceToken", .gone),
      (400, "DeviceTokenNotForTopic", .gone), (403, "InvalidProviderToken", .unauthorized),
      (400, "TopicDisallowed", .unauthorized), (429, "TooManyRequests", .throttled),
      (500, "InternalServerError", .busy),
      (503, "ServiceUnavailable", .busy), (400, "BadCollapseId", .refused), (413, "PayloadTooLarge", .refused),
    ] {
      try services.order(["service": "apns", "status": status, "reason": reason])
      #expect(await apns.wake(kind)?.outcome == outcome, "\(status) \(reason)")
      #expect(try services.next().status == status)
    }
    // And everything is as it was.
    #expect(await apns.wake(kind)?.outcome == .woken)
    await apns.close()
  }

  @Test func apnsMaySendTheConnectionAway() async throws {
    let services = try PushServices()
    let apns = try apns(services)
    let kind = PushTarget.Kind.apns(token: [1, 2], isSandbox: false)
    try services.order(["service": "apns", "goaway": true])
    #expect(await apns.wake(kind)?.outcome == .woken)
    _ = try services.next()
    // Whoever asks just then may meet the end of it, and asks again.
    var outcome = await apns.wake(kind)?.outcome
    if outcome == .busy { outcome = await apns.wake(kind)?.outcome }
    #expect(outcome == .woken)
    #expect(try services.next().connection > 1)
    await apns.close()
  }

  /// All that a gateway has in hand is on one connection: when that ends, not each of it comes again over one of its own.
  @Test func apnsIsNotStormedWhenItHangsUp() async throws {
    let services = try PushServices()
    let apns = try apns(services)
    let kind = PushTarget.Kind.apns(token: [1, 2], isSandbox: false)
    #expect(await apns.wake(kind)?.outcome == .woken)
    #expect(try services.next().connection == 1)
    try services.order(["service": "apns", "hangup": true])
    #expect(await apns.wake(kind)?.outcome == .busy)
    #expect(try services.next().connection == 1)
    // As above.
    var outcome = await apns.wake(kind)?.outcome
    if outcome == .busy { outcome = await apns.wake(kind)?.outcome }
    #expect(outcome == .woken)
    #expect(try services.next().connection == 2, "nobody came meanwhile")
    await apns.close()
  }

  /// What a gateway says of times, and reads of them, is by the clock that it was given.
  @Test func timesAreByTheGatewaysClock() async throws {
    let services = try PushServices()
    let time = Self.now() - 1_000
    let (apns, push) = (try apns(services, now: { time }), try webPush(services, now: { time }))
    let kind = PushTarget.Kind.apns(token: [1, 2], isSandbox: false)
    #expect(await apns.wake(kind)?.outcome == .woken)
    #expect(try services.next().expiration == String(time + 86_400))
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    let date = formatter.string(from: Date(timeIntervalSince1970: Double(time + 600)))
    try services.order(["service": "apns", "status": 429, "headers": ["retry-after": date]])
    #expect(await apns.wake(kind) == PushReply(.throttled, wait: 600))
    try services.order(["service": "web-push", "status": 429, "headers": ["retry-after": date]])
    #expect(await push.wake(services.webPushTarget) == PushReply(.throttled, wait: 600))
    await apns.close()
    await push.close()
  }

  @Test func apnsTokenIsRenewedWhenItIsOld() async throws {
    let services = try PushServices()
    let start = Self.now()
    let time = Mutex(start - 3_500)
    let apns = try apns(services, now: { time.withLock { $0 } })
    let kind = PushTarget.Kind.apns(token: [1, 2], isSandbox: false)
    #expect(await apns.wake(kind)?.outcome == .woken)
    // The same one for 40 minutes: Apple refuses another one within 20.
    time.withLock { $0 += 2_300 }
    #expect(await apns.wake(kind)?.outcome == .woken)
    #expect(try services.next().status == 200 && services.next().status == 200)
    time.withLock { $0 = start }
    // It is renewed, which this service has seen too soon: its clock has not gone on.
    #expect(await apns.wake(kind)?.outcome == .throttled)
    #expect(try services.next().why == "TooManyProviderTokenUpdates")
    await apns.close()
  }

  @Test func anExpiredTokenIsNotShownTwice() async throws {
    let services = try PushServices()
    let times = Mutex([Self.now() - 4_000, Self.now() - 4_000])
    let apns = try apns(services, now: { times.withLock { $0.isEmpty ? Self.now() : $0.removeFirst() } })
    let kind = PushTarget.Kind.apns(token: [1, 2], isSandbox: false)
    // One that was made just now: it is our clock, and the operator is told.
    #expect(await apns.wake(kind)?.outcome == .unauthorized)
    #expect(try services.next().why == "ExpiredProviderToken")
    times.withLock { $0 = [] }
    #expect(await apns.wake(kind)?.outcome == .woken)
    #expect(try services.next().status == 200)
    // One that was shown before: the next attempt has another, which this service has seen too soon.
    try services.order(["service": "apns", "status": 403, "reason": "ExpiredProviderToken"])
    #expect(await apns.wake(kind)?.outcome == .busy)
    #expect(try services.next().why == "ExpiredProviderToken")
    times.withLock { $0 = [Self.now() - 60] }
    #expect(await apns.wake(kind)?.outcome == .throttled)
    #expect(try services.next().why == "TooManyProviderTokenUpdates")
    await apns.close()
  }

  /// A machine without a clock of its own may start with one that is days ahead. What it signed by that is refused, and not
  /// kept until then.
  @Test func aClockThatWasAheadIsNotWaitedFor() async throws {
    let services = try PushServices()
    let time = Mutex(Self.now() + 2 * 86_400)
    let apns = try apns(services, now: { time.withLock { $0 } })
    let push = try webPush(services, now: { time.withLock { $0 } })
    let kind = PushTarget.Kind.apns(token: [1, 2], isSandbox: false)
    #expect(await apns.wake(kind)?.outcome == .unauthorized)
    #expect(try services.next().why == "InvalidProviderToken")
    #expect(await push.wake(services.webPushTarget)?.outcome == .unauthorized)
    #expect(try services.next().why == "aud or exp")
    time.withLock { $0 = Self.now() }
    #expect(await apns.wake(kind)?.outcome == .woken)
    #expect(await push.wake(services.webPushTarget)?.outcome == .woken)
    await apns.close()
    await push.close()
  }

  // MARK: FCM

  @Test func fcmTakesTheMessageWithATokenThatIsBoughtOnce() async throws {
    let services = try PushServices()
    let fcm = try fcm(services)
    let outcomes = await withTaskGroup(of: PushOutcome?.self) { group in
      for _ in 0..<5 { group.addTask { await fcm.wake(.fcm(token: "device:1"))?.outcome } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.allSatisfy { $0 == .woken })
    let lines = try (0..<6).map { _ in try services.next() }
    #expect(lines[0].path == "/token" && lines[0].status == 200, "\(lines[0])")
    #expect(lines.dropFirst().allSatisfy { $0.device == "device:1" && $0.status == 200 }, "\(lines)")
    #expect(await fcm.wake(.apns(token: [1], isSandbox: false))?.outcome == nil)
    await fcm.close()
  }

  @Test func whatFCMAnswersIsUnderstood() async throws {
    let services = try PushServices()
    let fcm = try fcm(services)
    let kind = PushTarget.Kind.fcm(token: "device")
    for (status, reason, outcome) in [
      (404, "UNREGISTERED", PushOutcome.gone), (403, "SENDER_ID_MISMATCH", .gone), (400, "INVALID_ARGUMENT", .refused),
      (429, "QUOTA_EXCEEDED", .throttled), (503, "UNAVAILABLE", .throttled), (500, "INTERNAL", .throttled),
      (403, "PERMISSION_DENIED", .unauthorized), (404, "NOT_FOUND", .unauthorized),
    ] {
      try services.order(
        ["service": "google", "status": status, "reason": reason, "headers": ["retry-after": "30"]])
      let expected = PushReply(outcome, wait: outcome == .throttled ? 30 : nil)
      #expect(await fcm.wake(kind) == expected, "\(status) \(reason)")
    }
    await fcm.close()
  }

  @Test func aTokenThatWasWithdrawnIsReplaced() async throws {
    let services = try PushServices()
    let fcm = try fcm(services)
    let kind = PushTarget.Kind.fcm(token: "device")
    #expect(await fcm.wake(kind)?.outcome == .woken)
    try services.order(["service": "google", "withdraw": true])
    #expect(await fcm.wake(kind)?.outcome == .busy)
    #expect(await fcm.wake(kind)?.outcome == .woken)
    let lines = try (0..<5).map { _ in try services.next() }
    #expect(lines.map(\.status) == [200, 200, 401, 200, 200] && lines[3].path == "/token")
    await fcm.close()
  }

  /// That is for the operator to see to, and not a service that is busy.
  @Test func anAccountThatWasWithdrawnIsSaidToBe() async throws {
    let services = try PushServices()
    let kind = PushTarget.Kind.fcm(token: "device")
    // A token that was bought just now is as good as any.
    let fcm = try fcm(services)
    try services.order(["service": "google", "status": 401, "reason": "UNAUTHENTICATED"])
    #expect(await fcm.wake(kind)?.outcome == .unauthorized)
    #expect(await fcm.wake(kind)?.outcome == .woken)
    let lines = try (0..<4).map { _ in try services.next() }
    #expect(lines.map(\.status) == [200, 401, 200, 200] && lines[2].path == "/token", "\(lines)")
    await fcm.close()
    let account = services.account
    for (email, tokenURI, outcome) in [
      ("other@project.example", account.tokenURI, PushOutcome.unauthorized),
      (account.email, "https://127.0.0.1:1/token", .busy),
    ] {
      let other = try self.fcm(
        services,
        FCM.ServiceAccount(project: account.project, email: email, key: account.key, tokenURI: tokenURI))
      #expect(await other.wake(kind)?.outcome == outcome, "\(email) \(tokenURI)")
      await other.close()
    }
    let refused = try services.next()
    #expect(refused.path == "/token" && refused.status == 400)
    func outcome(_ status: Int) -> PushOutcome {
      ServiceAnswer(status: status, body: [], saysWhen: false).byTokenEndpoint
    }
    for status in [400, 401, 403, 404] { #expect(outcome(status) == .unauthorized, "\(status)") }
    for status in [408, 429, 500, 503, 200] { #expect(outcome(status) == .busy, "\(status)") }
  }

  // MARK: Web Push

  @Test func theDeviceReadsWhatTheServiceCannot() async throws {
    let services = try PushServices()
    let push = try webPush(services)
    for _ in 0..<2 {
      #expect(await push.wake(services.webPushTarget)?.outcome == .woken)
      let line = try services.next()
      #expect(line.status == 201 && line.message == Hex.encode(WebPush.message), "\(line)")
      #expect(line.connection == 1)
    }
    #expect(await push.wake(.fcm(token: "a"))?.outcome == nil)
    await push.close()
  }

  @Test func whatAServiceAnswersIsUnderstood() async throws {
    let services = try PushServices()
    let push = try webPush(services)
    for (status, outcome) in [
      (404, PushOutcome.gone), (410, .gone), (401, .unauthorized), (403, .unauthorized), (429, .throttled),
      (500, .throttled),
      (503, .throttled), (400, .refused), (413, .refused), (307, .refused), (301, .refused),
    ] {
      try services.order([
        "service": "web-push", "status": status, "headers": ["retry-after": "9", "location": "https://127.0.0.1:1/"],
      ])
      #expect(await push.wake(services.webPushTarget)?.outcome == outcome, "\(status)")
    }
    await push.close()
  }

  /// Whoever answers a byte at a time holds nobody up, and what it said before counts.
  @Test func aBodyThatNeverEndsIsNotWaitedFor() async throws {
    let services = try PushServices()
    let push = try webPush(services)
    try services.order(["service": "web-push", "drip": true])
    #expect(await push.wake(services.webPushTarget)?.outcome == .woken)
    #expect(await push.wake(services.webPushTarget)?.outcome == .woken)
    await push.close()
  }

  /// The certificate has to be that of the name, whatever address was connected to; and what is not exempt is not asked.
  /// (One that is for the address would do too, so this is an address that it is not for.)
  @Test func theNameIsStillWhatTheCertificateIsFor() async throws {
    let services = try PushServices()
    guard case .webPush(let url, let key, let auth) = services.webPushTarget else { return }
    for (name, outcome) in [("services.test", PushOutcome.woken), ("other.test", .busy)] {
      let authority = try #require(RelayAuthority("\(name):\(services.port)"))
      let push = WebPush(
        rules: EndpointRules(exempt: [authority], resolver: FixedResolver([name: ["127.0.0.2"]])),
        vapid: Vapid(services.webPushKey, contact: "mailto:a@example.org", now: Self.now), tls: try tls(services))
      let endpoint = url.replacing("services.test", with: name)
      #expect(await push.wake(.webPush(endpoint: endpoint, key: key, auth: auth))?.outcome == outcome, "\(name)")
      await push.close()
    }
    let strict = try webPush(services, exempt: false)
    #expect(await strict.wake(services.webPushTarget)?.outcome == .refused)
    await strict.close()
  }
}
