import SottoClient
package import SottoSimulation
import SottoWire

extension Decoder {
  /// What a client reads beside what the core decodes: where a relay sends somebody to sign in, where the provider sends them,
  /// and what a browser brings back. [token.12]
  package static let client = Decoder(
    "client", limit: 1_024,
    oneOf: [
      { try providerURL(String(decoding: $0, as: UTF8.self)) },
      { try form($0) },
      { try fields(String(decoding: $0, as: UTF8.self)) },
      { try provider($0) },
    ], seeds: { providerSeeds })

  private static var providerSeeds: [[UInt8]] {
    let lines = [
      ["https://id.example/a", "sotto", "https://login.example/token", "relay.example"],
      ["http://127.0.0.1:8080/x", "a b", "http://localhost:9/", "[::1]:8090"],
    ]
    var texts: [(part: UInt8, text: String)] = [
      (0, "https://id.example"), (0, "https://id.example:443/realms/a?b=c&d"), (0, "http://localhost:8080/x"),
      (0, "http://[::1]"), (0, "https://[2001:db8::1]/?"), (0, "https://ID.example/"),
      (1, "code\0a b+c&d=%e\u{E9}\0state\0"), (2, "code=a%20b+c&state=%C3%A9&iss=https%3A%2F%2Fid.example&x"),
    ]
    for four in lines { texts.append((3, four.joined(separator: "\n"))) }
    return texts.map { [$0.part] + Array($0.text.utf8) }
  }

  private static func providerURL(_ text: String) throws -> Bool {
    guard let url = ProviderURL(text) else { return false }
    try promise(url.text.utf8.elementsEqual(text.utf8), "another URL")
    try promise(text.utf8.count <= ProviderURL.limit && text.utf8.allSatisfy { 0x21...0x7E ~= $0 }, "nothing to show")
    try promise(url.isSecure || url.isLoopback, "somebody is asked in the clear")
    try promise(url.isSecure == text.hasPrefix("https://"), "TLS or none")
    try promise(url.hasQuery == text.utf8.contains(UInt8(ascii: "?")), "a query or none")
    try promiseOneHost(text)
    // What is added to it leads nobody elsewhere, and is read back.
    let value = "a b&=%+#\u{E9}"
    let added = url.adding(Form([("state", value)]))
    try promise(added.hasPrefix(text) && (ProviderURL(added) != nil || added.utf8.count > ProviderURL.limit), "no URL")
    try promiseOneHost(added)
    if !url.hasQuery {
      let query = added.dropFirst(text.count + 1)
      try promise(Form.fields(query) == ["state": value], "a query is not read back")
    }
    return true
  }

  /// Names and values by turns, with a zero between them.
  private static func form(_ bytes: [UInt8]) throws -> Bool {
    let parts = bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    let pairs = stride(from: 0, to: parts.count - 1, by: 2).map { (name: parts[$0], value: parts[$0 + 1]) }
    let text = Form(pairs).text
    let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._%=&".utf8)
    try promise(text.utf8.allSatisfy(allowed.contains), "a form has another character")
    let isOnce = Set(pairs.map(\.name)).count == pairs.count
    let expected: [String: String]? = isOnce ? Dictionary(uniqueKeysWithValues: pairs.map { ($0.name, $0.value) }) : nil
    try promise(Form.fields(text[...]) == expected, "a form is not read back")
    return !pairs.isEmpty && isOnce
  }

  private static func fields(_ query: String) throws -> Bool {
    guard let fields = Form.fields(query[...]) else { return false }
    let again = Form(fields.map { (name: $0.key, value: $0.value) })
    try promise(Form.fields(again.text[...]) == fields, "a query says something else when it is written again")
    return !fields.isEmpty
  }

  /// Lines: an issuer, a client ID, what the provider names, and the relay that names it.
  private static func provider(_ bytes: [UInt8]) throws -> Bool {
    let lines = bytes.split(separator: 10, maxSplits: 3, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard lines.count == 4, let provider = SignInProvider(issuer: lines[0], clientID: lines[1]),
      let issuer = ProviderURL(lines[0])
    else { return false }
    try promise(provider.issuer.utf8.elementsEqual(lines[0].utf8) && !issuer.hasQuery, "an issuer beyond its bounds")
    if provider.mayName(lines[2]) {
      let named = ProviderURL(lines[2])
      try promise(named?.isSecure == true || !issuer.isSecure, "a provider takes TLS away")
      try promise(named?.isLoopback == false || issuer.isLoopback, "a provider elsewhere sends somebody here")
    }
    if issuer.isLoopback, let relay = RelayAuthority(lines[3]) {
      try promise(relay.isLoopback || !provider.mayBeNamed(by: relay), "a relay elsewhere sends somebody here")
    }
    return true
  }
}
