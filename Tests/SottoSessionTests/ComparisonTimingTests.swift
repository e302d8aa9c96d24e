import Foundation
import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

/// Whether the time of a refusal tells where a forged tag, commitment or passphrase first differs. `SOTTO_SOAK=1` measures,
/// with as many calls as SOTTO_TIMING_CALLS says; without it only the arithmetic is tested.
@Suite(.serialized, .sealsAreWatched) struct ComparisonTimingTests {
  private static let isSoak = ProcessInfo.processInfo.environment["SOTTO_SOAK"] == "1"
  private static let calls = ProcessInfo.processInfo.environment["SOTTO_TIMING_CALLS"].flatMap(Int.init) ?? 1_000_000

  @Test func theStatisticIsWelchs() throws {
    // A worked example: means 3 and 12, variances 2.5 and 22.5, five of each: t = -9 / sqrt(0.5 + 4.5).
    var welch = Welch()
    for value in [1, 2, 3, 4, 5] as [Double] { welch.add(value, to: .one) }
    for value in [6, 9, 12, 15, 18] as [Double] { welch.add(value, to: .other) }
    #expect(abs(welch.t - -9 / 5.0.squareRoot()) < 1e-9)
    // Equal distributions stay below the threshold, a shift of a tenth of the deviation does not.
    var entropy = SeededEntropy(seed: 1)
    var (equal, shifted) = (Welch(), Welch())
    for _ in 1...20_000 {
      let noise = (0..<4).reduce(0.0) { sum, _ in sum + Double(entropy.next(below: 1_000)) }
      let kind: Welch.Kind = entropy.next(below: 2) == 0 ? .one : .other
      equal.add(noise, to: kind)
      shifted.add(noise + (kind == .one ? 58 : 0), to: kind)
    }
    #expect(abs(equal.t) < Welch.threshold && shifted.t > Welch.threshold)
  }

  /// What is compared with a secret: whether the comparison says that both are the same.
  enum Comparison: String, CaseIterable {
    case bytes
    case secret
    case singleUseTag
    case sealingTag
    case commitment
    case passphrase
    /// As a hasty hand would write `bytes`: it must be caught.
    case earlyExit
  }

  @Test(.enabled(if: isSoak, "SOTTO_SOAK=1 measures"), arguments: Comparison.allCases)
  func `A refusal takes as long wherever the first difference is`(_ comparison: Comparison) throws {
    let forgeries = Forgeries(comparison)
    let welch = TimedCalls.measure(calls: Self.calls, variants: Forgeries.variants) { kind, variant in
      // A fraction of a nanosecond each: only several of them reach beyond the clock.
      for _ in 0..<forgeries.repeats where forgeries.isTaken(kind, variant) { Issue.record("a forgery was taken") }
    }
    print("TIMING \(comparison): t = \(welch.t) of \(welch.count) calls")
    let isCaught = abs(welch.t) > Welch.threshold
    #expect(isCaught == (comparison == .earlyExit), "\(welch)")
  }
}

/// Forgeries that differ from what is right in their first byte, and others that differ in their last; in memory they lie
/// side by side, so that where they lie tells nothing.
private struct Forgeries {
  static let variants = 256

  private let comparison: ComparisonTimingTests.Comparison
  private let right: [UInt8]
  private let wrong: [[UInt8]]
  private let wrongSecrets: [SecretBox]
  private let rightSecret: SecretBox
  private let messages: [RatchetMessage]
  private let sid = Digest.zero

  init(_ comparison: ComparisonTimingTests.Comparison) {
    self.comparison = comparison
    var entropy = SeededEntropy(seed: 5)
    let plaintext = entropy.bytes(256)
    var nonce = FixedEntropy([UInt8](repeating: 1, count: 24))
    let header = [UInt8](repeating: 2, count: 80)
    let message = Self.messageKey().seal(plaintext, sid: sid, header: header)
    let bytes: [UInt8]
    let first: Int
    switch comparison {
    case .bytes, .secret, .earlyExit: (bytes, first) = (entropy.bytes(32), 0)
    case .singleUseTag: (bytes, first) = (Self.single().seal(plaintext, ad: []), 256)
    case .sealingTag: (bytes, first) = (Self.sealing().seal(plaintext, ad: [], from: &nonce), 280)
    case .commitment: (bytes, first) = (message.commitment, 0)
    case .passphrase: (bytes, first) = (Array("correct horse battery staple".utf8), 0)
    }
    right = bytes
    let places = [first, bytes.count - 1]
    wrong = (0..<2 * Self.variants).map { index in
      var forged = bytes
      forged[places[index & 1]] ^= 1 << UInt8(index >> 1 & 7)
      return forged
    }
    rightSecret = SecretBox(Secret(copying: bytes))
    wrongSecrets = wrong.map { SecretBox(Secret(copying: $0)) }
    messages = wrong.map {
      RatchetMessage(header: header, commitment: comparison == .commitment ? $0 : [], sealed: message.sealed)
    }
  }

  var repeats: Int {
    switch comparison {
    case .bytes, .secret, .earlyExit: 32
    case .singleUseTag, .sealingTag, .commitment, .passphrase: 1
    }
  }

  @inline(never)
  func isTaken(_ kind: Welch.Kind, _ variant: Int) -> Bool {
    let index = variant * 2 + kind.rawValue
    switch comparison {
    case .bytes: return constantTimeEqual(wrong[index], right)
    case .secret: return wrongSecrets[index].secret.isEqual(to: rightSecret.secret)
    case .singleUseTag: return (try? Self.single().open(wrong[index], ad: [])) != nil
    case .sealingTag: return (try? Self.sealing().open(wrong[index], ad: [])) != nil
    case .commitment: return (try? Self.messageKey().open(messages[index], sid: sid)) != nil
    case .passphrase: return Self.opens(wrongSecrets[index].secret)
    case .earlyExit:
      let forged = wrong[index]
      for place in 0..<right.count where forged[place] != right[place] { return false }
      return true
    }
  }

  private static func single() -> SingleUseKey { SingleUseKey(Secret(copying: key)) }
  private static func sealing() -> SealingKey { SealingKey(Secret(copying: key)) }
  private static func messageKey() -> MessageKey { MessageKey(Secret(copying: key)) }
  private static let key = [UInt8](repeating: 7, count: 32)

  /// What a wrong passphrase meets: Argon2id, then a tag.
  private static func opens(_ passphrase: borrowing Secret) -> Bool {
    guard let key = try? SealingKey(passphrase: passphrase, salt: salt, cost: .minimal) else { return false }
    return (try? key.openSecret(locked, ad: [])) != nil
  }

  private static let salt = [UInt8](repeating: 3, count: 16)
  private static let locked = [UInt8](repeating: 4, count: 104)
}
