package import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Connections of one thread, which says little and wastes less: it shares the machine with what it measures.
package final class LoadGenerator: Sendable {
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  /// Connections that are being opened at a time: less than any listener's backlog.
  private static let opening = 128

  package init() {}

  package var loop: any EventLoop { group.any() }

  package func stop() async throws { try await group.shutdownGracefully() }

  /// Opens a connection for each conversation; returns when all of them may be spoken to. With `expecting`, each begins
  /// its turn at once, and `ended` waits for that many things to come.
  package func open<Conversation>(
    _ conversations: [Conversation], to target: LoadTarget, expecting: Int? = nil,
    progress: (Int) -> Void = { _ in }
  ) async throws -> LoadConnections<Conversation> {
    var connections = LoadConnections<Conversation>(loop: loop)
    do {
      for start in stride(from: 0, to: conversations.count, by: Self.opening) {
        let some = conversations.indices[start..<min(start + Self.opening, conversations.count)]
        let opened = try some.map { index in
          try open(conversations[index], to: target, from: target.source(index), expecting)
        }
        for connection in opened { connections.all.append(try await connection.get()) }
        for connection in connections.all[start...] { try await connection.ready.get() }
        progress(connections.all.count)
      }
    } catch {
      connections.closeSoon()
      throw error as? StartFailure ?? StartFailure.loadUnreachable
    }
    return connections
  }

  private func open<Conversation>(
    _ conversation: Conversation, to target: LoadTarget, from source: SocketAddress?, _ expecting: Int?
  ) -> EventLoopFuture<LoadConnections<Conversation>.One> {
    let loop = loop
    let ready = loop.makePromise(of: Void.self)
    let bootstrap = ClientBootstrap(group: loop)
    let connection = (source.map(bootstrap.bind) ?? bootstrap)
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelOption(.maxMessagesPerRead, value: 1)
      .connectTimeout(.seconds(10))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls = target.tls {
            try channel.pipeline.syncOperations.addHandler(
              NIOSSLClientHandler(context: tls, serverHostname: target.name))
          }
          let handler = LoadHandler(conversation, ready: ready)
          try channel.pipeline.syncOperations.addHandler(handler)
        }
      }
      .connect(host: target.host, port: target.port)
    connection.whenFailure { _ in ready.fail(StartFailure.loadUnreachable) }
    return connection.flatMapThrowing { channel in
      let handler = try channel.pipeline.syncOperations.handler(type: LoadHandler<Conversation>.self)
      let ended = expecting.map { handler.turn($0, inFlight: 0) }
      return LoadConnections<Conversation>.One(
        channel: channel, handler: NIOLoopBound(handler, eventLoop: loop), ready: ready.futureResult, ended: ended)
    }
  }
}

extension LoadTarget {
  /// Where the connection of this number comes from.
  fileprivate func source(_ number: Int) throws -> SocketAddress? {
    guard !sources.isEmpty else { return nil }
    return try SocketAddress(ipAddress: sources[number % sources.count], port: 0)
  }
}

/// Open connections that speak the same protocol.
package struct LoadConnections<Conversation: LoadConversation>: Sendable {
  struct One: Sendable {
    let channel: any Channel
    let handler: NIOLoopBound<LoadHandler<Conversation>>
    let ready: EventLoopFuture<Void>
    /// nil when nothing is expected.
    let ended: EventLoopFuture<Void>?
  }

  let loop: any EventLoop
  var all: [One] = []

  package var count: Int { all.count }

  /// Each connection says `count` things, `inFlight` ahead of their answers; returns when all are answered.
  package func turn(_ count: Int, inFlight: Int) async throws {
    let all = all
    try await loop.flatSubmit {
      EventLoopFuture.andAllSucceed(all.map { $0.handler.value.turn(count, inFlight: inFlight) }, on: loop)
    }.get()
  }

  /// Waits for what was expected when the connections were opened.
  package func ended() async throws {
    for one in all { try await one.ended?.get() }
  }

  /// Has them speak in turn, `perSecond` times a second in all, whether answers come or not.
  package func speak(perSecond: Int, for seconds: Int) async throws {
    let (all, loop) = (all, loop)
    let start = NIODeadline.now()
    let total = perSecond * seconds
    let said = NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: loop)
    let done = loop.makePromise(of: Void.self)
    loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1)) { task in
      let elapsed = Double((NIODeadline.now() - start).nanoseconds) / 1e9
      let due = min(Int(elapsed * Double(perSecond)), total)
      while said.value < due {
        all[said.value % all.count].handler.value.say(1)
        said.value += 1
      }
      guard said.value >= total else { return }
      task.cancel()
      done.succeed()
    }
    try await done.futureResult.get()
  }

  /// Which of them are closed.
  package var ended: [Int] { all.indices.filter { !all[$0].channel.isActive } }

  /// Whether one of them is closed.
  package var hasEnded: Bool { all.contains { !$0.channel.isActive } }

  /// What each conversation knows now.
  package func conversations() async throws -> [Conversation] {
    let all = all
    return try await loop.submit { all.map { $0.handler.value.conversation } }.get()
  }

  /// Closes them and does not wait.
  package func closeSoon() {
    for one in all { one.channel.close(promise: nil) }
  }
}
