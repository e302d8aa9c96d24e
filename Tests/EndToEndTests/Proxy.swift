import Foundation
import SottoSimulation
import Testing

/// Stands between the programs and a relay, understands their requests, and does to them what a test asks for.
final class Proxy: @unchecked Sendable {
  /// What happens to one request.
  enum Fate {
    case pass
    /// The connection ends before the relay has seen the request.
    case lose
    /// The relay carries it out, and the answer is lost.
    case loseAnswer
    case delay(milliseconds: UInt32)
    /// The relay sees it twice.
    case twice
    /// The relay sees it again after a later request.
    case againLater
    /// It arrives with another body.
    case change([UInt8])
    /// The relay carries it out, and this is made of its answer.
    case edit((_ answer: [UInt8]) -> [UInt8])
    /// The relay does not see it, and this is the answer.
    case answer([UInt8])
  }

  private let listener: Socket
  private let upstream: Int
  private let lock = NSLock()
  private var fate: (HTTPMessage) -> Fate = { _ in .pass }
  private var streamLimit: () -> Int = { .max }
  private var held: [HTTPMessage] = []
  private var counts: [String: Int] = [:]
  private var streams: [Socket] = []

  var url: String { "http://127.0.0.1:\(listener.port)" }
  /// How often each fate has struck.
  var log: [String: Int] { lock.withLock { counts } }

  init(to relay: RelayProcess) throws {
    listener = try Socket.listening()
    upstream = relay.port
    let thread = Thread { [self] in
      while let client = listener.accepted() { Thread { self.serve(client) }.start() }
    }
    thread.start()
  }

  func end() { listener.end() }

  /// From now on: what happens to a request, and after how many bytes from the relay a stream is cut.
  func decide(_ fate: @escaping (HTTPMessage) -> Fate, cutStreamsAfter limit: @escaping () -> Int = { .max }) {
    lock.withLock {
      self.fate = fate
      streamLimit = limit
    }
  }

  /// Cuts those that there are.
  func cutStreams() {
    let cut = lock.withLock {
      defer { streams = [] }
      return streams
    }
    for stream in cut { stream.end() }
  }

  private func serve(_ client: Socket) {
    while let request = HTTPMessage(from: client) {
      if request.isUpgrade { return pump(request, client) }
      let fate = lock.withLock { self.fate(request) }
      note(fate)
      guard let answer = carryOut(request, fate) else { return client.end() }
      client.write(answer)
    }
  }

  private func carryOut(_ request: HTTPMessage, _ fate: Fate) -> [UInt8]? {
    switch fate {
    case .pass: break
    case .lose: return nil
    case .loseAnswer:
      _ = ask(request)
      return nil
    case .delay(let milliseconds): usleep(milliseconds * 1000)
    case .twice: _ = ask(request)
    case .againLater: lock.withLock { held.append(request) }
    case .change(let body): return ask(request.replacingBody(body))
    case .edit(let change): return ask(request).map(change)
    case .answer(let bytes): return bytes
    }
    let answer = ask(request)
    if case .againLater = fate { return answer }
    let late = lock.withLock {
      defer { held = [] }
      return held
    }
    for request in late { _ = ask(request) }
    return answer
  }

  private func ask(_ request: HTTPMessage) -> [UInt8]? {
    guard let relay = Socket.connected(to: upstream), relay.write(request.bytes) else { return nil }
    return HTTPMessage(from: relay)?.bytes
  }

  /// Passes a stream on in both directions, and cuts it when the relay has sent enough.
  private func pump(_ request: HTTPMessage, _ client: Socket) {
    guard let relay = Socket.connected(to: upstream), relay.write(request.bytes) else { return client.end() }
    let up = Thread {
      while case let bytes = client.read(), !bytes.isEmpty, relay.write(bytes) {}
      relay.end()
    }
    up.start()
    var left = lock.withLock {
      streams.append(client)
      return streamLimit()
    }
    while case let bytes = relay.read(), !bytes.isEmpty {
      client.write(Array(bytes.prefix(left)))
      left -= bytes.count
      if left <= 0 {
        lock.withLock { counts["cut", default: 0] += 1 }
        break
      }
    }
    client.end()
    relay.end()
  }

  private func note(_ fate: Fate) {
    let name = String("\(fate)".prefix { $0 != "(" })
    lock.withLock { counts[name, default: 0] += 1 }
  }
}
