import SottoCrypto
import SottoSession
import SottoWire

@Sendable func address(_ recorded: Recorded) throws -> VectorFile {
  let alice = try Cast(recorded).responder
  let example = alice.address
  let code = example.text.dropFirst(6).prefix(88)
  try expectEqual(
    example.text,
    "sotto:w7x3ionj4n4k7qrbjpopo32lht477bdfofksxwawfaevmj7mqzkkbincuoskljvhvcu2vk5mvwxk7gmnrjz6rmti"
      + "@relay.example", "the address")

  func written(_ id: String, _ rule: String, _ comment: String, _ relay: String) throws -> Case {
    try Case(
      id, rule, comment,
      [
        "account": .bytes(example.account.bytes), "contact_secret": .bytes(example.contactSecret.bytes),
        "relay": .text(relay),
      ]
    ) {
      guard let relay = RelayAuthority(relay) else { throw WrongVerdict(description: "\(relay) is no relay") }
      return [
        "address": .text(Address(account: example.account, contactSecret: example.contactSecret, relay: relay).text)
      ]
    }
  }
  func refused(_ id: String, _ rule: String, _ comment: String, _ text: String) throws -> Case {
    if (try? Address(parsing: text)) != nil { throw WrongVerdict(description: "\(id) is accepted") }
    return Case(id, rule, comment, ["address": .text(text)], refusedAt: "address")
  }
  /// An address whose relay is misspelt, with the checksum that belongs to this spelling.
  func misspelt(_ id: String, _ comment: String, _ relay: String) throws -> Case {
    let (account, secret) = (example.account.bytes, example.contactSecret.bytes)
    let checksum = Digest.of("address", account, secret, Array(relay.utf8)).bytes[..<7]
    return try refused(id, "address.3", comment, "sotto:\(Base32.encode(account + secret + checksum))@\(relay)")
  }
  let bytes = example.account.bytes + example.contactSecret.bytes
  let checksum = Array(Base32.decode(code)![48...])
  func mistyped(_ id: String, _ comment: String, _ bytes: [UInt8], _ relay: String = "relay.example") throws -> Case {
    try refused(id, "address.5", comment, "sotto:\(Base32.encode(bytes))@\(relay)")
  }
  let label = String(repeating: "a", count: 63)
  let longest = "\(label).\(label).\(label).\(label.dropLast(2))"

  let positive = [
    try written("example", "address.4", "the address of the example in Specs/Identity.md", "relay.example"),
    Case(
      "read", "address.4", "the same, read", ["address": .text(example.text)],
      output: [
        "account": .bytes(example.account.bytes), "contact_secret": .bytes(example.contactSecret.bytes),
        "relay": "relay.example",
      ]),
    try written("port", "address.3", "a port", "relay.example:8443"),
    try written("port-80", "address.3", "80 is not the port of https", "relay.example:80"),
    try written("loopback", "address.3", "a loopback address speaks http: 443 is not its port", "127.0.0.1:443"),
    try written("ipv6", "address.3", "an IPv6 address in brackets", "[2001:db8::1]:8443"),
    try written("longest", "address.3", "259 bytes, the most that a relay has", longest + ":65535"),
    try written("hyphens", "address.3", "a name with hyphens and digits", "a-1--b.c4"),
  ]
  let spelling = [
    try refused("empty", "address.4", "nothing", ""),
    try refused("no-scheme", "address.4", "without sotto:", String(example.text.dropFirst(6))),
    try refused("scheme-in-upper-case", "address.4", "Sotto:", "S" + example.text.dropFirst()),
    try refused("no-relay", "address.4", "without @ and relay", "sotto:\(code)"),
    try refused("empty-relay", "address.4", "nothing after @", "sotto:\(code)@"),
    try refused("no-code", "address.4", "nothing before @", "sotto:@relay.example"),
    try refused("upper-case", "address.4", "the code in upper case", "sotto:\(code.uppercased())@relay.example"),
    try refused("padding", "address.4", "= after the code", "sotto:\(code)=@relay.example"),
    try refused("space-before", "address.4", "a space before sotto:", " " + example.text),
    try refused(
      "space-within", "address.4", "a space in the code", "sotto:\(code.prefix(44)) \(code.dropFirst(44))@relay.example"
    ),
    try refused("line-break-after", "address.4", "a line break at the end", example.text + "\n"),
    try refused("short", "address.4", "87 characters", "sotto:\(code.dropLast())@relay.example"),
    try refused("long", "address.4", "89 characters", "sotto:\(code)a@relay.example"),
    try refused(
      "no-checksum", "address.4", "48 bytes, without the checksum", "sotto:\(Base32.encode(bytes))@relay.example"),
    try refused("digit-one", "address.4", "1, which base32 does not have", "sotto:\(code.dropLast())1@relay.example"),
    try refused(
      "fullwidth", "address.4", "a letter of another script that looks the same",
      "sotto:\u{ff57}\(code.dropFirst())@relay.example"),
  ]
  let relays = [
    try misspelt("relay-upper-case", "an upper-case letter", "Relay.example"),
    try misspelt("relay-default-port", "443 is the port of https", "relay.example:443"),
    try misspelt("relay-default-port-loopback", "80 is the port of http", "localhost:80"),
    try misspelt("relay-port-zero", "port 0", "relay.example:0"),
    try misspelt("relay-port-too-high", "port 65536", "relay.example:65536"),
    try misspelt("relay-port-leading-zero", "a leading zero", "relay.example:08443"),
    try misspelt("relay-empty-port", "a colon without a port", "relay.example:"),
    try misspelt("relay-final-point", "a point at the end", "relay.example."),
    try misspelt("relay-scheme", "a scheme", "https://relay.example"),
    try misspelt("relay-path", "a path", "relay.example/"),
    try misspelt("relay-user", "a user", "user@relay.example"),
    try misspelt("relay-space", "a space at the end", "relay.example "),
    try misspelt("relay-not-ascii", "a letter outside ASCII", "rel\u{e4}y.example"),
    try misspelt("relay-hyphen-first", "a label that begins with a hyphen", "-relay.example"),
    try misspelt("relay-long-label", "a label of 64 characters", "\(label)a.example"),
    try misspelt("relay-long-name", "a name of 254 characters", longest + "a"),
    try misspelt("relay-bare-ipv6", "an IPv6 address without brackets", "2001:db8::1"),
  ]
  let checks = [
    try mistyped("account-mistyped", "one bit of A", bytes.flipped(0) + checksum),
    try mistyped("secret-mistyped", "one bit of S", bytes.flipped(47) + checksum),
    try mistyped("checksum-mistyped", "one bit of the checksum", bytes + checksum.flipped(6)),
    try mistyped("relay-mistyped", "another relay", bytes + checksum, "relay.exampla"),
    try mistyped("port-added", "the same relay with a port", bytes + checksum, "relay.example:8443"),
  ]
  return VectorFile(
    construction: "identity", operation: "address", description: "The text of an address: A, S and a relay",
    cases: positive + spelling + relays + checks)
}
