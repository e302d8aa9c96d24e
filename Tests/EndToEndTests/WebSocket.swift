import Foundation
import SottoWire
import Testing

/// A WebSocket over a blocking socket, in the few lines that RFC 6455 takes: it shares nothing with the relay's.
final class WebSocket: @unchecked Sendable {
  private let socket: Socket

  /// nil when the relay does not answer.
  init?(to port: Int, _ route: Route) {
    guard let socket = Socket.connected(to: port) else { return nil }
    self.socket = socket
    let request = """
      GET \(route.path) HTTP/1.1\r\nhost: 127.0.0.1:\(port)\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
      sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n
      """
    guard socket.write(Array(request.utf8)), let head = socket.readHead(),
      String(decoding: head, as: UTF8.self).hasPrefix("HTTP/1.1 101 ")
    else { return nil }
  }

  /// Sends messages in one write, masked, of at most 65,535 bytes each; whether it could.
  func send(_ messages: [[UInt8]]) -> Bool {
    let mask: [UInt8] = [1, 2, 3, 4]
    var bytes: [UInt8] = []
    for message in messages {
      bytes += [0x82, 0x80 | 126, UInt8(message.count >> 8), UInt8(message.count & 255)] + mask
      bytes += message.enumerated().map { $1 ^ mask[$0 & 3] }
    }
    return socket.write(bytes)
  }

  /// The next binary message; nil at the end.
  func receive() -> [UInt8]? {
    while true {
      guard let head = socket.read(exactly: 2) else { return nil }
      var count = Int(head[1])
      if count == 126 {
        guard let long = socket.read(exactly: 2) else { return nil }
        count = Int(long[0]) << 8 | Int(long[1])
      }
      guard count != 127, let message = socket.read(exactly: count) else { return nil }
      if head[0] == 0x82 { return message }
    }
  }

  func end() { socket.end() }
}
