#if Fleet
  internal import CRabbitMQ
  internal import SottoCrypto
  internal import SottoRelay
  internal import SottoWire

  #if canImport(Glibc)
    internal import Glibc
  #elseif canImport(Musl)
    internal import Musl
  #elseif canImport(Darwin)
    internal import Darwin
  #endif

  /// The connection with the broker was lost, or there was none to be had.
  struct BrokerLost: Error {}

  /// A connection with one broker. It blocks, so it belongs to one thread that nobody else needs.
  ///
  /// Notices go to an exchange by the name of the relay that they are for, and from there to a queue of that relay's own.
  /// The queue is new with every connection: one that a broken connection has left behind may take what it will, and is
  /// deleted with it. Push jobs are another matter: see `PushBroker`.
  @safe final class BrokerConnection {
    static let channel: amqp_channel_t = 1
    private static let exchange: StaticString = "sotto.notices"

    let connection: amqp_connection_state_t

    /// Connects with the first of the hosts that answers, as a relay that hears what others tell it.
    static func open(_ address: BusAddress, _ node: NodeID) throws(BrokerLost) -> BrokerConnection {
      try open(address, heartbeat: FleetLimits.brokerHeartbeat) { connection throws(BrokerLost) in
        try connection.subscribe(node)
      }
    }

    /// Connects with the first of the hosts that answers and lets itself be prepared. `heartbeat`: seconds, 0 for none.
    static func open(
      _ address: BusAddress, heartbeat: Int32, _ prepare: (BrokerConnection) throws(BrokerLost) -> Void
    ) throws(BrokerLost) -> BrokerConnection {
      for host in address.location.hosts {
        guard let connection = try? BrokerConnection(address, host, heartbeat) else { continue }
        do throws(BrokerLost) {
          try prepare(connection)
          return connection
        } catch {}
      }
      throw BrokerLost()
    }

    private init(_ address: BusAddress, _ host: ListenAddress, _ heartbeat: Int32) throws(BrokerLost) {
      guard let connection = unsafe amqp_new_connection() else { throw BrokerLost() }
      unsafe self.connection = connection
      var patience = timeval(tv_sec: FleetLimits.brokerAnswer, tv_usec: 0)
      unsafe amqp_set_handshake_timeout(connection, &patience)
      unsafe amqp_set_rpc_timeout(connection, &patience)
      try openSocket(address, host)
      try logIn(address, heartbeat)
    }

    deinit { unsafe amqp_destroy_connection(connection) }

    private func openSocket(_ address: BusAddress, _ host: ListenAddress) throws(BrokerLost) {
      guard
        let socket = unsafe address.location.isEncrypted
          ? amqp_ssl_socket_new(connection) : amqp_tcp_socket_new(connection)
      else { throw BrokerLost() }
      if address.location.isEncrypted {
        let authorities = address.authorities ?? FleetLimits.authorities
        guard unsafe amqp_ssl_socket_set_cacert(socket, authorities) == AMQP_STATUS_OK.rawValue else {
          throw BrokerLost()
        }
        unsafe amqp_ssl_socket_set_verify_peer(socket, 1)
        unsafe amqp_ssl_socket_set_verify_hostname(socket, 1)
        unsafe amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST)
      }
      var patience = timeval(tv_sec: FleetLimits.brokerConnect, tv_usec: 0)
      guard unsafe amqp_socket_open_noblock(socket, host.host, Int32(host.port), &patience) == AMQP_STATUS_OK.rawValue
      else { throw BrokerLost() }
    }

    private func logIn(_ address: BusAddress, _ heartbeat: Int32) throws(BrokerLost) {
      guard let password = BrokerPassword(address.passwordFile) else { throw BrokerLost() }
      let answer = unsafe password.withCString { word in
        unsafe sotto_amqp_login(
          connection, address.location.virtualHost, heartbeat, address.location.user, word)
      }
      try unsafe check(answer)
      unsafe amqp_channel_open(connection, Self.channel)
      try unsafe check(amqp_get_rpc_reply(connection))
    }

    /// A queue that ends with the connection, and forgets the oldest when it is full: what is in it is worth little when it
    /// is late.
    private func subscribe(_ node: NodeID) throws(BrokerLost) {
      unsafe amqp_exchange_declare(
        connection, Self.channel, Bytes.of(Self.exchange), Bytes.of("direct"), 0, 1, 0, 0, amqp_empty_table)
      try unsafe check(amqp_get_rpc_reply(connection))
      var bounds = unsafe [
        Bytes.entry("x-max-length", FleetLimits.brokerQueue),
        Bytes.entry("x-max-length-bytes", FleetLimits.brokerQueueBytes),
      ]
      let queue = unsafe bounds.withUnsafeMutableBufferPointer { bounds in
        let table = unsafe amqp_table_t(num_entries: Int32(bounds.count), entries: bounds.baseAddress)
        return unsafe amqp_queue_declare(connection, Self.channel, amqp_empty_bytes, 0, 0, 1, 1, table)
      }
      try unsafe check(amqp_get_rpc_reply(connection))
      // It lies in memory that the next answer may take.
      guard let queue = unsafe queue else { throw BrokerLost() }
      let name = unsafe amqp_bytes_malloc_dup(queue.pointee.queue)
      defer { unsafe amqp_bytes_free(name) }
      _ = unsafe Self.withKey(node) { key in
        unsafe amqp_queue_bind(connection, Self.channel, name, Bytes.of(Self.exchange), key, amqp_empty_table)
      }
      try unsafe check(amqp_get_rpc_reply(connection))
      unsafe amqp_basic_consume(connection, Self.channel, name, amqp_empty_bytes, 0, 1, 1, amqp_empty_table)
      try unsafe check(amqp_get_rpc_reply(connection))
    }

    func check(_ reply: amqp_rpc_reply_t) throws(BrokerLost) {
      guard unsafe reply.reply_type == AMQP_RESPONSE_NORMAL else { throw BrokerLost() }
    }

    // MARK: Running

    /// Readable when something has come.
    var descriptor: Int32 { unsafe amqp_get_sockfd(connection) }

    /// Loses it without a word when there is no such relay.
    func publish(_ body: [UInt8], to node: NodeID) throws(BrokerLost) {
      let sent = unsafe body.withUnsafeBytes { bytes in
        unsafe Self.withKey(node) { key in
          let body = unsafe amqp_bytes_t(len: bytes.count, bytes: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
          return unsafe amqp_basic_publish(
            connection, Self.channel, Bytes.of(Self.exchange), key, 0, 0, nil, body)
        }
      }
      guard sent == AMQP_STATUS_OK.rawValue else { throw BrokerLost() }
    }

    /// What has come, if anything has. Also keeps the connection alive.
    func next() throws(BrokerLost) -> [UInt8]? { try nextDelivery(within: 0)?.body }

    /// What comes within so many milliseconds, the number that it is acknowledged by, and how often it was in a queue before.
    func nextDelivery(within milliseconds: Int) throws(BrokerLost) -> (tag: UInt64, body: [UInt8], rounds: Int64)? {
      var patience = timeval(tv_sec: milliseconds / 1_000, tv_usec: (milliseconds % 1_000) * 1_000)
      var envelope = unsafe amqp_envelope_t()
      unsafe amqp_maybe_release_buffers(connection)
      let reply = unsafe amqp_consume_message(connection, &envelope, &patience, 0)
      if unsafe reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION,
        unsafe reply.library_error == AMQP_STATUS_TIMEOUT.rawValue
      {
        return nil
      }
      try unsafe check(reply)
      defer { unsafe amqp_destroy_envelope(&envelope) }
      let body = unsafe envelope.message.body
      let rounds = unsafe Self.rounds(envelope.message.properties)
      return unsafe (envelope.delivery_tag, [UInt8](UnsafeRawBufferPointer(start: body.bytes, count: body.len)), rounds)
    }

    /// The greatest of the counts that the broker keeps, one for each queue that the message left unacknowledged.
    private static func rounds(_ properties: amqp_basic_properties_t) -> Int64 {
      guard unsafe properties._flags & UInt32(AMQP_BASIC_HEADERS_FLAG) != 0,
        let deaths = unsafe Bytes.value(of: "x-death", in: properties.headers),
        unsafe deaths.kind == UInt8(AMQP_FIELD_KIND_ARRAY.rawValue)
      else { return 0 }
      let array = unsafe deaths.value.array
      var most: Int64 = 0
      for index in unsafe 0..<Int(array.num_entries) {
        let death = unsafe array.entries[index]
        guard unsafe death.kind == UInt8(AMQP_FIELD_KIND_TABLE.rawValue),
          let count = unsafe Bytes.value(of: "count", in: death.value.table),
          unsafe count.kind == UInt8(AMQP_FIELD_KIND_I64.rawValue)
        else { continue }
        most = unsafe max(most, count.value.i64)
      }
      return most
    }

    /// Says goodbye, so that the broker need not find out.
    func close() { unsafe amqp_connection_close(connection, Int32(AMQP_REPLY_SUCCESS)) }

    /// Digits: a routing key has to be UTF-8.
    private static func withKey<T>(_ node: NodeID, _ body: (amqp_bytes_t) -> T) -> T {
      var text = Hex.encode(node.number.bytes)
      return text.withUTF8 { text in
        unsafe body(amqp_bytes_t(len: text.count, bytes: UnsafeMutableRawPointer(mutating: text.baseAddress)))
      }
    }
  }

  /// Words of the program, which stay where they are.
  enum Bytes {
    static func of(_ word: StaticString) -> amqp_bytes_t {
      unsafe amqp_bytes_t(len: word.utf8CodeUnitCount, bytes: UnsafeMutableRawPointer(mutating: word.utf8Start))
    }

    /// What a table says under a name.
    static func value(of name: StaticString, in table: amqp_table_t) -> amqp_field_value_t? {
      for index in unsafe 0..<Int(table.num_entries) {
        let entry = unsafe table.entries[index]
        let key = unsafe UnsafeRawBufferPointer(start: entry.key.bytes, count: entry.key.len)
        let isIt = name.withUTF8Buffer { unsafe key.elementsEqual($0) }
        if isIt { return unsafe entry.value }
      }
      return nil
    }

    static func entry(_ name: StaticString, _ value: Int32) -> amqp_table_entry_t {
      var entry = unsafe amqp_table_entry_t()
      unsafe entry.key = of(name)
      unsafe entry.value.kind = UInt8(AMQP_FIELD_KIND_I32.rawValue)
      unsafe entry.value.value.i32 = value
      return unsafe entry
    }

    static func entry(_ name: StaticString, _ value: StaticString) -> amqp_table_entry_t {
      var entry = unsafe amqp_table_entry_t()
      unsafe entry.key = of(name)
      unsafe entry.value.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
      unsafe entry.value.value.bytes = of(value)
      return unsafe entry
    }
  }

  /// The password, as long as it takes to log in. What librabbitmq makes of it is out of reach.
  struct BrokerPassword: ~Copyable {
    private let secret: Secret

    /// The first line of a file; nil when it cannot be read, or is empty.
    init?(_ path: String) {
      let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
      guard file >= 0 else { return nil }
      defer { close(file) }
      var length = 0
      // One byte more stays zero: it ends the string.
      let secret = Secret(count: FleetLimits.brokerPassword + 1) { (span: inout MutableRawSpan) in
        unsafe span.withUnsafeMutableBytes { bytes in
          length = unsafe read(file, bytes.baseAddress, FleetLimits.brokerPassword)
          let end = unsafe bytes.prefix(max(length, 0)).firstIndex { $0 == 0x0A || $0 == 0x0D || $0 == 0 }
          length = end ?? max(length, 0)
          for index in length..<bytes.count { unsafe bytes[index] = 0 }
        }
      }
      guard length > 0 else { return nil }
      self.secret = secret
    }

    func withCString<T>(_ body: (UnsafePointer<CChar>) -> T) -> T {
      secret.withBytes { span in
        unsafe span.withUnsafeBytes { unsafe body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
      }
    }
  }
#endif
