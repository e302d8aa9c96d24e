internal import SottoWire
internal import Synchronization

/// Which socket serves which mailbox: at most one each, and the newest wins. [stream.8]
final class StreamHub: Sendable {
  /// What a socket is told.
  enum Signal: Sendable {
    /// An envelope was stored.
    case arrived
    /// So many have come by now, in a store that other relays write to.
    case reached(UInt64)
    /// It no longer serves the mailbox.
    case ended(CloseReason)
  }

  /// Names one taking-over, so that a displaced socket cannot sign its successor off.
  struct Ticket: Equatable, Sendable {
    fileprivate let mailbox: MailboxID
    /// Greater for each.
    let number: UInt64
  }

  private struct Listener {
    let number: UInt64
    let tell: @Sendable (Signal) -> Void
  }

  private struct State {
    var listeners: [MailboxID: Listener] = [:]
    var taken: UInt64 = 0
  }

  private let state = Mutex(State())

  func takeOver(_ mailbox: MailboxID, tell: @escaping @Sendable (Signal) -> Void) -> Ticket {
    let (ticket, former) = state.withLock { state in
      state.taken += 1
      let former = state.listeners.updateValue(Listener(number: state.taken, tell: tell), forKey: mailbox)
      return (Ticket(mailbox: mailbox, number: state.taken), former)
    }
    former?.tell(.ended(.displaced))
    return ticket
  }

  func signOff(_ ticket: Ticket) {
    state.withLock { state in
      if state.listeners[ticket.mailbox]?.number == ticket.number { state.listeners[ticket.mailbox] = nil }
    }
  }

  func isListening(_ mailbox: MailboxID) -> Bool { state.withLock { $0.listeners[mailbox] != nil } }

  /// Whether a socket was told.
  @discardableResult
  func arrived(_ mailbox: MailboxID) -> Bool { tell(mailbox, .arrived) }

  func reached(_ mailbox: MailboxID, _ index: UInt64) { tell(mailbox, .reached(index)) }

  func deleted(_ mailbox: MailboxID) {
    let listener = state.withLock { $0.listeners.removeValue(forKey: mailbox) }
    listener?.tell(.ended(.gone))
  }

  /// Ends this socket, if it still serves the mailbox.
  func end(_ mailbox: MailboxID, ticket: UInt64, _ reason: CloseReason) {
    let listener = state.withLock { state -> Listener? in
      guard state.listeners[mailbox]?.number == ticket else { return nil }
      return state.listeners.removeValue(forKey: mailbox)
    }
    listener?.tell(.ended(reason))
  }

  @discardableResult
  private func tell(_ mailbox: MailboxID, _ signal: Signal) -> Bool {
    let listener = state.withLock { $0.listeners[mailbox] }
    listener?.tell(signal)
    return listener != nil
  }
}
