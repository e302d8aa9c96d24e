/// A network that drops, duplicates, delays and reorders, as a seed decides.
public struct HostileNetwork {
  /// Envelopes on their way to one side.
  public private(set) var waiting: [[UInt8]] = []
  /// Everything that ever crossed, for replays.
  public private(set) var seen: [[UInt8]] = []
  private var entropy: SeededEntropy
  private let dropped: Int
  private let duplicated: Int

  /// `dropped` and `duplicated` are chances in 100.
  public init(seed: UInt64, dropped: Int, duplicated: Int) {
    entropy = SeededEntropy(seed: seed)
    self.dropped = dropped
    self.duplicated = duplicated
  }

  public mutating func put(_ envelope: [UInt8]) {
    seen.append(envelope)
    if entropy.chance(dropped, in: 100) { return }
    waiting.append(envelope)
    if entropy.chance(duplicated, in: 100) { waiting.append(envelope) }
  }

  /// Any of the waiting envelopes: order is not kept.
  public mutating func take() -> [UInt8]? {
    guard !waiting.isEmpty else { return nil }
    return waiting.remove(at: entropy.next(below: waiting.count))
  }

  /// Something that crossed before, once more.
  public mutating func replay() -> [UInt8]? { seen.isEmpty ? nil : seen[entropy.next(below: seen.count)] }
}
