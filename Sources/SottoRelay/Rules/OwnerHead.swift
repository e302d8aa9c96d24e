package import SottoCrypto
package import SottoWire

/// A mutation that its owner signed: what the rules need to know of it.
package struct Mutation: Sendable {
  package let key: VerifyingKey
  package let sequence: UInt64
  package let digest: Digest

  package init(key: VerifyingKey, sequence: UInt64, digest: Digest) {
    self.key = key
    self.sequence = sequence
    self.digest = digest
  }

  /// nil when the request carries no sequence. [request.4]
  package init?(_ request: VerifiedOwnerRequest) {
    guard let sequence = request.sequence else { return nil }
    key = request.key
    self.sequence = sequence
    digest = request.digest
  }
}

/// The last mutation under a key. [request.8]
///
///     sequence > last                  -> advance: do it, and remember it in the same transaction
///     sequence = last, same digest     -> repeated: the same answer, nothing done
///     otherwise                        -> refused, with the last sequence
package struct OwnerHead: Equatable, Sendable {
  package var sequence: UInt64
  package var digest: Digest

  package init(sequence: UInt64, digest: Digest) {
    self.sequence = sequence
    self.digest = digest
  }

  package enum Verdict: Equatable, Sendable {
    case advance(OwnerHead)
    case repeated
  }

  package func judge(_ mutation: Mutation) throws(Refusal) -> Verdict {
    if mutation.sequence > sequence {
      return .advance(OwnerHead(sequence: mutation.sequence, digest: mutation.digest))
    }
    guard mutation.sequence == sequence, mutation.digest == digest else {
      throw Refusal(.sequenceStale, sequence: sequence)
    }
    return .repeated
  }
}
