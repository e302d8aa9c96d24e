#if Fleet
  internal import Foundation
  package import SottoRelay
  internal import Synchronization

  #if canImport(Glibc)
    internal import Glibc
  #elseif canImport(Musl)
    internal import Musl
  #elseif canImport(Darwin)
    internal import Darwin
  #endif

  /// A thread with a connection to the broker, which tells and hears, and connects again when it must.
  ///
  ///     tell -> [handles, by relay and kind] -> bell -> thread <-> broker
  ///
  /// What waits for the thread is put together: a handle that is told twice before it was sent goes once.
  package final class RabbitMQBus: RelayBus {
    private struct State {
      var isStarted = false
      var isClosed = false
      var hasEnded = false
      /// While the thread serves a connection: what it waits for, and since when it has not turned.
      var serving: (descriptor: Int32, since: ContinuousClock.Instant)?
      var waiting: [Key: Set<SocketHandle>] = [:]
      var count = 0
    }

    private struct Key: Hashable {
      let node: NodeID
      let kind: Notice.Kind
    }

    private let address: BusAddress
    private let node: NodeID
    private let stall: Duration
    private let state = Mutex(State())
    private let bell = Bell()

    init(_ address: BusAddress, _ node: NodeID, stall: Duration) {
      (self.address, self.node, self.stall) = (address, node, stall)
    }

    package func start(_ hear: @escaping @Sendable (BusEvent) -> Void) {
      let isNew = state.withLock { state in
        defer { state.isStarted = true }
        return !state.isStarted && !state.isClosed
      }
      guard isNew else { return }
      // It holds the bus until that is closed.
      let thread = Thread { self.run(hear) }
      thread.name = "sotto bus"
      thread.start()
    }

    package func tell(_ node: NodeID, _ notice: Notice) -> Bool {
      let (isTaken, isFirst) = state.withLock { state in
        guard state.serving != nil, state.count + notice.sockets.count <= FleetLimits.brokerWaiting else {
          return (false, false)
        }
        let isFirst = state.waiting.isEmpty
        let key = Key(node: node, kind: notice.kind)
        let before = state.waiting[key]?.count ?? 0
        state.waiting[key, default: []].formUnion(notice.sockets)
        state.count += (state.waiting[key]?.count ?? 0) - before
        return (true, isFirst)
      }
      if isFirst { bell.ring() }
      return isTaken
    }

    /// A thread that has not turned for long is caught in a call that ends when its connection is broken.
    package func check() { breakConnection { $0 + stall < .now } }

    package func close() async {
      state.withLock { $0.isClosed = true }
      bell.ring()
      if await hasEnded() { return }
      breakConnection { _ in true }
      // One that is about to connect ends by itself, and is not waited for any longer.
      _ = await hasEnded()
    }

    private func hasEnded() async -> Bool {
      let end = ContinuousClock.now + .milliseconds(FleetLimits.brokerEnd)
      while .now < end {
        if state.withLock({ $0.hasEnded || !$0.isStarted }) { return true }
        try? await Task.sleep(for: .milliseconds(10))
      }
      return false
    }

    /// Under the lock, so that the descriptor is still the connection's.
    private func breakConnection(_ isDue: (ContinuousClock.Instant) -> Bool) {
      state.withLock { state in
        if let serving = state.serving, isDue(serving.since) { _ = shutdown(serving.descriptor, Int32(SHUT_RDWR)) }
      }
    }

    // MARK: The thread

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    private func run(_ hear: @Sendable (BusEvent) -> Void) {
      var pause = FleetLimits.firstPause
      var isFirst = true
      while !isClosed {
        if let connection = try? BrokerConnection.open(address, node) {
          let start = ContinuousClock.now
          turn(connection)
          hear(.connected)
          let unsent = serve(connection, hear)
          let lost = state.withLock { state in
            state.serving = nil
            defer { (state.waiting, state.count) = ([:], 0) }
            return state.count
          }
          if unsent + lost > 0 { hear(.dropped(unsent + lost)) }
          hear(.disconnected)
          if start + .seconds(FleetLimits.brokerGood) < .now { pause = FleetLimits.firstPause }
        } else if isFirst {
          hear(.disconnected)
        }
        isFirst = false
        // By chance, so that the relays of a fleet do not all come back at the same moment.
        if !isClosed { bell.wait(atMost: Int32.random(in: 0...Int32(pause))) }
        pause = min(pause * 2, FleetLimits.longestPause)
      }
      state.withLock { $0.hasEnded = true }
    }

    private func turn(_ connection: BrokerConnection) {
      state.withLock { $0.serving = (connection.descriptor, .now) }
    }

    /// Until the connection is lost, or the bus closed. How many handles were taken and not sent.
    private func serve(_ connection: BrokerConnection, _ hear: @Sendable (BusEvent) -> Void) -> Int {
      var unsent = 0
      do {
        while !isClosed {
          turn(connection)
          while let (key, sockets) = takeOne() {
            unsent = sockets.count
            for start in stride(from: 0, to: sockets.count, by: RelayLimits.noticeSockets) {
              let part = sockets[start..<min(start + RelayLimits.noticeSockets, sockets.count)]
              try connection.publish(Notice(key.kind, Array(part)).encoded, to: key.node)
              unsent -= part.count
              turn(connection)
            }
          }
          while let body = try connection.next() {
            // What no relay sends is not acted upon.
            if let notice = try? Notice(decoding: body) { hear(.heard(notice)) }
          }
          bell.wait(or: connection.descriptor, atMost: FleetLimits.brokerTurn)
        }
        connection.close()
      } catch {}
      return unsent
    }

    private func takeOne() -> (Key, [SocketHandle])? {
      state.withLock { state in
        guard let (key, sockets) = state.waiting.popFirst() else { return nil }
        state.count -= sockets.count
        return (key, Array(sockets))
      }
    }
  }

  /// Wakes a thread that waits for a socket too.
  private final class Bell: Sendable {
    private let reader: Int32
    private let writer: Int32

    init() {
      var ends: [Int32] = [-1, -1]
      unsafe pipe(&ends)
      for end in ends {
        _ = fcntl(end, F_SETFL, O_NONBLOCK)
        _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      }
      (reader, writer) = (ends[0], ends[1])
    }

    deinit {
      close(reader)
      close(writer)
    }

    /// A pipe that is full has been rung often enough.
    func ring() {
      var byte: UInt8 = 1
      _ = unsafe write(writer, &byte, 1)
    }

    /// Until it is rung, the socket can be read, or so many milliseconds have passed.
    func wait(or socket: Int32 = -1, atMost milliseconds: Int32) {
      var polled = [
        pollfd(fd: reader, events: Int16(POLLIN), revents: 0), pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
      ]
      _ = unsafe poll(&polled, 2, milliseconds)
      var rung = [UInt8](repeating: 0, count: 64)
      while unsafe read(reader, &rung, rung.count) > 0 {}
    }
  }
#endif
