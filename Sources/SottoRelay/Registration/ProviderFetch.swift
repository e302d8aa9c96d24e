internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Gets what the provider has to say: over TLS that is verified, or from this machine; without following a redirect,
/// within a time and a size. [leakage.9]
package struct ProviderFetch: Sendable {
  /// There was no answer, or none that is of use.
  package struct Failure: Error {}

  private let client: HTTPClient
  private let deadline: Duration

  /// `authorityFile` is PEM, and believed in beside the system's authorities. `deadline` is for an answer as a whole.
  package init(authorityFile: String? = nil, deadline: Duration = RelayLimits.providerDeadline) throws(StartFailure) {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    if let authorityFile { tls.additionalTrustRoots = [.certificates(try Self.authorities(authorityFile))] }
    var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
    // Two short requests an hour.
    configuration.httpVersion = .http1Only
    configuration.connectionPool.retryConnectionEstablishment = false
    client = HTTPClient(
      eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
    self.deadline = deadline
  }

  static func check(authorityFile: String) throws(StartFailure) { _ = try authorities(authorityFile) }

  private static func authorities(_ path: String) throws(StartFailure) -> [NIOSSLCertificate] {
    guard let bytes = FileManager.default.contents(atPath: path),
      let authorities = try? NIOSSLCertificate.fromPEMBytes(Array(bytes)), !authorities.isEmpty
    else { throw .badAuthority(path) }
    return authorities
  }

  /// The body of an answer with status 200.
  package func get(_ url: String) async throws -> [UInt8] {
    guard ProviderURL(url) != nil else { throw Failure() }
    var request = HTTPClientRequest(url: url)
    // A connection that is kept may be closed by the provider just when it is used again.
    request.headers = ["accept": "application/json", "connection": "close"]
    let outgoing = request
    // The client's own limits are for the head, and for pauses: a byte now and then would keep it busy for days.
    return try await withThrowingTaskGroup(of: [UInt8].self) { group in
      group.addTask {
        let response = try await client.execute(outgoing, timeout: .nanoseconds(Self.nanoseconds(deadline)))
        guard response.status == .ok else { throw Failure() }
        return [UInt8](buffer: try await response.body.collect(upTo: RelayLimits.providerAnswer))
      }
      group.addTask {
        try await Task.sleep(for: deadline)
        throw Failure()
      }
      defer { group.cancelAll() }
      return try await group.next() ?? []
    }
  }

  package func shutdown() async { try? await client.shutdown() }

  private static func nanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }
}
