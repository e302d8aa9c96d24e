import Foundation
import SottoCrypto
import SottoWire
import Synchronization
import Testing

/// `kill -9` of a real relay while senders put on the send socket: what was acknowledged is there, once. [send.3]
@Suite struct PowerCutTests {
  private static let seeds: [UInt8] = [1, 2, 3]
  private static let capability = try! Capability([UInt8](repeating: 7, count: 32))

  private static func key(_ seed: UInt8) -> SigningKey {
    try! SigningKey(seed: Secret(copying: [UInt8](repeating: seed, count: 32)))
  }

  /// Every put, by its name, and what became of it.
  private final class Ledger: Sendable {
    private struct State {
      var put: [(mailbox: Int, id: EnvelopeID)] = []
      var acknowledged: Set<EnvelopeID> = []
      var refused = 0
    }
    private let state = Mutex(State())

    /// nil when there are `limit`: the mailboxes must hold all of them.
    func next(limit: Int) -> (number: UInt32, mailbox: Int, id: EnvelopeID)? {
      state.withLock { state in
        guard state.put.count < limit else { return nil }
        var entropy = SystemEntropy()
        let number = state.put.count
        state.put.append((number % seeds.count, EnvelopeID(from: &entropy)))
        return (UInt32(number), state.put[number].mailbox, state.put[number].id)
      }
    }

    /// Those that nobody answered.
    var unanswered: [(number: UInt32, mailbox: Int, id: EnvelopeID)] {
      state.withLock { state in
        state.put.enumerated().filter { !state.acknowledged.contains($1.id) }
          .map { (UInt32($0), $1.mailbox, $1.id) }
      }
    }

    func answered(_ answer: PutAnswer) {
      state.withLock { state in
        if answer.problem == nil {
          state.acknowledged.insert(state.put[Int(answer.number)].id)
        } else {
          state.refused += 1
        }
      }
    }

    var count: Int { state.withLock { $0.acknowledged.count } }
    var acknowledged: Set<EnvelopeID> { state.withLock { $0.acknowledged } }
    var refused: Int { state.withLock { $0.refused } }
    var all: [EnvelopeID] { state.withLock { $0.put.map(\.id) } }
  }

  private static func frame(_ put: (number: UInt32, mailbox: Int, id: EnvelopeID)) -> [UInt8] {
    PutFrame(
      number: put.number, mailbox: MailboxID(owner: key(seeds[put.mailbox]).publicKey), id: put.id,
      capability: capability, bytes: put.id.bytes + [UInt8](repeating: 1, count: 1_024 - 16)
    ).encoded
  }

  @Test func `What a killed relay acknowledged is delivered once`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    for seed in Self.seeds { try register(Self.key(seed), at: relay.port) }
    let ledger = Ledger()
    for cycle in 1...5 {
      let port = relay.port
      let senders = (0..<4).map { _ in Task { await Self.blocking { Self.put(at: port, ledger, limit: 2_000 * cycle) } }
      }
      while ledger.count < 400 * cycle { try await Task.sleep(for: .milliseconds(2)) }
      relay.kill()
      for sender in senders { await sender.value }
      try await relay.start()
    }
    // A put without an answer is put again, with the same name: whether it was stored or not.
    let port = relay.port
    await Self.blocking { Self.repeatUnanswered(at: port, ledger) }
    let unanswered = ledger.unanswered.count
    #expect(ledger.refused == 0 && unanswered == 0)
    var delivered: [EnvelopeID] = []
    for seed in Self.seeds { delivered += try await fetch(Self.key(seed), at: relay.port) }
    let lost = ledger.acknowledged.subtracting(delivered).count
    let twice = delivered.count - Set(delivered).count
    let unknown = Set(delivered).symmetricDifference(ledger.all).count
    #expect(lost == 0 && twice == 0 && unknown == 0 && delivered.count >= 2_000)
    #expect(relay.stop() == 0)
  }

  /// Puts, at most 32 ahead of the answers, until the relay is gone or the mailboxes are full enough.
  private static func put(at port: Int, _ ledger: Ledger, limit: Int) {
    guard let socket = WebSocket(to: port, .send) else { return }
    var ahead = 0
    while true {
      let puts = (ahead..<32).compactMap { _ in ledger.next(limit: limit).map(frame) }
      ahead += puts.count
      if ahead == 0 { return }
      guard socket.send(puts), let answered = answers(socket, ledger) else { return }
      ahead -= answered
    }
  }

  private static func repeatUnanswered(at port: Int, _ ledger: Ledger) {
    guard let socket = WebSocket(to: port, .send) else { return }
    var left = ledger.unanswered.count
    guard socket.send(ledger.unanswered.map(frame)) else { return }
    while left > 0, let answered = answers(socket, ledger) { left -= answered }
  }

  private static func answers(_ socket: WebSocket, _ ledger: Ledger) -> Int? {
    guard let message = socket.receive(), case .answers(let answers)? = try? SendFrame(decoding: message) else {
      return nil
    }
    answers.forEach(ledger.answered)
    return answers.count
  }

  private func register(_ key: borrowing SigningKey, at port: Int) throws {
    let mailbox = MailboxID(owner: key.publicKey)
    let set = try CapabilitySet([CapabilitySlot(.contact, Self.capability.hash)])
    for (route, body, sequence) in [(Route.mailbox(mailbox), [], 1), (.capabilities(mailbox), set.encoded, 2)] {
      let authority = try #require(RelayAuthority("127.0.0.1:\(port)"))
      let request = OwnerRequest(.put, route, at: authority, body: body, sequence: UInt64(sequence))
      let now = Int64(Date.now.timeIntervalSince1970)
      let fields = request.headers(signedBy: key, created: now).map { "\($0.name): \($0.value)\r\n" }.joined()
      let head =
        "PUT \(route.path) HTTP/1.1\r\nhost: \(authority.text)\r\ncontent-length: \(body.count)\r\n\(fields)\r\n"
      let socket = try #require(Socket.connected(to: port))
      #expect(socket.write(Array(head.utf8) + body))
      let answer = try #require(socket.readHead())
      #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 204 "))
    }
  }

  /// Everything that waits, acknowledged as it comes.
  private func fetch(_ key: borrowing SigningKey, at port: Int) async throws -> [EnvelopeID] {
    let authority = try #require(RelayAuthority("127.0.0.1:\(port)"))
    let socket = try #require(WebSocket(to: port, .stream(MailboxID(owner: key.publicKey))))
    let first = try ServerFrame(decoding: try #require(socket.receive()))
    guard case .challenge(let challenge) = first else { throw CocoaError(.coderInvalidValue) }
    #expect(socket.send([challenge.answer(authority: authority, signedBy: key).encoded]))
    var found: [EnvelopeID] = []
    while let message = socket.receive() {
      switch try ServerFrame(decoding: message) {
      case .envelope(let index, let id, let bytes):
        #expect(Array(bytes.prefix(16)) == id.bytes)
        found.append(id)
        if index.isMultiple(of: 100) {
          #expect(socket.send([ClientFrame.ack(index: index, restoreEpoch: challenge.restoreEpoch).encoded]))
        }
      case .caughtUp: return found
      default: throw CocoaError(.coderInvalidValue)
      }
    }
    Issue.record("the stream ended early")
    return found
  }

  /// Keeps waits for sockets off the pool that runs the tests.
  private static func blocking(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        body()
        continuation.resume()
      }
    }
  }
}
