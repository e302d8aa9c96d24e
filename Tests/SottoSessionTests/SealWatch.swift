import SottoSimulation
import Testing

/// No key seals two things under one nonce, in any test of the suite. See `SealLedger`.
struct SealWatch: SuiteTrait, TestTrait, TestScoping {
  /// Whether a reuse is a failure.
  let isJudged: Bool

  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let ledger = SealLedger(isCounted: isJudged)
    try await ledger.watching { try await function() }
    #expect(!isJudged || ledger.reuses == 0, "a key has sealed two things under one nonce")
  }
}

extension Trait where Self == SealWatch {
  /// Every seal is looked at, in a universe of its own for each test.
  static var sealsAreWatched: Self { Self(isJudged: true) }

  /// For a suite that plays the forger: it makes one thing in many ways from the same seeded bytes, each in a universe of
  /// its own, and nobody could tell them apart.
  static var sealsAreForged: Self { Self(isJudged: false) }
}
