import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import SottoRelay
import SottoWire
import Testing

/// TLS in the relay itself, with certificates that it made.
@Suite struct TLSTests {
  private let folder = Folder()
  private let clock = TestClock()

  /// The client's TLS asks the system what time it is.
  init() { clock.set(Int64(Date.now.timeIntervalSince1970)) }

  /// Writes a pair that is valid from `now` on, and answers a configuration with it.
  private func pair(_ name: String, from now: Int64? = nil) throws -> SelfSignedCertificate.Files {
    try SelfSignedCertificate(hosts: ["127.0.0.1", "relay.test"], now: now ?? clock.now).write(
      to: folder.path + "/" + name)
  }

  private func start(_ pair: SelfSignedCertificate.Files) async throws -> TestRelay {
    try await TestRelay.start(clock: clock) {
      ($0.tlsCertificate, $0.tlsKey) = (pair.certificate, pair.key)
    }
  }

  /// The status of `/readyz`, asked by a client that trusts this authority alone.
  private func ready(
    _ relay: TestRelay, trusting authority: String, _ change: (inout TLSConfiguration) -> Void = { _ in }
  ) async throws -> UInt {
    var configuration = HTTPClient.Configuration()
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.trustRoots = .file(authority)
    change(&tls)
    configuration.tlsConfiguration = tls
    // A refusal is the answer here; trying again for ten seconds would not change it.
    configuration.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    do {
      let request = HTTPClientRequest(url: "https://127.0.0.1:\(relay.authority.port)/readyz")
      let status = try await client.execute(request, timeout: .seconds(120)).status.code
      try await client.shutdown()
      return status
    } catch {
      try await client.shutdown()
      throw error
    }
  }

  /// [operation.3] [operation.4]
  @Test func theCertificateIsServedAndReplacedForNewConnections() async throws {
    let (first, second) = (try pair("first"), try pair("second"))
    let relay = try await start(first)
    #expect(try await ready(relay, trusting: first.authority) == 200)
    await #expect(throws: (any Error).self) { try await ready(relay, trusting: second.authority) }
    var configuration = RelayConfiguration(dataDirectory: relay.folder.path)
    configuration.now = { [clock] in clock.now }
    // A pair that does not match changes nothing.
    (configuration.tlsCertificate, configuration.tlsKey) = (second.certificate, first.key)
    #expect(throws: StartFailure.self) { try relay.relay?.reload(configuration) }
    #expect(try await ready(relay, trusting: first.authority) == 200)
    configuration.tlsKey = second.key
    try relay.relay?.reload(configuration)
    #expect(try await ready(relay, trusting: second.authority) == 200)
    await #expect(throws: (any Error).self) { try await ready(relay, trusting: first.authority) }
    // TLS is not turned off on a port that clients use.
    try relay.relay?.reload(RelayConfiguration(dataDirectory: relay.folder.path))
    #expect(try await ready(relay, trusting: second.authority) == 200)
    #expect(relay.lines.all.contains { $0.contains("setting needs a restart") && $0.contains("tls.certificate") })
    try await relay.stop()
  }

  @Test func oldVersionsAndPlainTextAreRefused() async throws {
    let pair = try pair("pair")
    let relay = try await start(pair)
    for version in [TLSVersion.tlsv12, .tlsv13] {
      let status = try await ready(relay, trusting: pair.authority) {
        ($0.minimumTLSVersion, $0.maximumTLSVersion) = (version, version)
      }
      #expect(status == 200)
    }
    await #expect(throws: (any Error).self) {
      try await ready(relay, trusting: pair.authority) {
        ($0.minimumTLSVersion, $0.maximumTLSVersion) = (.tlsv1, .tlsv11)
      }
    }
    let plain = try await relay.raw("GET /readyz HTTP/1.1\r\nhost: \(relay.authority.text)\r\n\r\n")
    #expect(!plain.line.hasPrefix("HTTP/"), "closed, and not answered in the clear")
    try await relay.stop()
  }

  /// [operation.3]
  @Test func credentialsThatCannotBeUsedAreNamed() throws {
    let good = try pair("good")
    let other = try pair("other")
    let garbage = folder.path + "/garbage.pem"
    try "-----BEGIN CERTIFICATE-----\nnonsense\n".write(toFile: garbage, atomically: true, encoding: .utf8)
    let expired = try pair("expired", from: clock.now - 400 * 86_400)
    let early = try pair("early", from: clock.now + 86_400)
    let none = folder.path + "/none.pem"
    func failure(_ certificate: String, _ key: String) -> StartFailure? {
      var configuration = RelayConfiguration(dataDirectory: folder.path + "/data")
      configuration.now = { [clock] in clock.now }
      (configuration.tlsCertificate, configuration.tlsKey) = (certificate, key)
      do {
        _ = try Relay(configuration, logger: .init(label: "silent") { _ in JSONLogHandler { _ in } }) { _ in }
        return nil
      } catch { return error }
    }
    #expect(failure(good.certificate, good.key) == nil)
    let bad = [
      (none, good.key, "read the certificate"), (good.certificate, none, "read the private key"),
      (garbage, good.key, "no certificate"), (good.certificate, garbage, "no usable private key"),
      (good.key, good.key, "no certificate"), (good.certificate, good.certificate, "no usable private key"),
      (good.certificate, other.key, "is not the one of"), (expired.certificate, expired.key, "expired"),
      (early.certificate, early.key, "not valid yet"),
    ]
    for (certificate, key, words) in bad {
      let failure = failure(certificate, key)
      #expect(
        failure?.exitCode == 78 && failure?.what.contains(words) == true, "\(failure?.what ?? "none"), not \(words)")
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/data/none"))
  }

  /// [operation.4]
  @Test func selfSignedFilesArePrivateAndOverwriteNothing() throws {
    let pair = try pair("pair")
    #expect(throws: StartFailure.self) { try self.pair("pair") }
    let chain = try NIOSSLCertificate.fromPEMFile(pair.certificate)
    #expect(chain.count == 1 && Int64(chain[0].notValidAfter) == clock.now + 365 * 86_400)
    for host in ["", "a b", "https://relay.test", "relay.test:1", "*"] {
      #expect(throws: StartFailure.self, "\(host)") { try SelfSignedCertificate(hosts: [host], now: clock.now) }
    }
    #expect(throws: StartFailure.self) { try SelfSignedCertificate(hosts: [], now: clock.now) }
    for host in ["relay.test", "localhost", "127.0.0.1", "::1"] {
      _ = try SelfSignedCertificate(hosts: [host], now: clock.now)
    }
  }
}
