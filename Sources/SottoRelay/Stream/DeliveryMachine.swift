internal import SottoCrypto
package import SottoWire

/// One stream, without its socket, clock or store: a plain value that answers every input with what is to be done.
///
///     awaiting signature --right--> opening --mailbox there--> delivering
///            |                         |                           |
///            +------- wrong, late -----+---- gone ----- displaced, stopping, protocol error, slow ---> closed
///
/// Nothing is read from the store, displaced or deleted before the signature is right. [stream.3]
package struct DeliveryMachine: Sendable {
  /// What the shell must do, in order.
  package enum Action: Equatable, Sendable {
    case send(ServerFrame)
    /// Take the mailbox over from another socket, ask for its last index, answer with `opened`.
    case open
    /// Read envelopes, answer with `fetched`.
    case fetch(after: UInt64, Room)
    /// Delete durably, answer with `acknowledged`.
    case acknowledge(Acknowledgement)
    /// Close the socket with this code.
    case close(CloseReason)
    /// Ask whether the peer is still there.
    case ping
    /// Close the socket without a word: nobody is there to hear it.
    case hangUp
  }

  private enum Phase: Equatable {
    case awaitingSignature(StreamChallenge, RelayAuthority)
    case opening
    case delivering
    case closed
  }

  private let restoreEpoch: UInt64
  private let mailbox: MailboxID
  private var phase: Phase
  /// Sent and not acknowledged, oldest first.
  private var unacknowledged: [(envelope: SentEnvelope, bytes: Int)] = []
  private var unacknowledgedBytes = 0
  private var lastSent: UInt64 = 0
  /// The index up to which the store is known to have been written.
  private var lastReached: UInt64 = 0
  /// How far that was when a fetch found less.
  private var lastMissed: UInt64 = 0
  private var lastAcknowledged: UInt64 = 0
  /// What the running fetch was asked for.
  private var fetching: Room?
  /// Whether the store may hold envelopes after `lastSent`.
  private var mayHaveMore = false
  /// The last index that was stored when the stream opened, until `caught-up` has been sent.
  private var caughtUpAt: UInt64?
  /// What the store has been asked to delete.
  private var deletion: Acknowledgement?
  /// What it is to be asked next, oldest first.
  private var undeleted: [SentEnvelope] = []
  /// The index up to which it has said that it deleted.
  private var lastDeleted: UInt64 = 0
  private var isWritable = true
  private var pingsUnanswered = 0

  package init(challenge: StreamChallenge, authority: RelayAuthority, mailbox: MailboxID) {
    phase = .awaitingSignature(challenge, authority)
    restoreEpoch = challenge.restoreEpoch
    self.mailbox = mailbox
  }

  /// Whether the store is about to forget what was acknowledged.
  package var isDeleting: Bool { deletion != nil }
  package var isAuthenticated: Bool { phase == .opening || phase == .delivering }

  /// The first frame of every stream. [stream.2]
  package func start() -> [Action] {
    guard case .awaitingSignature(let challenge, _) = phase else { return [] }
    return [.send(.challenge(challenge))]
  }

  /// A binary message from the client.
  package mutating func received(_ message: [UInt8]) -> [Action] {
    if case .awaitingSignature(let challenge, let authority) = phase {
      if let reason = challenge.refusal(of: message, authority: authority, mailbox: mailbox) { return end(reason) }
      phase = .opening
      return [.open]
    }
    guard phase == .delivering, case .ack(let index, restoreEpoch)? = try? ClientFrame(decoding: message),
      index <= lastSent
    else { return end(.protocolError) }
    return acknowledge(index)
  }

  /// The mailbox was taken over; nil when it does not exist. `reached`: the index of the last envelope that came, also if
  /// it no longer waits.
  package mutating func opened(lastIndex: UInt64?, reached: UInt64 = 0) -> [Action] {
    guard phase == .opening else { return [] }
    guard let lastIndex else { return end(.gone) }
    phase = .delivering
    lastReached = reached
    caughtUpAt = lastIndex
    // Nothing is read where nothing waits; what has come since was told.
    if lastIndex > 0 { mayHaveMore = true }
    return next()
  }

  /// An envelope was stored.
  package mutating func arrived() -> [Action] {
    mayHaveMore = true
    return next()
  }

  /// So many envelopes have come by now. What nobody told of is fetched.
  package mutating func reached(_ index: UInt64) -> [Action] {
    guard index > max(lastReached, lastSent) else { return [] }
    lastReached = index
    return arrived()
  }

  /// The answer to `fetch`.
  package mutating func fetched(_ envelopes: [QueuedEnvelope]) -> [Action] {
    guard phase == .delivering, let asked = fetching else { return [] }
    fetching = nil
    // A full answer says that there may be more; so does an arrival meanwhile, which has set the flag already.
    let bytes = envelopes.reduce(0) { $0 + $1.bytes.count }
    if envelopes.count >= asked.count || bytes >= asked.bytes { mayHaveMore = true }
    var actions: [Action] = []
    for envelope in envelopes {
      actions.append(.send(.envelope(index: envelope.index, id: envelope.id, bytes: envelope.bytes)))
      unacknowledged.append((SentEnvelope(index: envelope.index, id: envelope.id), envelope.bytes.count))
      unacknowledgedBytes += envelope.bytes.count
      lastSent = envelope.index
    }
    // A database that has just fallen back gives the index again, perhaps before anybody sees that it was lost. So it is
    // fetched once more when the store says that it has it; then it is one that has expired.
    if !mayHaveMore, lastSent < lastReached, lastMissed < lastReached {
      lastMissed = lastReached
      lastReached = lastSent
    }
    return actions + next()
  }

  /// The answer to `acknowledge`.
  package mutating func acknowledged() -> [Action] {
    lastDeleted = deletion?.index ?? lastDeleted
    deletion = nil
    return delete()
  }

  /// The store has not done it, and is asked for nothing more: what it still has comes with the next stream.
  package mutating func deletionFailed() { (deletion, undeleted) = (nil, []) }

  package mutating func writable(_ isWritable: Bool) -> [Action] {
    self.isWritable = isWritable
    return next()
  }

  /// The time between two pings has passed: finds a peer that went away without a word. [stream.10]
  package mutating func pingDue() -> [Action] {
    guard pingsUnanswered < 2 else { return [.hangUp] }
    pingsUnanswered += 1
    return [.ping]
  }

  package mutating func ponged() { pingsUnanswered = 0 }

  /// Says why, and closes. [stream.9]
  package mutating func end(_ reason: CloseReason) -> [Action] {
    guard phase != .closed else { return [] }
    phase = .closed
    return [.send(.closing(reason)), .close(reason)]
  }

  /// Acks are cumulative: one that is behind an earlier one changes nothing. What is deleted is what was sent, and nothing
  /// that has been given one of its indexes since. [stream.6]
  private mutating func acknowledge(_ index: UInt64) -> [Action] {
    guard index > lastAcknowledged else { return [] }
    lastAcknowledged = index
    let done = unacknowledged.prefix { $0.envelope.index <= index }
    unacknowledgedBytes -= done.reduce(0) { $0 + $1.bytes }
    undeleted += done.map { $0.envelope }
    unacknowledged.removeFirst(done.count)
    return delete() + next()
  }

  /// One deletion at a time; acks that come meanwhile are one more.
  private mutating func delete() -> [Action] {
    guard deletion == nil, !undeleted.isEmpty else { return [] }
    let next = Acknowledgement(undeleted, former: lastDeleted)
    deletion = next
    undeleted = []
    return [.acknowledge(next)]
  }

  /// Sends on while the window is open and the socket takes it; says `caught-up` once. [stream.5] [stream.7]
  private mutating func next() -> [Action] {
    guard phase == .delivering, fetching == nil else { return [] }
    if let index = caughtUpAt, lastSent >= index || !mayHaveMore {
      caughtUpAt = nil
      return [.send(.caughtUp(index: index))] + next()
    }
    let count = WireLimits.streamWindowCount - unacknowledged.count
    let bytes = WireLimits.streamWindowBytes - unacknowledgedBytes
    guard mayHaveMore, isWritable, count > 0, bytes > 0 else { return [] }
    let room = Room(count: min(count, RelayLimits.fetch.count), bytes: min(bytes, RelayLimits.fetch.bytes))
    fetching = room
    mayHaveMore = false
    return [.fetch(after: lastSent, room)]
  }
}
