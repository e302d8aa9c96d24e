import SottoCrypto
import SottoWire
import Testing

/// A captured request of an owner, sent again inside of its 300 seconds: it brings nothing back.
@Suite struct ReplayTests {
  private func batch(_ count: UInt32) throws -> [UInt8] {
    try OneTimeUpload((0..<count).map { OneTimePart(index: $0, sealed: [UInt8($0)]) }).encoded
  }

  /// [request.8]
  @Test func everyOwnersRequestIsCarriedOutOnce() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      let mailbox = owner.mailbox
      let blob = try BlobID([UInt8](repeating: 3, count: 16))
      var sequence: UInt64 = 0
      func ask(_ method: SottoWire.HTTPMethod, _ route: Route, _ body: [UInt8] = []) async throws -> [HeaderField] {
        sequence += 1
        let fields = OwnerRequest(method, route, at: relay.authority, body: body, sequence: sequence)
          .headers(signedBy: owner.key, created: relay.clock.now)
        #expect(try await relay.send(method.rawValue, route.path, fields, body: body).status == 204)
        return fields
      }
      func state() async throws -> [UInt8] { try await relay.owner(owner.key, .get, .mailbox(mailbox)).body }
      let old: [(SottoWire.HTTPMethod, Route, [UInt8])] = [
        (.put, .mailbox(mailbox), []), (.put, .capabilities(mailbox), try CapabilitySet([]).encoded),
        (.put, .signedPart(mailbox), SignedPartUpload(id: 1, sealed: [1]).encoded),
        (.put, .batch(mailbox, 1), try batch(2)), (.delete, .oneTimeParts(mailbox), []),
        (.delete, .upload(mailbox, blob), []), (.delete, .uploads(mailbox), []),
      ]
      var captured: [[HeaderField]] = []
      for (method, route, body) in old { captured.append(try await ask(method, route, body)) }
      // The newest of each kind, which a replay would undo.
      _ = try await ask(.put, .capabilities(mailbox), try owner.capabilities.encoded)
      _ = try await ask(.put, .signedPart(mailbox), SignedPartUpload(id: 2, sealed: [2]).encoded)
      let last = try await ask(.put, .batch(mailbox, 2), try batch(3))
      let before = try await state()
      for (request, fields) in zip(old, captured) {
        let answer = try await relay.send(request.0.rawValue, request.1.path, fields, body: request.2)
        #expect(answer.problem == .sequenceStale, "\(request.0) \(request.1.path)")
      }
      // The last one is answered as before, and not carried out again.
      #expect(try await relay.send("PUT", Route.batch(mailbox, 2).path, last, body: try batch(3)).status == 204)
      #expect(try await state() == before)
      let claimed = try ClaimedPrekeys(decoding: try await relay.sender(.post, .claim(mailbox), owner.contact).body)
      #expect(claimed.signedPart.id == 2 && claimed.oneTime?.batch == 2)
    }
  }

  /// [relay.21] [request.8]
  @Test func aCapturedCardDoesNotComeBack() async throws {
    try await withRelay { relay in
      let owner = Owner(1)
      let route = Route.card(try CardID([UInt8](repeating: 9, count: 16)))
      func captured(_ sequence: UInt64, _ condition: CardCondition) -> [HeaderField] {
        OwnerRequest(
          .put, route, at: relay.authority, body: [UInt8(sequence)], sequence: sequence, listSequence: sequence,
          condition: condition
        ).headers(signedBy: owner.key, created: relay.clock.now)
      }
      let puts = [captured(1, .absent), captured(2, .replaces(1)), captured(3, .replaces(2))]
      for (place, fields) in puts.enumerated() {
        #expect(try await relay.send("PUT", route.path, fields, body: [UInt8(place + 1)]).status == 204)
      }
      for (place, fields) in puts.dropLast().enumerated() {
        #expect(try await relay.send("PUT", route.path, fields, body: [UInt8(place + 1)]).problem == .sequenceStale)
      }
      #expect(try await relay.send("PUT", route.path, puts[2], body: [3]).status == 204)
      #expect(try await relay.send("GET", route.path).body == [3])
    }
  }
}
