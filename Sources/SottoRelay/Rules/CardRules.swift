package import SottoCrypto
package import SottoWire

/// A stored card without its bytes.
package struct CardState: Equatable, Sendable {
  package var key: VerifyingKey
  package var head: OwnerHead
  package var listSequence: UInt64

  package init(key: VerifyingKey, head: OwnerHead, listSequence: UInt64) {
    self.key = key
    self.head = head
    self.listSequence = listSequence
  }
}

/// What may happen to a card: created once, replaced by a greater list sequence, deleted, each under one key.
package enum CardRules {
  package enum Verdict: Equatable, Sendable {
    case store(CardState)
    case repeated
  }

  /// [relay.20] the key of the first PUT owns the card; [relay.21] compare-and-set on the list sequence.
  package static func put(
    _ stored: CardState?, _ mutation: Mutation, listSequence: UInt64, condition: CardCondition
  ) throws(Refusal) -> Verdict {
    guard let stored else {
      guard condition == .absent else { throw Refusal(.cardConflict) }
      let head = OwnerHead(sequence: mutation.sequence, digest: mutation.digest)
      return .store(CardState(key: mutation.key, head: head, listSequence: listSequence))
    }
    guard stored.key == mutation.key else {
      throw Refusal(condition == .absent ? .cardConflict : .signatureRefused)
    }
    guard case .advance(let head) = try stored.head.judge(mutation) else { return .repeated }
    guard condition == .replaces(stored.listSequence), listSequence > stored.listSequence else {
      throw Refusal(.cardConflict)
    }
    return .store(CardState(key: stored.key, head: head, listSequence: listSequence))
  }

  /// Whether there is anything to delete: a card that is gone stays gone, whoever asks. [relay.22]
  package static func delete(_ stored: CardState?, _ mutation: Mutation) throws(Refusal) -> Bool {
    guard let stored else { return false }
    guard stored.key == mutation.key else { throw Refusal(.signatureRefused) }
    _ = try stored.head.judge(mutation)
    return true
  }
}
