import Foundation
import Synchronization
import Testing

/// A blocking TCP socket: enough for servers that a test makes itself.
final class Socket: @unchecked Sendable {
  let descriptor: Int32
  private var buffer: [UInt8] = []

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Listens on a loopback port; 0 picks a free one.
  static func listening(on port: Int = 0) throws -> Socket {
    try #require(listener(on: port), "cannot listen on \(port)")
  }

  /// A loopback port that nothing listens on, and that nobody else is given: no other test, no part of a fleet of
  /// `Deploy/fleet`, nor, by the system, a socket that asks for any port, as those are higher. So it stays free until
  /// somebody listens on it, and after that one was killed.
  static func unusedPort() -> Int {
    while true {
      let port = ports.withLock { port in
        port = port < 9_999 ? port + 1 : 7_000
        return port
      }
      if listener(on: port) != nil { return port }
    }
  }

  /// The one that was given last.
  private static let ports = Mutex(Int.random(in: 7_000..<10_000))

  /// nil when the port is taken.
  private static func listener(on port: Int) -> Socket? {
    let socket = Socket(Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    var yes: Int32 = 1
    setsockopt(socket.descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = Self.address(port)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket.descriptor, $0, size) }
    }
    return bound == 0 && listen(socket.descriptor, 64) == 0 ? socket : nil
  }

  /// Returns when somebody listens on a loopback port; fails after three minutes.
  static func untilHeard(on port: Int) async throws {
    for _ in 0..<1_800 {
      if connected(to: port) != nil { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    Issue.record("nobody listens on \(port)")
  }

  /// `host` is the last byte of an address in 127.0.0.0/24 to come from. `window` is the receive buffer, in bytes. A read
  /// that takes longer than `patience` seconds ends as if the other side had closed.
  static func connected(to port: Int, from host: UInt8? = nil, window: Int32? = nil, patience: Int = 60) -> Socket? {
    let socket = Socket(Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    var time = timeval(tv_sec: patience, tv_usec: 0)
    setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    if var window {
      setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVBUF, &window, socklen_t(MemoryLayout<Int32>.size))
    }
    if let host {
      var local = Self.address(0)
      local.sin_addr.s_addr = in_addr_t(0x7f00_0000 | UInt32(host)).bigEndian
      let bound = withUnsafePointer(to: &local) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket.descriptor, $0, size) }
      }
      guard bound == 0 else { return nil }
    }
    var address = Self.address(port)
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket.descriptor, $0, size) }
    }
    return status == 0 ? socket : nil
  }

  private static func address(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return address
  }

  var port: Int {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &size) }
    }
    return Int(in_port_t(bigEndian: address.sin_port))
  }

  /// nil when the listener was shut down.
  func accepted() -> Socket? {
    let descriptor = accept(descriptor, nil, nil)
    return descriptor < 0 ? nil : Socket(descriptor)
  }

  /// Some bytes; empty at the end.
  func read() -> [UInt8] {
    if !buffer.isEmpty {
      defer { buffer = [] }
      return buffer
    }
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &chunk, chunk.count, 0)
    return count > 0 ? Array(chunk[..<count]) : []
  }

  /// Everything until the other side closes.
  func readToEnd() -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let more = read()
      if more.isEmpty { return all }
      all += more
    }
  }

  /// Everything up to and with an empty line; nil at the end.
  func readHead() -> [UInt8]? {
    var head: [UInt8] = []
    while true {
      if let end = Data(head).range(of: Data("\r\n\r\n".utf8))?.upperBound {
        buffer = Array(head[end...]) + buffer
        return Array(head[..<end])
      }
      let more = read()
      if more.isEmpty { return nil }
      head += more
    }
  }

  func read(exactly count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let more = read()
      if more.isEmpty { return nil }
      bytes += more
    }
    buffer = Array(bytes[count...]) + buffer
    return Array(bytes[..<count])
  }

  @discardableResult
  func write(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// How many bytes were taken: none when none were for `patience` seconds.
  func writeSome(_ bytes: ArraySlice<UInt8>, patience: Int) -> Int {
    var time = timeval(tv_sec: patience, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    let count = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    time.tv_sec = 0
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    return max(count, 0)
  }

  /// Ends both directions, which wakes whoever reads.
  func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

/// One HTTP/1.1 message with a length.
struct HTTPMessage {
  var head: String
  var body: [UInt8]

  var firstLine: Substring { head.prefix { $0 != "\r\n" } }
  var isUpgrade: Bool { head.lowercased().contains("\r\nupgrade: websocket") }
  /// A sender's envelope, the only thing that nobody signs.
  var isEnvelope: Bool { firstLine.hasPrefix("PUT ") && firstLine.contains("/envelopes/") }

  init?(from socket: Socket) {
    guard let head = socket.readHead() else { return nil }
    self.head = String(decoding: head, as: UTF8.self)
    let length = self.head.lowercased().firstMatch(of: /\r\ncontent-length: *(\d+)/).flatMap { Int($0.1) } ?? 0
    guard let body = length == 0 ? [] : socket.read(exactly: length) else { return nil }
    self.body = body
  }

  /// The same with another body.
  func replacingBody(_ body: [UInt8]) -> HTTPMessage {
    var copy = self
    copy.head = head.replacing(/(?<name>[Cc]ontent-[Ll]ength: *)\d+/) { "\($0.output.name)\(body.count)" }
    copy.body = body
    return copy
  }

  var bytes: [UInt8] { Array(head.utf8) + body }
}
