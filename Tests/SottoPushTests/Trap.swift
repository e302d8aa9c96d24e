import Crypto
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A port of this machine that is listened on.
final class Listener: Sendable {
  let descriptor: Int32
  let port: Int

  init() {
    #if canImport(Glibc)
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        precondition(bind(descriptor, $0, size) == 0 && listen(descriptor, 8) == 0)
        precondition(getsockname(descriptor, $0, &size) == 0)
      }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(descriptor) }
}

/// A port of this machine at which nobody may knock.
final class Trap {
  private let listener = Listener()
  var port: Int { listener.port }

  init() throws { _ = fcntl(listener.descriptor, F_SETFL, O_NONBLOCK) }

  /// How many have come since it was asked last.
  var connections: Int {
    var count = 0
    while true {
      let connection = accept(listener.descriptor, nil, nil)
      if connection < 0 { return count }
      close(connection)
      count += 1
    }
  }

  /// A public key that a device could have.
  static func point() throws -> [UInt8] { [UInt8](P256.KeyAgreement.PrivateKey().publicKey.x963Representation) }
}
