import SottoCrypto

/// Message keys that were passed over: late messages open with them. A plain value, so that a step can be prepared
/// aside and committed by assignment. [ratchet.6]
struct SkippedKeys: Sendable {
  /// Runs of consecutive keys, oldest first.
  private(set) var runs: [Run] = []
  /// Header keys of receiving chains that have ended, oldest first.
  private(set) var pastChains: [PastChain] = []

  /// Keys `first..<first + count` of one receiving chain, 32 bytes each, in one wiped block.
  struct Run: Sendable {
    let chain: UInt32
    let first: UInt32
    let keys: SecretBox
    let storedAt: UnixTime

    var count: Int { keys.secret.count / 32 }
    var numbers: Range<UInt32> { first..<first + UInt32(count) }

    // Not a sum: a stored time may be any.
    func isExpired(_ now: UnixTime) -> Bool { now > storedAt && now - storedAt > Limits.skippedKeyLife }

    func slice(_ range: Range<Int>) -> Run? {
      guard !range.isEmpty else { return nil }
      let bytes = keys.secret.slice(range.lowerBound * 32..<range.upperBound * 32)
      return Run(chain: chain, first: first + UInt32(range.lowerBound), keys: SecretBox(bytes), storedAt: storedAt)
    }
  }

  /// A receiving chain that has ended.
  struct PastChain: Sendable {
    let chain: UInt32
    let headerKey: HeaderKey
  }

  init() {}

  init(runs: [Run], pastChains: [PastChain]) {
    self.runs = runs
    self.pastChains = pastChains
  }

  var count: Int { runs.reduce(0) { $0 + $1.count } }

  /// A copy of the key of message `number` of `chain`, unless it is older than 30 days. [ratchet.9]
  func key(chain: UInt32, number: UInt32, now: UnixTime) -> MessageKey? {
    guard let run = runs.first(where: { $0.chain == chain && $0.numbers.contains(number) }), !run.isExpired(now) else {
      return nil
    }
    let offset = Int(number - run.first) * 32
    return MessageKey(run.keys.secret.slice(offset..<offset + 32))
  }

  /// Forgets that key: the block it stood in is replaced by what stands left and right of it.
  mutating func remove(chain: UInt32, number: UInt32) {
    guard let index = runs.firstIndex(where: { $0.chain == chain && $0.numbers.contains(number) }) else { return }
    let run = runs[index]
    let offset = Int(number - run.first)
    let rest = [run.slice(0..<offset), run.slice(offset + 1..<run.count)].compactMap { $0 }
    runs.replaceSubrange(index...index, with: rest)
    dropEmptyChains()
  }

  /// Adds a run; beyond 2,000 keys the oldest go. [ratchet.7]
  ///
  /// - Returns: how many keys went.
  mutating func add(_ run: Run) -> Int {
    runs.append(run)
    var excess = count - Limits.skippedKeys
    let dropped = max(excess, 0)
    while excess > 0, let oldest = runs.first {
      let gone = min(excess, oldest.count)
      runs.replaceSubrange(0...0, with: [oldest.slice(gone..<oldest.count)].compactMap { $0 })
      excess -= gone
    }
    dropEmptyChains()
    return dropped
  }

  /// A receiving chain has ended: its header key is kept while keys of it are, for at most 5 chains. [ratchet.8]
  ///
  /// - Returns: how many keys of a chain that went.
  mutating func end(chain: UInt32, headerKey: HeaderKey) -> Int {
    pastChains.append(PastChain(chain: chain, headerKey: headerKey))
    dropEmptyChains()
    guard pastChains.count > Limits.pastChains else { return 0 }
    let gone = pastChains.removeFirst().chain
    let before = count
    runs.removeAll { $0.chain == gone }
    return before - count
  }

  /// Forgets what is older than 30 days. [ratchet.9]
  ///
  /// - Returns: how many keys went.
  mutating func expire(now: UnixTime) -> Int {
    // Asked with every message, and almost always no.
    guard runs.contains(where: { $0.isExpired(now) }) else { return 0 }
    let before = count
    runs.removeAll { $0.isExpired(now) }
    dropEmptyChains()
    return before - count
  }

  private mutating func dropEmptyChains() {
    pastChains.removeAll { past in !runs.contains { $0.chain == past.chain } }
  }
}
