import Foundation
import SottoCrypto
import Synchronization

/// Remembers under which key and nonce something was sealed. Sealing something else under the same pair again is what
/// must never happen: `reuses` counts it.
///
/// A ledger is one universe. Seeded tests draw the same bytes again and again, and a harness that lets a client die in
/// copies of one world seals in each of them; so every test has a ledger of its own, and every such world.
public final class SealLedger: Sendable {
  /// What is looked at in this task; nil: nothing.
  @TaskLocal public static var current: SealLedger?

  private struct Name: Hashable {
    let high: UInt64
    let low: UInt64
  }

  private struct State {
    var contents: [Name: Name] = [:]
    var seals = 0
    var reuses = 0
    var chainSteps = 0
  }

  private let state = Mutex(State())
  private let isCounted: Bool

  /// `isCounted`: whether it is part of the figure that the process prints when it ends.
  public init(isCounted: Bool = true) { self.isCounted = isCounted }

  /// How often something was sealed under a pair that had sealed something else.
  public var reuses: Int { state.withLock { $0.reuses } }
  /// How often anything was sealed.
  public var seals: Int { state.withLock { $0.seals } }
  /// How many steps chains made.
  public var chainSteps: Int { state.withLock { $0.chainSteps } }

  private static let allSeals = Atomic(0)
  private static let allReuses = Atomic(0)
  private static let begun: Void = {
    KeyUse.observe { event in current?.note(event) }
    atexit { print("FIGURE nonce or key reuse: \(SealLedger.figure)") }
  }()

  private static var figure: String {
    "\(allReuses.load(ordering: .relaxed)) of \(allSeals.load(ordering: .relaxed)) seals"
  }

  /// Runs `body` and looks at whatever it seals.
  public func watching<R>(_ body: () throws -> R) rethrows -> R {
    Self.begun
    return try Self.$current.withValue(self, operation: body)
  }

  /// The same for what waits.
  public nonisolated(nonsending) func watching<R>(_ body: nonisolated(nonsending) () async throws -> R) async rethrows
    -> R
  {
    Self.begun
    return try await Self.$current.withValue(self, operation: body)
  }

  private func note(_ event: KeyUse.Event) {
    let isReuse = state.withLock { state in
      switch event {
      case .chainStep:
        state.chainSteps += 1
        return false
      case .sealed(let name, let content):
        state.seals += 1
        let known = state.contents.updateValue(Self.name(content), forKey: Self.name(name))
        // The same bytes once more give the same bytes once more: a retry, and nothing learned.
        guard let known, known != Self.name(content) else { return false }
        state.reuses += 1
        return true
      }
    }
    guard isCounted, case .sealed = event else { return }
    Self.allSeals.add(1, ordering: .relaxed)
    if isReuse { Self.allReuses.add(1, ordering: .relaxed) }
  }

  private static func name(_ digest: Digest) -> Name {
    func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    return Name(high: word(digest.bytes[0..<8]), low: word(digest.bytes[8..<16]))
  }
}
