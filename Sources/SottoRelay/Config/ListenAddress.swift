internal import SottoWire

/// Where a listener stands: a name or IP address without brackets, and a port; 0 picks a free one.
public struct ListenAddress: Equatable, Sendable, CustomStringConvertible {
  public var host: String
  public var port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// `HOST:PORT`, an IPv6 address in brackets; nil for anything else.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = DecimalNumber.decode(text[text.index(after: colon)...]), port <= 65535
    else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      return nil
    }
    if host.isEmpty { return nil }
    self.init(host: host, port: Int(port))
  }

  /// As it stands in a URL.
  public var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

  /// Whether only this machine can reach it.
  public var isLoopback: Bool { RelayAuthority.isLoopback(host) }

  /// Whether the host is written like a DNS name.
  var isName: Bool { RelayAuthority(host).map { $0.text == $0.host } ?? false }

  /// The same host with the port that was picked.
  func with(port: Int?) -> ListenAddress { ListenAddress(host: host, port: port ?? self.port) }
}
