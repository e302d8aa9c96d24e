internal import NIOCore

/// How much of what was sent the other side has taken. Not how much our own system has: that holds megabytes, and takes
/// more only when a third of them is gone, so that a slow reader would look like one that reads nothing.
enum TakenBytes {
  #if os(Linux)
    /// The beginning of `struct tcp_info` of linux/tcp.h: C libraries have a shorter one.
    private struct Information {
      var head: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
      var middle: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
      /// At byte 120.
      var acknowledged: UInt64
    }

    /// IPPROTO_TCP and TCP_INFO.
    private static let (level, name) = (6, 11)

    /// Bytes since the connection was made; 0 when they cannot be had. On the channel's event loop.
    static func count(_ channel: any Channel) -> Int64 {
      guard let socket = channel as? any SocketOptionProvider else { return 0 }
      let answer: EventLoopFuture<Information> = socket.unsafeGetSocketOption(
        level: SocketOptionLevel(level), name: SocketOptionName(name))
      var count: Int64 = 0
      answer.assumeIsolated().whenSuccess { count = Int64(clamping: $0.acknowledged) }
      return count
    }
  #else
    /// What waits in the program, from below: less accurate.
    static func count(_ channel: any Channel) -> Int64 {
      guard let options = channel.syncOptions, let waiting = try? options.getOption(.bufferedWritableBytes) else {
        return 0
      }
      return -Int64(waiting)
    }
  #endif
}
