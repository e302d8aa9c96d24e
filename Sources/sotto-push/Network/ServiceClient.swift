internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

extension HTTPClient.Configuration {
  /// Redirects are not followed, proxies not used, and nothing is tried twice underneath.
  static func ofGateway(_ tls: TLSConfiguration) -> Self {
    var configuration = Self(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(
        connect: TimeAmount(PushLimits.connectTimeout), read: TimeAmount(PushLimits.exchangeTimeout)))
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.connectionPool.idleTimeout = TimeAmount(PushLimits.idle)
    return configuration
  }
}

extension HTTPClient {
  /// The status and the body; nil when there was no answer. The status counts even when the body does not come. `now`: Unix
  /// time in seconds, for a `Retry-After` that says a date.
  func ask(_ request: HTTPClientRequest, now: @Sendable () -> Int64) async -> ServiceAnswer? {
    let timeout = TimeAmount(PushLimits.exchangeTimeout)
    guard let response = try? await execute(request, timeout: timeout) else { return nil }
    let body = response.body
    // The client's own limits are for the head, and for pauses: a byte now and then would keep it busy for days.
    let bytes = await withTaskGroup(of: [UInt8]?.self) { group in
      group.addTask { (try? await body.collect(upTo: PushLimits.answer)).map { [UInt8](buffer: $0) } }
      group.addTask {
        // The client has a Task of its own.
        try? await _Concurrency.Task.sleep(for: PushLimits.bodyTime)
        return nil
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
    let when = response.headers.first(name: "retry-after")
    return ServiceAnswer(
      status: Int(response.status.code), body: bytes ?? [], saysWhen: when != nil,
      wait: when.flatMap { RetryAfter.seconds($0, now: Date(timeIntervalSince1970: Double(now()))) })
  }
}
