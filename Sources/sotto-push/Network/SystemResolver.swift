internal import NIOPosix
package import SottoRelay
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The system's, on threads of their own: it blocks, and for whom is somebody else's choice. Nothing ends a lookup, so whoever
/// has waited long enough leaves it to its thread. Hosts that everybody knows do not wait for those that strangers name.
package struct SystemResolver: Resolver {
  private let threads: Threads
  private let limit: Duration
  private let ask: @Sendable (String) -> [ClientAddress]

  private struct Threads {
    let known = Self.pool(PushLimits.knownLookups)
    let others = Self.pool(PushLimits.lookups)

    private static func pool(_ count: Int) -> NIOThreadPool {
      let pool = NIOThreadPool(numberOfThreads: count)
      pool.start()
      return pool
    }
  }

  private static let shared = Threads()

  package init() {
    self.init(threads: Self.shared, limit: PushLimits.lookupTime, ask: { SystemResolver.look(up: $0) })
  }

  /// Asks somebody else, on threads of its own, which never end.
  package init(limit: Duration, ask: @escaping @Sendable (String) -> [ClientAddress]) {
    self.init(threads: Threads(), limit: limit, ask: ask)
  }

  private init(threads: Threads, limit: Duration, ask: @escaping @Sendable (String) -> [ClientAddress]) {
    self.threads = threads
    self.limit = limit
    self.ask = ask
  }

  package func addresses(of host: String) async -> [ClientAddress] {
    let (limit, ask) = (self.limit, self.ask)
    let threads = PushLimits.knownHosts.contains(host) ? threads.known : threads.others
    return await withCheckedContinuation { continuation in
      let lookup = Lookup(continuation)
      let end = Task {
        try? await Task.sleep(for: limit)
        lookup.answer([])
      }
      threads.submit { state in
        defer { end.cancel() }
        // What was given up before there was a thread for it needs none any more.
        guard case .active = state, !lookup.isOver else { return lookup.answer([]) }
        lookup.answer(ask(host))
      }
    }
  }

  private static func look(up host: String) -> [ClientAddress] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_UNSPEC
    #if canImport(Glibc)
      unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
      unsafe hints.ai_socktype = SOCK_STREAM
    #endif
    var first: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(host, nil, &hints, &first) == 0 else { return [] }
    defer { unsafe freeaddrinfo(first) }
    var found: [ClientAddress] = []
    var next = unsafe first
    while let entry = unsafe next {
      if let address = unsafe address(entry.pointee) { found.append(address) }
      unsafe next = entry.pointee.ai_next
    }
    return found
  }

  private static func address(_ entry: addrinfo) -> ClientAddress? {
    guard let address = unsafe entry.ai_addr else { return nil }
    switch unsafe entry.ai_family {
    case AF_INET:
      return unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
        unsafe withUnsafeBytes(of: pointer.pointee.sin_addr) { unsafe ClientAddress(bytes: Array($0)) }
      }
    case AF_INET6:
      return unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
        unsafe withUnsafeBytes(of: pointer.pointee.sin6_addr) { unsafe ClientAddress(bytes: Array($0)) }
      }
    default: return nil
    }
  }
}

/// One lookup: the first answer counts, that of a thread or that the time is over.
private final class Lookup: Sendable {
  /// nil once there was an answer.
  private let waiting: Mutex<CheckedContinuation<[ClientAddress], Never>?>

  init(_ continuation: CheckedContinuation<[ClientAddress], Never>) { waiting = Mutex(continuation) }

  var isOver: Bool { waiting.withLock { $0 == nil } }

  func answer(_ addresses: [ClientAddress]) {
    let continuation = waiting.withLock { waiting in
      let continuation = waiting
      waiting = nil
      return continuation
    }
    continuation?.resume(returning: addresses)
  }
}
