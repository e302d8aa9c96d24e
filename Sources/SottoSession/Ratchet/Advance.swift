import SottoCrypto

/// A receiving chain moved forward, beside the state.
struct Advance: ~Copyable {
  let next: ChainKey
  let message: MessageKey
  private let skipped: Skipped

  /// Steps `chain`, whose next message is `first`, until it yields the key of message `number`.
  init(_ chain: ChainKey, from first: UInt32, to number: UInt32) {
    let passed = Self.skip(chain, from: first, to: number)
    let step = passed.chain.step()
    next = step.next
    message = step.message
    skipped = Skipped(first: first, keys: passed.keys)
  }

  /// The keys that were passed over, if any.
  func run(chain: UInt32, now: UnixTime) -> SkippedKeys.Run? { skipped.run(chain: chain, now: now) }

  /// Steps `chain` over the messages `first..<end`.
  static func skip(_ chain: ChainKey, from first: UInt32, to end: UInt32) -> Passed {
    var writer = SecretWriter()
    var chain = chain
    for _ in first..<end {
      let step = chain.step()
      writer.secret(step.message.secret)
      chain = step.next
    }
    return Passed(chain: chain, first: first, keys: SecretBox(writer.finish()))
  }

  struct Passed: ~Copyable {
    let chain: ChainKey
    let first: UInt32
    let keys: SecretBox

    func run(chain: UInt32, now: UnixTime) -> SkippedKeys.Run? {
      Skipped(first: first, keys: keys).run(chain: chain, now: now)
    }
  }

  struct Skipped {
    let first: UInt32
    let keys: SecretBox

    func run(chain: UInt32, now: UnixTime) -> SkippedKeys.Run? {
      guard keys.secret.count > 0 else { return nil }
      return SkippedKeys.Run(chain: chain, first: first, keys: keys, storedAt: now)
    }
  }
}
