/// Welch's t of two kinds of samples, from running means and variances.
public struct Welch: CustomStringConvertible, Sendable {
  public enum Kind: Int, Sendable { case one, other }

  /// Beyond it, two samples of one distribution are as good as impossible (dudect, TVLA).
  public static let threshold = 4.5

  private struct Sample {
    var count = 0.0
    var mean = 0.0
    var squares = 0.0

    mutating func add(_ value: Double) {
      count += 1
      let delta = value - mean
      mean += delta / count
      squares += delta * (value - mean)
    }

    var errorSquared: Double { squares / (count - 1) / count }
  }

  private var one = Sample()
  private var other = Sample()

  public init() {}

  public mutating func add(_ value: Double, to kind: Kind) {
    if kind == .one { one.add(value) } else { other.add(value) }
  }

  public var t: Double { (one.mean - other.mean) / (one.errorSquared + other.errorSquared).squareRoot() }
  public var count: Int { Int(one.count + other.count) }
  public var description: String { "t = \(t); means \(one.mean) and \(other.mean) ns, \(count) calls" }
}

/// Times of two kinds of calls, without the slowest tenth: that is other programs, not this one. The bound is set by the
/// first calls, for both kinds alike (Reparaz, Balasch, Verbauwhede: Dude, is my code constant time?, 2017).
public struct TimedCalls {
  /// How many calls set the bound, before the first that counts.
  public let warmUp: Int
  public private(set) var welch = Welch()
  private var first: [Double] = []
  private var bound = Double.infinity

  public init(calls: Int) { warmUp = max(10, min(calls / 10, 10_000)) }

  public mutating func add(_ nanoseconds: Double, to kind: Welch.Kind) {
    guard first.count == warmUp else {
      first.append(nanoseconds)
      if first.count == warmUp { bound = first.sorted()[warmUp * 9 / 10] }
      return
    }
    if nanoseconds < bound { welch.add(nanoseconds, to: kind) }
  }

  /// Times `call`, both kinds in random order. What it needs for each is made beforehand and handed over by number, so
  /// that nothing of the choice is timed.
  public static func measure(
    calls: Int, variants: Int, seed: UInt64 = 3, _ call: (_ kind: Welch.Kind, _ variant: Int) -> Void
  ) -> Welch {
    var entropy = SeededEntropy(seed: seed)
    var timed = TimedCalls(calls: calls)
    let clock = ContinuousClock()
    for _ in 0..<(timed.warmUp + calls) {
      let draw = entropy.next()
      let kind: Welch.Kind = draw & 1 == 0 ? .one : .other
      let variant = Int(draw >> 1 % UInt64(variants))
      let start = clock.now
      call(kind, variant)
      timed.add((clock.now - start) / .nanoseconds(1), to: kind)
    }
    return timed.welch
  }
}
