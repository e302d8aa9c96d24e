import SottoRelay
import SottoWire
import Synchronization

/// What the senders were told and what the owners were shown, over all lives of the relay.
final class CrashLedger: Sendable {
  /// An envelope, by what it says: its name in the mailbox is the relay's to keep apart.
  struct Put: Sendable {
    let mailbox: Int
    let content: EnvelopeID
    let name: EnvelopeID

    /// What it says, made as long as envelopes are.
    var envelope: [UInt8] { content.bytes + [UInt8](repeating: 1, count: SizeClass.k1.rawValue - EnvelopeID.count) }
  }

  private struct State {
    /// Said, and not answered yet, or in a life that is over.
    var unanswered: [EnvelopeID: Put] = [:]
    /// To be said again, from an earlier life.
    var again: [Put] = []
    var acknowledged: Set<EnvelopeID> = []
    var shown: [EnvelopeID: Int] = [:]
    /// The last index that an owner has seen: what comes again below it is not shown again.
    var lastIndex: [Int: UInt64] = [:]
    var entropy = SplitMix64()
  }

  private let state = Mutex(State())
  private let mailboxes: Int

  init(mailboxes: Int) { self.mailboxes = mailboxes }

  // MARK: Senders

  /// What a sender says next.
  func next() -> Put {
    state.withLock { state in
      let put: Put
      if let again = state.again.popLast() {
        put = again
      } else {
        let content = Self.name(&state.entropy)
        put = Put(mailbox: Int(state.entropy.next() % UInt64(mailboxes)), content: content, name: content)
      }
      state.unanswered[put.name] = put
      return put
    }
  }

  func answered(_ name: EnvelopeID) {
    state.withLock { state in
      guard let put = state.unanswered.removeValue(forKey: name) else { return }
      state.acknowledged.insert(put.content)
    }
  }

  /// Whoever said it has heard no answer: it is said again.
  func unanswered(_ name: EnvelopeID) {
    state.withLock { state in
      if let put = state.unanswered.removeValue(forKey: name) { state.again.append(put) }
    }
  }

  /// The relay is gone: what it did not answer is said again under the same name, as a client would.
  func relayEnded() {
    state.withLock { state in
      state.again += state.unanswered.values
      state.unanswered = [:]
    }
  }

  /// Whether everything that was said has been answered.
  var isSettled: Bool { state.withLock { $0.unanswered.isEmpty && $0.again.isEmpty } }
  /// What is still to be said again.
  var toSayAgain: Int { state.withLock { $0.again.count } }
  var acknowledged: Int { state.withLock { $0.acknowledged.count } }

  // MARK: Owners

  /// An owner was given an envelope.
  func given(_ content: EnvelopeID, _ index: UInt64, to mailbox: Int) {
    state.withLock { state in
      guard index > state.lastIndex[mailbox, default: 0] else { return }
      state.lastIndex[mailbox] = index
      state.shown[content, default: 0] += 1
    }
  }

  /// Acknowledged, and never shown.
  var lost: Int { state.withLock { state in state.acknowledged.count { state.shown[$0] == nil } } }
  /// Shown more than once.
  var twice: Int { state.withLock { $0.shown.values.count { $0 > 1 } } }

  // MARK: Plants

  /// An acknowledgement of what was never said, and one envelope said again under another name: a relay that loses one
  /// and doubles one would look like that.
  func plant() {
    state.withLock { state in
      state.acknowledged.insert(Self.name(&state.entropy))
      let content = Self.name(&state.entropy)
      for name in [content, Self.name(&state.entropy)] {
        state.again.append(Put(mailbox: 0, content: content, name: name))
      }
    }
  }

  private static func name(_ entropy: inout SplitMix64) -> EnvelopeID {
    let bytes = (0..<EnvelopeID.count).map { _ in UInt8(truncatingIfNeeded: entropy.next() >> 24) }
    guard let name = try? EnvelopeID(bytes) else { fatalError("16 bytes are 16") }
    return name
  }
}

/// What one sender has said and not heard of.
final class Lane: Sendable {
  private let ledger: CrashLedger
  private let unanswered = Mutex<Set<EnvelopeID>>([])

  init(_ ledger: CrashLedger) { self.ledger = ledger }

  func next() -> CrashLedger.Put {
    let put = ledger.next()
    unanswered.withLock { _ = $0.insert(put.name) }
    return put
  }

  func answered(_ name: EnvelopeID) {
    unanswered.withLock { _ = $0.remove(name) }
    ledger.answered(name)
  }

  /// Its connection has ended: what was not answered is said again by somebody.
  func end() {
    let names = unanswered.withLock { names in
      defer { names = [] }
      return names
    }
    for name in names { ledger.unanswered(name) }
  }
}
