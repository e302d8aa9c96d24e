package import SottoWire

/// Which sockets are at this relay, as one of several with the same store: a plain value that answers every input with
/// what is to be done.
///
///     opened -> claimed -> ended -> left
///                  |
///                  +--- another relay has claimed the mailbox ---> displaced
///                  +--- the store does not answer any more,
///                       or has lost what it had ----------------> restarting
///
/// What others say makes it fast, and what the store says makes it right: whatever was not heard is found when the store
/// is asked, every few seconds, and soon after anything was lost. [operation.14]
package struct HomeMachine: Sendable {
  /// What the shell must do, in order.
  package enum Action: Equatable, Sendable {
    /// Say that this relay runs; once the store has answered, call `answered`.
    case beat
    /// Ask which sockets these mailboxes have; answer with `looked`.
    case look([MailboxID: SocketHandle])
    /// These ended; answer with `left`.
    case leave([SocketHandle: MailboxID])
    /// Tell the socket that an envelope was stored.
    case arrived(MailboxID)
    /// Tell the socket how many envelopes have come by now.
    case reached(MailboxID, UInt64)
    /// End this socket, and no other of the same mailbox.
    case end(MailboxID, ticket: UInt64, CloseReason)
    /// The relay is cut off: end these sockets as `restarting`, by their tickets, one after the other and only while it is.
    case endInTurn([MailboxID: UInt64])
  }

  private struct Socket {
    /// Greater for each socket of this relay.
    let ticket: UInt64
    let handle: SocketHandle
    /// nil until the store has answered.
    var claim: UInt64?
    /// How far the store is known to have come. What came before the claim need not be known: a store that has lost it has
    /// lost the claim too.
    var known = Reach()
    /// The same when it was asked last: only what is older than the question can be missed in the answer.
    var asked = Reach()
  }

  /// How far a mailbox has come: neither number goes back, unless the database does.
  private struct Reach {
    private var lastIndex: UInt64 = 0
    private var acknowledged: UInt64 = 0

    mutating func rise(lastIndex: UInt64, acknowledged: UInt64) {
      self.lastIndex = max(self.lastIndex, lastIndex)
      self.acknowledged = max(self.acknowledged, acknowledged)
    }

    /// New envelopes may have come where others were lost, so that the last index alone does not tell.
    func isMissed(in home: Home) -> Bool { home.lastIndex < lastIndex || home.acknowledged < acknowledged }
  }

  private var sockets: [MailboxID: Socket] = [:]
  private var mailboxes: [SocketHandle: MailboxID] = [:]
  private var leaving: [SocketHandle: MailboxID] = [:]
  /// What others have said that the store is to be asked about.
  private var doubtful: Set<MailboxID> = []
  private var isConnected = false
  private var isLooking = false
  private var isLeaving = false
  private var now: Int64 = 0
  private var nextBeat: Int64 = 0
  private var nextLook: Int64 = 0
  /// nil: nothing is due yet.
  private var lastAnswer: Int64?
  /// The store has not answered for so long that others do not count this relay any more. What arrives is not heard of here,
  /// so nobody should listen here.
  package private(set) var isCutOff = false

  package init() {}

  // MARK: Sockets

  /// A socket has proved whose it is, and the store is to be asked for it: answer with `claimed`. It takes the place of
  /// one with a smaller ticket.
  package mutating func opened(_ mailbox: MailboxID, ticket: UInt64, as handle: SocketHandle) {
    if let other = sockets[mailbox] {
      if other.ticket > ticket { return }
      drop(other, of: mailbox)
    }
    sockets[mailbox] = Socket(ticket: ticket, handle: handle)
    mailboxes[handle] = mailbox
  }

  /// Whether the socket is still there, and none has taken its place.
  package func holds(_ mailbox: MailboxID, ticket: UInt64) -> Bool { sockets[mailbox]?.ticket == ticket }

  /// nil: the store did not answer, or there is no mailbox. What was claimed for a socket that has ended is left.
  package mutating func claimed(_ mailbox: MailboxID, _ handle: SocketHandle, _ claim: UInt64?) {
    if sockets[mailbox]?.handle == handle {
      sockets[mailbox]?.claim = claim
    } else {
      leaving[handle] = mailbox
    }
  }

  /// The store has deleted what the socket's owner had taken, up to `index`.
  package mutating func acknowledged(_ mailbox: MailboxID, ticket: UInt64, upTo index: UInt64) {
    guard holds(mailbox, ticket: ticket) else { return }
    sockets[mailbox]?.known.rise(lastIndex: index, acknowledged: index)
  }

  package mutating func ended(_ mailbox: MailboxID, ticket: UInt64) {
    guard let socket = sockets[mailbox], socket.ticket == ticket else { return }
    sockets[mailbox] = nil
    drop(socket, of: mailbox)
  }

  /// Whether the store knows of it or not: it may have done what it did not answer.
  private mutating func drop(_ socket: Socket, of mailbox: MailboxID) {
    mailboxes[socket.handle] = nil
    leaving[socket.handle] = mailbox
  }

  // MARK: What others say

  package mutating func heard(_ notice: Notice) -> [Action] {
    let mine = notice.sockets.compactMap { mailboxes[$0] }
    switch notice.kind {
    case .arrived: return mine.map(Action.arrived)
    case .changed:
      doubtful.formUnion(mine)
      return []
    }
  }

  /// What was said before is lost, so the store is asked at once; while nothing is heard it is asked more often.
  package mutating func connected(_ isConnected: Bool) {
    self.isConnected = isConnected
    nextLook = isConnected ? now : min(nextLook, now + RelayLimits.lookAloneSeconds)
  }

  // MARK: What the store says

  /// The store has answered something.
  package mutating func answered() {
    lastAnswer = now
    isCutOff = false
  }

  /// The answer to `look`; nil when there was none, and it is asked again. A socket that is newer is not judged by it.
  package mutating func looked(_ asked: [MailboxID: SocketHandle], _ homes: [MailboxID: Home]?) -> [Action] {
    isLooking = false
    guard let homes else {
      nextLook = now
      return []
    }
    answered()
    return asked.compactMap { mailbox, handle in
      guard let socket = sockets[mailbox], socket.handle == handle, let claim = socket.claim else { return nil }
      guard let home = homes[mailbox] else { return .end(mailbox, ticket: socket.ticket, .gone) }
      // An older program claims and leaves the handle as it was.
      if home.socket == handle, home.claim == claim {
        // The database has fallen back to a state in which the claim was there, and gives indexes again that the socket has
        // left behind. One that is opened anew begins at what is there.
        if socket.asked.isMissed(in: home) { return .end(mailbox, ticket: socket.ticket, .restarting) }
        sockets[mailbox]?.known.rise(lastIndex: home.lastIndex, acknowledged: home.acknowledged)
        return .reached(mailbox, home.lastIndex)
      }
      // Its owner would not come back by itself if it were told `displaced`. So it is told so only when there is another
      // socket, which claimed later: not when the other has ended, and not when the database has lost what it had
      // committed, or the mailbox was made anew, for then counts go back.
      let isDisplaced = home.socket != nil && home.claim > claim
      return .end(mailbox, ticket: socket.ticket, isDisplaced ? .displaced : .restarting)
    }
  }

  /// The answer to `leave`; what is not done is asked again with the next tick. As long as an owner who went counts as
  /// one who listens, nobody wakes its device. To leave twice changes nothing: a newer socket has another handle.
  package mutating func left(_ sockets: [SocketHandle: MailboxID], _ isDone: Bool) {
    isLeaving = false
    if !isDone { leaving.merge(sockets) { $1 } }
  }

  // MARK: Time

  /// What is due. `seconds`: of a clock that only goes forward.
  package mutating func tick(_ seconds: Int64) -> [Action] {
    now = seconds
    var actions: [Action] = []
    // Without an answer yet it begins now: the store was there a moment ago, or nobody would ask.
    let last = lastAnswer ?? now
    lastAnswer = last
    if !isCutOff, now >= last + RelayLimits.leaseSeconds {
      isCutOff = true
      nextBeat = now
      if !sockets.isEmpty { actions.append(.endInTurn(sockets.mapValues(\.ticket))) }
    }
    if now >= nextBeat {
      nextBeat = now + (isCutOff ? 1 : RelayLimits.beatSeconds)
      actions.append(.beat)
    }
    if !isLeaving, !leaving.isEmpty {
      isLeaving = true
      actions.append(.leave(leaving))
      leaving = [:]
    }
    guard !isLooking else { return actions }
    let isDue = now >= nextLook
    if isDue { nextLook = now + (isConnected ? RelayLimits.lookSeconds : RelayLimits.lookAloneSeconds) }
    let asked = isDue ? settled(sockets.keys) : settled(doubtful)
    doubtful = doubtful.filter { holdsUnclaimed($0) }
    if !asked.isEmpty {
      isLooking = true
      for mailbox in asked.keys { if let known = sockets[mailbox]?.known { sockets[mailbox]?.asked = known } }
      actions.append(.look(asked))
    }
    return actions
  }

  /// The relay ends: everything that it holds, or held, is to be left.
  package mutating func close() -> [SocketHandle: MailboxID] {
    for (mailbox, socket) in sockets { drop(socket, of: mailbox) }
    sockets = [:]
    defer { leaving = [:] }
    return leaving
  }

  private func settled(_ mailboxes: some Sequence<MailboxID>) -> [MailboxID: SocketHandle] {
    mailboxes.reduce(into: [:]) { asked, mailbox in
      if let socket = sockets[mailbox], socket.claim != nil { asked[mailbox] = socket.handle }
    }
  }

  /// Its claim is not answered yet: it is looked after then.
  private func holdsUnclaimed(_ mailbox: MailboxID) -> Bool { sockets[mailbox].map { $0.claim == nil } ?? false }
}
