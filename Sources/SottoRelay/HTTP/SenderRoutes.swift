internal import SottoWire

// What senders ask: nobody signs, a capability is shown. "No such mailbox" and "wrong capability" are one answer, from
// one place in the store, so they cannot differ. [relay.24]

extension RelayResponder {
  /// The capability in the header. [relay.23]
  func capability(_ request: RelayRequest) throws(Refusal) -> Capability {
    let values = request.values(HeaderName.capability)
    guard values.count == 1, let bytes = Hex.decode(values[0]), let capability = try? Capability(bytes) else {
      throw Refusal(.requestMalformed)
    }
    return capability
  }

  func claim(_ id: MailboxID, _ request: RelayRequest) async throws -> Reply {
    do {
      let claimed = try await claimed(id, request)
      services.metrics.claimed(claimed)
      return Reply(bytes: claimed.encoded)
    } catch let refusal as Refusal {
      services.metrics.claimRefused()
      throw refusal
    }
  }

  private func claimed(_ id: MailboxID, _ request: RelayRequest) async throws -> ClaimedPrekeys {
    let now = services.now()
    return try await services.store.claim(id, capability: try capability(request).hash, now: now) {
      [throttle = services.throttle] in try throttle.admit(.claim, $0, to: id, now: now)
    }
  }

  /// 201 when it is durable, and again when it is repeated. [relay.26]
  func putEnvelope(_ id: MailboxID, _ envelope: EnvelopeID, _ request: RelayRequest) async throws -> Reply {
    let capability = try capability(request)
    let arrival = try RelayServices.arrival(envelope, of: request.body[...], to: id, showing: capability)
    let outcome = await withCheckedContinuation { continuation in
      services.put([arrival]) { continuation.resume(returning: $0[0]) }
    }
    return services.reply(outcome)
  }
}

extension RelayServices {
  /// What the sender of an envelope is told.
  func reply(_ outcome: Acceptance) -> Reply {
    switch outcome {
    case .stored, .repeated: return Reply(status: 201)
    case .refused(let refusal): return Reply(refusal)
    case .failed(.full): return Reply(.storageFull)
    case .failed(.unavailable): return Reply(.unavailable)
    case .failed(let failure):
      if case .failed(let code) = failure { log.write(.storeFailed(code: code)) }
      return Reply(.internalError)
    }
  }
}
