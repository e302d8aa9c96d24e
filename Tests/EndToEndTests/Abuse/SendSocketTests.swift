import Foundation
import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// The anonymous socket gives a stranger no more than a PUT does.
@Suite struct SendSocketTests {
  private static func put(
    _ number: Int, _ mailbox: MailboxID, _ capability: Capability, size: Int = 512
  ) throws -> [UInt8] {
    PutFrame(
      number: UInt32(number), mailbox: mailbox, id: try envelopeID(number), capability: capability,
      bytes: [UInt8](repeating: 4, count: size)
    ).encoded
  }

  private static func answers(_ stream: RawStream, _ count: Int) throws -> [PutAnswer] {
    var found: [PutAnswer] = []
    while found.count < count, let frame = stream.next() {
      if case .answers(let answers) = try SendFrame(decoding: frame.payload) { found += answers }
    }
    return found
  }

  /// [relay.24] [relay.25] [send.3]
  @Test func `A wrong capability and a missing mailbox are one answer here too`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    try await onThread {
      let client = RelayClient(relay)
      let (owner, other, missing) = (try MailboxOwner(1), try MailboxOwner(2), try MailboxOwner(3))
      try owner.register(at: client)
      try other.register(at: client)
      let before = try storedBytes(relay)
      let stream = try RawStream(client, .send)
      let wrong = [owner.expired, owner.revoked, other.knock, other.contact, other.retiring, missing.contact]
      var sent = 0
      for capability in wrong + [owner.contact] {
        for mailbox in capability == owner.contact ? [missing.mailbox] : [owner.mailbox, missing.mailbox] {
          stream.send(RawStream.frame(0x82, try Self.put(sent, mailbox, capability)))
          sent += 1
        }
      }
      let answers = try Self.answers(stream, sent)
      #expect(answers.count == sent && answers.allSatisfy { $0.problem == .deliveryRefused && $0.retryAfter == 0 })
      #expect(try storedBytes(relay) == before)
      stream.send(RawStream.frame(0x82, try Self.put(99, owner.mailbox, owner.contact)))
      #expect(try Self.answers(stream, 1) == [PutAnswer(number: 99)])
    }
  }

  /// [send.1]
  @Test(arguments: [0xc2, 0xa2, 0x92, 0x02, 0x81, 0x83, 0x8b] as [UInt8])
  func `A genuine put is none in a frame that is not plain`(first: UInt8) async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    try await onThread {
      let client = RelayClient(relay)
      let owner = try MailboxOwner(1)
      try owner.register(at: client)
      let stream = try RawStream(client, .send)
      // A control frame is too short for one.
      let put = try Self.put(1, owner.mailbox, owner.contact)
      stream.send(RawStream.frame(first, first == 0x8b ? [1] : put))
      #expect(stream.closeCode() == 4004)
      #expect(try owner.status(at: client).envelopes == 0)
    }
  }

  /// [limits.2]
  @Test func `Every put costs its client a request`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(
      data: folder.file("relay"), settings: ["limit-loopback": "true", "client-requests": "5/720"])
    try await onThread {
      let (client, neighbour) = (RelayClient(relay, from: 2), RelayClient(relay, from: 3))
      let owner = try MailboxOwner(1)
      try owner.register(at: neighbour)
      let stream = try RawStream(client, .send)
      for number in 1...8 { stream.send(RawStream.frame(0x82, try Self.put(number, owner.mailbox, owner.contact))) }
      let answers = try Self.answers(stream, 8).sorted { $0.number < $1.number }
      #expect(answers.prefix(5).allSatisfy { $0.problem == nil })
      #expect(answers.dropFirst(5).allSatisfy { $0.problem == .tooManyRequests && $0.retryAfter > 0 })
      #expect(try client.sender(.post, .claim(owner.mailbox), owner.contact).problem == .tooManyRequests)
      #expect(try neighbour.sender(.post, .claim(owner.mailbox), owner.contact).status == 200)
    }
  }
}
