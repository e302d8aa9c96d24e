package import SottoWire

/// What came of asking a push service to wake a device.
package enum PushOutcome: String, CaseIterable, Sendable {
  /// It took the message.
  case woken
  /// There is no such device any more.
  case gone
  /// It will not take this message, today or later; or the gateway will not ask it.
  case refused
  /// It cannot, or will not now.
  case busy
  /// The same, and it wants to be left alone for a while.
  case throttled
  /// The gateway's own credentials were refused: until somebody has seen to it, nobody is woken.
  case unauthorized
}

/// The same, and when the service wants to be asked about this device again, if it says so.
package struct PushReply: Equatable, Sendable {
  package let outcome: PushOutcome
  /// In seconds.
  package let wait: Int?

  package init(_ outcome: PushOutcome, wait: Int? = nil) { (self.outcome, self.wait) = (outcome, wait) }
}

/// One way to wake devices.
package protocol PushProvider: Sendable {
  /// As it stands in metrics.
  var name: ProviderName { get }
  /// Asks once. nil: the target is not of this kind.
  func wake(_ kind: PushTarget.Kind) async -> PushReply?
  func close() async
}

package enum ProviderName: String, CaseIterable, Sendable {
  case webPush = "web-push"
  case apns
  case fcm
  case none
}
