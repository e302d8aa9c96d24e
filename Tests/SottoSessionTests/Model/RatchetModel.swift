import SottoSession

/// What Specs/Ratchet.md says of one side of a session, without a key: a chain is a number, and so is a message.
///
/// Written from the specification and kept plain: every skipped key is an element of one array, in the order in which it
/// was stored.
struct RatchetModel {
  /// Whose chain it is of, which, and where in it.
  struct Message {
    let chain: Int
    let previous: Int
    let number: Int
  }

  struct SkippedKey: Equatable {
    let chain: Int
    let number: Int
    let storedAt: UnixTime
  }

  private var sendingChain: Int?
  private var sent = 0
  private var previous = 0
  private var receivingChain: Int?
  private var next = 0
  private(set) var skipped: [SkippedKey] = []
  private var past: [Int] = []

  /// The initiator has a chain to send with, the responder has none.
  init(_ role: SessionRole) { sendingChain = role == .initiator ? 0 : nil }

  mutating func seal() -> Message {
    defer { sent += 1 }
    return Message(chain: sendingChain!, previous: previous, number: sent)
  }

  /// Whether a header key that is there opens its header. [ratchet.13]
  func knows(_ message: Message) -> Bool {
    message.chain == receivingChain || message.chain == nextChain || past.contains(message.chain)
  }

  private var nextChain: Int { receivingChain.map { $0 + 1 } ?? 0 }

  /// Why it is refused before its key is known; nil: nothing but its own bytes can be wrong.
  func refusal(of message: Message, at now: UnixTime) -> RefusalStage? {
    guard knows(message) else { return .header }
    if message.chain == nextChain {
      return message.previous - next > 1000 || message.number > 1000 ? .gap : nil
    }
    if message.chain == receivingChain, message.number >= next { return message.number - next > 1000 ? .gap : nil }
    guard let key = skipped.first(where: { $0.chain == message.chain && $0.number == message.number }),
      !Self.isExpired(key, now)
    else { return .replay }
    return nil
  }

  /// Opens what is not refused, and answers how many keys had to be forgotten unused.
  mutating func open(_ message: Message, at now: UnixTime) -> Int {
    if message.chain == nextChain { return turn(message, at: now) }
    if message.chain == receivingChain, message.number >= next {
      let expired = expire(now)
      let over = store(message.chain, next..<message.number, now)
      next = message.number + 1
      return expired + over
    }
    skipped.removeAll { $0.chain == message.chain && $0.number == message.number }
    return expire(now)
  }

  private mutating func turn(_ message: Message, at now: UnixTime) -> Int {
    var gone = expire(now)
    if let ended = receivingChain {
      gone += store(ended, next..<message.previous, now)
      past.append(ended)
      forgetEmptyChains()
      if past.count > 5 {
        let oldest = past.removeFirst()
        gone += drop { $0.chain == oldest }
      }
    }
    gone += store(message.chain, 0..<message.number, now)
    receivingChain = message.chain
    next = message.number + 1
    previous = sendingChain == nil ? 0 : sent
    sendingChain = sendingChain.map { $0 + 1 } ?? 0
    sent = 0
    return gone
  }

  private mutating func store(_ chain: Int, _ numbers: Range<Int>, _ now: UnixTime) -> Int {
    skipped += numbers.map { SkippedKey(chain: chain, number: $0, storedAt: now) }
    let over = max(skipped.count - 2000, 0)
    skipped.removeFirst(over)
    forgetEmptyChains()
    return over
  }

  private mutating func expire(_ now: UnixTime) -> Int { drop { Self.isExpired($0, now) } }

  private mutating func drop(_ isGone: (SkippedKey) -> Bool) -> Int {
    let before = skipped.count
    skipped.removeAll(where: isGone)
    forgetEmptyChains()
    return before - skipped.count
  }

  private static func isExpired(_ key: SkippedKey, _ now: UnixTime) -> Bool { key.storedAt + 30 * 86_400 < now }

  private mutating func forgetEmptyChains() {
    past.removeAll { chain in !skipped.contains { $0.chain == chain } }
  }
}
