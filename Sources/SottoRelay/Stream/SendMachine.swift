package import SottoWire

/// One send socket, without its channel, clock or store: a plain value that answers every input with what is to be done.
///
///     open --stop--> draining --everything answered--> closed
///       |                |
///       +----------------+--- protocol error, slow ---> closed
///
/// Nothing is submitted twice, and nothing is answered before it was settled. [send.2]
package struct SendMachine: ~Copyable {
  /// What the shell must do, in order.
  package enum Action: Equatable, Sendable {
    /// Store these, in order, and answer with `settled`.
    case submit([PutFrame])
    case send(SendFrame)
    /// Close the socket with this code.
    case close(CloseReason)
    /// Ask whether the peer is still there.
    case ping
    /// Close the socket without a word: nobody is there to hear it.
    case hangUp
  }

  private enum Phase {
    case open
    case draining
    case closed
  }

  private var phase = Phase.open
  /// Read and not submitted yet.
  private var puts: [PutFrame] = []
  private var unanswered = 0
  private var unansweredBytes = 0
  private var isWritable = true
  private var pingsUnanswered = 0

  package init() {}

  /// Whether more may be read: not while the sender is owed so much, nor while it takes no answers. [send.5]
  package var isReading: Bool {
    switch phase {
    case .open:
      isWritable && unanswered < WireLimits.sendWindowCount && unansweredBytes < WireLimits.sendWindowBytes
    case .draining: false
    // The close frame of the other side.
    case .closed: true
    }
  }

  /// A binary message from the sender.
  package mutating func received(_ message: [UInt8]) -> [Action] {
    guard phase == .open else { return [] }
    guard let put = try? PutFrame(decoding: message) else { return end(.protocolError) }
    puts.append(put)
    unanswered += 1
    unansweredBytes += put.bytes.count
    return []
  }

  /// All that was there has been read.
  package mutating func readComplete() -> [Action] {
    guard !puts.isEmpty else { return [] }
    defer { puts = [] }
    return [.submit(puts)]
  }

  /// What became of some of the puts, and how many bytes they had.
  package mutating func settled(_ answers: [PutAnswer], bytes: Int) -> [Action] {
    guard phase != .closed else { return [] }
    unanswered -= answers.count
    unansweredBytes -= bytes
    let answer = Action.send(.answers(answers))
    return phase == .draining && unanswered == 0 ? [answer] + end(.restarting) : [answer]
  }

  /// The relay stops: what was read is answered, nothing more is read. [send.6]
  package mutating func stop() -> [Action] {
    guard phase == .open else { return [] }
    let last = readComplete()
    phase = .draining
    return unanswered == 0 ? end(.restarting) : last
  }

  package mutating func writable(_ isWritable: Bool) { self.isWritable = isWritable }

  /// The time between two pings has passed. [send.7]
  package mutating func pingDue() -> [Action] {
    guard pingsUnanswered < 2 else { return [.hangUp] }
    pingsUnanswered += 1
    return [.ping]
  }

  package mutating func ponged() { pingsUnanswered = 0 }

  /// Says why, and closes. What is still to be settled is settled without an answer. [send.6]
  package mutating func end(_ reason: CloseReason) -> [Action] {
    guard phase != .closed else { return [] }
    phase = .closed
    puts = []
    return [.send(.closing(reason)), .close(reason)]
  }
}
