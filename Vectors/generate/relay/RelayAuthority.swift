import SottoWire

@Sendable func relayAuthority(_: Recorded) throws -> VectorFile {
  func one(_ id: String, _ text: String, _ comment: String, _ rule: String) throws -> Case {
    guard let authority = SottoWire.RelayAuthority(text) else { throw WrongVerdict(id: id, verdict: "refused") }
    return Case(id, rule, comment, ["authority": .text(text)], output: ["origin": .text(authority.origin)])
  }
  func refused(_ id: String, _ text: String, _ comment: String) throws -> Case {
    guard SottoWire.RelayAuthority(text) == nil else { throw WrongVerdict(id: id, verdict: "accepted") }
    return Case(id, "relay.7", comment, ["authority": .text(text)], refusedAt: "encoding")
  }
  return VectorFile(
    construction: "relay", operation: "authority", description: "The one spelling of a relay's name, and its scheme",
    cases: try schemes(one) + ports(one, refused) + names(one, refused) + ipv4(one, refused) + ipv6(one, refused))
}

private typealias Accepted = (_ id: String, _ text: String, _ comment: String, _ rule: String) throws -> Case
private typealias Refused = (_ id: String, _ text: String, _ comment: String) throws -> Case

/// Which hosts are this machine. [relay.8]
private func schemes(_ one: Accepted) throws -> [Case] {
  func scheme(_ id: String, _ text: String, _ comment: String) throws -> Case { try one(id, text, comment, "relay.8") }
  return [
    try scheme("name", "relay.example", "https for a DNS name"),
    try scheme("localhost", "localhost", "http for localhost"),
    try scheme("below-localhost", "a.localhost", "https for a name below localhost"),
    try scheme("localhost-label", "localhost.example", "https for a name that only begins like that"),
    try scheme("loopback-4", "127.0.0.1:8090", "http for 127.0.0.0/8"),
    try scheme("loopback-4-last", "127.255.255.255", "the last of 127.0.0.0/8"),
    try scheme("before-loopback-4", "126.255.255.255", "https for the address before 127.0.0.0/8"),
    try scheme("after-loopback-4", "128.0.0.0", "https for the address after 127.0.0.0/8"),
    try scheme("loopback-4-name", "127.0.0.1.example", "https for a name that begins like such an address"),
    try scheme("loopback-6", "[::1]:8090", "http for [::1]"),
    try scheme("before-loopback-6", "[::]", "https for the address before [::1]"),
    try scheme("after-loopback-6", "[::2]", "https for the address after [::1]"),
    try scheme("mapped-loopback", "[::ffff:7f00:1]", "https for 127.0.0.1 in IPv6"),
  ]
}

private func ports(_ one: Accepted, _ refused: Refused) throws -> [Case] {
  func port(_ id: String, _ text: String, _ comment: String) throws -> Case { try one(id, text, comment, "relay.7") }
  return [
    try port("port-1", "relay.example:1", "the least port"),
    try port("port-65535", "relay.example:65535", "the greatest port"),
    try port("port-80-of-https", "relay.example:80", "http's port is written where the scheme is https"),
    try port("port-443-of-http", "localhost:443", "https's port is written where the scheme is http"),
    try port("port-of-ipv6", "[2001:db8::1]:8443", "a port after brackets"),
    try refused("port-443", "relay.example:443", "the scheme's own port"),
    try refused("port-80-of-localhost", "localhost:80", "the scheme's own port"),
    try refused("port-80-of-loopback-4", "127.0.0.1:80", "the scheme's own port"),
    try refused("port-80-of-loopback-6", "[::1]:80", "the scheme's own port"),
    try refused("port-443-of-ipv6", "[2001:db8::1]:443", "the scheme's own port"),
    try refused("port-0", "relay.example:0", "port 0"),
    try refused("port-65536", "relay.example:65536", "a port of 17 bits"),
    try refused("port-2-64", "relay.example:18446744073709560059", "2^64 + 8443"),
    try refused("port-leading-zero", "relay.example:08443", "a leading zero"),
    try refused("port-empty", "relay.example:", "a colon and no port"),
    try refused("port-empty-of-ipv6", "[2001:db8::1]:", "a colon and no port"),
    try refused("port-sign", "relay.example:+8443", "a sign"),
    try refused("port-space", "relay.example: 8443", "white space"),
    try refused("port-name", "relay.example:https", "the name of a port"),
    try refused("port-hexadecimal", "relay.example:0x20fb", "hexadecimal"),
    try refused("two-ports", "relay.example:8443:8443", "two ports"),
    try refused("port-other-digits", "relay.example:\u{661}", "a digit of another script"),
    try refused("port-combining", "[2001:db8::1]:\u{301}8443", "a combining mark after the colon"),
  ]
}

private func names(_ one: Accepted, _ refused: Refused) throws -> [Case] {
  func name(_ id: String, _ text: String, _ comment: String) throws -> Case { try one(id, text, comment, "relay.7") }
  let label = String(repeating: "a", count: 63)
  let host = [label, label, label, String(label.dropLast(2))].joined(separator: ".")
  return [
    try name("one-label", "a", "one label of one character"),
    try name("hyphens", "a-b.xn--p1ai.c--d", "hyphens inside labels"),
    try name("digits-first", "1.2.3.example", "labels of digits before the last"),
    try name("digit-and-letter", "relay.1a", "a last label that begins with a digit"),
    try name("no-hexadecimal", "relay.0xg", "a last label that begins like a hexadecimal number"),
    try name("label-63", label, "a label of 63 characters"),
    try name("host-253", host, "a host of 253 characters"),
    try name("authority-259", host + ":65535", "an authority of 259 characters"),
    try refused("label-64", label + "a", "a label of 64 characters"),
    try refused("host-254", host + "a", "a host of 254 characters"),
    try refused("empty", "", "nothing"),
    try refused("no-host", ":8443", "a port alone"),
    try refused("upper", "Relay.example", "upper case"),
    try refused("upper-localhost", "LOCALHOST", "upper case"),
    try refused("trailing-dot", "relay.example.", "a dot at the end"),
    try refused("leading-dot", ".relay.example", "a dot at the beginning"),
    try refused("two-dots", "relay..example", "an empty label"),
    try refused("leading-hyphen", "-relay.example", "a label that begins with a hyphen"),
    try refused("trailing-hyphen", "relay-.example", "a label that ends with a hyphen"),
    try refused("last-leading-hyphen", "relay.-example", "the last label begins with a hyphen"),
    try refused("last-trailing-hyphen", "relay.example-", "the last label ends with a hyphen"),
    try refused("underscore", "re_lay.example", "a character that no host name has"),
    try refused("space", "relay .example", "white space"),
    try refused("line-break", "relay.example\n", "a line break"),
    try refused("percent", "relay%2eexample", "an escape"),
    try refused("star", "*.example", "a wildcard"),
    try refused("user", "user@relay.example", "user information"),
    try refused("scheme", "https://relay.example", "a scheme"),
    try refused("path", "relay.example/", "a path"),
    try refused("letter", "rélay.example", "a letter beyond ASCII"),
    try refused("ideographic-dot", "relay\u{3002}example", "a full stop that some resolvers take for a dot"),
    try refused("kelvin", "\u{212a}elay.example", "a Kelvin sign, which some compare as a K"),
  ]
}

private func ipv4(_ one: Accepted, _ refused: Refused) throws -> [Case] {
  [
    try one("ipv4", "192.0.2.1", "an IPv4 address", "relay.7"),
    try one("ipv4-zeros", "0.0.0.0", "the least numbers", "relay.7"),
    try one("ipv4-greatest", "255.255.255.255:8443", "the greatest numbers", "relay.7"),
    try refused("ipv4-256", "192.0.2.256", "a number of nine bits"),
    try refused("ipv4-leading-zero", "192.0.2.01", "a leading zero"),
    try refused("ipv4-octal", "0177.0.0.1", "127.0.0.1 in octal"),
    try refused("ipv4-hexadecimal", "127.0.0.0x1", "127.0.0.1 with a hexadecimal end"),
    try refused("ipv4-hexadecimal-whole", "0x7f000001", "127.0.0.1 in one hexadecimal number"),
    try refused("ipv4-hexadecimal-empty", "127.0.0.0x", "`0x` and nothing after it"),
    try refused("ipv4-one", "2130706433", "127.0.0.1 in one decimal number"),
    try refused("ipv4-two", "127.1", "127.0.0.1 in two numbers"),
    try refused("ipv4-three", "127.0.1", "127.0.0.1 in three numbers"),
    try refused("ipv4-five", "192.0.2.1.1", "five numbers"),
    try refused("ipv4-trailing-dot", "192.0.2.1.", "a dot at the end"),
    try refused("ipv4-brackets", "[192.0.2.1]", "brackets"),
    try refused("number-last", "relay.example.1", "a name whose last label is a number"),
    try refused("hexadecimal-last", "relay.0xfe", "a name whose last label is a hexadecimal number"),
  ]
}

/// RFC 5952 section 4.
private func ipv6(_ one: Accepted, _ refused: Refused) throws -> [Case] {
  func address(_ id: String, _ text: String, _ comment: String) throws -> Case { try one(id, text, comment, "relay.7") }
  return [
    try address("ipv6", "[2001:db8::1]", "an IPv6 address"),
    try address("ipv6-full", "[1:2:3:4:5:6:7:8]", "eight groups"),
    try address("ipv6-greatest", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]", "the longest text"),
    try address("ipv6-one-zero", "[1:0:3:4:5:6:7:8]", "one zero group is written"),
    try address("ipv6-zeros-first", "[::3:4:5:6:7:8]", "two zero groups at the beginning"),
    try address("ipv6-zeros-last", "[1:2:3:4:5:6::]", "two zero groups at the end"),
    try address("ipv6-longest-run", "[2001:0:0:1::1]", "the longest run of zeros"),
    try address("ipv6-first-run", "[2001:db8::1:0:0:1]", "the first of two equal runs"),
    try address("ipv6-mapped", "[::ffff:c000:201]", "an IPv4 address in IPv6, hexadecimal to its end"),
    try refused("ipv6-upper", "[2001:DB8::1]", "upper case"),
    try refused("ipv6-leading-zero", "[2001:0db8::1]", "a leading zero"),
    try refused("ipv6-zeros-written", "[0:0:0:0:0:0:0:1]", "a run of zeros that is written"),
    try refused("ipv6-zeros-in-part", "[2001:db8::0:1]", "a run of zeros that is shortened in part"),
    try refused("ipv6-zero-before", "[0::1]", "a zero beside the run"),
    try refused("ipv6-zeros-at-end", "[1:2:3:4:5:6:0:0]", "a run of zeros that is written"),
    try refused("ipv6-one-zero-shortened", "[1::3:4:5:6:7:8]", "one zero group that is shortened"),
    try refused("ipv6-shorter-run", "[2001::1:0:0:0:1]", "the shorter run of zeros"),
    try refused("ipv6-second-run", "[2001:db8:0:0:1::1]", "the second of two equal runs"),
    try refused("ipv6-two-runs", "[2001:db8::1::1]", "two runs are shortened"),
    try refused("ipv6-dotted", "[::ffff:192.0.2.1]", "an IPv4 address in IPv6, with a dotted end"),
    try refused("ipv6-dotted-compatible", "[::192.0.2.1]", "a dotted end"),
    try refused("ipv6-zone", "[fe80::1%eth0]", "a zone"),
    try refused("ipv6-zone-escaped", "[fe80::1%25eth0]", "a zone as RFC 6874 writes it"),
    try refused("ipv6-five-digits", "[2001:db8::10000]", "a group of five digits"),
    try refused("ipv6-seven", "[1:2:3:4:5:6:7]", "seven groups"),
    try refused("ipv6-nine", "[1:2:3:4:5:6:7:8:9]", "nine groups"),
    try refused("ipv6-colon-first", "[:2:3:4:5:6:7:8]", "a colon at the beginning"),
    try refused("ipv6-colon-last", "[1:2:3:4:5:6:7:]", "a colon at the end"),
    try refused("ipv6-three-colons", "[2001:::1]", "three colons"),
    try refused("ipv6-letter", "[2001:db8::g]", "a letter past f"),
    try refused("ipv6-empty", "[]", "brackets around nothing"),
    try refused("ipv6-future", "[v1.a]", "a form of the future (RFC 3986)"),
    try refused("ipv6-no-brackets", "2001:db8::1", "no brackets"),
    try refused("ipv6-open", "[2001:db8::1", "no closing bracket"),
    try refused("ipv6-after-brackets", "[2001:db8::1]8443", "no colon before the port"),
    try refused("ipv6-combining", "[\u{301}2001:db8::1]", "a combining mark after the bracket"),
    try refused("bracketed-name", "[relay.example]", "a name in brackets"),
  ]
}
