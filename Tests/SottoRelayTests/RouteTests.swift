import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// Every route over HTTP: what it does for the right person, and what everyone else is told.
@Suite struct RouteTests {
  private let card = try! CardID([UInt8](repeating: 3, count: 16))

  private func batch(_ count: UInt32) throws -> [UInt8] {
    try OneTimeUpload((0..<count).map { OneTimePart(index: $0, sealed: [UInt8($0 & 255)]) }).encoded
  }

  /// [relay.20] [relay.21] [relay.22]
  @Test func cards() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      let route = Route.card(card)
      func put(_ body: [UInt8], _ sequence: UInt64?, _ list: UInt64?, _ condition: CardCondition?) async throws
        -> Answer
      {
        try await relay.owner(
          owner.key, .put, route, body: body, sequence: sequence, listSequence: list, condition: condition)
      }
      #expect(try await relay.send("GET", route.path).problem == .notFound)
      #expect(try await put([1], nil, 1, .absent).problem == .requestMalformed)
      #expect(try await put([1], 1, nil, .absent).problem == .requestMalformed)
      #expect(try await put([1], 1, 1, nil).problem == .requestMalformed)
      #expect(try await put([], 1, 1, .absent).problem == .requestMalformed)
      #expect(try await put([UInt8](repeating: 0, count: 65_537), 1, 1, .absent).problem == .bodyTooLarge)
      #expect(try await put([UInt8](repeating: 5, count: 65_536), 1, 4, .absent).status == 204)
      #expect(try await put([7], 2, 5, .replaces(3)).problem == .cardConflict)
      #expect(try await put([7], 2, 5, .replaces(4)).status == 204)
      let read = try await relay.send("GET", route.path)
      #expect(read.status == 200 && read.body == [7])
      #expect(read.field("sotto-list-sequence") == "5" && read.field("etag") == "\"5\"")
      #expect(read.field("cache-control") == "no-store")
      let stale = try await put([8], 2, 6, .replaces(5))
      #expect(stale.problem == .sequenceStale && stale.field("sotto-sequence") == "2")
      let stranger = Owner(2)
      #expect(try await relay.owner(stranger.key, .delete, route, sequence: 9).problem == .signatureRefused)
      #expect(try await relay.send("DELETE", route.path).problem == .signatureMissing)
      #expect(try await relay.owner(owner.key, .delete, route).problem == .requestMalformed)
      #expect(try await relay.owner(owner.key, .delete, route, sequence: 9).status == 204)
      #expect(try await relay.owner(owner.key, .delete, route, sequence: 9).status == 204)
      #expect(try await relay.send("GET", route.path).problem == .notFound)
    }
  }

  /// [relay.13] [relay.29]
  @Test func mailboxes() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      #expect(try await relay.owner(owner.key, .get, .mailbox(owner.mailbox)).problem == .mailboxMissing)
      try await owner.register(at: relay)
      var status = try await owner.status(at: relay)
      #expect(status.sequence == 2 && status.capabilities == [.knock, .contact] && status.restoreEpoch == 1)
      let part = SignedPartUpload(id: 1, sealed: [1, 2]).encoded
      #expect(try await relay.owner(owner.key, .put, .signedPart(owner.mailbox), body: part, sequence: 3).status == 204)
      #expect(
        try await relay.owner(owner.key, .put, .batch(owner.mailbox, 1), body: batch(4), sequence: 4).status == 204)
      status = try await owner.status(at: relay)
      #expect(status.signedPart == 1 && status.oneTimeParts == 4)
      #expect(try await relay.owner(owner.key, .delete, .oneTimeParts(owner.mailbox), sequence: 5).status == 204)
      #expect(try await owner.status(at: relay).oneTimeParts == 0)
      #expect(try await relay.owner(owner.key, .delete, .mailbox(owner.mailbox), sequence: 6).status == 204)
      #expect(try await relay.owner(owner.key, .get, .mailbox(owner.mailbox)).problem == .mailboxMissing)
    }
  }

  /// Attack 37. [relay.12] [request.4]
  @Test func everyOwnerRouteRefusesEveryStranger() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      let stranger = Owner(2)
      let missing = Owner(3)
      try await owner.register(at: relay)
      try await stranger.register(at: relay)
      let set = try owner.capabilities.encoded
      let part = SignedPartUpload(id: 1, sealed: [1]).encoded
      let routes: [(SottoWire.HTTPMethod, (MailboxID) -> Route, [UInt8])] = [
        (.get, Route.mailbox, []), (.put, Route.mailbox, []), (.delete, Route.mailbox, []),
        (.put, Route.capabilities, set), (.put, Route.signedPart, part), (.put, { .batch($0, 1) }, try batch(1)),
        (.delete, Route.oneTimeParts, []),
      ]
      for (method, route, body) in routes {
        let there = route(owner.mailbox)
        let notThere = route(missing.mailbox)
        let sequence: UInt64? = method == .get ? nil : 50
        let foreign = try await relay.owner(stranger.key, method, there, body: body, sequence: sequence)
        #expect(foreign.problem == .signatureRefused, "\(method) \(there)")
        #expect(try await relay.owner(stranger.key, method, notThere, body: body, sequence: sequence) == foreign)
        let unsigned = try await relay.send(method.rawValue, there.path, body: body)
        #expect(unsigned.problem == .signatureMissing)
        #expect(try await relay.send(method.rawValue, notThere.path, body: body) == unsigned)
        if method != .get {
          #expect(try await relay.owner(owner.key, method, there, body: body).problem == .requestMalformed)
        }
        // A signature for another route, body, or relay.
        let elsewhere = OwnerRequest(method, .card(card), at: relay.authority, body: body, sequence: sequence)
        let moved = elsewhere.headers(signedBy: owner.key, created: relay.clock.now)
        #expect(try await relay.send(method.rawValue, there.path, moved, body: body).problem == .signatureRefused)
        let genuine = OwnerRequest(method, there, at: RelayAuthority("relay.example")!, body: body, sequence: sequence)
        let foreignRelay = genuine.headers(signedBy: owner.key, created: relay.clock.now)
        #expect(
          try await relay.send(method.rawValue, there.path, foreignRelay, body: body).problem == .signatureRefused)
        if !body.isEmpty {
          let here = OwnerRequest(method, there, at: relay.authority, body: body, sequence: sequence)
          let fields = here.headers(signedBy: owner.key, created: relay.clock.now)
          #expect(
            try await relay.send(method.rawValue, there.path, fields, body: body + [0]).problem == .digestMismatch)
        }
      }
      #expect(try await owner.status(at: relay).sequence == 2, "nothing of all this counted")
    }
  }

  /// Attack 41. [request.6] [request.8]
  @Test func replaysAndSkew() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let now = relay.clock.now
      for (offset, problem) in [(-301, Problem.clockSkew), (-300, nil), (300, nil), (301, .clockSkew)] {
        let answer = try await relay.owner(owner.key, .get, .mailbox(owner.mailbox), created: now + Int64(offset))
        #expect(answer.problem == problem, "\(offset)")
      }
      let empty = try CapabilitySet([]).encoded
      let request = OwnerRequest(.put, .capabilities(owner.mailbox), at: relay.authority, body: empty, sequence: 3)
      let fields = request.headers(signedBy: owner.key, created: now)
      let path = Route.capabilities(owner.mailbox).path
      #expect(try await relay.send("PUT", path, fields, body: empty).status == 204)
      let full = try owner.capabilities.encoded
      #expect(
        try await relay.owner(owner.key, .put, .capabilities(owner.mailbox), body: full, sequence: 4).status == 204)
      #expect(try await relay.send("PUT", path, fields, body: empty).problem == .sequenceStale)
      #expect(try await owner.status(at: relay).capabilities.count == 2, "the replay changed nothing")
      #expect(
        try await relay.owner(owner.key, .put, .capabilities(owner.mailbox), body: full, sequence: 4).status == 204)
      #expect(
        try await relay.owner(owner.key, .put, .capabilities(owner.mailbox), body: empty, sequence: 4).problem
          == .sequenceStale)
      relay.clock.advance(1_000)
      #expect(
        try await relay.owner(owner.key, .put, .capabilities(owner.mailbox), body: full, sequence: 4).status == 204)
    }
  }

  /// [relay.14] [relay.15] [relay.16]
  @Test func truncatedAndOversizedBodies() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let bodies: [(Route, [UInt8])] = [
        (.capabilities(owner.mailbox), try owner.capabilities.encoded),
        (.signedPart(owner.mailbox), SignedPartUpload(id: 1, sealed: [1, 2, 3]).encoded),
        (.batch(owner.mailbox, 1), try batch(3)),
      ]
      for (route, body) in bodies {
        for broken in [Array(body.dropLast()), body + [0], []] {
          #expect(try await relay.owner(owner.key, .put, route, body: broken, sequence: 9).problem == .requestMalformed)
        }
        let long = [UInt8](repeating: 0, count: route.bodyLimit(.put) + 1)
        #expect(try await relay.owner(owner.key, .put, route, body: long, sequence: 9).problem == .bodyTooLarge)
      }
      let late = UInt64(relay.clock.now) + 8 * 86_400
      let set = try CapabilitySet([CapabilitySlot(.retiring, owner.contact.hash, expires: late)]).encoded
      #expect(
        try await relay.owner(owner.key, .put, .capabilities(owner.mailbox), body: set, sequence: 9).problem
          == .requestMalformed)
      let part = SignedPartUpload(id: 1, sealed: [UInt8](repeating: 1, count: 16_384)).encoded
      #expect(try await relay.owner(owner.key, .put, .signedPart(owner.mailbox), body: part, sequence: 9).status == 204)
      let largest = try OneTimeUpload(
        (0..<256).map { OneTimePart(index: $0, sealed: [UInt8](repeating: 1, count: 4096)) })
      #expect(
        try await relay.owner(owner.key, .put, .batch(owner.mailbox, 1), body: largest.encoded, sequence: 10).status
          == 204)
      #expect(
        try await relay.owner(owner.key, .put, .batch(owner.mailbox, 2), body: batch(1), sequence: 11).problem
          == .prekeysFull)
    }
  }

  /// [relay.23] [relay.24] [relay.26] [relay.27]
  @Test func envelopes() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      let missing = Owner(2)
      try await owner.register(at: relay)
      let route = Route.envelope(owner.mailbox, envelopeID(1))
      let nowhere = Route.envelope(missing.mailbox, envelopeID(1))
      let wrong = try await relay.sender(.put, route, missing.contact, body: envelope(1))
      let unknown = try await relay.sender(.put, nowhere, missing.contact, body: envelope(1))
      #expect(wrong.problem == .deliveryRefused)
      #expect(wrong == unknown, "status, headers, body and length are one answer")
      for size in SizeClass.allCases {
        let route = Route.envelope(owner.mailbox, envelopeID(size.rawValue))
        #expect(try await relay.sender(.put, route, owner.contact, body: envelope(2, size: size)).status == 201)
      }
      let accepted = try await relay.sender(.put, route, owner.contact, body: envelope(1))
      #expect(accepted.status == 201 && accepted.body.isEmpty)
      #expect(try await relay.sender(.put, route, owner.contact, body: envelope(9)) == accepted)
      #expect(try await owner.status(at: relay).envelopes == 9)
      for count in [0, 1, 511, 513, 65_535] {
        let body = [UInt8](repeating: 1, count: count)
        #expect(try await relay.sender(.put, route, owner.contact, body: body).problem == .requestMalformed)
      }
      let long = [UInt8](repeating: 1, count: 65_537)
      #expect(try await relay.sender(.put, route, owner.contact, body: long).problem == .bodyTooLarge)
      for value in ["", "zz", owner.knock.text.uppercased(), owner.contact.text + "00"] {
        let fields = [HeaderField(HeaderName.capability, value)]
        #expect(
          try await relay.send("PUT", route.path, fields, body: envelope(1)).problem == .requestMalformed, "\(value)")
      }
      #expect(try await relay.send("PUT", route.path, body: envelope(1)).problem == .requestMalformed)
      let twice = [
        HeaderField(HeaderName.capability, owner.contact.text), HeaderField(HeaderName.capability, owner.contact.text),
      ]
      #expect(try await relay.send("PUT", route.path, twice, body: envelope(1)).problem == .requestMalformed)
    }
  }

  /// [relay.18] [relay.19] [relay.24]
  @Test func claims() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      let missing = Owner(2)
      try await owner.register(at: relay)
      let route = Route.claim(owner.mailbox)
      let wrong = try await relay.sender(.post, route, missing.knock)
      #expect(wrong.problem == .deliveryRefused)
      #expect(try await relay.sender(.post, .claim(missing.mailbox), missing.knock) == wrong)
      #expect(try await relay.sender(.post, route, owner.knock).problem == .prekeysMissing)
      let part = SignedPartUpload(id: 6, sealed: [6, 6])
      #expect(
        try await relay.owner(owner.key, .put, .signedPart(owner.mailbox), body: part.encoded, sequence: 3).status
          == 204)
      #expect(
        try await relay.owner(owner.key, .put, .batch(owner.mailbox, 8), body: batch(1), sequence: 4).status == 204)
      let first = try ClaimedPrekeys(decoding: try await relay.sender(.post, route, owner.knock).body)
      #expect(first == ClaimedPrekeys(signedPart: part, oneTime: .init(batch: 8, index: 0, sealed: [0])))
      let second = try ClaimedPrekeys(decoding: try await relay.sender(.post, route, owner.knock).body)
      #expect(second == ClaimedPrekeys(signedPart: part, oneTime: nil))
      #expect(try await owner.status(at: relay).lastResortClaims == 1)
      for _ in 2..<20 { #expect(try await relay.sender(.post, route, owner.knock).status == 200) }
      let limited = try await relay.sender(.post, route, owner.knock)
      #expect(limited.problem == .tooManyRequests && limited.field("retry-after") == "60")
      #expect(try await relay.sender(.post, route, owner.contact).status == 200, "contacts are limited apart")
      relay.clock.advance(60)
      #expect(try await relay.sender(.post, route, owner.knock).status == 200)
      #expect(try await relay.sender(.post, route, owner.knock).problem == .tooManyRequests)
    }
  }

  /// [relay.9] [relay.10]
  @Test func everyErrorIsAProblemDocument() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      #expect(try await relay.send("GET", "/livez").status == 200)
      #expect(try await relay.send("GET", "/readyz").status == 200)
      for path in [
        "/", "/v1", "/v2/cards", "/v1/cards/00", "/livez/", "/livez?x=1", "/v1/mailboxes/%2e%2e/livez",
        "/v1/mailboxes/' OR 1=1 --".replacing(" ", with: "%20"),
      ] {
        let answer = try await relay.send("GET", path)
        #expect(answer.problem == .notFound && answer.status == 404, "\(path)")
        #expect(answer.field("content-type") == "application/problem+json")
      }
      for (method, route, allowed) in [
        ("POST", Route.live, "GET"), ("DELETE", .claim(owner.mailbox), "POST"),
        ("PATCH", .card(card), "GET, PUT, DELETE"),
        ("GET", .capabilities(owner.mailbox), "PUT"), ("PUT", .stream(owner.mailbox), "GET"),
      ] {
        let answer = try await relay.send(method, route.path)
        #expect(answer.problem == .methodNotAllowed && answer.status == 405 && answer.field("allow") == allowed)
      }
      #expect(try await relay.send("GET", Route.stream(owner.mailbox).path).problem == .upgradeRequired)
      // Any `Upgrade` but a stream's is passed over, and hangs nothing.
      let upgrade = [HeaderField("connection", "upgrade"), HeaderField("upgrade", "websocket")]
      #expect(try await relay.send("GET", "/livez", upgrade).status == 200)
      #expect(try await relay.send("GET", Route.stream(owner.mailbox).path, upgrade).problem == .upgradeRequired)
    }
  }

  /// [relay.11]
  @Test func hosts() async throws {
    try await withRelay { (relay) async throws -> Void in
      for host in ["RELAY.example", "relay.example:443", "a b", "relay.example, other.example"] {
        #expect(
          try await relay.send("GET", "/livez", [HeaderField("host", host)]).problem == .requestMalformed, "\(host)")
      }
      #expect(try await relay.send("GET", "/livez", [HeaderField("host", "relay.example")]).status == 200)
    }
    try await withRelay(authorities: [RelayAuthority("relay.example")!]) { (relay) async throws -> Void in
      #expect(try await relay.send("GET", "/livez", [HeaderField("host", "relay.example")]).status == 200)
      #expect(try await relay.send("GET", "/livez", [HeaderField("host", "other.example")]).problem == .misdirected)
    }
  }

  /// [relay.10]
  @Test func headersAreBounded() async throws {
    try await withRelay { (relay) async throws -> Void in
      let long = [HeaderField("x-long", String(repeating: "a", count: 17 * 1024))]
      #expect(try await relay.send("GET", "/livez", long).problem == .headersTooLarge)
      let many = (0..<200).map { HeaderField("x-\($0)", "a") }
      #expect(try await relay.send("GET", "/livez", many).problem == .headersTooLarge)
      #expect(try await relay.send("GET", "/livez").status == 200)
    }
  }

  /// A body without a declared length is cut off at the limit all the same. [relay.10]
  @Test func chunkedBodiesAreBounded() async throws {
    try await withRelay { (relay) async throws -> Void in
      let owner = Owner(1)
      try await owner.register(at: relay)
      for (length, problem) in [(512, nil), (513, Problem.requestMalformed), (65_537, .bodyTooLarge)] {
        var request = HTTPClientRequest(
          url: relay.authority.origin + Route.envelope(owner.mailbox, envelopeID(length)).path)
        request.method = .PUT
        request.headers.add(name: HeaderName.capability, value: owner.contact.text)
        let part = ByteBuffer(repeating: 1, count: length)
        request.body = .stream(
          AsyncStream {
            $0.yield(part)
            $0.finish()
          }, length: .unknown)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
        let body = try await response.body.collect(upTo: 4096)
        #expect(Problem(document: String(buffer: body)) == problem, "\(length)")
      }
    }
  }

  /// Attack 35: what two servers could read differently is refused. [relay.9] [relay.11]
  @Test func ambiguousRequestsAreRefused() async throws {
    try await withRelay { (relay) async throws -> Void in
      let host = "host: \(relay.authority.text)\r\n"
      let ready = try await relay.raw("GET /livez HTTP/1.1\r\n\(host)\r\n")
      #expect(ready.line == "HTTP/1.1 200 OK")
      for (text, problem) in [
        ("GET /livez HTTP/1.1\r\n\(host)\(host)\r\n", Problem.requestMalformed),
        ("GET /livez HTTP/1.1\r\n\r\n", .requestMalformed),
        ("GET \(relay.authority.origin)/livez HTTP/1.1\r\n\(host)\r\n", .notFound),
        (
          "POST /livez HTTP/1.1\r\n\(host)content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
          .requestMalformed
        ),
        ("POST /livez HTTP/1.1\r\n\(host)content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", .requestMalformed),
        ("GET /livez HTTP/1.1\r\n\(host)x: a\r\n b\r\n\r\n", .requestMalformed),
        ("GET /livez HTP/9\r\n\r\n", .requestMalformed), ("OPTIONS * HTTP/1.1\r\n\(host)\r\n", .notFound),
        ("CONNECT a:1 HTTP/1.1\r\n\(host)\r\n", .notFound),
      ] {
        #expect(try await relay.raw(text).problem == problem, "\(text.prefix(40))")
      }
    }
  }
}
