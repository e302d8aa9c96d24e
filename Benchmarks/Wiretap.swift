import Foundation
import Synchronization

/// Stands between the programs and a relay, as anybody on the way may: it keeps every envelope that is put, and does
/// one thing to one of them when it is told to.
final class Wiretap: @unchecked Sendable {
  /// What happens to the next envelope.
  enum Fault {
    /// The sender is told that it was stored, and the relay never sees it.
    case swallow
    /// A bit of its ciphertext is turned.
    case bend
  }

  private struct State {
    var relay = 0
    var fault: Fault?
    var envelopes: [[UInt8]] = []
  }

  private let state = Mutex(State())
  private let listener: Int32
  let port: Int

  /// The relay's port; it may change when that starts again.
  func forward(to port: Int) { state.withLock { $0.relay = port } }
  func plant(_ fault: Fault) { state.withLock { $0.fault = fault } }
  /// Every envelope that a sender has put, repetitions included.
  var envelopes: [[UInt8]] { state.withLock { $0.envelopes } }

  init() throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.loopback(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    guard listener >= 0, isBound else { throw CocoaError(.fileReadUnknown) }
    self.listener = listener
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread { [self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        Thread { self.serve(client) }.start()
      }
    }.start()
  }

  func end() { shutdown(listener, Int32(SHUT_RDWR)) }

  private static func loopback(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }

  private func serve(_ client: Int32) {
    let relay = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.loopback(state.withLock { $0.relay })
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(relay, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    defer {
      shutdown(client, Int32(SHUT_RDWR))
      shutdown(relay, Int32(SHUT_RDWR))
    }
    guard isConnected else {
      close(relay)
      close(client)
      return
    }
    let down = Thread {
      while case let bytes = Self.read(relay), !bytes.isEmpty, Self.write(bytes, to: client) {}
      shutdown(client, Int32(SHUT_RDWR))
      close(relay)
      close(client)
    }
    down.start()
    var waiting: [UInt8] = []
    while case let bytes = Self.read(client), !bytes.isEmpty {
      waiting += bytes
      while let request = Self.request(&waiting) {
        guard let passed = look(at: request) else {
          _ = Self.write(Array("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n".utf8), to: client)
          continue
        }
        guard Self.write(passed.head + passed.body, to: relay) else { return }
        guard passed.isUpgrade else { continue }
        guard Self.write(waiting, to: relay) else { return }
        while case let bytes = Self.read(client), !bytes.isEmpty, Self.write(bytes, to: relay) {}
        return
      }
    }
  }

  private struct Request {
    let head: [UInt8]
    var body: [UInt8]
    var text: String { String(decoding: head, as: UTF8.self).lowercased() }
    var isUpgrade: Bool { text.contains("upgrade: websocket") }
    var isEnvelope: Bool { text.hasPrefix("put /v1/mailboxes/") && text.contains("/envelopes/") }
  }

  /// What goes on to the relay; nil: it is answered here.
  private func look(at request: Request) -> Request? {
    guard request.isEnvelope else { return request }
    var request = request
    return state.withLock { state in
      state.envelopes.append(request.body)
      defer { state.fault = nil }
      switch state.fault {
      case nil: return request
      case .swallow?: return nil
      case .bend?:
        request.body[request.body.count - 1] ^= 1
        return request
      }
    }
  }

  /// The first whole request of these bytes, taken out of them.
  private static func request(_ bytes: inout [UInt8]) -> Request? {
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let head = Array(bytes[..<end.upperBound])
    let text = String(decoding: head, as: UTF8.self).lowercased()
    let length = text.firstMatch(of: /content-length: (\d+)/).flatMap { Int($0.1) } ?? 0
    guard bytes.count >= head.count + length else { return nil }
    let body = Array(bytes[head.count..<head.count + length])
    bytes.removeFirst(head.count + length)
    return Request(head: head, body: body)
  }

  private static func read(_ descriptor: Int32) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
      count = max(recv(descriptor, buffer.baseAddress, buffer.count, 0), 0)
    }
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
