internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// Asks push services, over connections that are kept.
///
///     ask --an answer--> that
///      +--no answer--> nil
///      +--hung up at once, on a connection that was there before--> ask once more, on a connection of its own,
///                                                                  where the service speaks HTTP/1.1
package final class ServiceClient: Sendable {
  /// Connections that were made.
  private final class Connections: Sendable {
    private let made = Atomic(0)
    private let shared = Atomic(false)

    var count: Int { made.load(ordering: .acquiring) }
    /// Whether requests are on one together: the service speaks HTTP/2.
    var areShared: Bool { shared.load(ordering: .acquiring) }
    func add() { made.add(1, ordering: .acquiringAndReleasing) }
    func share() { shared.store(true, ordering: .releasing) }
  }

  private let client: HTTPClient
  private let configuration: HTTPClient.Configuration
  private let connections: Connections

  init(_ configuration: HTTPClient.Configuration) {
    let connections = Connections()
    var counting = configuration
    counting.http1_1ConnectionDebugInitializer = { channel in
      connections.add()
      return channel.eventLoop.makeSucceededVoidFuture()
    }
    counting.http2ConnectionDebugInitializer = { channel in
      connections.share()
      return channel.eventLoop.makeSucceededVoidFuture()
    }
    (self.configuration, self.connections) = (configuration, connections)
    client = HTTPClient(
      eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: counting)
  }

  func close() async { try? await client.shutdown() }

  /// The status and the body; nil when there was no answer. The status counts even when the body does not come. `now`: Unix
  /// time in seconds, for a `Retry-After` that says a date.
  func ask(_ request: HTTPClientRequest, now: @Sendable () -> Int64) async -> ServiceAnswer? {
    let (before, start) = (connections.count, ContinuousClock.now)
    do {
      return await Self.read(try await client.execute(request, timeout: Self.timeout), now: now)
    } catch {
      // A service ends what nobody has used for a while, perhaps just now: that says nothing of it. It may have taken the
      // message all the same; then it has it twice, and keeps one. Whoever takes his time to hang up is not asked again. Nor is
      // who speaks HTTP/2: all that the gateway has in hand for it ends at once, and would come again over as many connections.
      guard error.isHangUp, !connections.areShared, before > 0, connections.count == before,
        start.duration(to: .now) <= PushLimits.patience
      else { return nil }
    }
    // Another that is kept may be just as old.
    let fresh = HTTPClient(
      eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
    var answer: ServiceAnswer?
    if let response = try? await fresh.execute(request, timeout: Self.timeout) {
      answer = await Self.read(response, now: now)
    }
    try? await fresh.shutdown()
    return answer
  }

  private static var timeout: TimeAmount { TimeAmount(PushLimits.exchangeTimeout) }

  private static func read(_ response: HTTPClientResponse, now: @Sendable () -> Int64) async -> ServiceAnswer {
    let body = response.body
    // The client's own limits are for the head, and for pauses: a byte now and then would keep it busy for days.
    let bytes = await withTaskGroup(of: [UInt8]?.self) { group in
      group.addTask { (try? await body.collect(upTo: PushLimits.answer)).map { [UInt8](buffer: $0) } }
      group.addTask {
        try? await Task.sleep(for: PushLimits.bodyTime)
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

extension Error {
  /// Whether the other side has ended the connection before the head of an answer.
  fileprivate var isHangUp: Bool {
    if let error = self as? HTTPClientError { return error == .remoteConnectionClosed }
    if let error = self as? IOError { return error.errnoCode == ECONNRESET || error.errnoCode == EPIPE }
    return false
  }
}

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
