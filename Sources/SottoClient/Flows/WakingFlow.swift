internal import SottoCrypto
internal import SottoSession
internal import SottoWire

extension Client {
  /// Who is asked to wake this device.
  public enum Waker: Sendable {
    /// The endpoint of a Web Push subscription: an `https` URL, or an `http` one on this machine. `keys` nil: this device
    /// makes them, and opens what comes.
    case webPush(endpoint: String, keys: WebPushKeys? = nil)
    /// A device token of Apple's, in hexadecimal digits.
    case apns(token: String, isSandbox: Bool)
    /// A registration token of Google's.
    case fcm(token: String)
  }

  /// What a browser's `PushSubscription`, or a distributor of UnifiedPush, says of its subscription, in base64url.
  public struct WebPushKeys: Sendable {
    let p256dh: String
    let auth: String

    /// - Parameters:
    ///   - p256dh: a point of P-256, 65 bytes.
    ///   - auth: 16 bytes.
    public init(p256dh: String, auth: String) { (self.p256dh, self.auth) = (p256dh, auth) }
  }

  /// Has this device woken when a message waits and it does not listen. [push.1]
  ///
  /// - Parameter gateway: the public key of the relay's push gateway, 64 hexadecimal digits: only it can read who is asked.
  /// - Returns: whether the relay knows already; otherwise the next send or receive tells it.
  public func enablePush(by waker: Waker, gateway: String) async throws -> Bool {
    guard let bytes = Hex.decode(gateway.lowercased()), let key = try? AgreementPublicKey(bytes) else {
      throw ClientError(
        .usage, "This is not the public key of a push gateway.", meaning: "Nothing was changed.",
        next: "Ask the relay's operator: `sotto-push key` prints it, 64 digits.")
    }
    let isPossible = try step { engine in
      do {
        return try engine.wake(by: Self.service(waker), gateway: key)
      } catch CryptoError.lowOrder {
        return false
      }
    }
    guard isPossible else {
      throw ClientError(
        .usage, "Nobody can be woken by this.", meaning: "Nothing was changed.",
        next:
          "A Web Push endpoint is a URL, its keys are base64url, a token of APNs hexadecimal digits, one of FCM letters, digits, -, _ and :."
      )
    }
    await afterChange()
    guard try step({ try $0.isWoken() }) else {
      throw ClientError(
        .refused, "The relay at \(try step { try $0.profile().relay.text }) wakes no devices.",
        meaning: "Nothing was changed.", next: "Ask its operator, or run `sotto receive` from time to time.")
    }
    return try step { try !$0.hasUploads() }
  }

  /// Not any more, nor where the account was before it moved.
  ///
  /// - Returns: whether the relay knows already; nil when this device was not woken anyway.
  public func disablePush() async throws -> Bool? {
    guard try step({ try $0.wakeNoMore() }) else {
      await flushFormerUploads()
      return nil
    }
    await afterChange()
    return try step { try !$0.hasUploads() }
  }

  /// Whether the relay is asked to have this device woken.
  public func isWoken() throws -> Bool { try step { try $0.isWoken() } }

  /// Whether a former relay was, and nobody has said since how this device is woken at the present one. Only one
  /// relay's gateway can read that, so it does not come along with a move. [push.11]
  public func pushEndedByMove() throws -> Bool { try step { try $0.pushEndedByMove() } }

  /// Waits, where this device's Web Push endpoint says on this machine, until the gateway wakes it: for trying that out.
  ///
  /// - Parameter onListening: called when it can be heard.
  /// - Throws: `ClientError`; `CancellationError` when the task is cancelled.
  public func waitForPush(onListening: @escaping @Sendable () -> Void) async throws {
    guard let subscription = try step({ try $0.webPushSubscription() }),
      let place = PushListener.Place(subscription.endpoint)
    else {
      throw ClientError(
        .usage, "This device is not woken at a place on this machine.", meaning: "Nobody would be heard.",
        next: "Run `sotto device push enable --web-push http://127.0.0.1:PORT/ --gateway KEY` first.")
    }
    try await PushListener.wait(at: place, onListening) { body in (try? subscription.open(body)) != nil }
  }

  private static func service(_ waker: Waker) -> PushService {
    switch waker {
    case .webPush(let endpoint, nil): .webPush(endpoint: endpoint)
    case .webPush(let endpoint, let keys?):
      .foreignWebPush(
        endpoint: endpoint, key: Base64URL.decode(keys.p256dh) ?? [], auth: Base64URL.decode(keys.auth) ?? [])
    case .apns(let token, let isSandbox): .apns(token: Hex.decode(token.lowercased()) ?? [], isSandbox: isSandbox)
    case .fcm(let token): .fcm(token: token)
    }
  }
}
