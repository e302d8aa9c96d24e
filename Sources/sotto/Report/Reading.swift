/// A trace, read once: its steps, its messages, and how long each key lived.
struct Reading {
  typealias Trace = ConversationTrace

  private(set) var moments: [Moment] = []
  /// Numbers of messages, from 1, in the order in which they were sealed.
  private(set) var messages: [Trace.MessageKey: Int] = [:]
  /// In the order of the trace, so each table has the relay's order.
  private(set) var stored: [Trace.StoredEnvelope] = []
  private(set) var delivered: Set<Trace.RelayName> = []
  private(set) var lives: [KeyLife] = []
  private(set) var handshake: Trace.Handshake?
  /// The turns of both sides, each once, by root key.
  private(set) var turns: [Trace.Turn] = []

  /// One step: what one side did to seal or open one message.
  struct Moment {
    /// From 1, over both sides.
    let number: Int
    let side: Trace.Side
    let events: [Trace.Event]

    var sealed: Trace.Sealed? {
      events.lazy.compactMap { if case .sealed(_, let sealed) = $0 { sealed } else { nil } }.first
    }

    var opened: Trace.Opened? {
      events.lazy.compactMap { if case .opened(_, let opened) = $0 { opened } else { nil } }.first
    }
  }

  init(_ trace: ConversationTrace) {
    var waiting: [Trace.Side: [Trace.Event]] = [:]
    for event in trace.events {
      if case .stored(let envelope) = event { stored.append(envelope) }
      if case .delivered(let name) = event { delivered.insert(name) }
      guard let side = event.side else { continue }
      waiting[side, default: []].append(event)
      note(event)
      guard event.endsMoment, let events = waiting.removeValue(forKey: side) else { continue }
      moments.append(Moment(number: moments.count + 1, side: side, events: events))
    }
    turns.sort { $0.root < $1.root }
    lives = KeyLives(of: moments).lives
  }

  private mutating func note(_ event: Trace.Event) {
    switch event {
    case .handshake(_, let shake): handshake = handshake ?? shake
    case .turn(_, let turn): if !turns.contains(where: { $0.chain == turn.chain }) { turns.append(turn) }
    case .sealed(_, let sealed):
      if messages[sealed.key] == nil { messages[sealed.key] = messages.count + 1 }
    default: break
    }
  }

  /// Keys of a chain that either side derived, in order.
  func messageKeys(of chain: Trace.Chain) -> [Trace.MessageKey] {
    var numbers: Set<Int> = []
    for case .message(let key) in lives.map(\.key) where key.chain == chain { numbers.insert(key.number) }
    return numbers.sorted().map { Trace.MessageKey(chain, $0) }
  }

  func life(of key: Trace.Key, at side: Trace.Side) -> KeyLife? {
    lives.first { $0.key == key && $0.side == side }
  }

  func opening(of envelope: Trace.RelayName) -> Moment? { moments.first { $0.opened?.envelope == envelope } }
}

/// How long one side had a key.
struct KeyLife: Hashable {
  typealias Trace = ConversationTrace

  let side: Trace.Side
  let key: Trace.Key
  /// Nil: before the first step.
  let start: Position?
  /// Nil: still held.
  var end: Position?
  /// Since when it was kept for a message that was passed over.
  var kept: Position?
  /// Where a chain stepped.
  var steps: [Position] = []

  /// A place in the order of things: a step, and how far through it, from 0 to 1.
  struct Position: Hashable, Comparable {
    let moment: Int
    let part: Double

    static func < (left: Position, right: Position) -> Bool {
      (left.moment, left.part) < (right.moment, right.part)
    }
  }

  var isWithinOneMoment: Bool { start != nil && start?.moment == end?.moment }
}

/// Reads births and ends of keys off the events.
struct KeyLives {
  typealias Trace = ConversationTrace

  private(set) var lives: [KeyLife] = []

  init(of moments: [Reading.Moment]) {
    for moment in moments {
      for case .held(let side, let key) in moment.events { begin(key, side, nil) }
      let steps = moment.events.filter(\.touchesKeys)
      for (index, event) in steps.enumerated() {
        let part = (Double(index) + 0.5) / Double(steps.count)
        take(event, at: KeyLife.Position(moment: moment.number, part: part))
      }
    }
  }

  private mutating func take(_ event: Trace.Event, at position: KeyLife.Position) {
    switch event {
    case .made(let side, let key): begin(key, side, position)
    case .handshake(let side, _):
      begin(.handshakeSecrets, side, position)
      begin(.root(0), side, position)
    case .turn(let side, let turn):
      begin(.root(turn.root), side, position)
      begin(.chain(turn.chain), side, position)
    case .chainStep(let side, let key):
      change(.chain(key.chain), side) { $0.steps.append(position) }
      begin(.message(key), side, position)
    case .kept(let side, let key): change(.message(key), side) { $0.kept = position }
    case .forgotten(let side, let key): change(key, side) { $0.end = position }
    case .held, .sealed, .opened, .stored, .delivered: break
    }
  }

  private mutating func begin(_ key: Trace.Key, _ side: Trace.Side, _ start: KeyLife.Position?) {
    lives.append(KeyLife(side: side, key: key, start: start))
  }

  private mutating func change(_ key: Trace.Key, _ side: Trace.Side, _ change: (inout KeyLife) -> Void) {
    guard let index = lives.lastIndex(where: { $0.key == key && $0.side == side && $0.end == nil }) else { return }
    change(&lives[index])
  }
}

extension ConversationTrace.Event {
  /// Whose event it is; nil for the relay.
  var side: ConversationTrace.Side? {
    switch self {
    case .held(let side, _), .made(let side, _), .handshake(let side, _), .turn(let side, _), .chainStep(let side, _),
      .kept(let side, _), .forgotten(let side, _), .sealed(let side, _), .opened(let side, _):
      side
    case .stored, .delivered: nil
    }
  }

  fileprivate var endsMoment: Bool {
    switch self {
    case .sealed, .opened: true
    default: false
    }
  }

  fileprivate var touchesKeys: Bool {
    switch self {
    case .held, .sealed, .opened, .stored, .delivered: false
    default: true
    }
  }
}
