import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// Attachments over HTTP: what senders and readers see.
@Suite struct BlobTests {
  private let small = 65_536

  /// [blob.1] [blob.3] [blob.6] [blob.7] [blob.8]
  @Test func whole() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let bytes = blobBytes(small)
      let tag = "\"\(Hex.encode(Digest.of("blob", bytes).bytes))\""
      let claimed = try await relay.claimUpload(owner, blobID(1), small)
      #expect(claimed.status == 204 && claimed.offset == 0 && claimed.body.isEmpty)
      #expect(try await relay.read(blobID(1)).problem == .notFound, "not before it is whole")
      let done = try await relay.append(owner, blobID(1), bytes, at: 0)
      #expect(done.status == 201 && done.offset == small)
      let again = try await relay.claimUpload(owner, blobID(1), small)
      #expect(again.status == 201 && again.offset == small, "the answer that was lost")
      let more = try await relay.append(owner, blobID(1), bytes, at: 0)
      #expect(more.problem == .offsetMismatch && more.offset == small)
      let read = try await relay.read(blobID(1))
      #expect(read.status == 200 && read.body == bytes && read.field("etag") == tag)
      #expect(read.field("accept-ranges") == "bytes" && read.field("cache-control") == "no-store")
      #expect(read.field("content-type") == "application/octet-stream")
      let head = try await relay.send("HEAD", Route.blob(blobID(1)).path)
      #expect(head.status == 200 && head.fields == read.fields && head.body.isEmpty)
      #expect(head.field("content-length") == String(small))
      #expect(relay.blobFiles("whole").values.sorted() == [small] && relay.blobFiles("arriving").isEmpty)
      let log = relay.lines.all.joined()
      #expect(!log.contains(blobID(1).text) && !log.contains(tag.dropFirst().dropLast()))
    }
  }

  /// In pieces, with a length and without, and at offsets that are not the right one. [blob.5]
  @Test func pieces() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let bytes = blobBytes(13 << 20)
      #expect(try await relay.append(owner, blobID(1), [1], at: 0).problem == .notFound)
      #expect(try await relay.claimUpload(owner, blobID(1), bytes.count).offset == 0)
      let first = try await relay.append(owner, blobID(1), Array(bytes[..<100]), at: 0)
      #expect(first.status == 204 && first.offset == 100)
      for wrong in [0, 99, 101, bytes.count, .max] {
        let answer = try await relay.append(owner, blobID(1), [1], at: wrong)
        #expect(answer.status == 409 && answer.problem == .offsetMismatch && answer.offset == 100, "\(wrong)")
      }
      #expect(try await relay.append(owner, blobID(1), [], at: 100).offset == 100)
      #expect(try await chunked(relay, owner, Array(bytes[100..<9_000_000]), at: 100).offset == 9_000_000)
      #expect(try await relay.claimUpload(owner, blobID(1), bytes.count).offset == 9_000_000)
      let end = try await relay.append(owner, blobID(1), Array(bytes[9_000_000...]), at: 9_000_000)
      #expect(end.status == 201)
      #expect(try await relay.read(blobID(1)).body == bytes)
    }
  }

  /// Beyond the length: nothing is taken of a declared body, and what is not declared never becomes whole. [blob.5]
  @Test func tooMuch() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let bytes = blobBytes(small)
      #expect(try await relay.claimUpload(owner, blobID(1), small).offset == 0)
      #expect(try await relay.append(owner, blobID(1), bytes + [0], at: 0).problem == .bodyTooLarge)
      #expect(try await relay.claimUpload(owner, blobID(1), small).offset == 0)
      #expect(try await chunked(relay, owner, bytes + blobBytes(small), at: 0).problem == .bodyTooLarge)
      let asked = try await relay.claimUpload(owner, blobID(1), small)
      #expect(asked.status == 204)
      let rest = try #require(asked.offset)
      #expect(try await relay.append(owner, blobID(1), Array(bytes[rest...]), at: rest).status == 201)
      #expect(try await relay.read(blobID(1)).body == bytes)
    }
  }

  private func chunked(_ relay: TestRelay, _ owner: borrowing Owner, _ bytes: [UInt8], at offset: Int) async throws
    -> Answer
  {
    var request = HTTPClientRequest(url: relay.authority.origin + Route.upload(owner.mailbox, blobID(1)).path)
    request.method = .RAW(value: "PATCH")
    request.headers.add(name: HeaderName.capability, value: owner.contact.text)
    request.headers.add(name: HeaderName.uploadOffset, value: String(offset))
    request.body = .stream(
      AsyncStream {
        for start in stride(from: 0, to: bytes.count, by: 300_000) {
          $0.yield(ByteBuffer(bytes: bytes[start..<min(start + 300_000, bytes.count)]))
        }
        $0.finish()
      }, length: .unknown)
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(300))
    let body = try await response.body.collect(upTo: 4096)
    return Answer(
      status: Int(response.status.code), fields: response.headers.map { HeaderField($0.name.lowercased(), $0.value) },
      body: Array(body.readableBytesView))
  }

  /// A stranger with the address, one without, and one who asks for a mailbox that is not there: one answer. [blob.3]
  @Test func strangers() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      #expect(try await relay.claimUpload(owner, blobID(1), small).status == 204)
      for (method, field) in [
        ("PUT", HeaderField(HeaderName.uploadLength, "65536")), ("PATCH", HeaderField(HeaderName.uploadOffset, "0")),
      ] {
        func ask(_ mailbox: MailboxID, _ capability: Capability, _ name: UInt8) async throws -> Answer {
          let fields = [HeaderField(HeaderName.capability, capability.text), field]
          return try await relay.send(method, Route.upload(mailbox, blobID(name)).path, fields)
        }
        let knock = try await ask(owner.mailbox, owner.knock, 1)
        #expect(knock.status == 403 && knock.problem == .deliveryRefused)
        #expect(try await ask(owner.mailbox, Owner(2).contact, 1) == knock)
        #expect(try await ask(owner.mailbox, Owner(2).contact, 7) == knock)
        #expect(try await ask(Owner(9).mailbox, owner.contact, 1) == knock)
        let none = try await relay.send(method, Route.upload(owner.mailbox, blobID(1)).path, [field])
        #expect(none.problem == .requestMalformed)
      }
      #expect(try await relay.claimUpload(owner, blobID(1), small * 2).problem == .blobConflict)
      let other = Owner(2)
      try await other.register(at: relay)
      #expect(try await relay.claimUpload(other, blobID(1), small).problem == .blobConflict)
      #expect(try await relay.append(other, blobID(1), [1], at: 0).problem == .notFound)
    }
  }

  /// [blob.2] [blob.3] [blob.5] [relay.6] [relay.9]
  @Test func hostileRequests() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let path = Route.upload(owner.mailbox, blobID(1)).path
      func ask(_ method: String, _ name: String, _ values: [String]) async throws -> Problem? {
        let fields = values.map { HeaderField(name, $0) } + [HeaderField(HeaderName.capability, owner.contact.text)]
        return try await relay.send(method, path, fields).problem
      }
      let bad = ["", "-1", "+65536", "065536", "65536.0", "0x10000", "65536, 65536", "9223372036854775808", "\u{ff16}"]
      for value in bad + ["0", "1", "65535", "65537", "69632", "134217729", "268435456", "9223372036854775807"] {
        #expect(try await ask("PUT", HeaderName.uploadLength, [value]) == .requestMalformed, "\(value)")
      }
      #expect(try await ask("PUT", HeaderName.uploadLength, ["65536", "65536"]) == .requestMalformed)
      #expect(try await ask("PUT", HeaderName.uploadOffset, ["65536"]) == .requestMalformed)
      #expect(try await relay.claimUpload(owner, blobID(1), small).status == 204)
      for value in bad { #expect(try await ask("PATCH", HeaderName.uploadOffset, [value]) == .requestMalformed) }
      #expect(try await ask("PATCH", HeaderName.uploadOffset, ["0", "0"]) == .requestMalformed)
      #expect(try await ask("PATCH", HeaderName.uploadOffset, ["9223372036854775807"]) == .offsetMismatch)
      let length = HeaderField(HeaderName.uploadLength, "65536")
      let capability = HeaderField(HeaderName.capability, owner.contact.text)
      #expect(try await relay.send("PUT", path, [capability, length], body: [1]).problem == .bodyTooLarge)
      #expect(try await relay.send("PUT", path, [capability, capability, length]).problem == .requestMalformed)
      let name = blobID(0xab).text
      for path in ["", "/", "/..", "/%2e%2e", "/\(name)0", "/\(name.uppercased())", "/\(name)/", "/\(name)?a"] {
        #expect(try await relay.send("GET", "/v1/blobs" + path).problem == .notFound, "\(path)")
      }
      let methods = try await relay.send("POST", path)
      #expect(methods.status == 405 && methods.field("allow") == "PUT, PATCH, DELETE")
      #expect(try await relay.send("PUT", Route.blob(blobID(1)).path).field("allow") == "GET, HEAD")
    }
  }

  /// An answer to HEAD has no body, whatever the route says: the next answer on the connection is its own. [blob.8]
  @Test func headsHaveNoBody() async throws {
    try await withRelay { relay in
      let host = "host: \(relay.authority.text)\r\n"
      let missing = Route.blob(blobID(1)).path
      let requests = ["HEAD /livez", "HEAD \(missing)", "GET /livez"].map { "\($0) HTTP/1.1\r\n\(host)\r\n" }
      let text = try await relay.answers(requests.joined())
      let lines = text.split(separator: "\r\n").filter { $0.hasPrefix("HTTP/1.1 ") }
      #expect(lines.map { $0.dropFirst(9).prefix(3) } == ["405", "404", "200"])
      #expect(!text.contains("{"))
    }
  }

  /// [blob.8]
  @Test func ranges() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      let bytes = blobBytes(9 << 16)
      try await relay.upload(owner, blobID(1), bytes)
      func ask(_ fields: String...) async throws -> Answer {
        try await relay.read(blobID(1), fields.map { HeaderField("range", $0) })
      }
      for (range, expected) in [
        ("bytes=0-0", 0..<1), ("bytes=131071-131072", 131_071..<131_073), ("bytes=5-", 5..<bytes.count),
        ("bytes=-7", bytes.count - 7..<bytes.count), ("bytes=10-99999999999999999999", 10..<bytes.count),
      ] {
        let answer = try await ask(range)
        #expect(answer.status == 206 && answer.body == Array(bytes[expected]), "\(range)")
        #expect(
          answer.field("content-range") == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/\(bytes.count)")
        #expect(answer.field("content-length") == String(expected.count))
      }
      for range in ["bytes=589824-", "bytes=-0", "bytes=99999999999999999999-"] {
        let answer = try await ask(range)
        #expect(answer.status == 416 && answer.problem == .rangeUnsatisfiable, "\(range)")
        #expect(answer.field("content-range") == "bytes */\(bytes.count)")
      }
      for range in ["bytes=0-1,5-6", "bytes=9-3", "lines=1-2", "bytes=a-"] {
        let answer = try await ask(range)
        #expect(answer.status == 200 && answer.body.count == bytes.count, "\(range)")
      }
      #expect(try await ask("bytes=0-1", "bytes=0-1").status == 200)
      let tag = try #require(try await ask().field("etag"))
      for (condition, status) in [
        (tag, 206), ("W/" + tag, 200), ("\"0\"", 200), ("Tue, 15 Nov 1994 12:45:26 GMT", 200),
      ] {
        let fields = [HeaderField("range", "bytes=1-2"), HeaderField("if-range", condition)]
        #expect(try await relay.read(blobID(1), fields).status == status, "\(condition)")
      }
      let head = try await relay.send("HEAD", Route.blob(blobID(1)).path, [HeaderField("range", "bytes=1-2")])
      #expect(head.status == 200 && head.field("content-length") == String(bytes.count))
    }
  }

  /// Whoever sends what is there already cannot tell, and one file serves both as long as either is there. [blob.7]
  @Test func equalContents() async throws {
    try await withRelay { relay in
      let first = Owner(1)
      let second = Owner(2)
      try await first.register(at: relay)
      try await second.register(at: relay)
      let bytes = blobBytes(small)
      func transcript(_ owner: borrowing Owner, _ id: BlobID) async throws -> [Answer] {
        var answers = [try await relay.claimUpload(owner, id, small)]
        answers.append(try await relay.append(owner, id, Array(bytes[..<9]), at: 0))
        answers.append(try await relay.append(owner, id, Array(bytes[9...]), at: 9))
        answers.append(try await relay.claimUpload(owner, id, small))
        answers.append(try await relay.read(id))
        return answers
      }
      let alone = try await transcript(first, blobID(1))
      #expect(try await transcript(second, blobID(2)) == alone)
      #expect(relay.blobFiles("whole").count == 1)
      let route = Route.uploads(first.mailbox)
      #expect(try await relay.owner(first.key, .delete, route, sequence: 3).status == 204)
      #expect(try await relay.read(blobID(1)).problem == .notFound)
      #expect(try await relay.read(blobID(2)).body == bytes)
      #expect(try await relay.owner(second.key, .delete, .uploads(second.mailbox), sequence: 3).status == 204)
      // By this request, or by what a relay does after its start, which may just have come to it.
      try await relay.untilFiles("whole", are: [])
    }
  }

  /// Many senders of one content, while others remove it: whoever was told 201 can be read. [blob.6] [blob.7]
  @Test func publishingAndRemovingDoNotCross() async throws {
    try await withRelay { relay in
      let bytes = blobBytes(small)
      try await withThrowingTaskGroup { group in
        for seed in 1...8 as ClosedRange<UInt8> {
          group.addTask {
            let owner = Owner(seed)
            try await owner.register(at: relay)
            for round in 0..<5 as Range<UInt64> {
              let id = blobID(seed)
              try await relay.upload(owner, id, bytes)
              #expect(try await relay.read(id).body == bytes)
              let route = Route.upload(owner.mailbox, id)
              #expect(try await relay.owner(owner.key, .delete, route, sequence: 3 + round).status == 204)
              #expect(try await relay.read(id).problem == .notFound)
            }
          }
        }
        try await group.waitForAll()
      }
      for part in ["whole", "arriving"] { try await relay.untilFiles(part, are: []) }
    }
  }

  /// [blob.4]
  @Test func overQuota() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      try await owner.register(at: relay)
      for number in 1...40 as ClosedRange<UInt8> {
        #expect(try await relay.claimUpload(owner, blobID(number), 134_217_728).status == 204)
      }
      let refused = try await relay.claimUpload(owner, blobID(41), small)
      #expect(refused.status == 507 && refused.problem == .blobsFull)
      #expect(relay.blobFiles("arriving").isEmpty, "a place costs no room on the disk")
      #expect(try await relay.owner(owner.key, .delete, .upload(owner.mailbox, blobID(3)), sequence: 3).status == 204)
      #expect(try await relay.claimUpload(owner, blobID(41), small).status == 204)
      let envelope = Route.envelope(owner.mailbox, envelopeID(1))
      let bytes = [UInt8](repeating: 1, count: 512)
      #expect(try await relay.sender(.put, envelope, owner.contact, body: bytes).status == 201)
    }
  }

  /// [blob.12] [relay.12] [relay.29]
  @Test func deletion() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      let stranger = Owner(2)
      try await owner.register(at: relay)
      for number in 1...3 as ClosedRange<UInt8> {
        try await relay.upload(owner, blobID(number), blobBytes(small, seed: UInt64(number)))
      }
      _ = try await relay.claimUpload(owner, blobID(4), small)
      _ = try await relay.append(owner, blobID(4), [1, 2, 3], at: 0)
      for route in [Route.upload(owner.mailbox, blobID(1)), .uploads(owner.mailbox)] {
        #expect(try await relay.send("DELETE", route.path).problem == .signatureMissing)
        #expect(try await relay.owner(stranger.key, .delete, route, sequence: 9).problem == .signatureRefused)
        #expect(try await relay.owner(owner.key, .delete, route).problem == .requestMalformed)
      }
      #expect(try await relay.owner(owner.key, .delete, .upload(owner.mailbox, blobID(1)), sequence: 3).status == 204)
      #expect(try await relay.owner(owner.key, .delete, .upload(owner.mailbox, blobID(1)), sequence: 4).status == 204)
      try await relay.untilFiles("whole", are: [small, small])
      #expect(try await relay.owner(owner.key, .delete, .mailbox(owner.mailbox), sequence: 5).status == 204)
      for number in 1...3 as ClosedRange<UInt8> {
        #expect(try await relay.read(blobID(number)).problem == .notFound)
      }
      for part in ["whole", "arriving"] { try await relay.untilFiles(part, are: []) }
    }
  }
}

extension TestRelay {
  /// Everything that comes back until there are as many answers as requests.
  func answers(_ requests: String) async throws -> String {
    let connection = try await RawReader.open(to: self)
    return try await connection.exchange(requests, answers: requests.components(separatedBy: " HTTP/1.1\r\n").count - 1)
  }
}
