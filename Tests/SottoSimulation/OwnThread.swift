internal import Foundation

/// Runs what blocks on a thread of its own: there are as many that run tests as there are cores, and one that blocks keeps
/// all others waiting, whatever they measure. It is the same task there, so that what is expected is the test's.
package func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
  try await withTaskExecutorPreference(OwnThread()) { try body() }
}

private final class OwnThread: TaskExecutor {
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    Thread { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }.start()
  }
}
