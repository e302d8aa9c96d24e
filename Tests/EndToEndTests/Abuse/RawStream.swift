import Foundation
import SottoCrypto
import SottoWire
import Testing

/// A WebSocket made by hand, so that it can break every rule of RFC 6455.
final class RawStream {
  let socket: Socket
  let head: String

  struct Frame: Equatable {
    let opcode: UInt8
    let payload: [UInt8]

    /// The code of a close frame.
    var code: Int? { opcode == 8 && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil }
  }

  /// Opens it; throws unless the relay switches protocols.
  convenience init(
    _ client: RelayClient, _ mailbox: MailboxID, _ fields: [HeaderField] = [], window: Int32? = nil, patience: Int = 60
  ) throws {
    try self.init(client, .stream(mailbox), fields, window: window, patience: patience)
  }

  init(
    _ client: RelayClient, _ route: Route, _ fields: [HeaderField] = [], window: Int32? = nil, patience: Int = 60
  ) throws {
    socket = try client.connect(window: window, patience: patience)
    let upgrade =
      [
        HeaderField("connection", "upgrade"), HeaderField("upgrade", "websocket"),
        HeaderField("sec-websocket-version", "13"),
        HeaderField("sec-websocket-key", "AAECAwQFBgcICQoLDA0ODw=="),
      ] + fields
    socket.write(client.bytes("GET", route.path, upgrade))
    head = String(decoding: try #require(socket.readHead()), as: UTF8.self)
    guard head.hasPrefix("HTTP/1.1 101") else { throw NoUpgrade(head: head) }
  }

  /// `first` is the byte of FIN, RSV and opcode.
  static func frame(_ first: UInt8, _ payload: [UInt8], masked: Bool = true, length: Int? = nil) -> [UInt8] {
    let count = length ?? payload.count
    let mark: UInt8 = masked ? 0x80 : 0
    var bytes = [first]
    switch count {
    case ..<126: bytes.append(mark | UInt8(count))
    case ..<65_536: bytes += [mark | 126, UInt8(count >> 8), UInt8(count & 255)]
    default: bytes += [mark | 127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
    }
    let key: [UInt8] = [0xa1, 0x5b, 0x33, 0xf0]
    return masked ? bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] } : bytes + payload
  }

  func send(_ bytes: [UInt8]) { socket.write(bytes) }

  /// The next that is no ping: those come when a test takes its time. nil when the connection has ended.
  func next() -> Frame? {
    while true {
      guard let start = socket.read(exactly: 2) else { return nil }
      var count = Int(start[1] & 0x7f)
      if count >= 126 {
        guard let long = socket.read(exactly: count == 126 ? 2 : 8) else { return nil }
        count = long.reduce(0) { $0 << 8 | Int($1) }
      }
      guard let payload = count == 0 ? [] : socket.read(exactly: count) else { return nil }
      if start[0] & 15 != 9 { return Frame(opcode: start[0] & 15, payload: payload) }
    }
  }

  /// Everything up to the end.
  func untilEnd() -> [Frame] {
    var frames: [Frame] = []
    while let frame = next() { frames.append(frame) }
    return frames
  }

  /// The code of the first close frame from here on; nil when the connection ends without one.
  func closeCode() -> Int? { untilEnd().compactMap(\.code).first }

  /// Answers the challenge with this key.
  func authenticate(_ key: borrowing SigningKey, at client: RelayClient) throws {
    let first = try #require(next())
    guard case .challenge(let challenge) = try ServerFrame(decoding: first.payload) else { throw NoChallenge() }
    send(Self.frame(0x82, challenge.answer(authority: client.authority, signedBy: key).encoded))
  }

  struct NoUpgrade: Error { let head: String }
  struct NoChallenge: Error {}
}
