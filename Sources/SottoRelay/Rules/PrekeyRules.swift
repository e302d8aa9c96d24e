package import SottoCrypto
internal import SottoWire

/// What may happen to the prekeys of a mailbox. Whether an upload changes anything, or why it is refused.
package enum PrekeyRules {
  package enum Verdict: Equatable, Sendable {
    case store
    case same
  }

  /// A signed part is never altered: a new one has a greater id, the same id the same bytes. [relay.15]
  package static func signedPart(
    stored: (id: UInt64, digest: Digest)?, uploaded: (id: UInt64, digest: Digest)
  ) throws(Refusal) -> Verdict {
    guard let stored else { return .store }
    if uploaded.id > stored.id { return .store }
    guard uploaded == stored else { throw Refusal(.prekeyConflict) }
    return .same
  }

  /// A batch is uploaded once: never altered, and never a second time, so no part comes back after it was handed out.
  /// [relay.16] [relay.17]
  package static func batch(
    known: Digest?, uploaded: Digest, id: UInt64, greatest: UInt64?, left: Int, count: Int
  ) throws(Refusal) -> Verdict {
    if let known {
      guard known == uploaded else { throw Refusal(.prekeyConflict) }
      return .same
    }
    guard greatest.map({ id > $0 }) ?? true else { throw Refusal(.prekeyConflict) }
    guard left + count <= WireLimits.oneTimeParts else { throw Refusal(.prekeysFull) }
    return .store
  }
}
