import Foundation
import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// More of everything than anybody needs: the relay bounds what it costs, and everybody else is served.
@Suite(.serialized) struct FloodTests {
  /// [relay.19] [relay.18] Attack: draining a mailbox's one-time keys so that later sessions lack them.
  @Test func `A stranger cannot drain the prekeys, and the owner sees the attempt`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let client = RelayClient(relay)
    let owner = try MailboxOwner(1)
    try await onThread { try owner.register(at: client, parts: 100) }
    let claims = try await onThreads(64) { _ in
      let socket = try client.connect()
      let fields = [HeaderField(HeaderName.capability, owner.knock.text)]
      let request = client.bytes("POST", Route.claim(owner.mailbox).path, fields)
      var found: [ClaimedPrekeys.OneTime] = []
      var refusals = 0
      for _ in 1...(isSoak ? 1_000 : 40) {
        let answer = try RelayAnswer(client.send(request, on: socket))
        if answer.status == 200 {
          let claimed = try ClaimedPrekeys(decoding: answer.body)
          found.append(try #require(claimed.oneTime))
        } else {
          #expect(answer.problem == .tooManyRequests && Int(answer.field("retry-after") ?? "") ?? 0 > 0)
          refusals += 1
        }
      }
      return (found, refusals)
    }
    let handedOut = claims.flatMap(\.0)
    let names = Set(handedOut.map { "\($0.batch).\($0.index)" })
    // 20 at once and then one a minute; a slow machine may see some minutes begin.
    #expect(20...30 ~= handedOut.count, "\(handedOut.count)")
    #expect(names.count == handedOut.count, "one part for two")
    #expect(claims.map(\.1).reduce(0, +) >= 64 * 40 - 30)
    try await onThread {
      let left = try owner.status(at: client)
      #expect(Int(left.oneTimeParts) == 100 - handedOut.count && left.lastResortClaims == 0)
      var more = 0
      for _ in 1...60 {
        let answer = try client.sender(.post, .claim(owner.mailbox), owner.contact)
        #expect(answer.status == 200, "contacts have a rate of their own")
        guard answer.status == 200 else { break }
        let oneTime = try #require(try ClaimedPrekeys(decoding: answer.body).oneTime)
        #expect(!names.contains("\(oneTime.batch).\(oneTime.index)"))
        more += 1
      }
      #expect(try Int(owner.status(at: client).oneTimeParts) == 100 - handedOut.count - more)
    }
  }

  /// [relay.13] [relay.18]
  @Test func `When the parts are used up the owner is told, and claims go on`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let client = RelayClient(relay)
    let owner = try MailboxOwner(1)
    try await onThread { try owner.register(at: client, parts: 8) }
    let answers = try await onThreads(20) { _ in try client.sender(.post, .claim(owner.mailbox), owner.knock) }
    try await onThread {
      #expect(answers.allSatisfy { $0.status == 200 })
      let parts = try answers.compactMap { try ClaimedPrekeys(decoding: $0.body).oneTime?.index }
      #expect(parts.sorted() == Array(0..<8))
      let status = try owner.status(at: client)
      #expect(status.oneTimeParts == 0 && status.lastResortClaims == 12)
      let contact = try client.sender(.post, .claim(owner.mailbox), owner.contact)
      #expect(try ClaimedPrekeys(decoding: contact.body).oneTime == nil)
      #expect(try owner.status(at: client).lastResortClaims == 13)
      let anew = SignedPartUpload(id: 2, sealed: [4]).encoded
      #expect(try client.owner(owner.key, .put, .signedPart(owner.mailbox), body: anew, sequence: 7).status == 204)
      let batch = try MailboxOwner.batch(3)
      #expect(try client.owner(owner.key, .put, .batch(owner.mailbox, 2), body: batch, sequence: 8).status == 204)
      let refilled = try owner.status(at: client)
      #expect(refilled.oneTimeParts == 3 && refilled.lastResortClaims == 0)
    }
  }

  /// [relay.27]
  @Test func `Contacts get through a flood of knocks`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let client = RelayClient(relay)
    let owner = try MailboxOwner(1)
    try await onThread { try owner.register(at: client) }
    let body = [UInt8](repeating: 9, count: 512)
    let flooders = 12
    let counts = try await onThreads(flooders + 1) { number in
      let socket = try client.connect()
      let isContact = number == flooders
      let capability = isContact ? owner.contact : owner.knock
      var accepted = 0
      for round in 0..<(isSoak ? 1_000 : 80) {
        let route = Route.envelope(owner.mailbox, try envelopeID(number * 10_000 + round))
        let fields = [HeaderField(HeaderName.capability, capability.text)]
        let answer = try RelayAnswer(client.send(client.bytes("PUT", route.path, fields, body: body), on: socket))
        if answer.status == 201 {
          accepted += 1
        } else {
          #expect(!isContact, "a contact was refused: \(answer.head)")
          #expect(answer.problem == .tooManyRequests || answer.problem == .mailboxFull)
        }
      }
      return (isContact, accepted)
    }
    let contact = counts.filter(\.0).map(\.1).reduce(0, +)
    let knocks = counts.filter { !$0.0 }.map(\.1).reduce(0, +)
    #expect(contact == (isSoak ? 1_000 : 80) && knocks == 100, "\(contact) and \(knocks)")
    let status = try await onThread { try owner.status(at: client) }
    #expect(Int(status.envelopes) == contact + knocks)
  }

  /// [relay.10] [limits.5]
  @Test func `Two hundred thousand header lines cost no memory`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    try await onThread {
      let client = RelayClient(relay)
      _ = try client.send("GET", "/readyz")
      let before = try relay.residentKilobytes()
      let host = "host: \(client.authority.text)\r\n"
      let put = "PUT /v1/cards/\(String(repeating: "0", count: 32)) HTTP/1.1\r\n" + host
      let floods: [(String, String, String)] = [
        ("headers", "GET /readyz HTTP/1.1\r\n" + host, "x: y\r\n"),
        ("one header", "GET /readyz HTTP/1.1\r\n\(host)x: ", String(repeating: "y", count: 64)),
        ("one name", "GET /readyz HTTP/1.1\r\n" + host, String(repeating: "n", count: 64)),
        ("a path", "GET /", String(repeating: "p", count: 64)), ("a method", "", "METHOD"),
        ("a chunk extension", put + "transfer-encoding: chunked\r\n\r\n1;", String(repeating: "e", count: 64)),
        ("trailers", put + "transfer-encoding: chunked\r\n\r\n0\r\n", "x: y\r\n"),
        ("a body", put + "transfer-encoding: chunked\r\n\r\n", "40\r\n" + String(repeating: "b", count: 64) + "\r\n"),
        ("a declared body", put + "content-length: 100000000\r\n\r\n", String(repeating: "b", count: 64)),
      ]
      for (name, start, piece) in floods {
        let socket = try client.connect()
        socket.write(Array(start.utf8))
        let block = Array(String(repeating: piece, count: 1_000).utf8)
        for _ in 1...200 where !socket.write(block) { break }
        let grown = try relay.residentKilobytes() - before
        #expect(grown < 16 * 1_024, "\(name): \(grown) KiB")
        socket.end()
      }
      #expect(try relay.residentKilobytes() - before < 16 * 1_024)
      #expect(try client.send("GET", "/readyz").status == 200)
      // The refusal reaches a client that stops to listen.
      let lines = String(repeating: "x: y\r\n", count: 101)
      let answer = try #require(try client.raw("GET /readyz HTTP/1.1\r\n" + host + lines + "\r\n"))
      #expect(answer.hasPrefix("HTTP/1.1 431") && answer.contains("connection: close"))
      let just = String(repeating: "x: y\r\n", count: 98) + "connection: close\r\n\r\n"
      #expect(try client.raw("GET /readyz HTTP/1.1\r\n" + host + just)?.hasPrefix("HTTP/1.1 200") == true)
    }
  }

  /// [limits.5] [limits.3]
  @Test func `Five thousand slow connections keep nobody out, and end`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    let client = RelayClient(relay)
    let owner = try MailboxOwner(1)
    let crowd = try SlowCrowd(5_000, at: relay.port)
    defer { crowd.end() }
    try await onThread {
      try owner.register(at: client)
      #expect(crowd.isThere())
      // The relay takes them from the system one after the other.
      try waitUntil { try openConnections(relay) > 5_000 }
    }
    try await onThread {
      for round in 0..<100 {
        let route = Route.envelope(owner.mailbox, try envelopeID(round))
        let answer = try client.sender(.put, route, owner.contact, body: [UInt8](repeating: 1, count: 512))
        #expect(answer.status == 201)
        if round.isMultiple(of: 10) { #expect(try owner.status(at: client).envelopes == UInt32(round + 1)) }
      }
      let stream = try RawStream(client, owner.mailbox)
      try stream.authenticate(owner.key, at: client)
      for _ in 0..<100 { #expect(stream.next()?.payload.first == 2) }
    }
    // A byte now and then buys no time.
    try await onThread {
      for _ in 1...120 {
        crowd.saysAnotherByte()
        usleep(1_000_000)
        if try openConnections(relay) < 100 { break }
      }
      #expect(try openConnections(relay) < 100)
      #expect(try client.send("GET", "/readyz").status == 200)
    }
  }

  /// Some files are left for the store, however many connect. [limits.3]
  @Test func `Connections stop short of the files that the relay may open`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"), openFiles: 256)
    try await onThread {
      let client = RelayClient(relay)
      var sockets = (0..<600).compactMap { _ in Socket.connected(to: relay.port, patience: 20) }
      #expect(sockets.count >= 128)
      let served = sockets.count { (try? client.send(client.bytes("GET", "/livez"), on: $0)) != nil }
      #expect(100...128 ~= served, "\(served)")
      sockets = []
      try waitUntil { (try? client.send("GET", "/readyz").status) == 200 }
      let owner = try MailboxOwner(1)
      try owner.register(at: client)
    }
  }
}

/// Connections that begin a request and do not end it, of a process of their own: while this one has more than some thousand
/// files open it must start no program, because Foundation reads beyond the end of a list of them (swift-corelibs-foundation
/// 5472).
private struct SlowCrowd {
  private let process = Process()
  private let (orders, answers): (Pipe, Pipe)

  private static let script = """
    ulimit -n "$(ulimit -Hn)"
    trap '' PIPE
    for ((i = 0; i < $2; i++)); do
      exec {file}<>"/dev/tcp/127.0.0.1/$1" || exit 1
      if ((i % 2)); then printf 'GET /li'; else printf 'GET /livez HTTP/1.1\\r\\nhost: a\\r\\nx-slow: '; fi >&"$file"
      files+=("$file")
    done
    echo there
    while read -r; do for file in "${files[@]}"; do printf y >&"$file"; done; done 2>/dev/null
    """

  init(_ count: Int, at port: Int) throws {
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = ["-c", Self.script, "bash", "\(port)", "\(count)"]
    (orders, answers) = try Programs.start(process) { process in
      let pipes = (Pipe(), Pipe())
      (process.standardInput, process.standardOutput) = pipes
      return pipes
    }
  }

  /// Waits until all of them are connected.
  func isThere() -> Bool { answers.fileHandleForReading.availableData == Data("there\n".utf8) }

  func saysAnotherByte() { try? orders.fileHandleForWriting.write(contentsOf: Data("\n".utf8)) }

  func end() {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}

/// Sockets that the relay has open, its listener included.
func openConnections(_ relay: RelayProcess) throws -> Int {
  let folder = "/proc/\(relay.pid)/fd"
  return try FileManager.default.contentsOfDirectory(atPath: folder).count { name in
    (try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name))?.hasPrefix("socket:") ?? false
  }
}

/// Looks until it is so; fails after two minutes.
func waitUntil(_ isSo: () throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation) throws {
  for _ in 1...1_200 {
    if try isSo() { return }
    usleep(100_000)
  }
  Issue.record("it never was", sourceLocation: sourceLocation)
}
