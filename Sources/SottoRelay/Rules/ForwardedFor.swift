/// Proxies that an operator trusts to say for whom they ask. [limits.4]
///
/// Each proxy appends the address that it was reached from, so a list is believed from its right end, and only as far
/// as each address that vouches for the next is a trusted one. What stands further left came from the client.
package struct TrustedProxies: Equatable, Sendable {
  /// The one header that is read. A proxy writes one of the two and passes the other on as the client sent it, so
  /// believing both would be believing the client.
  package enum Header: String, CaseIterable, Sendable {
    case xForwardedFor = "x-forwarded-for"
    /// RFC 7239.
    case forwarded
  }

  /// Empty: every forwarded header is ignored.
  package var ranges: [AddressRange] = []
  package var header = Header.xForwardedFor

  package init() {}

  package func contains(_ address: ClientAddress) -> Bool { ranges.contains { $0.contains(address) } }

  /// Who asks, when `peer` holds the other end of the connection and `lines` are the header's values.
  package func client(peer: ClientAddress, lines: [String]) -> ClientAddress {
    var client = peer
    for hop in hops(lines).suffix(RelayLimits.forwardedHops).reversed() {
      guard contains(client), let next = address(hop) else { break }
      client = next
    }
    return client
  }

  private func hops(_ lines: [String]) -> [Substring] {
    // More lines of one header are one list (RFC 9110 section 5.3).
    lines.flatMap { Self.split($0[...], at: ",") }
  }

  private func address(_ hop: Substring) -> ClientAddress? {
    switch header {
    case .xForwardedFor: return Self.node(hop)
    case .forwarded:
      for pair in Self.split(hop, at: ";") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].lowercased() == "for" else { continue }
        let value = parts[1]
        let isQuoted = value.count >= 2 && value.first == "\"" && value.last == "\""
        return Self.node(isQuoted ? value.dropFirst().dropLast() : value)
      }
      return nil
    }
  }

  /// An address, with or without brackets and port; nil for `unknown` and other names.
  private static func node(_ text: Substring) -> ClientAddress? {
    if text.first == "[" {
      guard let close = text.firstIndex(of: "]") else { return nil }
      let rest = text[close...].dropFirst()
      guard rest.isEmpty || isPort(rest) else { return nil }
      return ClientAddress(text[..<close].dropFirst())
    }
    if let address = ClientAddress(text) { return address }
    guard let colon = text.firstIndex(of: ":"), isPort(text[colon...]) else { return nil }
    return ClientAddress(text[..<colon])
  }

  private static func isPort(_ text: Substring) -> Bool {
    text.first == ":" && 2...6 ~= text.utf8.count && text.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
  }

  /// Parts without the space around them; a separator inside quotes separates nothing.
  private static func split(_ text: Substring, at separator: Character) -> [Substring] {
    var isQuoted = false
    return text.split(omittingEmptySubsequences: false) { character in
      if character == "\"" { isQuoted.toggle() }
      return character == separator && !isQuoted
    }.map { part in
      let start = part.drop { $0 == " " || $0 == "\t" }
      return start.lastIndex { $0 != " " && $0 != "\t" }.map { start[...$0] } ?? ""
    }
  }
}
