import Foundation
import SottoSimulation
import SottoWire
import Testing

/// Two programs that read one request differently let a client put words into another's mouth. The relay reads what is
/// ambiguous not at all: one refusal, and the connection ends, so that nothing behind it is read as a request.
@Suite struct SmugglingTests {
  /// The request that must never be answered.
  private static let hidden = "GET /livez HTTP/1.1\r\nhost: a.example\r\n\r\n"

  /// Heads after the request line, and what follows them. `HIDDEN` is the smuggled request, `COUNT` its length.
  static let ambiguous: [(String, String)] = [
    ("CL.TE", "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHIDDEN"),
    ("TE.CL", "transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n5c\r\nHIDDEN\r\n0\r\n\r\n"),
    ("two lengths", "content-length: 0\r\ncontent-length: COUNT\r\n\r\nHIDDEN"),
    ("two equal lengths", "content-length: 0\r\ncontent-length: 0\r\n\r\nHIDDEN"),
    ("lengths in a list", "content-length: 0, COUNT\r\n\r\nHIDDEN"),
    ("a sign", "content-length: +0\r\n\r\nHIDDEN"), ("a minus", "content-length: -1\r\n\r\nHIDDEN"),
    ("a space in the length", "content-length: 0 0\r\n\r\nHIDDEN"),
    ("hexadecimal", "content-length: 0x0\r\n\r\nHIDDEN"),
    ("a word", "content-length: none\r\n\r\nHIDDEN"), ("nothing", "content-length:\r\n\r\nHIDDEN"),
    ("an overflow", "content-length: 18446744073709551616\r\n\r\nHIDDEN"),
    ("a space before the colon", "content-length : 0\r\n\r\nHIDDEN"),
    ("a space before the name", " content-length: 0\r\n\r\nHIDDEN"),
    ("a folded length", "content-length:\r\n 0\r\n\r\nHIDDEN"), ("a folded header", "x: a\r\n b\r\n\r\nHIDDEN"),
    ("a folded coding", "transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\nHIDDEN"),
    ("chunked twice", "transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\nHIDDEN"),
    ("chunked, then not", "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\nHIDDEN"),
    ("not quite chunked", "transfer-encoding: xchunked\r\n\r\n0\r\n\r\nHIDDEN"),
    ("chunked with a tab", "transfer-encoding: \u{b}chunked\r\n\r\n0\r\n\r\nHIDDEN"),
    ("two codings", "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\nHIDDEN"),
    ("junk for a chunk", "transfer-encoding: chunked\r\n\r\nzz\r\nHIDDEN"),
    ("a chunk with a sign", "transfer-encoding: chunked\r\n\r\n+0\r\n\r\nHIDDEN"),
    ("a chunk with 0x", "transfer-encoding: chunked\r\n\r\n0x0\r\n\r\nHIDDEN"),
    ("a chunk that overflows", "transfer-encoding: chunked\r\n\r\n10000000000000000\r\nHIDDEN"),
    ("a chunk that is longer than it says", "transfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\nHIDDEN"),
    ("a chunk that ends with LF", "transfer-encoding: chunked\r\n\r\n0\n\nHIDDEN"),
    ("bare LF", "x: a\n\nHIDDEN"), ("LF in a header", "x: a\ncontent-length: 0\r\n\r\nHIDDEN"),
    ("bare CR", "x: a\rcontent-length: 0\r\n\r\nHIDDEN"), ("NUL in a value", "x: a\0b\r\n\r\nHIDDEN"),
    ("NUL in a name", "x\0: a\r\n\r\nHIDDEN"), ("no colon", "x\r\n\r\nHIDDEN"), ("no name", ": a\r\n\r\nHIDDEN"),
    ("a control character", "x: a\u{1}\r\n\r\nHIDDEN"), ("two hosts", "host: b.example\r\n\r\nHIDDEN"),
  ]

  @Test(arguments: ambiguous)
  func `An ambiguous head is one refusal`(name: String, rest: String) async throws {
    let relay = try await SharedRelay.relay.value
    try await onThread {
      let client = RelayClient(relay)
      let tail = rest.replacing("HIDDEN", with: Self.hidden).replacing("COUNT", with: "\(Self.hidden.utf8.count)")
      for method in ["GET", "POST"] {
        let answer = try #require(
          try client.raw("\(method) /readyz HTTP/1.1\r\nhost: \(client.authority.text)\r\n" + tail), "\(name) hangs")
        Self.expectOneRefusal(answer, "\(method), \(name)")
      }
    }
  }

  static let lines = [
    "GET\t/livez HTTP/1.1", "GET /livez", "/livez HTTP/1.1",
    "GET /livez HTTP/1.2", "GET /livez HTTP/2.0", "GET /livez HTTP/0.9", "GET /livez HTTP/1.1 x",
    "GET /li vez HTTP/1.1",
    "get /livez HTTP/1.1", "GET /livez\0 HTTP/1.1", "G\0ET /livez HTTP/1.1", "GET /livez HTTP/1.1\rx",
    "GET http://b.example/livez HTTP/1.1", "GET livez HTTP/1.1", "GET * HTTP/1.1", "CONNECT b.example:443 HTTP/1.1",
    "CONNECT /livez HTTP/1.1", "OPTIONS * HTTP/1.1", "TRACE /livez HTTP/1.1", "PRI * HTTP/2.0", "SSH-2.0-x",
    "\u{16}\u{3}\u{1}",
  ]

  @Test(arguments: lines)
  func `A request line that is not the relay's is one refusal`(line: String) async throws {
    let relay = try await SharedRelay.relay.value
    try await onThread {
      let client = RelayClient(relay)
      let head = "\(line)\r\nhost: \(client.authority.text)\r\nconnection: close\r\n\r\n"
      let answer = try #require(try client.raw(head), "\(line) hangs")
      Self.expectOneRefusal(answer, line)
    }
  }

  /// One answer that says no, or none at all, and the end.
  private static func expectOneRefusal(_ answer: String, _ name: String) {
    let count = answer.components(separatedBy: "HTTP/1.1 ").count - 1
    #expect(count <= 1, "\(name): \(answer)")
    #expect(
      answer.isEmpty || ["400", "404", "405", "413", "431", "501", "505"].contains(answer.dropFirst(9).prefix(3)),
      "\(name): \(answer)")
  }

  /// What is not ambiguous is read as it should be, whatever lies in one packet.
  @Test func `Requests in one packet are answered one by one`() async throws {
    let relay = try await SharedRelay.relay.value
    try await onThread {
      let client = RelayClient(relay)
      let host = "host: \(client.authority.text)\r\n"
      let chunked = "GET /livez HTTP/1.1\r\n\(host)transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
      let plain = "GET /livez HTTP/1.1\r\n\(host)content-length: 0\r\n\r\n"
      let last = "GET /nowhere HTTP/1.1\r\n\(host)connection: close\r\n\r\n"
      let answer = try #require(try client.raw(plain + chunked + plain + last + plain))
      let statuses = answer.matches(of: /HTTP\/1\.1 (\d+)/).map { String($0.1) }
      #expect(statuses == ["200", "200", "200", "404"])
      // A body that stops short is not made whole by what another connection says.
      let short = "PUT /v1/cards/\(String(repeating: "0", count: 32)) HTTP/1.1\r\n\(host)content-length: 50\r\n\r\nabc"
      let socket = try client.connect()
      socket.write(Array(short.utf8))
      #expect(try client.send("GET", "/livez").status == 200)
      shutdown(socket.descriptor, Int32(SHUT_WR))
      #expect(!String(decoding: socket.readToEnd(), as: UTF8.self).contains(" 200 "))
    }
  }

  /// Without a trusted proxy nothing that a client says of its address is believed, or even read. [limits.4]
  @Test func `A forged forwarded address buys nothing`() async throws {
    let folder = try TemporaryFolder()
    let settings: KeyValuePairs = ["limit-loopback": "true", "client-requests": "5/720"]
    let relay = try await RelayProcess(data: folder.file("relay"), settings: settings)
    try await onThread {
      let (client, neighbour) = (RelayClient(relay, from: 2), RelayClient(relay, from: 3))
      let path = Route.card(try .init([UInt8](repeating: 1, count: 16))).path
      var statuses: [Int] = []
      for number in 1...10 {
        let forged = "203.0.113.\(number)"
        let answer = try client.send(
          "GET", path,
          [
            HeaderField("x-forwarded-for", forged), HeaderField("forwarded", "for=\(forged)"),
            HeaderField("x-real-ip", forged), HeaderField("client-ip", forged), HeaderField("via", "1.1 \(forged)"),
            HeaderField("x-forwarded-host", "b.example"), HeaderField("x-forwarded-proto", "https"),
          ])
        statuses.append(answer.status)
        if answer.status == 429 { #expect(answer.problem == .tooManyRequests && answer.field("retry-after") != nil) }
      }
      #expect(statuses == [404, 404, 404, 404, 404, 429, 429, 429, 429, 429])
      #expect(try neighbour.send("GET", path).status == 404)
      #expect(try client.send("GET", "/readyz").status == 200)
    }
  }
}
