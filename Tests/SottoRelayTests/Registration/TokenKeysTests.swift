import SottoCrypto
import SottoRelay
import Synchronization
import Testing

/// The keys that tokens are signed with. [token.1]
@Suite struct TokenKeysTests {
  /// A store whose disk is full until there is room.
  private final class FullLedger: RegistrationLedger {
    private struct State {
      var isFull = true
      var offered: [[UInt8]] = []
      var kept: [Int64: [UInt8]] = [:]
    }

    private let state = Mutex(State())

    /// What it was to keep, whether it could or not.
    var offered: [[UInt8]] { state.withLock { $0.offered } }
    func makeRoom() { state.withLock { $0.isFull = false } }

    func tokenKey(_ epoch: Int64) async throws -> [UInt8]? { state.withLock { $0.kept[epoch] } }

    func keepTokenKey(_ epoch: Int64, _ sealed: [UInt8]) async throws -> [UInt8] {
      let kept = state.withLock { state -> [UInt8]? in
        state.offered.append(sealed)
        guard !state.isFull else { return nil }
        let kept = state.kept[epoch] ?? sealed
        state.kept[epoch] = kept
        return kept
      }
      guard let kept else { throw StoreFailure.full }
      return kept
    }

    func issue(_ asked: Issuance) async throws {}
    func forgiveLeases() async throws {}
  }

  /// To make one takes a core for a second, and anybody may ask for it.
  @Test func whatCouldNotBeKeptIsTriedAgain() async throws {
    let folder = Folder()
    let path = folder.path + "/registration.key"
    try RegistrationSecret.make(at: path)
    let secret = try RegistrationSecret.read(path)
    let ledger = FullLedger()
    let keys = TokenKeys(ledger, secret)
    for _ in 0..<3 {
      await #expect(throws: StoreFailure.full) { _ = try await keys.key(700, making: true) }
    }
    #expect(ledger.offered.count == 3 && Set(ledger.offered).count == 1)
    ledger.makeRoom()
    let made = try await keys.key(700, making: true)
    #expect(made != nil && Set(ledger.offered).count == 1)
    // Who has the store has that one, and another epoch another.
    let found = try await TokenKeys(ledger, secret).key(700, making: false)
    #expect(found?.publicKey == made?.publicKey)
    let next = try await keys.key(701, making: true)
    #expect(next != nil && next?.publicKey != made?.publicKey && Set(ledger.offered).count == 2)
  }
}
