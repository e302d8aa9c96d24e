internal import SottoCrypto
internal import SottoWire

// What senders ask: nobody signs, a capability is shown. "No such mailbox" and "wrong capability" are one answer, from
// one place in the store, so they cannot differ. [relay.24]

extension RelayResponder {
  /// The hash of the capability in the header. [relay.23]
  func capability(_ request: RelayRequest) throws(Refusal) -> Digest {
    let values = request.values(HeaderName.capability)
    guard values.count == 1, let bytes = Hex.decode(values[0]), let capability = try? Capability(bytes) else {
      throw Refusal(.requestMalformed)
    }
    return capability.hash
  }

  func claim(_ id: MailboxID, _ request: RelayRequest) async throws -> Reply {
    let now = services.now()
    let claimed = try await services.store.claim(id, capability: try capability(request), now: now) {
      [throttle = services.throttle] in try throttle.admit(.claim, $0, to: id, now: now)
    }
    return Reply(bytes: claimed.encoded)
  }

  /// 201 when it is durable, and again when it is repeated. [relay.26]
  func putEnvelope(_ id: MailboxID, _ envelope: EnvelopeID, _ request: RelayRequest) async throws -> Reply {
    let now = services.now()
    let capability = try capability(request)
    guard SizeClass(rawValue: request.body.count) != nil else { throw Refusal(.requestMalformed) }
    let arrival = Arrival(mailbox: id, id: envelope, capability: capability, bytes: request.body)
    let isNew = try await services.store.accept(arrival, now: now) { [throttle = services.throttle] in
      try throttle.admit(.envelope, $0, to: id, now: now)
    }
    if isNew { services.hub.arrived(id) }
    return Reply(status: 201)
  }
}
