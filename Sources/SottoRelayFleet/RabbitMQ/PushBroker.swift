#if Fleet
  internal import CRabbitMQ
  internal import SottoRelay
  internal import SottoWire

  #if canImport(Glibc)
    internal import Glibc
  #elseif canImport(Musl)
    internal import Musl
  #elseif canImport(Darwin)
    internal import Darwin
  #endif

  /// The queue of push jobs at the broker, for relays that put into it and the gateway that takes from it. [push.3]
  ///
  /// A quorum queue: what it has confirmed is on the disks of most of the brokers. A job that a gateway refuses, or that was
  /// given out too often, because whoever takes it dies of it, waits in a second queue, so that it does not stand in the way of
  /// the others, and comes back from there.
  @safe struct PushBroker: ~Copyable {
    private static let queue: StaticString = "sotto.push"
    private static let later: StaticString = "sotto.push.later"
    private static let gone: StaticString = "sotto.push.gone"

    private let broker: BrokerConnection
    /// How many jobs were put on this connection: the broker confirms them by this number.
    private var put: UInt64 = 0

    enum Role {
      case relay
      case gateway
    }

    /// No signs of life: nobody looks at the connection between two jobs. One that has broken meanwhile is found out when
    /// nothing is confirmed.
    init(_ address: BusAddress, as role: Role) throws(BrokerLost) {
      let heartbeat = role == .relay ? 0 : FleetLimits.brokerHeartbeat
      broker = try BrokerConnection.open(address, heartbeat: heartbeat) { broker throws(BrokerLost) in
        try unsafe Self.declare(Self.later, Self.boundsOfLater, broker)
        try unsafe Self.declare(Self.queue, Self.bounds, broker)
        try unsafe Self.declare(Self.gone, Self.boundsOfGone, broker)
        switch role {
        case .relay:
          broker.endsWhenNothingIsTaken()
          try broker.confirmEverything()
        case .gateway: try broker.consume(Self.queue, ahead: UInt16(RelayLimits.pushesAhead))
        }
      }
    }

    /// What the queue is, which must be the same for whoever declares it.
    private static var bounds: [amqp_table_entry_t] {
      unsafe kept(before: later) + [Bytes.entry("x-delivery-limit", FleetLimits.pushDeliveries)]
    }

    private static var boundsOfLater: [amqp_table_entry_t] {
      unsafe kept(before: queue) + [Bytes.entry("x-message-ttl", FleetLimits.pushWait)]
    }

    /// The oldest go when it is full: what is lost is told again.
    private static var boundsOfGone: [amqp_table_entry_t] {
      unsafe [Bytes.entry("x-queue-type", "quorum"), Bytes.entry("x-max-length", FleetLimits.pushGone)]
    }

    /// What leaves the queue without being acknowledged goes into `next`, and is not forgotten before it is there.
    private static func kept(before next: StaticString) -> [amqp_table_entry_t] {
      unsafe [
        Bytes.entry("x-queue-type", "quorum"), Bytes.entry("x-max-length", FleetLimits.pushQueue),
        Bytes.entry("x-overflow", "reject-publish"), Bytes.entry("x-dead-letter-exchange", ""),
        Bytes.entry("x-dead-letter-routing-key", next), Bytes.entry("x-dead-letter-strategy", "at-least-once"),
      ]
    }

    private static func declare(
      _ name: StaticString, _ bounds: [amqp_table_entry_t], _ broker: BrokerConnection
    ) throws(BrokerLost) {
      var bounds = unsafe bounds
      unsafe bounds.withUnsafeMutableBufferPointer { bounds in
        let table = unsafe amqp_table_t(num_entries: Int32(bounds.count), entries: bounds.baseAddress)
        _ = unsafe amqp_queue_declare(
          broker.connection, BrokerConnection.channel, Bytes.of(name), 0, 1, 0, 0, table)
      }
      try unsafe broker.check(amqp_get_rpc_reply(broker.connection))
    }

    // MARK: For a relay

    /// Puts them, and adds to `safe` those that the broker has confirmed. Throws when the connection is lost: others may be
    /// there too.
    mutating func put(_ jobs: [PushJob], _ safe: inout Set<PushHandle>) throws(BrokerLost) {
      var waiting: [UInt64: PushHandle] = [:]
      for job in jobs {
        try broker.publishDurably(job.encoded, to: Self.queue)
        put += 1
        waiting[put] = job.handle
      }
      try broker.awaitConfirms(&waiting, &safe)
    }

    /// Subscriptions that gateways say are over, at most so many.
    func ended(limit: Int) throws(BrokerLost) -> [PushHandle] {
      var ended: [PushHandle] = []
      while ended.count < limit, let body = try broker.takeOne(from: Self.gone) {
        if let end = try? PushEnd(decoding: body) { ended.append(end.handle) }
      }
      return ended
    }

    // MARK: For the gateway

    /// A job on its way to somebody's device.
    struct Delivery: Sendable {
      let tag: UInt64
      /// nil: it is none, or it has waited too often.
      let job: PushJob?
    }

    /// The next job, if one comes within so many milliseconds.
    func next(within milliseconds: Int) throws(BrokerLost) -> Delivery? {
      guard let (tag, body, rounds) = try broker.nextDelivery(within: milliseconds) else { return nil }
      return Delivery(tag: tag, job: rounds < RelayLimits.pushRounds ? try? PushJob(decoding: body) : nil)
    }

    /// It is done with.
    func done(_ tag: UInt64) throws(BrokerLost) {
      let sent = unsafe amqp_basic_ack(broker.connection, BrokerConnection.channel, tag, 0)
      guard sent == AMQP_STATUS_OK.rawValue else { throw BrokerLost() }
    }

    /// There is no such device any more.
    func gone(_ tag: UInt64, _ handle: PushHandle) throws(BrokerLost) {
      try broker.publishDurably(PushEnd(handle: handle).encoded, to: Self.gone)
      try done(tag)
    }

    /// It has to wait.
    func later(_ tag: UInt64) throws(BrokerLost) {
      let sent = unsafe amqp_basic_reject(broker.connection, BrokerConnection.channel, tag, 0)
      guard sent == AMQP_STATUS_OK.rawValue else { throw BrokerLost() }
    }

    func close() { broker.close() }
  }

  extension BrokerConnection {
    /// A broker that is short of memory or disk reads no more, and a host that vanished says nothing: writing to either would
    /// wait for ever.
    fileprivate func endsWhenNothingIsTaken() {
      #if os(Linux)
        var milliseconds = FleetLimits.pushStall
        unsafe setsockopt(
          descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, socklen_t(MemoryLayout<UInt32>.size))
      #endif
    }

    fileprivate func confirmEverything() throws(BrokerLost) {
      unsafe amqp_confirm_select(connection, Self.channel)
      try unsafe check(amqp_get_rpc_reply(connection))
    }

    fileprivate func consume(_ queue: StaticString, ahead: UInt16) throws(BrokerLost) {
      unsafe amqp_basic_qos(connection, Self.channel, 0, ahead, 0)
      try unsafe check(amqp_get_rpc_reply(connection))
      unsafe amqp_basic_consume(connection, Self.channel, Bytes.of(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table)
      try unsafe check(amqp_get_rpc_reply(connection))
    }

    /// To be kept through a restart of the broker, and to come back when there is no such queue.
    fileprivate func publishDurably(_ body: [UInt8], to queue: StaticString) throws(BrokerLost) {
      var properties = unsafe amqp_basic_properties_t()
      unsafe properties._flags = UInt32(AMQP_BASIC_DELIVERY_MODE_FLAG)
      unsafe properties.delivery_mode = 2
      let sent = unsafe body.withUnsafeBytes { bytes in
        let body = unsafe amqp_bytes_t(len: bytes.count, bytes: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
        return unsafe amqp_basic_publish(
          connection, Self.channel, amqp_empty_bytes, Bytes.of(queue), 1, 0, &properties, body)
      }
      guard sent == AMQP_STATUS_OK.rawValue else { throw BrokerLost() }
    }

    /// What has waited longest, which is taken with that; nil when nothing waits.
    fileprivate func takeOne(from queue: StaticString) throws(BrokerLost) -> [UInt8]? {
      unsafe amqp_maybe_release_buffers(connection)
      let reply = unsafe amqp_basic_get(connection, Self.channel, Bytes.of(queue), 1)
      try unsafe check(reply)
      guard unsafe reply.reply.id == UInt32(AMQP_BASIC_GET_OK_METHOD) else { return nil }
      var message = unsafe amqp_message_t()
      try unsafe check(amqp_read_message(connection, Self.channel, &message, 0))
      defer { unsafe amqp_destroy_message(&message) }
      return unsafe [UInt8](UnsafeRawBufferPointer(start: message.body.bytes, count: message.body.len))
    }

    /// Waits until all that wait are answered. Throws when the broker does not.
    fileprivate func awaitConfirms(
      _ waiting: inout [UInt64: PushHandle], _ safe: inout Set<PushHandle>
    ) throws(BrokerLost) {
      var confirmed: Set<PushHandle> = []
      // One that comes back, because there is no such queue, is confirmed all the same; then none is believed.
      var isBack = false
      defer { if !isBack { safe.formUnion(confirmed) } }
      let end = ContinuousClock.now + .seconds(FleetLimits.brokerAnswer)
      while !waiting.isEmpty {
        let left = Int((end - ContinuousClock.now) / .milliseconds(1))
        guard left > 0 else { throw BrokerLost() }
        var patience = timeval(tv_sec: left / 1_000, tv_usec: (left % 1_000) * 1_000)
        var frame = unsafe amqp_frame_t()
        unsafe amqp_maybe_release_buffers(connection)
        guard unsafe amqp_simple_wait_frame_noblock(connection, &frame, &patience) == AMQP_STATUS_OK.rawValue else {
          throw BrokerLost()
        }
        // Of a message that came back its head and body follow, which say nothing new.
        guard unsafe Int32(frame.frame_type) == AMQP_FRAME_METHOD else { continue }
        let method = unsafe frame.payload.method
        switch unsafe method.id {
        case UInt32(AMQP_BASIC_ACK_METHOD):
          guard let ack = unsafe method.decoded?.assumingMemoryBound(to: amqp_basic_ack_t.self) else { break }
          let numbers = unsafe Self.answered(ack.pointee.delivery_tag, ack.pointee.multiple != 0, waiting)
          for number in numbers { if let handle = waiting.removeValue(forKey: number) { confirmed.insert(handle) } }
        case UInt32(AMQP_BASIC_NACK_METHOD):
          guard let nack = unsafe method.decoded?.assumingMemoryBound(to: amqp_basic_nack_t.self) else { break }
          let numbers = unsafe Self.answered(nack.pointee.delivery_tag, nack.pointee.multiple != 0, waiting)
          for number in numbers { waiting[number] = nil }
        case UInt32(AMQP_BASIC_RETURN_METHOD): isBack = true
        default: throw BrokerLost()
        }
      }
    }

    private static func answered(
      _ number: UInt64, _ isMultiple: Bool, _ waiting: [UInt64: PushHandle]
    ) -> [UInt64] {
      isMultiple ? waiting.keys.filter { $0 <= number } : [number]
    }
  }
#endif
