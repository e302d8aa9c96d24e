internal import SottoWire

/// A network address as the limits see it. It lives as long as a connection or a request, and is never kept.
package struct ClientAddress: Hashable, Sendable {
  /// 4 bytes of IPv4 or 16 of IPv6. IPv4 inside IPv6 (`::ffff:a.b.c.d`, what a socket that takes both sees) is IPv4.
  package let bytes: [UInt8]

  /// nil for anything but 4 or 16 bytes.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    let isMapped = bytes.count == 16 && bytes[..<12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    self.bytes = isMapped ? Array(bytes[12...]) : bytes
  }

  /// `192.0.2.1` or `2001:db8::1` (RFC 4291 section 2.2), without zone, brackets or port.
  package init?(_ text: some StringProtocol) {
    guard text.utf8.count <= 45 else { return nil }
    guard let bytes = text.utf8.contains(UInt8(ascii: ":")) ? Self.version6(String(text)) : Self.version4(text) else {
      return nil
    }
    self.init(bytes: bytes)
  }

  /// What one client can be assumed to have: an IPv4 address, or a /64 of IPv6, in which a client chooses freely.
  /// The count of bytes tells the two apart. [limits.1]
  package var network: [UInt8] { Array(bytes.prefix(8)) }

  /// Whether it is this machine.
  package var isLoopback: Bool { bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1] }

  private static func version4(_ text: some StringProtocol) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let octets = parts.compactMap { DecimalNumber.decode($0).flatMap { UInt8(exactly: $0) } }
    return parts.count == 4 && octets.count == 4 ? octets : nil
  }

  private static func version6(_ text: String) -> [UInt8]? {
    guard let gap = text.firstRange(of: "::") else { return groups(text).flatMap { $0.count == 16 ? $0 : nil } }
    let (before, after) = (text[..<gap.lowerBound], text[gap.upperBound...])
    guard let head = before.isEmpty ? [] : groups(String(before)),
      let tail = after.isEmpty ? [] : groups(String(after)), head.count + tail.count <= 14
    else { return nil }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  /// Groups of up to four hexadecimal digits; the last may be an IPv4 address.
  private static func groups(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if index == parts.count - 1, part.contains(".") {
        guard let octets = version4(part) else { return nil }
        bytes += octets
      } else {
        guard 1...4 ~= part.utf8.count, part.allSatisfy({ $0.isASCII && $0.isHexDigit }),
          let group = UInt16(part, radix: 16)
        else { return nil }
        bytes += [UInt8(group >> 8), UInt8(group & 0xff)]
      }
    }
    return bytes
  }
}

/// Addresses with a common beginning: `10.0.0.0/8`, or one address.
package struct AddressRange: Hashable, Sendable {
  /// As it was written.
  package let text: String
  private let first: ClientAddress
  private let bits: Int

  /// nil for anything else, and for an address that has bits beyond the prefix: that is a mistake more often than not.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let first = parts.first.flatMap({ ClientAddress($0) }), parts.count <= 2 else { return nil }
    self.text = String(text)
    self.first = first
    let width = first.bytes.count * 8
    guard let bits = parts.count == 1 ? width : DecimalNumber.decode(parts[1]).flatMap({ Int(exactly: $0) }),
      bits <= width
    else { return nil }
    self.bits = bits
    guard Self.masked(first.bytes, to: bits) == first.bytes else { return nil }
  }

  package func contains(_ address: ClientAddress) -> Bool {
    address.bytes.count == first.bytes.count && Self.masked(address.bytes, to: bits) == first.bytes
  }

  private static func masked(_ bytes: [UInt8], to bits: Int) -> [UInt8] {
    bytes.enumerated().map { index, byte in
      let kept = min(max(bits - index * 8, 0), 8)
      return byte & UInt8(truncatingIfNeeded: 0xff00 >> kept)
    }
  }
}
