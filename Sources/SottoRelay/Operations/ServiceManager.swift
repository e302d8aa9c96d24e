internal import Foundation

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Tells systemd how far the relay is, as `sd_notify(3)` describes it: one datagram to the socket in `NOTIFY_SOCKET`.
/// [operation.9]
public struct ServiceManager: Sendable {
  private let path: String

  /// nil when nobody asks. The value of `NOTIFY_SOCKET`: a path, or `@` and a name in the abstract namespace.
  public init?(notifySocket: String?) {
    guard let notifySocket, notifySocket.hasPrefix("/") || notifySocket.hasPrefix("@") else { return nil }
    path = notifySocket
  }

  enum State: Sendable {
    case ready
    case reloading
    case stopping

    var message: String {
      switch self {
      case .ready: "READY=1"
      // The time lets a manager that asks for it tell this reload from the one before.
      case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(DispatchTime.now().uptimeNanoseconds / 1_000)"
      case .stopping: "STOPPING=1"
      }
    }
  }

  /// What cannot be told is not: a relay that serves is worth more than one that is known to serve.
  func tell(_ state: State) {
    #if canImport(Glibc)
      let kind = Int32(SOCK_DGRAM.rawValue)
    #else
      let kind = SOCK_DGRAM
    #endif
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var name = Array(path.utf8)
    // An abstract name begins with a zero byte and has no end.
    if name[0] == UInt8(ascii: "@") { name[0] = 0 }
    guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
    let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    let size = socklen_t(offset + name.count)
    let message = Array(state.message.utf8)
    _ = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe sendto(descriptor, message, message.count, 0, $0, size)
      }
    }
  }
}
