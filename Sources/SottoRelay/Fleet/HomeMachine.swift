package import SottoWire

/// Which sockets are at this relay, as one of several with the same store: a plain value that answers every input with
/// what is to be done.
///
///     opened -> claimed -> held -> ended -> left
///                           |
///                           +--- another relay has claimed it ---> displaced
///
/// What others say makes it fast, and what the store says makes it right: whatever was not heard is found when the store
/// is asked, every few seconds, and soon after anything was lost. [operation.14]
package struct HomeMachine: Sendable {
  /// What the shell must do, in order.
  package enum Action: Equatable, Sendable {
    /// Say that this relay is alive; answer with `beaten`.
    case beat
    /// Ask where these sockets are, with their claims; answer with `looked`.
    case look([MailboxID: UInt64])
    /// These ended.
    case leave([MailboxID: UInt64])
    /// Tell the socket that an envelope was stored.
    case arrived(MailboxID)
    /// Tell the socket how many envelopes have come by now.
    case reached(MailboxID, UInt64)
    /// Another relay has it.
    case displaced(MailboxID)
    /// The store no longer knows that it is here: its owner is to open it anew.
    case forgotten(MailboxID)
    /// The mailbox is gone.
    case gone(MailboxID)
  }

  private struct Socket {
    /// The greatest claim of this relay that was answered.
    var claim: UInt64?
    /// Claims that were not.
    var pending = 0
    /// False once the socket has ended, while a claim is not answered yet.
    var isOpen = false
  }

  private let node: NodeID
  private var sockets: [MailboxID: Socket] = [:]
  private var leaving: [MailboxID: UInt64] = [:]
  private var isConnected = false
  private var isLooking = false
  private var nextBeat: Int64 = 0
  private var nextLook: Int64 = 0

  package init(_ node: NodeID) { self.node = node }

  // MARK: Sockets

  /// A socket has proved whose it is, and the store is asked for it. Answer with `claimed`.
  package mutating func opened(_ mailbox: MailboxID) {
    sockets[mailbox, default: Socket()].pending += 1
    sockets[mailbox]?.isOpen = true
  }

  /// nil: the store did not answer, or there is no mailbox.
  package mutating func claimed(_ mailbox: MailboxID, _ claim: UInt64?) {
    guard var socket = sockets[mailbox] else { return }
    socket.pending -= 1
    if let claim { socket.claim = max(socket.claim ?? 0, claim) }
    sockets[mailbox] = socket
    forget(mailbox)
  }

  /// The last socket of the mailbox has ended.
  package mutating func ended(_ mailbox: MailboxID) {
    sockets[mailbox]?.isOpen = false
    forget(mailbox)
  }

  private mutating func forget(_ mailbox: MailboxID) {
    guard let socket = sockets[mailbox], !socket.isOpen, socket.pending == 0 else { return }
    sockets[mailbox] = nil
    if let claim = socket.claim { leaving[mailbox] = claim }
  }

  // MARK: What others say

  package mutating func heard(_ notice: Notice) -> [Action] {
    let mine = notice.mailboxes.filter { sockets[$0]?.isOpen == true }
    switch notice.kind {
    case .arrived: return mine.map(Action.arrived)
    case .changed:
      let claims = settled(mine)
      return claims.isEmpty ? [] : [.look(claims)]
    }
  }

  /// What was said before is lost, so the store is asked; while nothing is heard it is asked more often.
  package mutating func connected(_ isConnected: Bool) {
    self.isConnected = isConnected
    nextLook = 0
  }

  // MARK: What the store says

  /// `wasAlive` is false when others may have taken this relay for dead, and told it nothing.
  package mutating func beaten(wasAlive: Bool) {
    if !wasAlive { nextLook = 0 }
  }

  /// The answer to `look`; nil when there was none. A socket that was claimed anew meanwhile is not judged by it.
  package mutating func looked(_ asked: [MailboxID: UInt64], _ homes: [MailboxID: Home]?) -> [Action] {
    isLooking = false
    guard let homes else { return [] }
    // In an order of its own: the same input has the same answer.
    return asked.sorted { $0.key.number < $1.key.number }.compactMap { mailbox, claim in
      guard let socket = sockets[mailbox], socket.isOpen, socket.pending == 0, socket.claim == claim else { return nil }
      guard let home = homes[mailbox] else { return .gone(mailbox) }
      if home.node == node, home.claim == claim { return .reached(mailbox, home.lastIndex) }
      // Counts go back only when a database has lost what it had committed, or a mailbox was made anew. Nobody has taken
      // the socket over then, and an owner who was told so would not come back by itself.
      if home.claim > claim { return .displaced(mailbox) }
      // Its number may be given once more, so it is not left.
      sockets[mailbox]?.claim = nil
      return .forgotten(mailbox)
    }
  }

  // MARK: Time

  /// What is due. `seconds`: of a clock that only goes forward.
  package mutating func tick(_ seconds: Int64) -> [Action] {
    var actions: [Action] = []
    if seconds >= nextBeat {
      nextBeat = seconds + RelayLimits.beatSeconds
      actions.append(.beat)
    }
    if !leaving.isEmpty {
      actions.append(.leave(leaving))
      leaving = [:]
    }
    if seconds >= nextLook, !isLooking {
      nextLook = seconds + (isConnected ? RelayLimits.lookSeconds : RelayLimits.lookAloneSeconds)
      let claims = settled(sockets.keys)
      if !claims.isEmpty {
        isLooking = true
        actions.append(.look(claims))
      }
    }
    return actions
  }

  /// The relay ends: everything that it holds, or held, is to be left.
  package mutating func close() -> [MailboxID: UInt64] {
    leaving.merge(settled(sockets.keys)) { $1 }
    sockets = [:]
    defer { leaving = [:] }
    return leaving
  }

  private func settled(_ mailboxes: some Sequence<MailboxID>) -> [MailboxID: UInt64] {
    mailboxes.reduce(into: [:]) { claims, mailbox in
      if let socket = sockets[mailbox], socket.isOpen, socket.pending == 0 { claims[mailbox] = socket.claim }
    }
  }
}
