import Foundation
import SottoClient
import SottoCrypto
import SottoWire
import Testing

/// Has somebody sign in; `act` does what is shown.
private func signedIn(
  at provider: SignInProvider, by method: SignInMethod?, nonce: String = "nonce 1/+",
  options: SignInOptions = SignInOptions(), act: @escaping @Sendable (SignInStep) async throws -> Void
) async throws -> String {
  let (steps, shown) = AsyncStream.makeStream(of: SignInStep.self)
  return try await withThrowingTaskGroup(of: String?.self) { group in
    group.addTask {
      defer { shown.finish() }
      return try await SignIn.token(at: provider, by: method, nonce: nonce, options: options) { shown.yield($0) }
    }
    group.addTask {
      for await step in steps { try await act(step) }
      return nil
    }
    var token: String?
    for try await result in group { token = result ?? token }
    return try #require(token)
  }
}

private func payload(_ token: String) throws -> [String: Any] {
  let part = token.split(separator: ".")[1].replacing("-", with: "+").replacing("_", with: "/")
  let padded = part + String(repeating: "=", count: (4 - part.count % 4) % 4)
  let data = try #require(Data(base64Encoded: String(padded)))
  return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
}

/// The value of a field of a URL's query.
private func field(_ name: String, of url: String) throws -> String {
  let items = try #require(URLComponents(string: url)?.queryItems)
  return try #require(items.first { $0.name == name }?.value)
}

/// At Glewlwyd, which has everything.
@Suite(.enabled(if: Glewlwyd.program != nil)) struct SignInAtGlewlwydTests {
  @Test func `Somebody signs in by a code, which is what this program prefers`() async throws {
    let glewlwyd = try await Glewlwyd()
    let token = try await signedIn(at: glewlwyd.provider, by: nil) { step in
      guard case .enter(let code, _, let direct?) = step else {
        Issue.record("\(step)")
        return
      }
      #expect(direct.hasSuffix(code))
      try await glewlwyd.follow(step, as: "alice")
    }
    let claims = try payload(token)
    #expect(claims["iss"] as? String == glewlwyd.issuer && claims["aud"] as? String == glewlwyd.clientID)
    #expect(claims["nonce"] == nil)

    // The same person is the same, another is another.
    var subjects: [String] = []
    for person in ["alice", "bob"] {
      let token = try await signedIn(at: glewlwyd.provider, by: .device) { try await glewlwyd.follow($0, as: person) }
      subjects.append(try #require(payload(token)["sub"] as? String))
    }
    #expect(claims["sub"] as? String == subjects[0] && subjects[0] != subjects[1])
  }

  @Test func `Somebody signs in with a browser, and only with the right PKCE`() async throws {
    let glewlwyd = try await Glewlwyd()
    let options = SignInOptions(callbackPort: glewlwyd.callbackPort)
    let token = try await signedIn(at: glewlwyd.provider, by: .browser, options: options) {
      try await glewlwyd.follow($0, as: "alice")
    }
    let claims = try payload(token)
    #expect(claims["iss"] as? String == glewlwyd.issuer && claims["aud"] as? String == glewlwyd.clientID)
    #expect(claims["nonce"] as? String == "nonce 1/+")

    // A code for another verifier, and a request without any: the provider refuses both.
    let other = String(repeating: "A", count: 43)
    for (challenge, refusal) in [("&code_challenge=" + other, "invalid_code"), ("", "invalid_request")] {
      await #expect(throws: SignInFailure.declined(glewlwyd.issuer, code: refusal)) {
        _ = try await signedIn(at: glewlwyd.provider, by: .browser, options: options) { step in
          guard case .open(let url) = step else { return }
          let altered = url.replacing(/&code_challenge=[^&]*/, with: challenge)
          try await glewlwyd.follow(.open(altered), as: "alice")
        }
      }
    }
  }

  @Test func `A private authority is trusted when it is named`() async throws {
    let glewlwyd = try await Glewlwyd(isSecure: true)
    let token = try await signedIn(
      at: glewlwyd.provider, by: nil, options: SignInOptions(caFile: glewlwyd.authority)
    ) { try await glewlwyd.follow($0, as: "bob") }
    #expect(try payload(token)["iss"] as? String == glewlwyd.issuer)
    let untrusted = await #expect(throws: ClientError.self) {
      _ = try await signIn(at: glewlwyd.provider, by: nil, nonce: "1") { _ in }
    }
    #expect(untrusted?.code == .signInUnavailable && untrusted?.message.contains("TLS") == true)
  }

  @Test func `Whoever is reached over TLS cannot send this program to what listens on this machine`() async throws {
    let glewlwyd = try await Glewlwyd(isSecure: true, scheme: "http")
    await #expect(
      throws: SignInFailure.nonsense(glewlwyd.issuer, what: "one of its endpoints is not https, or on this machine")
    ) {
      _ = try await signedIn(
        at: glewlwyd.provider, by: nil, options: SignInOptions(caFile: glewlwyd.authority)
      ) { _ in }
    }
  }
}

/// At a provider without the device grant.
@Suite(.enabled(if: OIDCProviderMock.python != nil)) struct SignInAtMockTests {
  @Test func `Without codes to type in, a browser it is`() async throws {
    let mock = try await OIDCProviderMock()
    let token = try await signedIn(at: mock.provider, by: nil) { try await mock.follow($0, as: "carol") }
    let claims = try payload(token)
    #expect(claims["iss"] as? String == mock.issuer && claims["sub"] as? String == "carol")
    #expect(claims["nonce"] as? String == "nonce 1/+")
    await #expect(throws: SignInFailure.unsupported(mock.issuer, .device)) {
      _ = try await signedIn(at: mock.provider, by: .device) { _ in }
    }
  }
}

/// At providers that no real one would be.
@Suite struct SignInAttackTests {
  @Test(arguments: [
    "https://idp.example", "https://idp.example/", "https://idp.example:8443/realms/a", "http://localhost:8080/x",
    "http://127.0.0.1", "https://[2001:db8::1]/x", "https://idp.example:443",
  ])
  func `An issuer is an https URL, or an http one on this machine`(issuer: String) {
    #expect(SignInProvider(issuer: issuer, clientID: "a b")?.issuer == issuer)
  }

  @Test(arguments: [
    "", "idp.example", "http://idp.example", "https://idp.example?a", "https://idp.example/#a", "https://a@idp.example",
    "https://", "https:///a", "ftp://idp.example", "https://idp.example/\u{1b}[1m", "https://idp example",
    "https://idp.example\\@evil.example", "http://127.1", "http://localhost.evil.example",
    "https://idp.example/" + String(repeating: "a", count: 500), "HTTPS://idp.example", "https://\u{e9}.example",
  ])
  func `Anything else is no issuer`(issuer: String) { #expect(SignInProvider(issuer: issuer, clientID: "a") == nil) }

  /// Or a relay had a client call what listens beside it. [token.12]
  @Test(arguments: [
    ("https://idp.example", "relay.example", true), ("https://idp.example", "127.0.0.1:8090", true),
    ("http://127.0.0.1:8080/x", "127.0.0.1:8090", true), ("http://localhost", "[::1]:8090", true),
    ("http://127.0.0.1:8080/x", "relay.example", false), ("http://[::1]:8080", "192.0.2.1", false),
    ("https://localhost:8443", "relay.example", false), ("https://localhost:8443", "127.0.0.1:8090", true),
  ])
  func `A relay elsewhere names no provider on this machine`(issuer: String, relay: String, isTaken: Bool) throws {
    let authority = try #require(RelayAuthority(relay))
    #expect(try #require(SignInProvider(issuer: issuer, clientID: "a")).mayBeNamed(by: authority) == isTaken)
  }

  @Test(arguments: [
    ("https://idp.example", "https://login.example/token", true), ("https://idp.example", "http://idp.example/", false),
    ("https://idp.example", "https://localhost:8443/a", false), ("https://idp.example", "https://127.0.0.1/", false),
    ("https://localhost", "https://127.0.0.1:8443/", true), ("https://localhost", "http://127.0.0.1:8080/", false),
    ("http://localhost", "http://127.0.0.1:8080/", true),
  ])
  func `A provider elsewhere sends nobody to this machine`(issuer: String, endpoint: String, isTaken: Bool) throws {
    #expect(try #require(SignInProvider(issuer: issuer, clientID: "a")).mayName(endpoint) == isTaken)
  }

  @Test(arguments: ["", "\u{7}", String(repeating: "a", count: 257), "\u{e9}"])
  func `A client ID is short and printable`(clientID: String) {
    #expect(SignInProvider(issuer: "https://idp.example", clientID: clientID) == nil)
  }

  /// A configuration with one thing wrong, and what is said of it.
  @Test(arguments: [
    ("issuer", "https://idp.example", "it calls itself otherwise"), ("issuer", nil, "its answer cannot be decoded"),
    ("token_endpoint", nil, "it has no token endpoint"),
    ("token_endpoint", "http://idp.example/token", "one of its endpoints is not https, or on this machine"),
    (
      "device_authorization_endpoint", "https://a@idp.example/", "one of its endpoints is not https, or on this machine"
    ),
    ("authorization_endpoint", "javascript:alert(1)", "one of its endpoints is not https, or on this machine"),
  ])
  func `A configuration is believed as a whole or not at all`(name: String, value: String?, what: String) async throws {
    let hostile = try HostileProvider { _ in nil }
    hostile.configuration[name] = value
    await #expect(throws: SignInFailure.nonsense(hostile.issuer, what: what)) {
      _ = try await signedIn(at: hostile.provider, by: nil) { _ in }
    }
  }

  @Test func `Answers that are none end it, each with what it is`() async throws {
    let long = #"{"issuer":""# + String(repeating: "a", count: 70_000) + #""}"#
    let answers: [(String, (String) -> SignInFailure)] = [
      (reply(302, "", "location: /elsewhere\r\n"), { .nonsense($0, what: "it sends programs elsewhere") }),
      (reply(200, long), { .nonsense($0, what: "its answer is too long") }),
      (reply(404, "{}"), { .nonsense($0, what: "its configuration has status 404") }),
      (reply(200, "<html>"), { .nonsense($0, what: "its answer cannot be decoded") }),
      (reply(503, ""), { .busy($0) }), (reply(429, ""), { .busy($0) }),
    ]
    for (answer, failure) in answers {
      let hostile = try HostileProvider { _ in answer }
      await #expect(throws: failure(hostile.issuer)) {
        _ = try await signedIn(at: hostile.provider, by: nil) { _ in }
      }
    }
    let gone = try HostileProvider { _ in nil }
    gone.end()
    let error = await #expect(throws: ClientError.self) {
      _ = try await signIn(at: gone.provider, by: nil, nonce: "1") { _ in }
    }
    #expect(error?.code == .signInUnavailable && error?.code.exitStatus == 69)
  }

  @Test func `An answer that trickles ends with its time`() async throws {
    let hostile = try HostileProvider { _ in "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{" }
    hostile.isPatient = true
    var options = SignInOptions()
    options.requestTimeout = .seconds(1)
    await #expect(throws: SignInFailure.unreachable(hostile.issuer, reason: "no answer in time")) {
      _ = try await signedIn(at: hostile.provider, by: nil, options: options) { _ in }
    }
  }

  @Test func `Without an endpoint for it nobody can sign in`() async throws {
    let hostile = try HostileProvider { _ in nil }
    hostile.configuration["device_authorization_endpoint"] = nil
    hostile.configuration["authorization_endpoint"] = nil
    for method in [nil, SignInMethod.device, .browser] {
      await #expect(throws: SignInFailure.unsupported(hostile.issuer, method)) {
        _ = try await signedIn(at: hostile.provider, by: method) { _ in }
      }
    }
  }

  // MARK: By a code

  @Test func `A provider is asked as often as it wants, and less when it cannot answer`() async throws {
    let pace = FastPace()
    let hostile = try HostileProvider { request in request.path == "/device" ? HostileProvider.deviceCode() : nil }
    let (pending, slower) = (#"{"error":"authorization_pending"}"#, #"{"error":"slow_down"}"#)
    hostile.tokens = [
      reply(400, pending), reply(400, slower), reply(400, pending), "", reply(503, ""), reply(403, slower),
      reply(200, #"{"id_token":"a.b.c"}"#),
    ]
    let token = try await signedIn(at: hostile.provider, by: .device, options: pace.options) { step in
      #expect(step == .enter(code: "ABCD-EFGH", at: "https://idp.example/activate", direct: nil))
    }
    #expect(token == "a.b.c")
    #expect(pace.pauses == [5, 5, 10, 10, 20, 40, 45])
    let (begun, asked) = (hostile.requests("/device"), hostile.requests("/token"))
    #expect(begun.map(\.body) == ["client_id=a%20client&scope=openid&nonce=nonce%201%2F%2B"])
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"
    let form = "grant_type=\(grant)&device_code=se%3Dcret&client_id=a%20client"
    #expect(asked.count == 7 && asked.allSatisfy { $0.body == form })
  }

  /// Many close a connection after five seconds without a request, which is how often they are asked.
  @Test func `A provider that closes connections between two questions is asked all the same`() async throws {
    let hostile = try HostileProvider { request in
      request.path == "/device" ? HostileProvider.deviceCode().replacing("connection: close\r\n", with: "") : nil
    }
    hostile.isPatient = true
    hostile.tokens = [reply(400, #"{"error":"authorization_pending"}"#), reply(200, #"{"id_token":"a.b.c"}"#)]
      .map { $0.replacing("connection: close\r\n", with: "") }
    let pace = FastPace()
    #expect(try await signedIn(at: hostile.provider, by: .device, options: pace.options) { _ in } == "a.b.c")
    #expect(pace.pauses == [5, 5])
  }

  @Test func `A code is good for as long as the provider says, and half an hour at most`() async throws {
    let lives = [(12, 5, [5, 5, 2]), (100_000, 700, [700, 700, 400]), (0, 5, []), (3, 0, [1, 1, 1])]
    for (seconds, interval, pauses) in lives {
      let pace = FastPace()
      let hostile = try HostileProvider { request in
        switch request.path {
        case "/device": HostileProvider.deviceCode(expiresIn: seconds, interval: interval)
        case "/token": reply(400, #"{"error":"authorization_pending"}"#)
        default: nil
        }
      }
      await #expect(throws: SignInFailure.expired(hostile.issuer)) {
        _ = try await signedIn(at: hostile.provider, by: nil, options: pace.options) { _ in }
      }
      #expect(pace.pauses == pauses)
    }
  }

  @Test func `What a provider says instead of a token ends it`() async throws {
    let huge = #"{"id_token":"a.b.\#(String(repeating: "canary", count: 4_000))"}"#
    let ends: [(String, (String) -> SignInFailure)] = [
      (reply(400, #"{"error":"expired_token"}"#), { .expired($0) }),
      (reply(400, #"{"error":"access_denied"}"#), { .denied($0) }),
      (reply(401, #"{"error":"invalid_client"}"#), { .declined($0, code: "invalid_client") }),
      (reply(400, #"{"error":"\u001b[2J"}"#), { .declined($0, code: "an error") }),
      (reply(400, "{}"), { .nonsense($0, what: "it answers with status 400") }),
      (reply(200, "{}"), { .nonsense($0, what: "it gives no ID token") }),
      (reply(200, #"{"id_token":"canary"}"#), { .nonsense($0, what: "its ID token is none") }),
      (reply(200, huge), { .nonsense($0, what: "its ID token is none") }),
      (reply(307, "", "location: /device\r\n"), { .nonsense($0, what: "it sends programs elsewhere") }),
    ]
    for (answer, failure) in ends {
      let hostile = try HostileProvider { request in
        request.path == "/device" ? HostileProvider.deviceCode() : request.path == "/token" ? answer : nil
      }
      let error = await #expect(throws: SignInFailure.self) {
        _ = try await signedIn(at: hostile.provider, by: nil, options: FastPace().options) { _ in }
      }
      #expect(error == failure(hostile.issuer))
      #expect(!"\(error.map { "\($0)\($0.asClientError)" } ?? "")".contains("canary"))
    }
  }

  @Test(arguments: [
    ("user_code", "\u{1b}[2J"), ("user_code", ""), ("verification_uri", "http://idp.example"),
    ("verification_uri_complete", "https://idp.example/\u{1b}[2J"),
  ])
  func `Nothing is shown that is not fit for a terminal`(name: String, value: String) async throws {
    let hostile = try HostileProvider { request in
      request.path == "/device" ? HostileProvider.deviceCode(replacing: [name: value]) : nil
    }
    await #expect(throws: SignInFailure.nonsense(hostile.issuer, what: "its code to sign in cannot be shown")) {
      _ = try await signedIn(at: hostile.provider, by: nil) { step in Issue.record("\(step)") }
    }
  }

  // MARK: With a browser

  /// A hostile provider's request to its authorization endpoint, as the browser has it.
  private func withBrowser(
    _ hostile: HostileProvider, options: SignInOptions = SignInOptions(),
    _ act: @escaping @Sendable (_ callback: Int, _ state: String, _ url: String) async throws -> Void
  ) async throws -> String {
    try await signedIn(at: hostile.provider, by: .browser, options: options) { step in
      guard case .open(let url) = step else {
        Issue.record("\(step)")
        return
      }
      let redirect = try field("redirect_uri", of: url)
      let match = try #require(redirect.wholeMatch(of: /http:\/\/127\.0\.0\.1:(\d+)\/callback/))
      try await act(try #require(Int(match.1)), try field("state", of: url), url)
    }
  }

  /// What comes back for a request to the callback.
  private static func call(_ port: Int, _ target: String, _ method: String = "GET") async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(
          with: Result {
            let socket = try #require(Socket.connected(to: port))
            socket.write(Array("\(method) \(target) HTTP/1.1\r\nhost: 127.0.0.1:\(port)\r\n\r\n".utf8))
            return String(decoding: socket.readToEnd(), as: UTF8.self)
          })
      }
    }
  }

  @Test func `Only the browser that was sent comes back, and learns nothing`() async throws {
    let hostile = try HostileProvider { _ in nil }
    hostile.tokens = [reply(200, #"{"id_token":"a.b.c"}"#)]
    hostile.configuration["authorization_endpoint"] = hostile.issuer + "/authorize?tenant=1"
    let token = try await withBrowser(hostile) { port, state, url in
      #expect(url.hasPrefix(hostile.issuer + "/authorize?tenant=1&response_type=code&client_id=a%20client&"))
      #expect(try field("nonce", of: url) == "nonce 1/+" && field("scope", of: url) == "openid")
      #expect(try field("code_challenge_method", of: url) == "S256")
      let silent = Socket.connected(to: port)
      let others = [
        "/favicon.ico", "/", "/callback", "/callback?state=&code=1", "/callback?state=\(state)a&code=1",
        "/callback?state=\(state)&state=\(state)&code=1", "/callback/?state=\(state)&code=1", "/callback?state=%zz",
        "/callback?state=\(state)&code=" + String(repeating: "1", count: 9_000),
      ]
      for target in others {
        let answer = try await Self.call(port, target)
        #expect(answer.hasPrefix("HTTP/1.1 40") && answer.hasSuffix("\r\n\r\n"), "\(target): \(answer)")
      }
      for method in ["POST", "HEAD", "OPTIONS"] {
        #expect(try await Self.call(port, "/callback?state=\(state)&code=1", method).hasPrefix("HTTP/1.1 400 "))
      }
      let page = try await Self.call(port, "/callback?code=se%2Bcret%3D&state=\(state)&canary=%3Cscript%3E")
      #expect(page.hasPrefix("HTTP/1.1 200 ") && page.contains("You can close this window"))
      #expect(page.contains("default-src 'none'") && page.contains("referrer-policy: no-referrer"))
      #expect(!page.contains("cret") && !page.contains("canary") && !page.contains(state) && !page.contains("script>"))
      withExtendedLifetime(silent) {}
      hostile.note = try field("code_challenge", of: url)
    }
    #expect(token == "a.b.c")
    let asked = try #require(hostile.requests("/token").first)
    let verifier = try field("code_verifier", of: "http://a/?" + asked.body)
    let challenge = Base64.encode(sha256(Array(verifier.utf8)))
    #expect(challenge.prefix(43).replacing("+", with: "-").replacing("/", with: "_") == hostile.note)
    #expect(verifier.count == 43)
    #expect(asked.body.hasPrefix("grant_type=authorization_code&code=se%2Bcret%3D&redirect_uri=http%3A%2F%2F127.0.0.1"))
    #expect(asked.body.contains("&client_id=a%20client&") && !asked.body.contains("secret"))
  }

  @Test func `What a browser brings instead of a code ends it`() async throws {
    let ends: [(String, Bool, (String) -> SignInFailure)] = [
      ("code=1&iss=https%3A%2F%2Fevil.example", false, { .mixedUp($0) }), ("code=1", true, { .mixedUp($0) }),
      ("error=access_denied", false, { .denied($0) }),
      ("error=server_error&error_description=canary", false, { .declined($0, code: "server_error") }),
      ("error=%1b%5b2J", false, { .declined($0, code: "an error") }),
      ("code=", false, { .nonsense($0, what: "it sends the browser back without a code") }),
    ]
    for (query, namesIssuer, failure) in ends {
      let hostile = try HostileProvider { _ in nil }
      hostile.configuration["authorization_response_iss_parameter_supported"] = namesIssuer
      await #expect(throws: failure(hostile.issuer)) {
        _ = try await withBrowser(hostile) { port, state, _ in
          _ = try await Self.call(port, "/callback?\(query)&state=\(state)")
        }
      }
      #expect(hostile.requests("/token").isEmpty)
    }
  }

  @Test func `A flood of calls, and nobody's call, end it`() async throws {
    let hostile = try HostileProvider { _ in nil }
    await #expect(throws: SignInFailure.flooded) {
      _ = try await withBrowser(hostile) { port, _, _ in
        for _ in 0..<200 where Socket.connected(to: port) != nil {
          _ = try? await Self.call(port, "/callback?state=guess&code=1")
        }
      }
    }
    var options = SignInOptions()
    options.browserTimeout = .milliseconds(300)
    await #expect(throws: SignInFailure.expired(hostile.issuer)) {
      _ = try await withBrowser(hostile, options: options) { _, _, _ in }
    }
    let taken = try Socket.listening()
    let error = await #expect(throws: SignInFailure.self) {
      _ = try await withBrowser(hostile, options: SignInOptions(callbackPort: taken.port)) { _, _, _ in }
    }
    guard case .cannotListen(taken.port, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(.timeLimit(.minutes(4))) func `Whoever gives up does not wait`() async throws {
    let hostile = try HostileProvider { request in request.path == "/device" ? HostileProvider.deviceCode() : nil }
    struct GivenUp: Error {}
    for method in [SignInMethod.device, .browser] {
      await #expect(throws: GivenUp.self) {
        _ = try await signedIn(at: hostile.provider, by: method) { _ in throw GivenUp() }
      }
    }
  }
}
