internal import Foundation

/// What a push service answered, and what that amounts to. A part without a client and without a clock, which the fuzzer
/// reaches.
package struct ServiceAnswer: Sendable {
  package let status: Int
  /// Empty when it is longer than anything that a service says, or did not come.
  package let body: [UInt8]
  /// Whether it says when it wants to be asked again.
  private let saysWhen: Bool
  /// In how many seconds, if that can be read.
  private let wait: Int?

  package init(status: Int, body: [UInt8], saysWhen: Bool, wait: Int? = nil) {
    (self.status, self.body, self.saysWhen, self.wait) = (status, body, saysWhen, wait)
  }

  /// One of the outcomes below, with that.
  package func reply(_ outcome: PushOutcome) -> PushReply {
    PushReply(outcome, wait: outcome == .throttled ? wait : nil)
  }

  private func means(_ outcome: PushOutcome) -> PushOutcome { outcome == .busy && saysWhen ? .throttled : outcome }

  private func decoded<T: Decodable>() -> T? { try? JSONDecoder().decode(T.self, from: Data(body)) }
}

extension ServiceAnswer {
  /// Of Web Push.
  package var byWebPush: PushOutcome {
    switch status {
    case 200...202: means(.woken)
    // RFC 8030 section 7.3; 410 is what services say in fact.
    case 404, 410: means(.gone)
    case 401, 403: means(.unauthorized)
    case 429: means(.throttled)
    case 408, 500...599: means(.busy)
    default: means(.refused)
    }
  }
}

extension ServiceAnswer {
  private struct Reason: Decodable {
    let reason: String
  }

  /// What APNs has against the request, if it says so.
  package var reason: String? { (decoded() as Reason?)?.reason }

  /// "Handling notification responses from APNs".
  package var byAPNs: PushOutcome {
    switch (status, reason) {
    case (200, _): means(.woken)
    case (410, _), (400, "BadDeviceToken"), (400, "DeviceTokenNotForTopic"): means(.gone)
    // Wrong about the app or the key, whatever the device.
    case (403, _), (400, "BadTopic"), (400, "MissingTopic"), (400, "TopicDisallowed"): means(.unauthorized)
    case (429, _): means(.throttled)
    case (500...599, _): means(.busy)
    default: means(.refused)
    }
  }
}

extension ServiceAnswer {
  private struct Failure: Decodable {
    struct Status: Decodable {
      struct Detail: Decodable {
        let errorCode: String?
      }

      let status: String?
      let details: [Detail]?
    }

    let error: Status
  }

  private struct Grant: Decodable {
    let accessToken: String
    let expiresIn: Int

    private enum CodingKeys: String, CodingKey {
      case accessToken = "access_token"
      case expiresIn = "expires_in"
    }
  }

  /// `UNREGISTERED` and the like, or what FCM says of the request as a whole.
  package var code: String? {
    let failure: Failure? = decoded()
    return failure?.error.details?.compactMap(\.errorCode).first ?? failure?.error.status
  }

  /// "ErrorCode" of the FCM v1 API.
  package var byFCM: PushOutcome {
    switch (status, code) {
    case (200, _): means(.woken)
    case (_, "UNREGISTERED"), (_, "SENDER_ID_MISMATCH"): means(.gone)
    case (401, _), (403, _), (404, _): means(.unauthorized)
    case (429, _): means(.throttled)
    case (500...599, _): means(.busy)
    default: means(.refused)
    }
  }

  /// The access token that Google's token endpoint has sold at this time, and until when it is used. nil: none, or one that
  /// no header has (RFC 6750 section 2.1).
  package func accessToken(boughtAt time: Int64) -> (text: String, end: Int64)? {
    guard status == 200, let grant: Grant = decoded(), !grant.accessToken.isEmpty,
      grant.accessToken.utf8.allSatisfy({ 0x21...0x7E ~= $0 })
    else { return nil }
    return (grant.accessToken, Self.end(time, expiresIn: grant.expiresIn))
  }

  /// Whatever number Google's token endpoint has said.
  package static func end(_ time: Int64, expiresIn seconds: Int) -> Int64 {
    time + Int64(min(max(seconds, PushLimits.fcmTokenMargin), PushLimits.fcmTokenSeconds) - PushLimits.fcmTokenMargin)
  }

  /// What an attempt comes to when Google's token endpoint sells nothing.
  package var byTokenEndpoint: PushOutcome {
    switch status {
    case 408, 429: .busy
    // The key was withdrawn, the account is gone, or this machine's clock is wrong.
    case 400...499: .unauthorized
    default: .busy
    }
  }
}
