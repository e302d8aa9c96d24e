/// Where a session stands, in numbers: what a drawing of it needs. Nothing in it is made from a key.
package struct SessionPosition: Hashable, Sendable {
  /// All messages that one side sends between two turns.
  package struct Chain: Hashable, Sendable {
    /// Counts that side's chains over the whole session, from 1. Each began with a step of the root key.
    package let number: Int
    /// How many message keys it has given.
    package let steps: Int

    package init(number: Int, steps: Int) {
      self.number = number
      self.steps = steps
    }
  }

  /// A message key that is kept because its message was passed over.
  package struct SkippedKey: Hashable, Sendable {
    /// The number of its receiving chain.
    package let chain: Int
    /// N of the header.
    package let number: Int

    package init(chain: Int, number: Int) {
      self.chain = chain
      self.number = number
    }
  }

  /// Which side of the handshake we were.
  package let role: SessionRole
  /// Nil at a responder that has opened nothing.
  package let sending: Chain?
  /// Nil until something has been opened.
  package let receiving: Chain?
  /// Oldest first.
  package let skipped: [SkippedKey]

  package init(role: SessionRole, sending: Chain? = nil, receiving: Chain? = nil, skipped: [SkippedKey] = []) {
    self.role = role
    self.sending = sending
    self.receiving = receiving
    self.skipped = skipped
  }
}

extension Session {
  /// The number of the chain that is sent on, from 1; nil at a responder that has opened nothing. Each number above the
  /// first says that the peer has opened a message of the chain before.
  package var sendingChain: Int? {
    guard ratchet.sending != nil else { return nil }
    let received = ratchet.receiving.map { Int($0.number) + 1 } ?? 0
    // An initiator has a chain from the start; each chain received is answered with another.
    return info.role == .initiator ? received + 1 : received
  }

  /// Where it stands.
  package var position: SessionPosition {
    let received = ratchet.receiving.map { Int($0.number) + 1 } ?? 0
    return SessionPosition(
      role: info.role,
      sending: ratchet.sending.map { SessionPosition.Chain(number: sendingChain!, steps: Int($0.next)) },
      receiving: ratchet.receiving.map { SessionPosition.Chain(number: received, steps: Int($0.next)) },
      skipped: ratchet.skipped.runs.flatMap { run in
        run.numbers.map { SessionPosition.SkippedKey(chain: Int(run.chain) + 1, number: Int($0)) }
      })
  }
}
