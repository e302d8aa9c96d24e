import Foundation
package import SottoSimulation
import SottoWire
import sotto_push

extension Decoder {
  /// What a gateway reads beside what the core decodes: where a subscriber says that it is woken [push.8], and what services
  /// answer.
  package static let gateway = Decoder(
    "gateway", limit: 1_024,
    oneOf: [
      { try endpoint(String(decoding: $0, as: UTF8.self)) },
      { try answer($0, \.byWebPush) { _ in Data() } },
      { try answer($0, \.byAPNs) { try JSONEncoder().encode(["reason": $0.reason]) } },
      { try answer($0, \.byFCM) { try JSONEncoder().encode(["error": ["status": $0.code]]) } },
      { try purchase($0) },
    ], seeds: { serviceSeeds })

  private static var serviceSeeds: [[UInt8]] {
    let endpoints = ["https://push.example:8443/a?b=c", "http://[::1]:1/", "https://web.push.apple.com/QK~%2f"]
    let unregistered = #"{"error":{"status":"NOT_FOUND","details":[{"@type":"a"},{"errorCode":"UNREGISTERED"}]}}"#
    let answers: [(part: UInt8, status: Int, body: String)] = [
      (1, 201, ""), (1, 410, "gone"), (1, 503, ""), (2, 200, ""), (2, 400, #"{"reason":"BadDeviceToken"}"#),
      (2, 403, #"{"reason":"InvalidProviderToken","timestamp":1}"#), (3, 200, #"{"name":"projects/a/messages/1"}"#),
      (3, 404, unregistered), (3, 429, #"{"error":{"status":"RESOURCE_EXHAUSTED"}}"#),
      (4, 200, #"{"access_token":"ya29.a-b_c","expires_in":3599,"token_type":"Bearer"}"#),
    ]
    var seeds = endpoints.map { [0] + Array($0.utf8) }
    for (part, status, body) in answers {
      let head = [part, UInt8(status >> 8), UInt8(status & 255), part & 1]
      seeds.append(head + Array(body.utf8))
    }
    return seeds
  }

  /// Who connects finds the host that was looked at.
  private static func endpoint(_ text: String) throws -> Bool {
    guard let endpoint = Endpoint(text) else { return false }
    try promise(endpoint.url.utf8.elementsEqual(text.utf8), "an endpoint has a second spelling")
    let path = text.utf8.dropFirst(endpoint.origin.utf8.count)
    try promise(text.hasPrefix(endpoint.origin) && path.first == UInt8(ascii: "/"), "\(text) is elsewhere")
    try promiseOneHost(text)
    return true
  }

  /// Two bytes of a status, one whose last bit says that the service says when, and the body.
  private static func read(_ bytes: [UInt8]) -> ServiceAnswer? {
    guard bytes.count >= 3 else { return nil }
    let status = (Int(bytes[0]) << 8 | Int(bytes[1])) % 1_000
    return ServiceAnswer(status: status, body: Array(bytes[3...]), saysWhen: bytes[2] & 1 == 1)
  }

  /// What an answer amounts to depends on its status and on the one word in it that is looked for: `again` makes a body with
  /// nothing else.
  private static func answer(
    _ bytes: [UInt8], _ outcome: (ServiceAnswer) -> PushOutcome, _ again: (ServiceAnswer) throws -> Data
  ) throws -> Bool {
    guard let answer = read(bytes) else { return false }
    let (result, saysWhen) = (outcome(answer), bytes[2] & 1 == 1)
    let same = ServiceAnswer(status: answer.status, body: [UInt8](try again(answer)), saysWhen: saysWhen)
    try promise(outcome(same) == result, "something else in the body counts")
    switch result {
    case .woken: try promise(200...202 ~= answer.status, "a failure wakes")
    case .gone: try promise(answer.status != 200, "a subscription ends with a success")
    case .unauthorized: try promise(400...499 ~= answer.status, "the gateway takes the blame")
    case .busy: try promise(!saysWhen, "a service that says when is asked at once")
    case .throttled, .refused: break
    }
    return result != .refused
  }

  private static func purchase(_ bytes: [UInt8]) throws -> Bool {
    guard let answer = read(bytes) else { return false }
    guard let (text, end) = answer.accessToken(boughtAt: 1_000) else {
      let outcome = answer.byTokenEndpoint
      try promise(outcome == .busy || outcome == .unauthorized, "nothing was sold, and somebody is \(outcome)")
      return false
    }
    try promise(answer.status == 200 && !text.isEmpty, "a token that was not sold")
    try promise(text.utf8.allSatisfy { 0x21...0x7E ~= $0 }, "a token that no header has")
    try promise(1_000...44_200 ~= end, "a token for ever")
    return true
  }
}
