internal import Foundation

/// Runs what blocks on a thread of its own: there are as many that run tests as there are cores, and one that blocks keeps
/// all others waiting, whatever they measure. It is outside of the test's task: what is expected there has a place and no name.
package func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
  try await withCheckedThrowingContinuation { continuation in
    Thread { continuation.resume(with: Result { try body() }) }.start()
  }
}
