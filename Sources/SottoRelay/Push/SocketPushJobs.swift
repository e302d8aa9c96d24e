internal import NIOCore
internal import NIOPosix
package import SottoWire
internal import Synchronization

/// Takes jobs from the Unix socket of a relay on the same machine, and tells it what became of them. [push.10]
package final class SocketPushJobs: PushJobs {
  private struct State {
    var isStopping = false
    /// Being carried out, and waiting for it.
    var (inHand, backlog) = (0, 0)
    var feed: AsyncStream<PushRequest>.Continuation?
  }

  private let path: String
  private let onConnection: @Sendable (Bool) -> Void
  private let state = Mutex(State())

  /// `onConnection` is told first whether there is a connection, and then whenever that changes.
  package init(path: String, onConnection: @escaping @Sendable (Bool) -> Void = { _ in }) {
    (self.path, self.onConnection) = (path, onConnection)
  }

  package func stop() {
    let feed = state.withLock { state in
      state.isStopping = true
      return state.feed
    }
    feed?.finish()
  }

  private var isStopping: Bool { state.withLock { $0.isStopping } }

  package func run(_ carryOut: @escaping @Sendable (PushJob) async -> PushVerdict) async {
    await withDiscardingTaskGroup { group in
      var isLost = false
      while !isStopping, !Task.isCancelled {
        if let (channel, requests) = try? await connect() {
          onConnection(true)
          isLost = false
          for await request in requests {
            state.withLock { $0.backlog -= 1 }
            guard channel.isActive, !isStopping else { continue }
            // Those of a connection that is gone are carried out to their end: together they are no more than one may hold.
            while state.withLock({ $0.inHand }) >= RelayLimits.pushesAhead, !Task.isCancelled {
              try? await Task.sleep(for: .milliseconds(20))
            }
            state.withLock { $0.inHand += 1 }
            group.addTask {
              let answer = PushAnswer(number: request.number, await carryOut(request.job))
              // To a relay that is gone nothing is said: it gives the job out again.
              try? await channel.writeAndFlush(PushFrames.frame(answer.encoded))
              self.state.withLock { $0.inHand -= 1 }
            }
          }
          if isStopping { await endWhatIsInHand() }
          try? await channel.close()
        }
        guard !isStopping else { break }
        if !isLost { onConnection(false) }
        isLost = true
        // Also when there was one: a relay that sends everybody away is not asked all the time.
        try? await Task.sleep(for: .seconds(1))
      }
      group.cancelAll()
    }
  }

  /// What is not ended by then comes again: somebody may be woken twice.
  private func endWhatIsInHand() async {
    let end = ContinuousClock.now + .milliseconds(RelayLimits.pushStop)
    while state.withLock({ $0.inHand }) > 0, .now < end, !Task.isCancelled {
      try? await Task.sleep(for: .milliseconds(20))
    }
  }

  /// The requests end with the connection, or when it was told to stop.
  private func connect() async throws -> (any Channel, AsyncStream<PushRequest>) {
    let (requests, feed) = AsyncStream.makeStream(of: PushRequest.self)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.closeFuture.whenComplete { _ in feed.finish() }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            ByteToMessageHandler(PushFrames()), PushFrameHandler { feed.yield(try self.request($0)) })
        }
      }
      .connect(unixDomainSocketPath: path).get()
    let isStopping = state.withLock { state in
      state.feed = feed
      return state.isStopping
    }
    if isStopping { feed.finish() }
    return (channel, requests)
  }

  /// Throws at nonsense, and at more than a relay sends.
  private func request(_ message: [UInt8]) throws -> PushRequest {
    let request = try PushRequest(decoding: message)
    let backlog = state.withLock { state in
      state.backlog += 1
      return state.backlog
    }
    guard backlog <= 2 * RelayLimits.pushesAhead else { throw WireError.outOfRange }
    return request
  }
}
