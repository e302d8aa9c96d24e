import Foundation
import SottoRelay
import Synchronization
import Testing

@Suite struct BatchSignerTests {
  /// How many batches are signed now, and how many ever were at once.
  private final class Signing: Sendable {
    private let counts = Mutex((now: 0, most: 0))
    var most: Int { counts.withLock { $0.most } }

    func begin() {
      counts.withLock { counts in
        counts.now += 1
        counts.most = max(counts.most, counts.now)
      }
    }

    func end() { counts.withLock { $0.now -= 1 } }
  }

  /// However many ask: the other cores are left to everybody else. [limits.2]
  @Test func oneBatchIsSignedAtATime() async throws {
    let signer = BatchSigner()
    let signing = Signing()
    let signed: [Int] = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<16 {
        group.addTask {
          try await signer.sign { () -> Int in
            signing.begin()
            defer { signing.end() }
            usleep(20_000)
            return number
          }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(signed.sorted() == Array(0..<16))
    #expect(signing.most == 1)
  }
}
