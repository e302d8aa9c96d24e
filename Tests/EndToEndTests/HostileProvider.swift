import Foundation
import SottoClient
import SottoCrypto
import SottoWire
import Testing

/// Pauses that take no time, and are remembered.
final class FastPace: @unchecked Sendable {
  private let lock = NSLock()
  private var taken: [Duration] = []
  private let start = ContinuousClock.now

  /// In seconds.
  var pauses: [Int] { lock.withLock { taken.map { Int($0.components.seconds) } } }

  var options: SignInOptions {
    var options = SignInOptions()
    options.pace = SignInPace(
      now: { self.start + self.lock.withLock { self.taken.reduce(.zero, +) } },
      pause: { pause in self.lock.withLock { self.taken.append(pause) } })
    return options
  }
}

/// One HTTP/1.1 answer, after which the connection is closed.
func reply(_ status: Int, _ body: String, _ fields: String = "") -> String {
  "HTTP/1.1 \(status) X\r\ncontent-length: \(body.utf8.count)\r\nconnection: close\r\n\(fields)\r\n\(body)"
}

/// A provider that says what a test wants.
final class HostileProvider: @unchecked Sendable {
  struct Request {
    let path: String
    let body: String
  }

  private let listener: Socket
  private let answer: @Sendable (Request) -> String?
  private let lock = NSLock()
  private var asked: [Request] = []
  /// What its configuration says; `answer` comes first.
  var configuration: [String: Any]
  /// What its token endpoint says, one after the other; nothing is a cut connection.
  var tokens: [String] = []
  /// Whether it leaves connections open.
  var isPatient = false
  var note = ""

  let issuer: String
  var provider: SignInProvider {
    get throws { try #require(SignInProvider(issuer: issuer, clientID: "a client")) }
  }

  init(_ answer: @escaping @Sendable (Request) -> String?) throws {
    listener = try Socket.listening()
    issuer = "http://127.0.0.1:\(listener.port)"
    self.answer = answer
    configuration = [
      "issuer": issuer, "token_endpoint": issuer + "/token", "authorization_endpoint": issuer + "/authorize",
      "device_authorization_endpoint": issuer + "/device",
    ]
    Thread.detachNewThread { [weak self, listener] in
      while let socket = listener.accepted() {
        guard let message = HTTPMessage(from: socket) else { continue }
        guard let self else { return }
        let path = message.firstLine.split(separator: " ")[1]
        let request = Request(path: String(path), body: String(decoding: message.body, as: UTF8.self))
        socket.write(Array(self.answer(to: request).utf8))
        if self.isPatient { _ = socket.read() }
      }
    }
  }

  deinit { listener.end() }

  func end() { listener.end() }

  func requests(_ path: String) -> [Request] { lock.withLock { asked.filter { $0.path == path } } }

  private func answer(to request: Request) -> String {
    lock.withLock {
      asked.append(request)
      if let answer = answer(request) { return answer }
      switch request.path {
      case "/.well-known/openid-configuration":
        let data = try? JSONSerialization.data(withJSONObject: configuration)
        return reply(200, String(decoding: data ?? Data(), as: UTF8.self))
      case "/token" where !tokens.isEmpty: return tokens.removeFirst()
      default: return reply(404, "")
      }
    }
  }

  static func deviceCode(
    expiresIn: Int = 600, interval: Int? = nil, replacing: [String: String] = [:]
  ) -> String {
    var object: [String: Any] = ["device_code": "se=cret", "user_code": "ABCD-EFGH", "expires_in": expiresIn]
    object["interval"] = interval
    object["verification_uri"] = "https://idp.example/activate"
    for (name, value) in replacing { object[name] = value }
    let data = try? JSONSerialization.data(withJSONObject: object)
    return reply(200, String(decoding: data ?? Data(), as: UTF8.self))
  }
}
