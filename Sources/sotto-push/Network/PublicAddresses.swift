package import SottoRelay

/// Which addresses belong to the public internet: the others are those of this machine, of the network that it stands in, and
/// of tunnels into such. Whoever subscribes chooses where the gateway connects to, and must not get it to connect there.
/// [push.8]
package enum PublicAddresses {
  /// False for everything that the registries of special-purpose addresses (RFC 6890, and what IANA has added) reserve. Of IPv6
  /// only what is given out as global unicast is public at all; so IPv4 inside IPv6, of whatever kind, is not.
  package static func contain(_ address: ClientAddress) -> Bool {
    let isCandidate = address.bytes.count == 4 || globalUnicast.contains(address)
    return isCandidate && !reserved.contains { $0.contains(address) }
  }

  private static let globalUnicast = AddressRange("2000::/3")!

  private static let reserved: [AddressRange] = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    // Protocol assignments, Teredo among them; documentation; 6to4; AS112.
    "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
  ].map { AddressRange($0)! }
}
