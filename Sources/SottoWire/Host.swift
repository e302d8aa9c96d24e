/// The host of an authority: a DNS name, an IPv4 address or an IPv6 address, each in its one spelling. [relay.7]
///
/// Resolvers read more: `127.1`, `0x7f000001` and `0:0:0:0:0:0:0:1` are other names of addresses that have one here.
enum Host {
  /// Labels of letters, digits and hyphens. The last is not a number: `inet_aton` would read the whole as an address.
  static func isName(_ host: ArraySlice<UInt8>) -> Bool {
    let labels = parts(of: host)
    return host.count <= WireLimits.hostName && labels.allSatisfy(isLabel) && !labels.suffix(1).allSatisfy(isNumber)
  }

  /// The four numbers of an IPv4 address; nil for anything but decimal ones without leading zeros.
  static func ipv4(_ host: ArraySlice<UInt8>) -> [UInt8]? {
    guard let first = host.first, isDigit(first) else { return nil }
    let parts = parts(of: host)
    let octets = parts.compactMap { part in
      DecimalNumber.decode(String(decoding: part, as: UTF8.self)).flatMap(UInt8.init(exactly:))
    }
    return parts.count == 4 && octets.count == 4 ? octets : nil
  }

  /// Whether it is the text of RFC 5952 section 4 for the address that it names; never with a dotted end or a zone.
  static func isIPv6(_ host: ArraySlice<UInt8>) -> Bool {
    groups(String(decoding: host, as: UTF8.self)).map { ipv6($0).utf8.elementsEqual(host) } ?? false
  }

  private typealias Label = ArraySlice<UInt8>

  private static func parts(of host: ArraySlice<UInt8>) -> [Label] {
    host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
  }

  private static func isLabel(_ label: Label) -> Bool {
    1...WireLimits.hostLabel ~= label.count && label.first != hyphen && label.last != hyphen
      && label.allSatisfy { isDigit($0) || isLetter($0, upTo: "z") || $0 == hyphen }
  }

  /// As the URL Standard's "ends in a number" has it: digits alone, or `0x` and hexadecimal digits, if any.
  private static func isNumber(_ label: Label) -> Bool {
    label.allSatisfy(isDigit)
      || label.starts(with: "0x".utf8) && label.dropFirst(2).allSatisfy { isDigit($0) || isLetter($0, upTo: "f") }
  }

  /// The eight groups of what may be an address. Generous: whoever asks compares with the one spelling.
  private static func groups(_ text: String) -> [UInt16]? {
    let fields = text.split(separator: ":", omittingEmptySubsequences: false)
    let head = fields.prefix { !$0.isEmpty }
    let tail = fields.dropFirst(head.count).filter { !$0.isEmpty }
    let values = (head + tail).compactMap { UInt16($0, radix: 16) }
    guard values.count == head.count + tail.count, values.count <= 8 else { return nil }
    return values[..<head.count] + [UInt16](repeating: 0, count: 8 - values.count) + values[head.count...]
  }

  /// RFC 5952 section 4: `::` for the longest run of zeros, the first of several, and never for one group alone.
  private static func ipv6(_ groups: [UInt16]) -> String {
    var (start, longest) = (0, 0..<0)
    for (index, group) in groups.enumerated() {
      if group != 0 { start = index + 1 }
      if index + 1 - start > max(longest.count, 1) { longest = start..<index + 1 }
    }
    let digits = groups.map { String($0, radix: 16) }
    guard !longest.isEmpty else { return digits.joined(separator: ":") }
    return digits[..<longest.lowerBound].joined(separator: ":") + "::"
      + digits[longest.upperBound...].joined(separator: ":")
  }

  private static let hyphen = UInt8(ascii: "-")
  private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
  private static func isLetter(_ byte: UInt8, upTo last: Unicode.Scalar) -> Bool {
    UInt8(ascii: "a")...UInt8(ascii: last) ~= byte
  }
}
