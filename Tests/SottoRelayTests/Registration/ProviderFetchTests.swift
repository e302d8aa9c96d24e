import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import SottoRelay
import Synchronization
import Testing

/// What is got from a provider over a real connection, and what is not waited for.
@Suite struct ProviderFetchTests {
  private let folder = Folder()

  private func files(_ host: String) throws -> SelfSignedCertificate.Files {
    // The client's TLS asks the system what time it is.
    try SelfSignedCertificate(hosts: [host], now: Int64(Date.now.timeIntervalSince1970)).write(
      to: folder.path + "/" + host)
  }

  /// The body of the answer at `path`; throws as `get` does.
  private func get(
    _ server: CannedServer, _ path: String = "/", authority: String? = nil, deadline: Duration = .seconds(60)
  ) async throws -> [UInt8] {
    let fetch = try ProviderFetch(authorityFile: authority, deadline: deadline)
    do {
      let body = try await fetch.get(server.origin + path)
      await fetch.shutdown()
      return body
    } catch {
      await fetch.shutdown()
      throw error
    }
  }

  private static func answer(_ status: String, _ fields: String, _ body: String) -> CannedServer.Answer {
    .whole("HTTP/1.1 \(status)\r\n\(fields)content-length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  private static func answer(_ status: String, _ body: String) -> CannedServer.Answer { answer(status, "", body) }

  @Test func `An answer is its body`() async throws {
    let server = try await CannedServer { _ in Self.answer("200 OK", "{\"a\":1}") }
    #expect(try await get(server, "/a/b?c=d") == Array("{\"a\":1}".utf8))
    #expect(server.requests == ["GET /a/b?c=d HTTP/1.1"])
    try await server.stop()
  }

  @Test(arguments: [
    "301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect",
  ])
  func `A redirect is not followed`(status: String) async throws {
    let server = try await CannedServer { path in
      path == "/there" ? Self.answer("200 OK", "{}") : Self.answer(status, "location: /there\r\n", "{}")
    }
    #expect(try await get(server, "/there") == Array("{}".utf8))
    await #expect(throws: ProviderFetch.Failure.self) { try await get(server, "/here") }
    #expect(server.requests == ["GET /there HTTP/1.1", "GET /here HTTP/1.1"])
    try await server.stop()
  }

  @Test(arguments: ["201 Created", "204 No Content", "404 Not Found", "500 Internal Server Error"])
  func `Another status is no answer`(status: String) async throws {
    let server = try await CannedServer { _ in Self.answer(status, status.hasPrefix("204") ? "" : "{}") }
    await #expect(throws: ProviderFetch.Failure.self) { try await get(server) }
    try await server.stop()
  }

  @Test func `A connection is used once`() async throws {
    let server = try await CannedServer { _ in .open("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") }
    let fetch = try ProviderFetch(deadline: .seconds(60))
    for _ in 1...3 { #expect(try await fetch.get(server.origin + "/") == Array("{}".utf8)) }
    #expect(server.requests.count == 3)
    await fetch.shutdown()
    try await server.stop()
  }

  @Test(arguments: [true, false]) func `An answer has a size`(chunked: Bool) async throws {
    let server = try await CannedServer { path in
      let body = String(repeating: "x", count: RelayLimits.providerAnswer + (path == "/more" ? 1 : 0))
      guard chunked else { return Self.answer("200 OK", body) }
      let size = String(body.utf8.count, radix: 16)
      return .whole("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\(size)\r\n\(body)\r\n0\r\n\r\n")
    }
    #expect(try await get(server, "/all").count == RelayLimits.providerAnswer)
    await #expect(throws: (any Error).self) { try await get(server, "/more") }
    try await server.stop()
  }

  @Test(arguments: [
    CannedServer.Answer.endless("HTTP/1.1 200 OK\r\n\r\n"), .endless("HTTP/1.1 200 OK\r\nx: "), .silence,
  ])
  func `An answer that never ends is given up`(answer: CannedServer.Answer) async throws {
    let server = try await CannedServer { _ in answer }
    let start = ContinuousClock.now
    await #expect(throws: (any Error).self) { try await get(server, deadline: .seconds(2)) }
    #expect(start.duration(to: .now) >= .milliseconds(1_900), "it was waited for")
    #expect(server.requests.count == 1)
    try await server.stop()
  }

  @Test func `A private authority is believed if it is named, for the host that it vouches for`() async throws {
    let (good, stranger) = (try files("127.0.0.1"), try files("id.test"))
    let server = try await CannedServer(tls: good) { _ in Self.answer("200 OK", "{}") }
    #expect(try await get(server, authority: good.authority) == Array("{}".utf8))
    await #expect(throws: (any Error).self) { try await get(server) }
    await #expect(throws: (any Error).self) { try await get(server, authority: stranger.authority) }
    let wrong = try await CannedServer(tls: stranger) { _ in Self.answer("200 OK", "{}") }
    await #expect(throws: (any Error).self) { try await get(wrong, authority: stranger.authority) }
    #expect(server.requests.count == 1 && wrong.requests.isEmpty, "nothing is said before that")
    try await server.stop()
    try await wrong.stop()
    let garbage = folder.path + "/garbage.pem"
    try "garbage".write(toFile: garbage, atomically: true, encoding: .utf8)
    for path in [garbage, folder.path + "/none.pem", good.key] {
      #expect { try ProviderFetch(authorityFile: path) } throws: { ($0 as? StartFailure)?.exitCode == 78 }
    }
  }

  @Test func `Nobody is asked in the clear but this machine`() async throws {
    let fetch = try ProviderFetch(deadline: .seconds(20))
    // Nothing is tried.
    try await soon(.seconds(5)) {
      for url in [
        "http://192.0.2.1/", "http://id.example/", "ftp://127.0.0.1/", "unix:///tmp/socket", "http+unix://a/", "",
      ] {
        await #expect(throws: ProviderFetch.Failure.self) { try await fetch.get(url) }
      }
    }
    await fetch.shutdown()
  }

  /// All of it together.
  @Test func `A token is verified with keys that were got over HTTP`() async throws {
    let key = TokenKey.es256()
    let issuer = Mutex("")
    let server = try await CannedServer { path in
      let issuer = issuer.withLock { $0 }
      return switch path {
      case "/one/.well-known/openid-configuration":
        Self.answer("200 OK", json(["issuer": issuer, "jwks_uri": issuer + "/keys"]))
      case "/one/keys": Self.answer("200 OK", json(["keys": [key.published("1")]]))
      default: Self.answer("404 Not Found", "")
      }
    }
    let name = server.origin + "/one"
    issuer.withLock { $0 = name }
    let fetch = try ProviderFetch(deadline: .seconds(60))
    let verifier = IDTokenVerifier(
      try #require(OIDCProvider(issuer: name, clientID: IDTokenWorld.client)), fetch: { try await fetch.get($0) },
      now: { TokenForge.now })
    let forge = TokenForge(key, named: "1").with { $0.claims["iss"] = "\"\(name)\"" }
    #expect(try await verifier.verify(try await forge.token()).subject == "user-1")
    #expect(server.requests.count == 2)
    await fetch.shutdown()
    try await server.stop()
  }
}

/// A server on a loopback port that answers with what a test wrote down, and takes no part in HTTP otherwise.
final class CannedServer: Sendable {
  enum Answer: Sendable {
    /// These bytes, and the connection's end.
    case whole(String)
    /// These bytes, and the connection's end when another request comes over it.
    case open(String)
    /// These bytes, and then one more now and then.
    case endless(String)
    case silence
  }

  private let channel: any Channel
  private let seen: Seen
  private let isTLS: Bool

  final class Seen: Sendable {
    let requests = Mutex<[String]>([])
  }

  init(tls: SelfSignedCertificate.Files? = nil, _ answer: @escaping @Sendable (String) -> Answer) async throws {
    let context = try tls.map { files in
      try NIOSSLContext(
        configuration: .makeServerConfiguration(
          certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) },
          privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))))
    }
    let seen = Seen()
    (self.seen, isTLS) = (seen, tls != nil)
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let context { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
          try channel.pipeline.syncOperations.addHandler(Answering(seen, answer))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  var origin: String { "\(isTLS ? "https" : "http")://127.0.0.1:\(channel.localAddress?.port ?? 0)" }
  /// Their first lines.
  var requests: [String] { seen.requests.withLock { $0 } }
  func stop() async throws { try await channel.close() }

  private final class Answering: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let seen: Seen
    private let answer: @Sendable (String) -> Answer
    private var request = ""
    private var isUsed = false

    init(_ seen: Seen, _ answer: @escaping @Sendable (String) -> Answer) { (self.seen, self.answer) = (seen, answer) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      request += String(buffer: unwrapInboundIn(data))
      guard let line = request.firstRange(of: "\r\n").map({ String(request[..<$0.lowerBound]) }),
        request.hasSuffix("\r\n\r\n")
      else { return }
      request = ""
      if isUsed { return context.close(promise: nil) }
      isUsed = true
      seen.requests.withLock { $0.append(line) }
      switch answer(line.split(separator: " ").dropFirst().first.map(String.init) ?? "") {
      case .whole(let text):
        let channel = context.channel
        channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in channel.close(promise: nil) }
      case .open(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
      case .endless(let text):
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        let channel = context.channel
        context.eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(50), delay: .milliseconds(50)) { task in
          if !channel.isActive { task.cancel() }
          channel.writeAndFlush(ByteBuffer(string: "x"), promise: nil)
        }
      case .silence: break
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}
