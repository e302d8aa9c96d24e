import SottoWire
import Testing

/// A relay has one name: an address, a Host header and a signature that mean the same relay are the same bytes.
@Suite struct AuthorityTests {
  /// What is accepted stands in the URI as it is, after the scheme of its host. [relay.7] [relay.8]
  @Test(arguments: [
    ("relay.example", "https", 443), ("relay.example:8443", "https", 8443), ("relay.example:80", "https", 80),
    ("relay.example:1", "https", 1), ("relay.example:65535", "https", 65_535), ("a", "https", 443),
    ("a-b.c--d.xn--p1ai", "https", 443), ("1.2.3.example", "https", 443), ("127.0.0.1.example", "https", 443),
    ("1a", "https", 443), ("0xg", "https", 443), ("x0.0xyz", "https", 443),
    ("10.0.0.1", "https", 443), ("0.0.0.0", "https", 443), ("255.255.255.255:80", "https", 80),
    ("126.0.0.1", "https", 443), ("128.0.0.1", "https", 443),
    ("localhost", "http", 80), ("localhost:443", "http", 443), ("a.localhost", "https", 443),
    ("127.0.0.1:8090", "http", 8090), ("127.255.255.255", "http", 80), ("[::1]", "http", 80),
    ("[::1]:443", "http", 443),
    ("[::]", "https", 443), ("[::2]:8443", "https", 8443), ("[1::]", "https", 443),
  ])
  func theOneSpelling(text: String, scheme: String, port: Int) throws {
    let authority = try #require(RelayAuthority(text))
    #expect(authority.text == text && authority.port == port)
    #expect(authority.scheme == scheme && authority.origin == "\(scheme)://\(text)")
    #expect(!authority.host.hasPrefix("[") && authority.isLoopback == (scheme == "http"))
  }

  /// RFC 5952 section 4: what is written in full, what `::` stands for, and which run it takes. [relay.7]
  @Test(arguments: [
    "1:2:3:4:5:6:7:8", "2001:db8::1", "2001:db8::", "::8", "1:0:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0",
    "::3:4:5:6:7:8", "1:2:3:4:5:6::", "1::4:5:6:7:8", "2001:0:0:1::1", "2001:db8::1:0:0:1", "0:0:1::", "::1:0:0:1:0:0",
    "0:1::1:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:c000:201", "abcd:ef01::10",
  ])
  func canonicalIPv6(host: String) {
    #expect(RelayAuthority("[\(host)]")?.host == host)
  }

  /// Other names of the same addresses. [relay.7]
  @Test(arguments: [
    "0:0:0:0:0:0:0:1", "0::1", "::0:1", "::01", "::0001", "0000::1", "2001:DB8::1", "2001:db8:0::1", "2001:db8:0:0::1",
    "2001:0db8::1", "2001:db8::1:0:0:0", "2001:db8:0:0:1::1", "2001:db8:0:0:1:0:0:1", "1::3:4:5:6:7:8",
    "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:0:0", "::ffff:192.0.2.1", "::192.0.2.1", "64:ff9b::192.0.2.33",
    "::1%lo", "::1%25lo", "fe80::1%1",
  ])
  func otherSpellingsOfIPv6(host: String) {
    #expect(RelayAuthority("[\(host)]") == nil)
  }

  /// [relay.7]
  @Test(arguments: [
    "", ":", ":1", ":::", "::::", "1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:", ":2:3:4:5:6:7:8",
    "1::2::3", "1:::2", ":::1", "1::2:", ":1::2", "::10000", "::fffff", "::g", "::-1", "::+1", "::1 ", " ::1",
    "1:2:3:4::5:6:7:8", "::1:2:3:4:5:6:7:8", "[::1]", "v1.a", "localhost",
  ])
  func noIPv6(host: String) {
    #expect(RelayAuthority("[\(host)]") == nil)
  }

  /// [relay.7]
  @Test(arguments: [
    "::1", "[::1", "::1]", "[::1]a", "[::1].", "[::1]8090", "[::1]:", "[::1]:80", "[::1]:08090", "[::2]:443", "[]",
    "[]:1", "[[::1]]", "a[::1]", "[\u{301}::1]", "[::1\u{301}]", "[::1]\u{301}", "[::1]:\u{301}8090",
    "[::1]:8090\u{301}",
  ])
  func brackets(text: String) {
    #expect(RelayAuthority(text) == nil)
  }

  /// A host whose last label is a number is an IPv4 address or nothing: `inet_aton` reads each of these. [relay.7]
  @Test(arguments: [
    "127.1", "127.0.1", "2130706433", "0177.0.0.1", "127.0.0.01", "00.0.0.0", "127.0.0.256", "127.0.0.1000", "1.2.3",
    "1.2.3.4.5", "0", "relay.1", "relay.example.127", "0x7f000001", "0x7f.1", "127.0.0.0x1", "127.0.0.0x", "0x",
    "a.0x1f",
    "127.0.0.1.", "127..0.1", ".127.0.0.1", "127.0.0.-1", "127.0.0.+1", "127.0.0. 1", "127.0.0.1/8",
    "1.2.3.99999999999",
  ])
  func numbersThatAreNoIPv4(text: String) {
    #expect(RelayAuthority(text) == nil)
  }

  /// [relay.7]
  @Test(arguments: [
    "", ".", "relay.example.", ".relay.example", "relay..example", "-relay.example", "relay-.example", "relay.-example",
    "relay.example-", "-", "Relay.example", "relay.Example", "LOCALHOST", "re_lay.example", "re lay.example",
    " relay.example", "relay.example ", "relay.example\n", "relay.example\u{0}", "user@relay.example",
    "user:word@relay.example", "@relay.example", "relay.example/", "relay.example/v1", "relay.example?a",
    "relay.example#a",
    "https://relay.example", "relay%2eexample", "più.example", "re\u{301}lay.example", "relay\u{3002}example",
    "*.example",
  ])
  func otherNames(text: String) {
    #expect(RelayAuthority(text) == nil)
  }

  /// [relay.7]
  @Test(arguments: [
    ":", ":0", ":443", ":0443", ":08443", ":65536", ":99999999999999999999", ":+1", ":-1", ": 1", ":1 ", ":a", ":0x1",
    ":1:1", ":1/", "::1", ":8443\u{301}",
  ])
  func otherPorts(port: String) {
    #expect(RelayAuthority("relay.example" + port) == nil)
  }

  /// Labels of 63, a host of 253, an authority of 259 characters; one more of each is refused. [relay.7]
  @Test func lengths() {
    let label = String(repeating: "a", count: 63)
    #expect(RelayAuthority(label) != nil && RelayAuthority(label + "a") == nil)
    #expect(RelayAuthority("a." + label) != nil && RelayAuthority("a.a" + label) == nil)
    let host = [label, label, label, String(label.dropLast(2))].joined(separator: ".")
    #expect(host.utf8.count == 253 && WireLimits.authority == 259)
    #expect(RelayAuthority(host) != nil && RelayAuthority(host + "a") == nil)
    #expect(RelayAuthority(host + ":65535")?.port == 65_535 && RelayAuthority(host + "a:65535") == nil)
  }
}
