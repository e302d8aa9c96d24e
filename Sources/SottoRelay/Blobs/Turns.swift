internal import Synchronization

/// Work on one thing at a time, first come, first served; on different things at once.
final class Turns<Key: Hashable & Sendable>: Sendable {
  /// Those who wait, for every key that somebody works on.
  private let queues = Mutex<[Key: [CheckedContinuation<Void, Never>]]>([:])

  func wait<T>(for key: Key, _ body: () async throws -> T) async rethrows -> T {
    await withCheckedContinuation { continuation in
      let isFirst = queues.withLock { queues in
        guard queues[key] != nil else {
          queues[key] = []
          return true
        }
        queues[key]?.append(continuation)
        return false
      }
      if isFirst { continuation.resume() }
    }
    defer { leave(key) }
    return try await body()
  }

  private func leave(_ key: Key) {
    let next = queues.withLock { queues in
      guard let queue = queues[key], !queue.isEmpty else {
        queues[key] = nil
        return nil as CheckedContinuation<Void, Never>?
      }
      return queues[key]?.removeFirst()
    }
    next?.resume()
  }
}
