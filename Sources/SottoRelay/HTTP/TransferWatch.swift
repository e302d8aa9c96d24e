internal import NIOCore
internal import Synchronization

/// Ends the connection of an upload or a download that does not get on, or when the relay stops: either can be resumed.
/// [blob.11]
package struct TransferWatch: Sendable {
  private final class Count: Sendable {
    let bytes = Atomic(0)
  }

  private let count = Count()
  private let watching: Task<Void, Never>

  /// Starts to watch.
  init(_ channel: any Channel, _ services: RelayServices) {
    watching = Task { [count] in
      await Self.untilItIsEnough(count, services.lifecycle, patience: services.transferSeconds)
      if !Task.isCancelled { channel.close(promise: nil) }
    }
  }

  /// Bytes that were taken from, or by, the other side.
  func moved(_ bytes: Int) { count.bytes.add(bytes, ordering: .relaxed) }

  /// The transfer is over: what follows may take its time.
  func end() { watching.cancel() }

  private static func untilItIsEnough(_ count: Count, _ lifecycle: Lifecycle, patience: Int64) async {
    var last = 0
    while true {
      for _ in 0..<patience {
        guard lifecycle.isReady, (try? await Task.sleep(for: .seconds(1))) != nil else { return }
      }
      let now = count.bytes.load(ordering: .relaxed)
      guard now - last >= RelayLimits.transferBytes else { return }
      last = now
    }
  }
}
