internal import Foundation
internal import NIOCore
package import NIOSSL
package import SottoWire

/// Where the load goes.
package struct LoadTarget: Sendable {
  package let host: String
  package let port: Int
  /// nil: plain.
  package let tls: NIOSSLContext?
  /// What the certificate is for; nil: the address that is connected to.
  package let name: String?
  /// The server's process, if it runs on this machine: its processor time and memory are measured.
  package let process: Int32?
  /// Addresses of this machine to connect from, in turn: who limits what one client may do sees several. None: whichever.
  package var sources: [String] = []

  package init(
    host: String = "127.0.0.1", port: Int, tls: NIOSSLContext? = nil, name: String? = nil, process: Int32?
  ) {
    (self.host, self.port, self.tls, self.name, self.process) = (host, port, tls, name, process)
  }

  /// The relay at `http[s]://HOST[:PORT]`; nil for anything else. `authorityFile` is trusted besides what the system
  /// trusts; `host`, if it is given, is asked instead of the one that the URL names.
  package static func at(
    _ url: String, authorityFile: String?, host: String? = nil, process: Int32?
  ) throws(StartFailure) -> (LoadTarget, RelayAuthority)? {
    let parts = url.split(separator: "://", maxSplits: 1).map(String.init)
    guard parts.count == 2, ["http", "https"].contains(parts[0]),
      let authority = RelayAuthority(parts[1].hasSuffix("/") ? String(parts[1].dropLast()) : parts[1])
    else { return nil }
    guard parts[0] == "https" else {
      return (LoadTarget(host: host ?? authority.host, port: authority.port, process: process), authority)
    }
    do {
      var configuration = TLSConfiguration.makeClientConfiguration()
      if let authorityFile {
        configuration.additionalTrustRoots = [.file(authorityFile)]
      }
      let tls = try NIOSSLContext(configuration: configuration)
      // An address is no name to ask for; the certificate is compared with what was connected to.
      let isName = (try? SocketAddress(ipAddress: authority.host, port: 0)) == nil
      let name = isName ? authority.host : nil
      return (
        LoadTarget(host: host ?? authority.host, port: authority.port, tls: tls, name: name, process: process),
        authority
      )
    } catch {
      throw .loadAuthority(authorityFile ?? "")
    }
  }
}
