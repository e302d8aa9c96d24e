import Crypto
import Foundation
import JWTKit
import SottoRelay
import SottoWire
import Testing
import sotto_push

/// `services.py`: APNs, FCM and a Web Push service with a device behind it, over TLS on loopback.
final class PushServices {
  /// nil without the libraries that it is made from; then what needs it is skipped, and says so.
  static let python: String? = {
    let script = Process()
    script.executableURL = URL(filePath: root + "/.ci/push-python")
    let output = Pipe()
    script.standardOutput = output
    guard (try? script.run()) != nil else { return nil }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    script.waitUntilExit()
    let path = text.trimmingCharacters(in: .whitespacesAndNewlines)
    if path.isEmpty { print("SKIPPED push services: h2 and http-ece are not installed and cannot be fetched") }
    return path.isEmpty ? nil : path
  }()

  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// What one request met.
  struct Line: Decodable {
    let service: String
    let path: String
    let status: Int
    let why: String?
    let version: String
    let device: String?
    let expiration: String?
    let message: String?
    let connection: Int
  }

  let folder: String
  let port: Int
  let apnsKey = ES256PrivateKey()
  let webPushKey = ES256PrivateKey()
  let account: FCM.ServiceAccount
  /// The device of the Web Push service.
  let device = P256.KeyAgreement.PrivateKey()
  let auth = [UInt8](repeating: 3, count: 16)
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var rest = Data()
  /// Requests that were answered before an order was taken, and that nobody has asked about yet.
  private var answered: [Data] = []

  var origin: String { "https://127.0.0.1:\(port)" }
  var webPushOrigin: String { "https://services.test:\(port)" }
  var authorities: String { folder + "/authority.pem" }

  init() throws {
    folder = NSTemporaryDirectory() + "sotto-push-\(UUID().uuidString)"
    let files = try SelfSignedCertificate(
      hosts: ["services.test", "127.0.0.1"], now: Int64(Date.now.timeIntervalSince1970)
    ).write(to: folder)
    let rsa = try openSSLKey(in: folder)
    let expected: [String: [String: String]] = [
      "apns": [
        "key": apnsKey.publicKey.pemRepresentation, "key_id": "KEY1234567", "team": "TEAM123456",
        "topic": "org.example.sotto",
      ],
      "google": ["key": rsa.publicKey, "email": "push@project.example", "project": "project-1"],
      "web_push": [
        "path": "/wake/1", "auth": Data(auth).base64URL, "private": device.rawRepresentation.base64URL,
        "vapid": Vapid.point(of: webPushKey),
      ],
    ]
    try JSONEncoder().encode(expected).write(to: URL(filePath: folder + "/expected.json"))
    process.executableURL = URL(filePath: try #require(Self.python))
    process.arguments = [
      URL(filePath: #filePath).deletingLastPathComponent().path + "/services.py", files.certificate, files.key,
      folder + "/expected.json",
    ]
    (process.standardInput, process.standardOutput) = (input, output)
    try process.run()
    var first = Data()
    while first.last != 0x0A {
      let more = output.fileHandleForReading.readData(ofLength: 1)
      if more.isEmpty { break }
      first += more
    }
    port = try #require(
      Int(String(decoding: first, as: UTF8.self).dropFirst("listening ".count).trimmingCharacters(in: .newlines)))
    account = FCM.ServiceAccount(
      project: "project-1", email: "push@project.example",
      // There is one of Crypto's too.
      key: try JWTKit.Insecure.RSA.PrivateKey(pem: rsa.privateKey),
      tokenURI: "https://127.0.0.1:\(port)/token")
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// What the next request to a service meets.
  func order(_ order: [String: Any]) throws {
    try input.fileHandleForWriting.write(contentsOf: JSONSerialization.data(withJSONObject: order) + [0x0A])
    while true {
      let said = try nextLine()
      if said == Data("taken".utf8) { return }
      answered.append(said)
    }
  }

  /// The next request that was answered.
  func next() throws -> Line {
    let said = try answered.isEmpty ? nextLine() : answered.removeFirst()
    return try JSONDecoder().decode(Line.self, from: said)
  }

  private func nextLine() throws -> Data {
    while true {
      if let end = rest.firstIndex(of: 0x0A) {
        defer { rest = Data(rest[(end + 1)...]) }
        return Data(rest[..<end])
      }
      let more = output.fileHandleForReading.availableData
      try #require(!more.isEmpty, "the services have ended")
      rest += more
    }
  }

  /// The kind of target that each service has.
  var webPushTarget: PushTarget.Kind {
    .webPush(
      endpoint: webPushOrigin + "/wake/1", key: [UInt8](device.publicKey.x963Representation), auth: auth)
  }
}

/// An RSA key, which OpenSSL makes faster than anybody.
private func openSSLKey(in folder: String) throws -> (privateKey: String, publicKey: String) {
  func openssl(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/openssl")
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }
  let (key, publicKey) = (folder + "/rsa.pem", folder + "/rsa-public.pem")
  try openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
  try openssl("pkey", "-in", key, "-pubout", "-out", publicKey)
  return (
    try String(contentsOfFile: key, encoding: .utf8), try String(contentsOfFile: publicKey, encoding: .utf8)
  )
}
