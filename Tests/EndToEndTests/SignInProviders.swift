import Foundation
import SottoClient
import Testing

/// A real OpenID Connect provider on this machine, and the people who sign in there.
protocol IdentityProvider: Sendable {
  var issuer: String { get }
  /// A public client.
  var clientID: String { get }
  /// Where on 127.0.0.1 it sends browsers back to; 0 for anywhere.
  var callbackPort: Int { get }
  /// Does what `step` asks for, as a person of that name, and to the end: a browser comes back with the program's page.
  func follow(_ step: SignInStep, as person: String) async throws
}

extension IdentityProvider {
  var provider: SignInProvider {
    get throws { try #require(SignInProvider(issuer: issuer, clientID: clientID)) }
  }
}

/// Glewlwyd, of Debian: the device grant, and codes with PKCE, without which it gives none. Each has a database of its own.
///
/// It compares redirect URIs to the letter, so `callbackPort` has to be given to whoever signs in by a browser. By a code,
/// the ID token has no nonce.
final class Glewlwyd: IdentityProvider, @unchecked Sendable {
  /// nil when it is not installed; then what needs it is skipped, and says so.
  static let program: URL? = {
    let files = ["/usr/bin/glewlwyd", "/usr/bin/sqlite3", "/usr/bin/openssl", "/usr/bin/curl", schema]
    guard files.allSatisfy(FileManager.default.fileExists) else {
      print("SKIPPED what needs Glewlwyd: it is not installed")
      return nil
    }
    return URL(filePath: files[0])
  }()

  private static let schema = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
  static let people = ["alice", "bob"]
  private static let password = "correct horse battery staple"

  let clientID = "sotto"
  let callbackPort = Socket.unusedPort()
  let issuer: String
  private let origin: String
  private let folder: TemporaryFolder
  private let process = Process()
  /// What makes its certificate trustworthy.
  let authority: String?

  /// Over TLS it has a certificate of an authority that nobody knows. `scheme` is what its endpoints say of themselves.
  init(isSecure: Bool = false, scheme: String? = nil) async throws {
    folder = try TemporaryFolder()
    let port = Socket.unusedPort()
    let tls = isSecure ? try await Self.certificate(in: folder.file("tls")) : nil
    authority = tls.map { $0 + "authority.pem" }
    origin = "\(isSecure ? "https" : "http")://127.0.0.1:\(port)"
    issuer = origin + "/api/oidc"
    let database = try await run(
      URL(filePath: "/usr/bin/sqlite3"), [folder.file("database"), ".read \(Self.schema)"])
    try #require(database.status == 0, "\(database)")
    try configuration(port: port, tls: tls, scheme: scheme).write(
      toFile: folder.file("glewlwyd.conf"), atomically: true, encoding: .utf8)

    let program: URL = try #require(Self.program)
    process.executableURL = program
    process.arguments = ["--config-file=" + folder.file("glewlwyd.conf")]
    process.environment = ["PATH": "/usr/bin:/bin"]
    try Programs.start(process) { process in
      (process.standardInput, process.standardOutput, process.standardError) =
        (FileHandle.nullDevice, FileHandle.nullDevice, FileHandle.nullDevice)
    }
    try await administrate()
  }

  deinit {
    guard process.isRunning else { return }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  private static func certificate(in folder: String) async throws -> String {
    let made = try await run(
      Programs.path("sotto-relay"), ["config", "self-signed", "--host", "127.0.0.1", "--out", folder])
    try #require(made.status == 0, "\(made)")
    return folder + "/"
  }

  private func configuration(port: Int, tls: String?, scheme: String?) -> String {
    let secure = tls.map {
      """
      use_secure_connection=true
      secure_connection_key_file="\($0)key.pem"
      secure_connection_pem_file="\($0)certificate.pem"
      """
    }
    let modules = "/usr/lib/glewlwyd/"
    return """
      port=\(port)
      bind_address="127.0.0.1"
      external_url="\(scheme.map { "\($0)://127.0.0.1:\(port)" } ?? origin)"
      login_url="login.html"
      api_prefix="api"
      log_mode="file"
      log_level="WARNING"
      log_file="\(folder.file("log"))"
      cookie_secure=0
      session_expiration=86400
      session_key="session"
      admin_scope="g_admin"
      profile_scope="g_profile"
      user_module_path="\(modules)user"
      client_module_path="\(modules)client"
      user_auth_scheme_module_path="\(modules)scheme"
      plugin_module_path="\(modules)plugin"
      hash_algorithm="SHA256"
      database={ type="sqlite3" path="\(folder.file("database"))" };
      \(secure ?? "")

      """
  }

  /// Makes the people, the client and the provider (its docs/API.md and docs/OIDC.md).
  private func administrate() async throws {
    let admin = browser("admin")
    for attempt in 0... {
      // What its database begins with.
      let login = try await admin.post("/auth/", ["username": "admin", "password": "password"])
      if login.status == 0 { break }
      try #require(attempt < 600 && process.isRunning, "Glewlwyd does not start: \(login)")
      try await Task.sleep(for: .milliseconds(100))
    }
    for person in Self.people {
      try await admin.must(
        "/user/",
        [
          "username": person, "name": person, "email": person + "@example.org", "password": Self.password,
          "enabled": true, "scope": ["openid", "g_profile"],
        ])
    }
    try await admin.must(
      "/client/",
      [
        "client_id": clientID, "name": "Sotto", "confidential": false, "enabled": true,
        "authorization_type": ["code", "device_authorization"], "token_endpoint_auth_method": ["none"],
        "redirect_uri": ["http://127.0.0.1:\(callbackPort)/callback"],
      ])
    let (key, publicKey) = (folder.file("key.pem"), folder.file("public.pem"))
    let openssl = URL(filePath: "/usr/bin/openssl")
    try await run(openssl, ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key])
    try await run(openssl, ["pkey", "-in", key, "-pubout", "-out", publicKey])
    var parameters: [String: Any] = [
      "iss": issuer, "jwt-type": "ecdsa", "jwt-key-size": "256", "code-duration": 600,
      "access-token-duration": 3600, "refresh-token-duration": 3600, "device-authorization-expiration": 600,
      "device-authorization-interval": 1,
      "key": try String(contentsOfFile: key, encoding: .utf8),
      "cert": try String(contentsOfFile: publicKey, encoding: .utf8),
    ]
    let on = ["auth-type-code", "auth-type-device"].map { $0 + "-enabled" }
    let off = ["auth-type-token", "auth-type-implicit", "auth-type-password", "auth-type-client", "auth-type-refresh"]
      .map { $0 + "-enabled" }
    for name in on + ["pkce-allowed", "pkce-required", "oauth-as-iss-id"] { parameters[name] = true }
    for name in off + ["allow-non-oidc", "pkce-method-plain-allowed"] { parameters[name] = false }
    try await admin.must(
      "/mod/plugin/",
      ["module": "oidc", "name": "oidc", "display_name": "oidc", "enabled": true, "parameters": parameters])
  }

  func follow(_ step: SignInStep, as person: String) async throws {
    let browser = browser(person)
    // What its login page does with scripts.
    try await browser.must("/auth/", ["username": person, "password": Self.password])
    try await browser.must("/auth/grant/\(clientID)", ["scope": "openid"], "PUT")
    switch step {
    case .enter(let code, let at, _):
      let place = try await browser.curl(
        "\(at)?code=\(code)&g_continue", "--output", "/dev/null", "--write-out", "%{redirect_url}")
      try #require(place.output.contains("prompt=deviceComplete"), "\(place)")
    case .open(let url):
      let page = try await browser.curl(url + "&g_continue", "--location", "--fail")
      try #require(page.output.contains("You can close this window"), "\(page)")
    }
  }

  private func browser(_ person: String) -> Curl {
    Curl(origin: origin + "/api", jar: folder.file("cookies-" + person), authority: authority)
  }
}

/// oidc-provider-mock, from PyPI: any client, any redirect URI, any person; no PKCE and no device grant.
final class OIDCProviderMock: IdentityProvider, @unchecked Sendable {
  /// nil when it is not installed and cannot be fetched; then what needs it is skipped, and says so.
  static let python: URL? = {
    let script = Process()
    script.executableURL =
      URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../.ci/oidc-python").standardizedFileURL
    let output = Pipe()
    script.standardOutput = output
    guard (try? script.run()) != nil else { return nil }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    script.waitUntilExit()
    let path = text.trimmingCharacters(in: .whitespacesAndNewlines)
    if path.isEmpty { print("SKIPPED oidc-provider-mock: it is not installed and cannot be fetched") }
    return path.isEmpty ? nil : URL(filePath: path)
  }()

  let clientID = "sotto"
  let callbackPort = 0
  let issuer: String
  private let folder: TemporaryFolder
  private let process = Process()

  init() async throws {
    folder = try TemporaryFolder()
    let log = folder.file("log")
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    let errors = try #require(FileHandle(forWritingAtPath: log))
    let python: URL = try #require(Self.python)
    process.executableURL = python
    // This version has public clients, but its token endpoint does not let them in; later ones differ in just that.
    let program = """
      from oidc_provider_mock import _app, __main__
      _app.AuthorizationCodeGrant.TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
      __main__.run()
      """
    process.arguments = ["-c", program, "--port", "0"]
    process.environment = ["PATH": "/usr/bin:/bin"]
    try Programs.start(process) { [process] _ in
      (process.standardInput, process.standardOutput, process.standardError) =
        (FileHandle.nullDevice, FileHandle.nullDevice, errors)
    }
    var said = ""
    for _ in 0..<2_400 where process.isRunning {
      said = try String(contentsOfFile: log, encoding: .utf8)
      if said.contains("running on http") { break }
      try await Task.sleep(for: .milliseconds(50))
    }
    let address = try #require(said.firstMatch(of: /running on (http:\S+)/), "\(said)")
    issuer = String(address.1)
  }

  deinit {
    guard process.isRunning else { return }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  func follow(_ step: SignInStep, as person: String) async throws {
    guard case .open(let url) = step else { throw Unfit() }
    let browser = Curl(origin: issuer, jar: folder.file("cookies-" + person), authority: nil)
    let page = try await browser.curl(url, "--location", "--fail", "--data-urlencode", "sub=" + person)
    try #require(page.output.contains("You can close this window"), "\(page)")
  }

  private struct Unfit: Error {}
}

/// A browser without scripts, which keeps its cookies.
private struct Curl {
  let origin: String
  let jar: String
  let authority: String?

  @discardableResult
  func curl(_ arguments: String...) async throws -> Outcome { try await curl(arguments) }

  private func curl(_ arguments: [String]) async throws -> Outcome {
    let trust = authority.map { ["--cacert", $0] } ?? []
    return try await run(
      URL(filePath: "/usr/bin/curl"),
      ["--silent", "--show-error", "--globoff", "--max-time", "120", "--cookie", jar, "--cookie-jar", jar] + trust
        + arguments)
  }

  /// Sends JSON to one of Glewlwyd's endpoints; the exit status is 0 if it took it.
  func post(_ path: String, _ object: [String: Any], _ method: String = "POST") async throws -> Outcome {
    let body = String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
    return try await curl([
      origin + path, "--fail", "--request", method, "--header", "content-type: application/json", "--data-raw", body,
    ])
  }

  func must(_ path: String, _ object: [String: Any], _ method: String = "POST") async throws {
    let outcome = try await post(path, object, method)
    try #require(outcome.status == 0, "\(outcome)")
  }
}
