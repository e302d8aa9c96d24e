internal import SottoCrypto
internal import SottoSession
internal import SottoWire

public import struct Foundation.Date

/// A message that arrived.
public struct ReceivedMessage: Sendable {
  /// 32 hexadecimal digits, drawn by its author.
  public let id: String
  /// The contact's name, or the address of somebody without one.
  public let from: String
  /// What it says; may be empty when it brings a file.
  public let text: String
  /// The file that it brings, to be fetched.
  public let file: AttachedFile?
  /// When it was written, by its author's clock.
  public let sentAt: Date
  /// When it was received here.
  public let receivedAt: Date
  /// Whether it is from a stranger: replying or adding them accepts.
  public let isRequest: Bool
  /// Whether nobody wrote it: it says that something has changed with the contact.
  public let isNotice: Bool
  /// The id of the message that it answers: 32 hexadecimal digits.
  public let answers: String?
  /// How long it is kept from now on, in seconds; nil: until it is deleted.
  public let disappearsAfter: Int?

  init(_ shown: Engine.Shown) {
    id = Hex.encode(shown.message.id.bytes)
    from = shown.from.title
    text = shown.message.text
    file = AttachedFile(shown.message.attachment)
    sentAt = Date(timeIntervalSince1970: Double(shown.message.sentAt) / 1000)
    receivedAt = Date(timeIntervalSince1970: Double(shown.message.recordedAt) / 1000)
    isRequest = !shown.from.isAccepted
    isNotice = shown.message.direction == .notice
    answers = shown.message.answers.map { Hex.encode($0.id.bytes) }
    disappearsAfter = shown.message.timer == 0 ? nil : Int(shown.message.timer)
  }
}

extension Client {
  /// Messages that are handed over at a time: a few lines fit one write to a pipe.
  private static let handful = 16
  /// How long a former relay may take: one that never ends must not keep the present one waiting.
  private static let formerPatience = Duration.seconds(15)

  /// Receives what waits at the relay and hands it over, oldest first, a few messages at a time; flushes the outbox.
  ///
  /// Messages count as shown just before `show` is called; if it throws they are shown next time.
  ///
  /// - Parameter follow: whether to go on after the relay has said that it has caught up, until the task is cancelled.
  public func receive(follow: Bool = false, show: ([ReceivedMessage]) async throws -> Void) async throws {
    try step { try $0.checkIsListed() }
    await readFormerMailboxes()
    try await hand(to: show)
    let rounds = follow ? Task { await goRounds() } : nil
    defer { rounds?.cancel() }
    var failure: (any Error)?
    do { try await listen(follow: follow, show) } catch { failure = error }
    if !(failure is CancellationError) {
      await flushOutbox(patient: false)
      await upkeep()
    }
    switch failure {
    case nil: return
    case let failure as RelayFailure: throw failure.asClientError
    case let failure?: throw failure
    }
  }

  /// How it stands with the relay while messages are awaited.
  public enum Connection: Sendable, Equatable {
    case connecting
    case online
    /// It is tried again, without end.
    case offline(ClientError)
    /// It is not tried again: the relay has said that this would help nobody, as when another device took over.
    case ended(ClientError)
  }

  /// Receives until the task is cancelled or the relay ends it, without handing anything over: what arrives waits to be
  /// shown. Tells each time when something has arrived or the connection has changed.
  public func watch(_ changed: @escaping @Sendable (Connection) -> Void) async {
    await readFormerMailboxes()
    let rounds = Task { await goRounds() }
    defer { rounds.cancel() }
    var attempt = 0
    while !Task.isCancelled {
      do {
        try? await flushUploads()
        try await stream(
          follow: true, isShown: false, { _ in },
          arrived: { caughtUp in
            if caughtUp { attempt = 0 }
            changed(.online)
            return true
          })
      } catch let reason as CloseReason where !reason.invitesReconnect {
        // Two that displace each other for ever would both receive nothing.
        return changed(.ended(Self.error(for: reason)))
      } catch {
        attempt += 1
        changed(.offline(Self.error(for: error)))
      }
      try? await Backoff.pause(attempt: attempt, base: .milliseconds(250))
    }
  }

  /// Streams until the relay has caught up, or forever; connects again when the connection is lost.
  private func listen(follow: Bool, _ show: ([ReceivedMessage]) async throws -> Void) async throws {
    var attempt = 0
    while true {
      do {
        try? await flushUploads()
        let progress = try await stream(
          follow: follow, show,
          arrived: { caughtUp in
            // One that served is gone to at once when it ends; one that cannot serve is not.
            if caughtUp && follow { attempt = 0 }
            return true
          })
        if progress.caughtUp && !follow { return }
        attempt = 0
      } catch let failure as RelayFailure {
        attempt += 1
        guard failure.isTransient, follow || attempt < 4 else { throw failure }
      } catch let reason as CloseReason {
        attempt += 1
        guard reason.invitesReconnect, follow || attempt < 4 else { throw Self.error(for: reason) }
      }
      try await Backoff.pause(attempt: attempt, base: .milliseconds(250))
    }
  }

  /// Receives without handing anything over, until the engine has what is waited for.
  func listen(until hasCome: @Sendable (inout Engine) throws -> Bool) async throws {
    var attempt = 0
    while true {
      if try step(hasCome) { return }
      do {
        try await stream(follow: true, isShown: false, { _ in }, arrived: { _ in try !self.step(hasCome) })
      } catch let failure as RelayFailure where failure.isTransient {
        attempt += 1
      } catch let reason as CloseReason {
        attempt += 1
        guard reason.invitesReconnect else { throw Self.error(for: reason) }
      }
      try Task.checkCancellation()
      if attempt > 0 { try await Backoff.pause(attempt: attempt, base: .milliseconds(250)) }
    }
  }

  private struct StreamState {
    let mailbox: MailboxID
    var epoch: UInt64?
    var caughtUp = false
  }

  /// One connection: challenge, envelopes in order, acknowledgements after their commit.
  ///
  /// - Parameters:
  ///   - former: a mailbox at a relay that the account was at before; nil: the present one.
  ///   - isShown: whether what arrives is handed to `show`; otherwise it waits.
  ///   - arrived: is told after each commit, and whether the relay has nothing more; answers whether to go on.
  @discardableResult
  private func stream(
    from former: MailboxPlace? = nil, follow: Bool, isShown: Bool = true,
    _ show: ([ReceivedMessage]) async throws -> Void,
    arrived: (_ caughtUp: Bool) throws -> Bool = { _ in true }
  ) async throws -> StreamState {
    let place = try former ?? step { try $0.profile().place }
    let stream = try await MailboxStream(to: place.mailbox, at: place.relay, tls: connections.tls)
    var state = StreamState(mailbox: place.mailbox)
    try await stream.run { frames, writer in
      try await take(frames, from: stream, writer, &state)
      if isShown { try await hand(to: show) }
      return try arrived(state.caughtUp) && (follow || !state.caughtUp)
    }
    return state
  }

  /// While messages are awaited: tries again what waits in the outbox, and each hour renews what has become due.
  private func goRounds() async {
    var round = 0
    while !Task.isCancelled {
      await flushOutbox(patient: true)
      if round.isMultiple(of: 720) {
        await upkeep()
        if round > 0 { await readFormerMailboxes() }
      }
      round += 1
      try? await Task.sleep(for: .seconds(5))
    }
  }

  /// What contacts who have not heard yet have left at relays that the account was at before. Whatever fails is tried
  /// next time: nobody waits for a relay that may be gone. [client.21]
  private func readFormerMailboxes() async {
    for place in (try? step({ try $0.formerMailboxes() })) ?? [] {
      try? await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await self.stream(from: place, follow: false, isShown: false, { _ in }) }
        group.addTask { try await Task.sleep(for: Self.formerPatience) }
        defer { group.cancelAll() }
        try await group.next()
      }
    }
  }

  private func take(
    _ frames: [ServerFrame], from stream: MailboxStream, _ writer: MailboxStream.Writer, _ state: inout StreamState
  ) async throws {
    var envelopes: [(index: UInt64, id: EnvelopeID, bytes: [UInt8])] = []
    for frame in frames {
      switch frame {
      case .challenge(let challenge) where state.epoch == nil:
        state.epoch = challenge.restoreEpoch
        try await writer.send(try step { [mailbox = state.mailbox] in try $0.answer(challenge, for: mailbox) })
      case .envelope(let index, let id, let bytes) where state.epoch != nil:
        envelopes.append((index, id, bytes))
      case .caughtUp where state.epoch != nil: state.caughtUp = true
      case .closing(let reason): throw reason
      default: throw RelayFailure.nonsense(stream.relay, what: "its stream does not keep the order of frames")
      }
    }
    guard let last = envelopes.last, let epoch = state.epoch else { return }
    try step { engine in
      for envelope in envelopes { try engine.receive(envelope.id, envelope.bytes) }
    }
    // Committed: now the relay may forget them.
    try await writer.send(.ack(index: last.index, restoreEpoch: epoch))
  }

  private func hand(to show: ([ReceivedMessage]) async throws -> Void) async throws {
    while true {
      let shown = try step { try $0.takeUnshown(limit: Self.handful) }
      if shown.isEmpty { return }
      do { try await show(shown.map(ReceivedMessage.init)) } catch {
        try step { try $0.giveBack(shown) }
        throw error
      }
    }
  }

  private static func error(for error: any Error) -> ClientError {
    switch error {
    case let error as ClientError: error
    case let failure as RelayFailure: failure.asClientError
    case let reason as CloseReason: self.error(for: reason)
    default: Engine.bug("\(error)")
    }
  }

  private static func error(for reason: CloseReason) -> ClientError {
    switch reason {
    case .displaced:
      ClientError(
        .locked, "Another device is receiving for this identity.", meaning: "The relay delivers to one at a time.",
        next: "Stop the other one, then try again.")
    case .gone:
      ClientError(
        .refused, "The relay has no mailbox for this identity.", meaning: "It was deleted, or the relay lost it.",
        next: "Ask the relay's operator; a new identity can be created with --home DIR.")
    case .refused:
      ClientError(
        .refused, "The relay did not accept this device's signature.",
        meaning: "It answers for another name than the one in your address, or something stands in between.",
        next: "Check the relay's address and any proxy on the way.")
    case .restarting, .unavailable, .slow:
      ClientError(
        .relayUnavailable, "The relay closed the connection.", meaning: "It is stopping or overloaded.",
        next: "Try again in a minute.")
    case .protocolError:
      ClientError(
        .relayNonsense, "The relay did not understand this client.", meaning: "One of them has a bug.",
        next: "Please report it, with the versions of both.")
    }
  }
}
