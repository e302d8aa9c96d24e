internal import NIOHTTP1
internal import SottoCrypto
internal import SottoSession
internal import SottoWire

/// A message that was written here.
public struct SentMessage: Sendable {
  /// How far it has come.
  public enum State: String, Sendable {
    /// It waits; the next send or receive tries again.
    case queued
    /// The relay has stored it.
    case sent
    /// It could not be delivered.
    case failed
  }

  /// 32 hexadecimal digits.
  public let id: String
  /// How far it has come.
  public let state: State
  /// Whether the recipient has answered in the session that carries it; a first message is confirmed by the reply.
  public let isConfirmed: Bool

  init(_ message: StoredMessage) {
    id = Hex.encode(message.id.bytes)
    switch message.state {
    case .queued: state = .queued
    case .failed: state = .failed
    case .sent, .unconfirmed, .received, .delivered, .read: state = .sent
    }
    isConfirmed = message.state == .sent || message.state.isAcknowledged
  }
}

extension Client {
  /// Sends a text to a contact's name or to an address, and with it whatever else waits.
  ///
  /// - Parameter answered: the id of the message that it answers, or the beginning of it in hexadecimal digits.
  /// - Returns: the message; it is `queued` when the relay could not take it now, which is no error.
  public func send(_ text: String, to recipient: String, answering answered: String? = nil) async throws -> SentMessage
  {
    try await send(recipient) { try $0.compose(text, to: recipient, answering: answered) }
  }

  func send(_ recipient: String, _ compose: (inout Engine) throws -> StoredMessage) async throws -> SentMessage {
    let message = try step(compose)
    try? await flushUploads()
    let failure = try await serve(message.account, patient: false)
    let result = try step { try $0.outgoing(message.id, message.account) } ?? message
    if let failure, case .nonsense = failure, result.state == .queued {
      let error = failure.asClientError
      throw ClientError(
        error.code, error.message, meaning: "The message is kept in the outbox.",
        next: "Check the relay; the next send or receive tries again.")
    }
    if failure == nil {
      await flushOutbox(except: message.account, patient: false)
      await upkeep()
    }
    return SentMessage(result)
  }

  /// Tries everything that waits; what cannot go now stays.
  func flushOutbox(except done: AccountID? = nil, patient: Bool) async {
    guard
      let accounts = try? step({ engine in
        try engine.releaseReceipts()
        return try engine.accountsToServe()
      })
    else { return }
    for account in accounts where account != done { _ = try? await serve(account, patient: patient) }
  }

  /// Renews what has become due and tells the relay; failures wait for the next time.
  func upkeep() async {
    do {
      if let relay = try step({ try $0.wantsTokens() }) { try? await fetchTokens(at: relay) }
      try step { try $0.maintain() }
      try await flushUploads()
      await flushFormerUploads()
      if try step({ try $0.wantsStatus() }) {
        let status = try await mailboxStatus()
        try step { try $0.statusArrived(status) }
        try await flushUploads()
      }
    } catch {}
  }

  func mailboxStatus() async throws -> MailboxStatus {
    let (relay, route, headers) = try step { try $0.statusRequest() }
    return try await connections.stubbornly(RelayRequest(.get, route, at: relay, fields: headers), as: .mailboxOwner)
      .expecting(200).decoded { try MailboxStatus(decoding: $0) }
  }

  /// Carries out errands for one account until nothing is left to do, or the relay fails.
  ///
  /// - Returns: why it stopped early; nil when nothing waits any more.
  func serve(_ account: AccountID, patient: Bool) async throws -> RelayFailure? {
    guard beingServed.insert(account).inserted else { return nil }
    defer { beingServed.remove(account) }
    var attempt = 0
    while let errand = try step({ try $0.nextErrand(for: account, patient: patient) }) {
      do {
        try await perform(errand, for: account)
        attempt = 0
      } catch let failure as RelayFailure {
        if case .declined(_, .mailboxFull) = failure, try step({ try $0.leaveAlone(errand, for: account) }) { continue }
        attempt += 1
        if failure.isTransient, attempt < 3, failure.retryAfter == nil {
          try await Backoff.pause(attempt: attempt, base: .milliseconds(200))
          continue
        }
        try step { engine in
          guard case .upload(let upload) = errand else {
            return try engine.postpone(account, retryAfter: failure.retryAfter)
          }
          try engine.postponeUpload(upload.message, account, retryAfter: failure.retryAfter)
        }
        return failure
      }
    }
    return nil
  }

  private func perform(_ errand: Errand, for account: AccountID) async throws {
    let voice = Voice.sender(account)
    switch errand {
    case .fetchCard(_, let id, let relay):
      do {
        let (sequence, sealed) = try await fetchCard(id, at: relay, as: voice)
        try step { try $0.fetched(account, listSequence: sequence, sealed: sealed) }
      } catch let failure as RelayFailure {
        if try step({ try $0.cardUnavailable(account) }) { return }
        guard case .declined = failure else { throw failure }
        try step { try $0.giveUp(account) }
        throw Self.nobodyThere
      }
    case .claim(_, let device, let mailbox, let relay, let capability):
      let request = RelayRequest(
        .post, .claim(mailbox), at: relay, capability: capability,
        answerLimit: WireLimits.signedPart + WireLimits.oneTimePart + 64)
      let answer = try await connections.exchange(request, as: voice)
      if case .declined(_, .prekeysMissing) = answer.failure, answer.status != 200,
        try step({ try $0.leaveAlone(account, device) })
      {
        return
      }
      guard let answer = try await accepted(answer, 200, account, mailbox) else { return }
      let prekeys = try answer.decoded { try ClaimedPrekeys(decoding: $0) }
      try step { try $0.claimed(account, device, prekeys) }
    case .put(let item, let mailbox, let envelope, let relay, let capability, let bytes):
      let request = RelayRequest(
        .put, .envelope(mailbox, envelope), at: relay, capability: capability, body: bytes)
      let answer = try await connections.exchange(request, as: voice)
      guard try await accepted(answer, 201, account, mailbox) != nil else { return }
      try step { try $0.delivered(item) }
    case .upload(let upload):
      do { try await bring(upload, for: account) } catch RelayFailure.declined(_, .deliveryRefused) {
        // The right to upload is told anew in their next message; until then the file waits.
        _ = try step { try $0.deliveryRefused(account, upload.mailbox) }
      }
    }
  }

  /// The answer, or nil when another way is to be tried.
  private func accepted(
    _ answer: RelayAnswer, _ status: Int, _ account: AccountID, _ mailbox: MailboxID
  ) async throws -> RelayAnswer? {
    do { return try answer.expecting(status) } catch RelayFailure.declined(_, .deliveryRefused) {
      if try step({ try $0.deliveryRefused(account, mailbox) }) { return nil }
      throw ClientError(
        .refused, "The relay does not take messages for this contact any more.",
        meaning: "Their mailbox is gone, or their address has changed. The message was not delivered.",
        next: "Ask them for their present address: sotto contact add ADDRESS --name NAME")
    }
  }

  func fetchCard(
    _ id: CardID, at relay: RelayAuthority, as voice: Voice
  ) async throws(RelayFailure) -> (sequence: UInt64, sealed: [UInt8]) {
    let request = RelayRequest(.get, .card(id), at: relay, answerLimit: WireLimits.card)
    let answer = try await connections.stubbornly(request, as: voice).expecting(200)
    return (try answer.listSequence(), answer.body)
  }

  static let nobodyThere = ClientError(
    .badData, "Nobody is to be found at this address.",
    meaning: "The relay has no card there: the address was withdrawn, or the identity deleted.",
    next: "Ask them for their present address.")
}
