internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// What a provider publishes about itself, as far as it is used (OpenID Connect Discovery 1.0 section 3).
struct ProviderEndpoints {
  let token: ProviderURL
  let authorization: ProviderURL?
  let device: ProviderURL?
  /// Whether it names itself when it sends a browser back (RFC 9207 section 3).
  let namesIssuer: Bool
}

/// What a token endpoint says.
enum TokenAnswer {
  case token(String)
  /// A code of RFC 6749 section 5.2 or RFC 8628 section 3.5.
  case error(String)
}

/// Requests to a provider. Redirects are not followed, proxies not used, long answers not read.
struct ProviderExchange: Sendable {
  private let provider: SignInProvider
  private let client: HTTPClient
  private let timeout: Duration

  static let answerLimit = 64 * 1024
  /// An ID token goes into one request header or body of a relay.
  static let tokenLimit = 16 * 1024

  init(_ provider: SignInProvider, _ options: SignInOptions) throws {
    (self.provider, timeout) = (provider, options.requestTimeout)
    var configuration = Connections.configuration(try Connections.tls(caFile: options.caFile))
    // Its connections can be closed after one answer.
    configuration.httpVersion = .http1Only
    client = HTTPClient(
      eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
  }

  func close() async { try? await client.shutdown() }

  /// Asks where everything is. What does not hold is refused before anything of it is used.
  func discover() async throws -> ProviderEndpoints {
    // OpenID Connect Discovery 1.0 section 4.1: a slash at the end goes.
    let base = provider.issuer.hasSuffix("/") ? String(provider.issuer.dropLast()) : provider.issuer
    let answer = try await send(.GET, base + "/.well-known/openid-configuration")
    guard answer.status == 200 else { throw nonsense("its configuration has status \(answer.status)") }
    let found: Discovery = try decode(answer.body)
    guard found.issuer == provider.issuer else { throw nonsense("it calls itself otherwise") }
    guard let token = try endpoint(found.tokenEndpoint) else { throw nonsense("it has no token endpoint") }
    return ProviderEndpoints(
      token: token, authorization: try endpoint(found.authorizationEndpoint),
      device: try endpoint(found.deviceAuthorizationEndpoint),
      namesIssuer: found.authorizationResponseIssParameterSupported ?? false)
  }

  /// Asks a device authorization endpoint for a code (RFC 8628 section 3.2).
  func deviceCode(at endpoint: ProviderURL, _ form: Form) async throws -> DeviceCode {
    let answer = try await send(.POST, endpoint.text, form)
    guard answer.status == 200 else { throw SignInFailure.declined(provider.issuer, code: try errorCode(answer)) }
    let code: DeviceCode = try decode(answer.body)
    // They are shown on a terminal.
    guard 1...64 ~= code.userCode.utf8.count, code.userCode.utf8.allSatisfy({ 0x20...0x7e ~= $0 }),
      url(code.verificationUri) != nil, code.verificationUriComplete.map({ url($0) != nil }) ?? true,
      1...Self.tokenLimit ~= code.deviceCode.utf8.count
    else { throw nonsense("its code to sign in cannot be shown") }
    return code
  }

  /// Asks a token endpoint (RFC 6749 section 3.2).
  func token(at endpoint: ProviderURL, _ form: Form) async throws -> TokenAnswer {
    let answer = try await send(.POST, endpoint.text, form)
    guard answer.status == 200 else { return .error(try errorCode(answer)) }
    guard let token = (try decode(answer.body) as Tokens).idToken else { throw nonsense("it gives no ID token") }
    // RFC 7515 section 3.1: three parts in base64url.
    let isSigned = token.wholeMatch(of: /[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/) != nil
    guard token.utf8.count <= Self.tokenLimit, isSigned else { throw nonsense("its ID token is none") }
    return .token(token)
  }

  func nonsense(_ what: String) -> SignInFailure { .nonsense(provider.issuer, what: what) }

  private struct Answer {
    let status: Int
    let body: [UInt8]
  }

  private func send(_ method: HTTPMethod, _ url: String, _ form: Form? = nil) async throws -> Answer {
    var request = HTTPClientRequest(url: url)
    request.method = method
    // Requests are seconds apart, and so is what many a server waits for the next: a connection that is kept would be
    // closed just when it is used again.
    request.headers = ["accept": "application/json", "connection": "close"]
    if let form {
      request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
      request.body = .bytes(ByteBuffer(string: form.text))
    }
    let answer: Answer
    do {
      answer = try await withDeadline { [request, client] in
        let response = try await client.execute(request, timeout: .hours(1))
        return Answer(
          status: Int(response.status.code),
          body: [UInt8](buffer: try await response.body.collect(upTo: Self.answerLimit)))
      }
    } catch is NIOTooManyBytesError {
      throw nonsense("its answer is too long")
    } catch let error as HTTPParserError {
      throw nonsense("its answer is no HTTP (\(error))")
    } catch is Overdue {
      throw SignInFailure.unreachable(provider.issuer, reason: "no answer in time")
    } catch {
      throw SignInFailure.unreachable(provider.issuer, reason: Connections.reason(error))
    }
    switch answer.status {
    case 300...399: throw nonsense("it sends programs elsewhere")
    case 429, 500...599: throw SignInFailure.busy(provider.issuer)
    default: return answer
    }
  }

  private struct Overdue: Error {}

  /// The HTTP client's own deadline is for the head of an answer; a body may trickle.
  private func withDeadline(_ body: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
    try await withThrowingTaskGroup(of: Answer.self) { group in
      defer { group.cancelAll() }
      group.addTask(operation: body)
      group.addTask { [timeout] in
        try await Task.sleep(for: timeout)
        throw Overdue()
      }
      guard let answer = try await group.next() else { throw Overdue() }
      return answer
    }
  }

  /// The `error` of an answer that is none of success. Its description is for developers, and anything may stand in it.
  private func errorCode(_ answer: Answer) throws -> String {
    guard 400...499 ~= answer.status, let code = (try decode(answer.body) as Refusal).error else {
      throw nonsense("it answers with status \(answer.status)")
    }
    return Self.shown(code)
  }

  /// A code of RFC 6749 section 5.2, if it can be shown.
  static func shown(_ code: String) -> String { code.wholeMatch(of: /[A-Za-z0-9_.-]{1,64}/) == nil ? "an error" : code }

  private func url(_ text: String) -> ProviderURL? { provider.mayName(text) ? ProviderURL(text) : nil }

  private func endpoint(_ text: String?) throws -> ProviderURL? {
    guard let text else { return nil }
    guard let url = url(text) else { throw nonsense("one of its endpoints is not https, or on this machine") }
    return url
  }

  private func decode<T: Decodable>(_ body: [UInt8]) throws -> T {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { return try decoder.decode(T.self, from: Data(body)) } catch { throw nonsense("its answer cannot be decoded") }
  }
}

/// RFC 8628 section 3.2.
struct DeviceCode: Decodable {
  let deviceCode: String
  let userCode: String
  let verificationUri: String
  let verificationUriComplete: String?
  /// Seconds.
  let expiresIn: Int
  let interval: Int?
}

private struct Discovery: Decodable {
  let issuer: String
  let tokenEndpoint: String?
  let authorizationEndpoint: String?
  let deviceAuthorizationEndpoint: String?
  let authorizationResponseIssParameterSupported: Bool?
}

private struct Tokens: Decodable {
  let idToken: String?
}

private struct Refusal: Decodable {
  let error: String?
}
