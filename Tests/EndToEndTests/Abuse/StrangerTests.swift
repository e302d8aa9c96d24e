import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// Nobody but the owner learns or changes anything: on every route, with every right to something else, the answer is the
/// one that a mailbox gives which does not exist, byte for byte.
@Suite struct StrangerTests {
  private typealias Ask = (method: SottoWire.HTTPMethod, route: (MailboxID) -> Route, body: [UInt8])

  /// [relay.12] [relay.10]
  @Test func `Every owner's route refuses every stranger with the answer of a mailbox that is not there`() async throws
  {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    try await onThread {
      let client = RelayClient(relay)
      let (owner, other, missing) = (try MailboxOwner(1), try MailboxOwner(2), try MailboxOwner(3))
      try owner.register(at: client)
      try other.register(at: client)
      try Self.uploadBlob(to: owner, at: client)
      let before = try storedBytes(relay)
      let part = SignedPartUpload(id: 9, sealed: [1]).encoded
      let asks: [Ask] = [
        (.get, Route.mailbox, []), (.put, Route.mailbox, []), (.delete, Route.mailbox, []),
        (.put, Route.capabilities, try CapabilitySet([]).encoded), (.put, Route.signedPart, part),
        (.put, { .batch($0, 9) }, try MailboxOwner.batch(1)), (.delete, Route.oneTimeParts, []),
        (.delete, Route.uploads, []), (.delete, { .upload($0, try! blobID(1)) }, []),
      ]
      for ask in asks {
        for (problem, fields) in try self.strangers(ask, client, owner.mailbox, missing.mailbox, owner, other) {
          let (there, notThere) = (ask.route(owner.mailbox).path, ask.route(missing.mailbox).path)
          let answer = try client.send(ask.method.rawValue, there, fields.there, body: ask.body)
          #expect(answer.problem == problem, "\(ask.method) \(there) \(answer.head)")
          #expect(try client.send(ask.method.rawValue, notThere, fields.notThere, body: ask.body) == answer)
        }
      }
      // A card names no owner, so a stranger's own key is as good as any: only the stored one counts.
      let condition = CardCondition.replaces(1)
      let stolen = try client.owner(
        other.key, .put, .card(owner.card), body: [6], sequence: 99, listSequence: 2, condition: condition)
      #expect(stolen.problem == .signatureRefused)
      let deleted = try client.owner(other.key, .delete, .card(owner.card), sequence: 99)
      #expect(deleted.problem == .signatureRefused)
      #expect(try client.send("GET", Route.card(owner.card).path).body == [7, 7, 7])
      #expect(try storedBytes(relay) == before, "nothing of all this was written")
      #expect(try owner.status(at: client).sequence == 5)
    }
  }

  private static let blob = [UInt8](repeating: 0xb1, count: 65_536)

  private static func uploadBlob(to owner: MailboxOwner, at client: RelayClient) throws {
    let route = Route.upload(owner.mailbox, try blobID(1))
    #expect(try client.upload(.put, route, owner.contact, blob.count).status == 204)
    #expect(try client.upload(.patch, route, owner.contact, 0, body: blob).status == 201)
  }

  /// Uploads to what is there and what is not, begun and not, under every capability that opens none. [blob.3]
  @Test func `Who may not upload is told one thing, ends nothing and writes nothing`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    try await onThread {
      let client = RelayClient(relay)
      let (owner, other, missing) = (try MailboxOwner(1), try MailboxOwner(2), try MailboxOwner(3))
      try owner.register(at: client)
      try other.register(at: client)
      try Self.uploadBlob(to: owner, at: client)
      #expect(try client.upload(.put, .upload(owner.mailbox, blobID(2)), owner.contact, 65_536).status == 204)
      let begun = try client.upload(.patch, .upload(owner.mailbox, blobID(2)), owner.contact, 0, body: [1, 2, 3])
      #expect(begun.field("upload-offset") == "3")
      let before = try storedBytes(relay)
      let nobody = try Capability([UInt8](repeating: 0x77, count: 32))
      for (method, number, body) in [(SottoWire.HTTPMethod.put, 65_536, []), (.patch, 3, [4, 5, 6])]
        as [(SottoWire.HTTPMethod, Int, [UInt8])]
      {
        let refusal = try client.upload(method, .upload(missing.mailbox, blobID(9)), nobody, number, body: body)
        #expect(refusal.problem == .deliveryRefused)
        for blob in [1, 2, 9] as [UInt8] {
          for capability in [
            owner.knock, owner.expired, owner.revoked, other.contact, other.retiring, missing.contact, nobody,
          ] {
            let route = Route.upload(owner.mailbox, try blobID(blob))
            #expect(try client.upload(method, route, capability, number, body: body) == refusal, "\(blob)")
          }
          for capability in [owner.contact, other.contact] {
            let route = Route.upload(missing.mailbox, try blobID(blob))
            #expect(try client.upload(method, route, capability, number, body: body) == refusal)
          }
        }
      }
      // With a mailbox of one's own, another's names are taken, and another's uploads are not there.
      let taken = try client.upload(.put, .upload(other.mailbox, blobID(2)), other.contact, 65_536)
      #expect(taken.problem == .blobConflict)
      let foreign = try client.upload(.patch, .upload(other.mailbox, blobID(2)), other.contact, 3, body: [4])
      #expect(foreign.problem == .notFound)
      // Who knows a name reads; a name that is not whole and one that is not there are one answer.
      let none = try client.send("GET", Route.blob(blobID(9)).path)
      #expect(none.problem == .notFound)
      #expect(try client.send("GET", Route.blob(blobID(2)).path) == none)
      #expect(try client.send("GET", Route.blob(blobID(1)).path).body == Self.blob)
      #expect(try storedBytes(relay) == before)
      let rest = [UInt8](repeating: 9, count: 65_533)
      #expect(try client.upload(.patch, .upload(owner.mailbox, blobID(2)), owner.retiring, 3, body: rest).status == 201)
    }
  }

  private struct Fields {
    let there: [HeaderField]
    let notThere: [HeaderField]
  }

  /// What each kind of stranger puts into the head, for the mailbox and for one that does not exist.
  private func strangers(
    _ ask: Ask, _ client: RelayClient, _ mailbox: MailboxID, _ missing: MailboxID, _ owner: MailboxOwner,
    _ other: MailboxOwner
  ) throws -> [(Problem, Fields)] {
    let sequence: UInt64? = ask.method == .get ? nil : 999
    func request(_ route: Route, at authority: RelayAuthority, _ method: SottoWire.HTTPMethod) -> OwnerRequest {
      OwnerRequest(method, route, at: authority, body: ask.body, sequence: sequence)
    }
    func signed(_ key: borrowing SigningKey, _ route: Route) -> [HeaderField] {
      request(route, at: client.authority, ask.method).headers(signedBy: key, created: RelayClient.now)
    }
    func both(_ fields: [HeaderField]) -> Fields { Fields(there: fields, notThere: fields) }
    let elsewhere = RelayAuthority("relay.example")!
    let (there, notThere) = (ask.route(mailbox), ask.route(missing))
    var all: [(Problem, Fields)] = [
      (.signatureMissing, both([])),
      (.signatureRefused, Fields(there: signed(other.key, there), notThere: signed(other.key, notThere))),
      // The owner's own signatures, for something else.
      (.signatureRefused, both(signed(owner.key, .card(owner.card)))),
      (
        .signatureRefused,
        both(request(there, at: elsewhere, ask.method).headers(signedBy: owner.key, created: RelayClient.now))
      ),
      (
        .signatureRefused,
        both(request(there, at: client.authority, .post).headers(signedBy: owner.key, created: RelayClient.now))
      ),
    ]
    // No capability is a signature, whoever's it is.
    for capability in [owner.knock, owner.contact, owner.retiring, owner.expired, owner.revoked, other.contact] {
      all.append((.signatureMissing, both([HeaderField(HeaderName.capability, capability.text)])))
    }
    return all
  }

  /// Known and unknown mailbox, right and wrong capability. [relay.24] [relay.25]
  @Test func `A capability opens its own mailbox while it lasts and no other, and every refusal is one answer`()
    async throws
  {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    try await onThread {
      let client = RelayClient(relay)
      let (owner, other, missing) = (try MailboxOwner(1), try MailboxOwner(2), try MailboxOwner(3))
      try owner.register(at: client)
      try other.register(at: client)
      let before = try storedBytes(relay)
      let body = [UInt8](repeating: 5, count: 512)
      let routes: [(SottoWire.HTTPMethod, (MailboxID) -> Route, [UInt8])] = [
        (.post, Route.claim, []), (.put, { .envelope($0, try! envelopeID(1)) }, body),
      ]
      let nobody = try Capability([UInt8](repeating: 0x77, count: 32))
      for (method, route, body) in routes {
        let refusal = try client.sender(method, route(missing.mailbox), nobody, body: body)
        #expect(refusal.problem == .deliveryRefused && refusal.field("content-length") == "\(refusal.body.count)")
        for capability in [
          owner.expired, owner.revoked, other.knock, other.contact, other.retiring, other.expired, other.revoked,
          missing.contact, nobody,
        ] {
          #expect(try client.sender(method, route(owner.mailbox), capability, body: body) == refusal)
        }
        for capability in [owner.knock, owner.contact, owner.retiring, owner.expired, other.contact, missing.contact] {
          #expect(try client.sender(method, route(missing.mailbox), capability, body: body) == refusal)
        }
        let malformed = try client.send(method.rawValue, route(missing.mailbox).path, body: body)
        #expect(malformed.problem == .requestMalformed)
        for text in ["", owner.contact.text.uppercased(), owner.contact.text + "0", "0x" + owner.contact.text, "é"] {
          let fields = [HeaderField(HeaderName.capability, text)]
          #expect(try client.send(method.rawValue, route(owner.mailbox).path, fields, body: body) == malformed)
        }
        let twice = [HeaderField](repeating: HeaderField(HeaderName.capability, owner.contact.text), count: 2)
        #expect(try client.send(method.rawValue, route(owner.mailbox).path, twice, body: body) == malformed)
      }
      #expect(try storedBytes(relay) == before)
      for capability in [owner.knock, owner.contact, owner.retiring] {
        #expect(try client.sender(.post, .claim(owner.mailbox), capability).status == 200)
      }
    }
  }

  /// [stream.3] [relay.12]
  @Test func `A stream gives a stranger nothing but the challenge and one refusal`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    try await onThread {
      let client = RelayClient(relay)
      let (owner, other, missing) = (try MailboxOwner(1), try MailboxOwner(2), try MailboxOwner(3))
      try owner.register(at: client)
      try other.register(at: client)
      let put = Route.envelope(owner.mailbox, try envelopeID(1))
      #expect(try client.sender(.put, put, owner.contact, body: [UInt8](repeating: 1, count: 512)).status == 201)
      // The owner listens, and is not displaced by whoever cannot prove anything.
      let honest = try RawStream(client, owner.mailbox)
      try honest.authenticate(owner.key, at: client)
      #expect(honest.next()?.payload.first == 2)
      #expect(honest.next()?.payload.first == 3)

      let refused = [RawStream.Frame(opcode: 2, payload: [4, 0x0f, 0xa1]), .init(opcode: 8, payload: [0x0f, 0xa1])]
      var heads: Set<String> = []
      for mailbox in [owner.mailbox, missing.mailbox] {
        let stranger = try RawStream(client, mailbox)
        try stranger.authenticate(other.key, at: client)
        heads.insert(stranger.head)
        #expect(stranger.untilEnd() == refused)
        let impatient = try RawStream(client, mailbox)
        _ = impatient.next()
        impatient.send(RawStream.frame(0x82, ClientFrame.ack(index: 1, restoreEpoch: 1).encoded))
        #expect(impatient.untilEnd() == refused)
      }
      #expect(heads.count == 1)
      // Only who has the key is told that there is no such mailbox.
      let own = try RawStream(client, missing.mailbox)
      try own.authenticate(missing.key, at: client)
      #expect(own.closeCode() == 4003)
      let put2 = Route.envelope(owner.mailbox, try envelopeID(2))
      #expect(try client.sender(.put, put2, owner.contact, body: [UInt8](repeating: 1, count: 512)).status == 201)
      #expect(honest.next()?.payload.first == 2)
    }
  }

  /// At the edges of the window, by the second; and what was captured changes nothing. [request.6] [request.8]
  @Test func `A signature counts for 300 seconds either way, and once`() async throws {
    let folder = try TemporaryFolder()
    let relay = try await RelayProcess(data: folder.file("relay"))
    try await onThread {
      let client = RelayClient(relay)
      let owner = try MailboxOwner(1)
      let other = try MailboxOwner(2)
      try owner.register(at: client)
      try other.register(at: client)
      for (offset, problem) in [(-301, Problem.clockSkew), (-300, nil), (300, nil), (301, .clockSkew)]
        as [(Int64, Problem?)]
      {
        // The relay's clock is this machine's: an answer counts if no second began while it was asked for.
        while true {
          let now = RelayClient.now
          let answer = try client.owner(owner.key, .get, .mailbox(owner.mailbox), created: now + offset)
          guard RelayClient.now == now else { continue }
          #expect(answer.problem == problem, "\(offset)")
          break
        }
      }
      let empty = try CapabilitySet([]).encoded
      let route = Route.capabilities(owner.mailbox)
      func capture(_ sequence: UInt64) -> [HeaderField] {
        OwnerRequest(.put, route, at: client.authority, body: empty, sequence: sequence)
          .headers(signedBy: owner.key, created: RelayClient.now)
      }
      let captured = capture(6)
      #expect(try client.send("PUT", route.path, captured, body: empty).status == 204)
      let before = try storedBytes(relay)
      for _ in 1...3 { #expect(try client.send("PUT", route.path, captured, body: empty).status == 204) }
      #expect(try storedBytes(relay) == before, "a repetition is answered and not carried out")
      let full = try CapabilitySet([CapabilitySlot(.contact, owner.contact.hash)]).encoded
      #expect(try client.owner(owner.key, .put, route, body: full, sequence: 7).status == 204)
      let after = try storedBytes(relay)
      #expect(try client.send("PUT", route.path, captured, body: empty).problem == .sequenceStale)
      #expect(try client.send("PUT", route.path, capture(5), body: empty).problem == .sequenceStale)
      // The capture with another body, method, path, name or number.
      let next = capture(8)
      #expect(try client.send("PUT", route.path, next, body: full).problem == .digestMismatch)
      #expect(try client.send("PUT", route.path, next).problem == .digestMismatch)
      #expect(try client.send("DELETE", Route.mailbox(owner.mailbox).path, next).problem == .signatureRefused)
      let elsewhere = Route.capabilities(other.mailbox).path
      #expect(try client.send("PUT", elsewhere, next, body: empty).problem == .signatureRefused)
      let raised = next.map { $0.name == HeaderName.sequence ? HeaderField($0.name, "9") : $0 }
      #expect(try client.send("PUT", route.path, raised, body: empty).problem == .signatureRefused)
      let renamed = String(decoding: client.bytes("PUT", route.path, next, body: empty), as: UTF8.self)
        .replacing("host: 127.0.0.1", with: "host: 127.0.0.2")
      #expect(try RelayAnswer(client.send(Array(renamed.utf8), on: client.connect())).problem == .signatureRefused)
      #expect(try storedBytes(relay) == after)
      #expect(try owner.status(at: client).capabilities == [.contact])
    }
  }
}
