internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import SottoSession
internal import SottoWire
internal import Synchronization

/// In whose name a request is made. Each has connections of its own, so that a relay cannot link by socket what the
/// protocol keeps apart: what an owner signs, and what is shown for each recipient.
enum Voice: Hashable {
  /// Signed with this device's mailbox key.
  case mailboxOwner
  /// Signed with the account's card key.
  case cardOwner
  /// Shows who may register, and nothing else: what is registered with the tokens is not to be seen from it.
  case registrar
  /// Looks whether a relay names the same keys to somebody else, and does nothing else.
  case witness
  /// Anonymous, for one recipient account.
  case sender(AccountID)
  /// Anonymous, for the files that one account has sent.
  case reader(AccountID)
}

/// The HTTP connections of one client: one pool for each voice. Redirects are not followed, proxies not used.
final class Connections: Sendable {
  private let configuration: HTTPClient.Configuration
  private let pools = Mutex<[Voice: HTTPClient]>([:])
  let tls: TLSConfiguration

  /// How long a connection may take, then a whole exchange.
  static let connectTimeout = TimeAmount.seconds(10)
  static let exchangeTimeout = TimeAmount.seconds(30)
  /// A slice of a file, a megabyte: at 9 KB/s.
  static let sliceTimeout = TimeAmount.seconds(120)

  init(caFile: String?) throws {
    tls = try Self.tls(caFile: caFile)
    configuration = Self.configuration(tls)
  }

  /// `caFile` adds certificate authorities, in PEM, to those of the system.
  static func tls(caFile: String?) throws -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    if let caFile {
      do {
        tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(caFile))]
      } catch {
        throw ClientError(
          .unreadable, "Cannot read certificates from \(caFile).",
          meaning: "--ca-file or $SOTTO_CA_FILE must name a PEM file.", next: "Check the path and the file.")
      }
    }
    return tls
  }

  static func configuration(_ tls: TLSConfiguration) -> HTTPClient.Configuration {
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(connect: connectTimeout, read: exchangeTimeout))
    // The outbox has its own schedule; a second one underneath would only hide that a relay is down.
    configuration.connectionPool.retryConnectionEstablishment = false
    return configuration
  }

  /// One exchange. Whatever is thrown is a `RelayFailure`.
  func exchange(_ request: RelayRequest, as voice: Voice) async throws(RelayFailure) -> RelayAnswer {
    let relay = request.relay
    var outgoing = HTTPClientRequest(url: relay.origin + request.route.path)
    outgoing.method = NIOHTTP1.HTTPMethod(rawValue: request.method.rawValue)
    for field in request.fields { outgoing.headers.add(name: field.name, value: field.value) }
    outgoing.headers.add(name: "host", value: relay.text)
    if let body = request.body { outgoing.body = .bytes(ByteBuffer(bytes: body)) }
    do {
      let response = try await pool(voice).execute(outgoing, timeout: request.timeout)
      let body = try await response.body.collect(upTo: request.answerLimit)
      return RelayAnswer(
        relay: relay, status: Int(response.status.code), headers: response.headers, body: [UInt8](buffer: body))
    } catch is NIOTooManyBytesError {
      throw .nonsense(relay, what: "its answer is too long")
    } catch let error as HTTPParserError {
      throw .nonsense(relay, what: "its answer is no HTTP (\(error))")
    } catch {
      throw .unreachable(relay, reason: Self.reason(error))
    }
  }

  /// The same, tried up to three times when the connection fails: for requests that may be repeated.
  func stubbornly(_ request: RelayRequest, as voice: Voice) async throws(RelayFailure) -> RelayAnswer {
    for attempt in 1...2 {
      do {
        return try await exchange(request, as: voice)
      } catch .unreachable {
        try? await Backoff.pause(attempt: attempt, base: .milliseconds(200))
      } catch {
        throw error
      }
    }
    return try await exchange(request, as: voice)
  }

  /// Closes every connection.
  func close() async {
    for pool in pools.withLock({ $0.values.map(\.self) }) { try? await pool.shutdown() }
  }

  private func pool(_ voice: Voice) -> HTTPClient {
    pools.withLock { pools in
      if let pool = pools[voice] { return pool }
      let pool = HTTPClient(
        eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
      pools[voice] = pool
      return pool
    }
  }

  /// A few words for a person, not a dump of types.
  static func reason(_ error: any Error) -> String {
    switch error {
    case let error as HTTPClientError: error.shortDescription
    case let error as NIOConnectionError:
      error.connectionErrors.first.map { reason($0.error) } ?? "its name cannot be resolved"
    case let error as IOError: System.text(error.errnoCode)
    case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: "its TLS certificate is not trusted or TLS failed"
    case let error as ChannelError:
      switch error {
      case .connectTimeout: "no answer in time"
      default: "the connection was closed"
      }
    default: "the connection failed"
    }
  }
}
