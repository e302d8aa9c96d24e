import Foundation
import Synchronization

/// Relays that several tests share, each in a folder of its own; they end with the process that runs the tests.
enum SharedRelay {
  /// One for tests that leave no trace in it.
  static let relay = Task { try await start() }

  static func start() async throws -> RelayProcess {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let isFirst = running.withLock { running in
      running.append((relay, folder))
      return running.count == 1
    }
    if isFirst { atexit { SharedRelay.end() } }
    return relay
  }

  private static let running = Mutex<[(RelayProcess, TemporaryFolder)]>([])

  private static func end() {
    running.withLock { running in
      for (relay, folder) in running {
        relay.kill()
        // Static values are never deinitialised.
        try? FileManager.default.removeItem(atPath: folder.path)
      }
    }
  }
}
