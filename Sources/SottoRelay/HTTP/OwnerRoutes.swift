internal import SottoCrypto
internal import SottoWire

// What owners ask: every request here is signed, and every mutation has its sequence.

extension RelayResponder {
  /// Checks the signature, the digest and the time [request.1], and that the key is the mailbox's own: any other is
  /// refused before anything is looked up. [relay.12]
  func verified(_ request: RelayRequest) throws(Refusal) -> VerifiedOwnerRequest {
    do throws(RequestRefusal) {
      let verified = try VerifiedOwnerRequest(
        method: request.method.rawValue, authority: request.authority, path: request.route.path, body: request.body,
        now: services.now(), header: request.values)
      try verified.check(request.method, request.route)
      return verified
    } catch { throw Refusal(error.problem) }
  }

  /// A mutation needs a sequence. [request.4]
  func mutation(_ request: VerifiedOwnerRequest) throws(Refusal) -> Mutation {
    guard let mutation = Mutation(request) else { throw Refusal(.requestMalformed) }
    return mutation
  }

  func status(_ id: MailboxID, _ request: RelayRequest) async throws -> Reply {
    _ = try verified(request)
    guard let status = try await services.store.status(id) else { throw Refusal(.mailboxMissing) }
    return Reply(bytes: status.encoded)
  }

  /// Every mutation of a mailbox: 204 when it is durable, and again when it is repeated.
  func change(_ method: HTTPMethod, _ route: Route, _ request: RelayRequest) async throws -> Reply {
    let store = services.store
    func owned() throws -> Mutation { try mutation(try verified(request)) }
    switch (method, route) {
    case (.put, .mailbox(let id)):
      let verified = try verified(request)
      let entitlement = try await entitlement(verified, request)
      let payment = try await store.createMailbox(id, by: try mutation(verified), entitlement)
      if payment.hasSpent { services.metrics.tokenSpent() }
      if let lease = payment.lease { return Reply(status: 204, fields: [HeaderField(HeaderName.lease, String(lease))]) }
    case (.delete, .mailbox(let id)):
      try await store.deleteMailbox(id, by: try owned())
      services.hub.deleted(id)
      try? await services.blobs.collect()
    case (_, .capabilities(let id)):
      let mutation = try owned()
      let set = try decoded { () throws(WireError) in try CapabilitySet(decoding: request.body) }
      try MailboxRules.check(set, now: services.now())
      try await store.setCapabilities(id, set, by: mutation)
    case (_, .signedPart(let id)):
      let mutation = try owned()
      let part = try decoded { () throws(WireError) in try SignedPartUpload(decoding: request.body) }
      try await store.putSignedPart(id, part, by: mutation)
    case (_, .batch(let id, let batch)):
      let mutation = try owned()
      let upload = try decoded { () throws(WireError) in try OneTimeUpload(decoding: request.body) }
      try await store.putBatch(id, batch, upload, by: mutation)
    case (_, .oneTimeParts(let id)): try await store.withdrawOneTimeParts(id, by: try owned())
    case (_, .push(let id)):
      // A relay that wakes nobody has no such path. [push.1]
      guard let pushes = services.pushes else { throw Refusal(.notFound) }
      let mutation = try owned()
      guard method == .delete || !request.body.isEmpty else { throw Refusal(.requestMalformed) }
      try await pushes.set(id, method == .put ? request.body : nil, by: mutation)
    default: throw Refusal(.notFound)
    }
    return .done
  }

  /// The owner's key has proved itself by now, so a wrong encoding may be named.
  private func decoded<T>(_ decode: () throws(WireError) -> T) throws(Refusal) -> T {
    do { return try decode() } catch { throw Refusal(.requestMalformed) }
  }

  /// What is shown for something new. [token.9]
  private func entitlement(_ verified: VerifiedOwnerRequest, _ request: RelayRequest) async throws -> Entitlement {
    guard let registration = services.registration else { return .notNeeded }
    return try await registration.entitlement(verified.authorization, at: request.authority, services.now())
  }

  // MARK: Tokens

  /// A relay that lets everybody in has neither path. [token.2]
  func tokenKeys() async throws -> Reply {
    guard let registration = services.registration else { throw Refusal(.notFound) }
    return try await registration.directory(services.now())
  }

  /// RFC 6750 section 2.1.
  func issueTokens(_ request: RelayRequest) async throws -> Reply {
    guard let registration = services.registration else { throw Refusal(.notFound) }
    let values = request.values(HeaderName.authorization)
    guard values.count == 1, values[0].hasPrefix("Bearer ") else { throw Refusal(.credentialRefused) }
    let reply = try await registration.issue(
      String(values[0].dropFirst(7)), request.body, for: TokenChallenge(of: request.authority), services.now())
    services.metrics.tokensIssued(reply.body.count / BlindVerifyingKey.modulusCount)
    return reply
  }

  // MARK: Cards

  func readCard(_ id: CardID) async throws -> Reply {
    guard let card = try await services.store.card(id) else { throw Refusal(.notFound) }
    return Reply(
      bytes: card.sealed,
      fields: [
        HeaderField(HeaderName.listSequence, String(card.listSequence)),
        HeaderField("etag", CardCondition.tag(card.listSequence)),
      ])
  }

  func putCard(_ id: CardID, _ request: RelayRequest) async throws -> Reply {
    let verified = try verified(request)
    let mutation = try mutation(verified)
    guard let listSequence = verified.listSequence, let condition = verified.condition, !request.body.isEmpty else {
      throw Refusal(.requestMalformed)
    }
    let card = StoredCard(listSequence: listSequence, sealed: request.body)
    // One that is replaced has been paid for.
    let entitlement = condition == .absent ? try await entitlement(verified, request) : .missing
    let hasSpent = try await services.store.putCard(id, card, condition, by: mutation, entitlement)
    if hasSpent { services.metrics.tokenSpent() }
    return .done
  }

  func deleteCard(_ id: CardID, _ request: RelayRequest) async throws -> Reply {
    try await services.store.deleteCard(id, by: try mutation(try verified(request)))
    return .done
  }
}
