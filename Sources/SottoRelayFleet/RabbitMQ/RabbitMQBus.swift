#if Fleet
  internal import Foundation
  package import SottoRelay
  internal import SottoWire
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
  ///     tell -> [names, by relay and kind] -> pipe -> thread <-> broker
  ///
  /// What waits for the thread is put together: a name that is told twice before it was sent goes once.
  package final class RabbitMQBus: RelayBus {
    private struct State {
      var isConnected = false
      var isClosed = false
      var waiting: [Key: Set<MailboxID>] = [:]
      var count = 0
      /// Threads of `close` that wait for the end, and whether it has come.
      var hasEnded = false
      var onEnd: [CheckedContinuation<Void, Never>] = []
    }

    private struct Key: Hashable {
      let node: NodeID
      let kind: Notice.Kind
    }

    private let address: BusAddress
    private let node: NodeID
    private let hear: @Sendable (BusEvent) -> Void
    private let state = Mutex(State())
    private let bell: Bell

    init(_ address: BusAddress, _ node: NodeID, hear: @escaping @Sendable (BusEvent) -> Void) {
      (self.address, self.node, self.hear) = (address, node, hear)
      bell = Bell()
      // It ends when the bus is closed, and holds it until then.
      let thread = Thread { self.run() }
      thread.name = "sotto bus"
      thread.start()
    }

    /// What comes while there is no broker is lost at once: whoever it is for looks into the store meanwhile.
    package func tell(_ node: NodeID, _ notice: Notice) {
      let (dropped, isFirst) = state.withLock { state in
        guard state.isConnected, state.count + notice.mailboxes.count <= FleetLimits.brokerWaiting else {
          return (notice.mailboxes.count, false)
        }
        let isFirst = state.waiting.isEmpty
        let key = Key(node: node, kind: notice.kind)
        let before = state.waiting[key]?.count ?? 0
        state.waiting[key, default: []].formUnion(notice.mailboxes)
        state.count += (state.waiting[key]?.count ?? 0) - before
        return (0, isFirst)
      }
      if dropped > 0 { hear(.dropped(dropped)) }
      if isFirst { bell.ring() }
    }

    package func close() async {
      state.withLock { $0.isClosed = true }
      bell.ring()
      await withCheckedContinuation { continuation in
        let hasEnded = state.withLock { state in
          if !state.hasEnded { state.onEnd.append(continuation) }
          return state.hasEnded
        }
        if hasEnded { continuation.resume() }
      }
    }

    // MARK: The thread

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    private func run() {
      var pause = FleetLimits.firstPause
      while !isClosed {
        if let connection = try? BrokerConnection.open(address, node) {
          pause = FleetLimits.firstPause
          state.withLock { $0.isConnected = true }
          hear(.connected)
          do {
            try serve(connection)
            connection.close()
          } catch {}
          let lost = state.withLock { state in
            state.isConnected = false
            defer { (state.waiting, state.count) = ([:], 0) }
            return state.count
          }
          if lost > 0 { hear(.dropped(lost)) }
          hear(.disconnected)
        }
        // By chance, so that the relays of a fleet do not all come back at the same moment.
        if !isClosed { bell.wait(atMost: Int32.random(in: 0...Int32(pause))) }
        pause = min(pause * 2, FleetLimits.longestPause)
      }
      let waiters = state.withLock { state in
        state.hasEnded = true
        return state.onEnd
      }
      for waiter in waiters { waiter.resume() }
    }

    private func serve(_ connection: BrokerConnection) throws(BrokerLost) {
      while !isClosed {
        for (key, mailboxes) in take() {
          let names = Array(mailboxes)
          for start in stride(from: 0, to: names.count, by: RelayLimits.noticeNames) {
            let part = names[start..<min(start + RelayLimits.noticeNames, names.count)]
            try connection.publish(Notice(key.kind, Array(part)).encoded, to: key.node)
          }
        }
        while let body = try connection.next() {
          // What no relay sends is not acted upon.
          if let notice = try? Notice(decoding: body) { hear(.heard(notice)) }
        }
        bell.wait(or: connection.descriptor, atMost: FleetLimits.brokerTurn)
      }
    }

    private func take() -> [Key: Set<MailboxID>] {
      state.withLock { state in
        defer { (state.waiting, state.count) = ([:], 0) }
        return state.waiting
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
