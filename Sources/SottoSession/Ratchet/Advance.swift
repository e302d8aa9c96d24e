import SottoCrypto

/// Moving a receiving chain forward, beside the state. `step` is the memory in which it happens: `(CK', MK)` of the last
/// step that was made.
enum Advance {
  /// Steps `chain`, whose next message is `first`, until it yields the key of message `number`.
  ///
  /// - Returns: the keys that were passed over, if any.
  static func advance(
    _ chain: ChainKey, from first: UInt32, to number: UInt32, in step: inout Derived
  ) -> SecretBox? {
    guard let passed = skip(chain, from: first, to: number, in: &step) else {
      chain.step(into: &step)
      return nil
    }
    ChainKey.step(on: &step)
    return passed
  }

  /// Steps `chain` over the messages `first..<end`.
  ///
  /// - Returns: their keys, 32 bytes each, in one block: a box for each would cost half as much again.
  static func skip(_ chain: ChainKey, from first: UInt32, to end: UInt32, in step: inout Derived) -> SecretBox? {
    let count = Int(end - first)
    guard count > 0 else { return nil }
    var keys = Secret(zeroes: count * 32)
    for index in 0..<count {
      if index == 0 { chain.step(into: &step) } else { ChainKey.step(on: &step) }
      step.withB { keys.overwrite(index * 32..<(index + 1) * 32, with: $0) }
    }
    return SecretBox(keys)
  }
}
