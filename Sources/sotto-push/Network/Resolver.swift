internal import NIOPosix
package import SottoRelay

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What a name stands for.
package protocol Resolver: Sendable {
  /// Every address; none when there is no such name, or nobody says.
  func addresses(of host: String) async -> [ClientAddress]
}

/// The system's, on threads of their own: it blocks, and for whom is somebody else's choice.
package struct SystemResolver: Resolver {
  package init() {}

  private static let threads = {
    let pool = NIOThreadPool(numberOfThreads: 8)
    pool.start()
    return pool
  }()

  package func addresses(of host: String) async -> [ClientAddress] {
    (try? await Self.threads.runIfActive { Self.ask(host) }) ?? []
  }

  private static func ask(_ host: String) -> [ClientAddress] {
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
