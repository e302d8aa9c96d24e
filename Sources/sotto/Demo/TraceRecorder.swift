package import SottoClient
internal import SottoSession
internal import SottoWire

/// Turns what two engines tell of one session into the events of a trace.
///
/// A session has one root key, one key pair, one key for each of its two chains, and the message keys that it lists as
/// skipped. So where it stands says which keys it has, and where it stood before which are gone: they were overwritten.
package struct TraceRecorder {
  package typealias Trace = ConversationTrace

  package private(set) var events: [Trace.Event] = []
  private var positions: [Trace.Side: SessionPosition] = [:]

  package init() {}

  package mutating func tell(_ events: Trace.Event...) { self.events += events }

  package mutating func record(_ observation: Observation, of side: Trace.Side) {
    switch observation {
    case .began(let role, let usesOneTimePrekey): begin(side, role, usesOneTimePrekey)
    case .oneTimePrekeyGone: tell(.forgotten(side, .oneTimePrekey))
    case .sealed(let id, let bytes, let hasPrelude, let text, let position):
      guard let key = move(side, to: position) else { return }
      let name = Trace.RelayName(of: id.bytes)
      tell(.sealed(side, .init(key, envelope: name, bytes: bytes, hasPrelude: hasPrelude, text: text)))
    case .opened(let id, let text, let position):
      guard let key = move(side, to: position) else { return }
      tell(.opened(side, .init(key, envelope: Trace.RelayName(of: id.bytes), text: text)))
    }
  }

  private mutating func begin(_ side: Trace.Side, _ role: SessionRole, _ usesOneTimePrekey: Bool) {
    let isInitiator = role == .initiator
    let handshake = Trace.Handshake(
      initiator: isInitiator ? side : side.other,
      parts: Trace.Part.allCases.filter { $0 != .dh4 || usesOneTimePrekey })
    tell(.held(side, .identity))
    if isInitiator {
      tell(.made(side, .ephemeral))
    } else {
      tell(.held(side, .signedPrekey))
      if usesOneTimePrekey { tell(.held(side, .oneTimePrekey)) }
    }
    tell(.handshake(side, handshake))
    // These are variables of the handshake's functions, and wiped when those return.
    if isInitiator { tell(.forgotten(side, .ephemeral)) }
    tell(.forgotten(side, .handshakeSecrets))
  }

  /// - Returns: the key of the message that moved the session there.
  private mutating func move(_ side: Trace.Side, to after: SessionPosition) -> Trace.MessageKey? {
    let before = positions.updateValue(after, forKey: side) ?? SessionPosition(role: after.role)
    if before.sending == nil, after.role == .initiator { turn(side, toSend: 1, with: .signedPrekey, root: 1) }
    let isTurn = before.receiving?.number != after.receiving?.number
    let root = (before.sending?.number ?? 0) + (before.receiving?.number ?? 0)
    let peer = Trace.Key.pair(side.other, after.receiving?.number ?? 0)
    if isTurn, let chain = after.receiving {
      let own = before.sending.map { Trace.Key.pair(side, $0.number) } ?? .signedPrekey
      let made = Trace.Chain(side.other, chain.number)
      tell(.turn(side, .init(root: root + 1, own: own, peer: peer, chain: made)), .forgotten(side, .root(root)))
    }
    var used = step(side, side.other, from: before.receiving, to: after.receiving, skipped: after.skipped)
    if isTurn, let chain = after.sending {
      turn(side, toSend: chain.number, with: peer, root: root + 2)
      endTurn(side, before, after)
    }
    used += step(side, side, from: before.sending, to: after.sending, skipped: [])
    let gone = before.skipped.filter { !after.skipped.contains($0) }.map { Self.key($0, of: side.other) }
    for key in used + gone { tell(.forgotten(side, .message(key))) }
    return used.last ?? gone.first
  }

  /// A fresh pair, and a chain to send with.
  private mutating func turn(_ side: Trace.Side, toSend number: Int, with peer: Trace.Key, root: Int) {
    let own = Trace.Key.pair(side, number)
    tell(
      .made(side, own), .turn(side, .init(root: root, own: own, peer: peer, chain: .init(side, number))),
      .forgotten(side, .root(root - 1)))
  }

  /// The chains before, and the pair, are gone; of the one that was received stays what has not come yet.
  private mutating func endTurn(_ side: Trace.Side, _ before: SessionPosition, _ after: SessionPosition) {
    if let chain = before.receiving {
      for key in after.skipped where key.chain == chain.number && !before.skipped.contains(key) {
        tell(.chainStep(side, Self.key(key, of: side.other)), .kept(side, Self.key(key, of: side.other)))
      }
      tell(.forgotten(side, .chain(.init(side.other, chain.number))))
    }
    if let chain = before.sending {
      tell(.forgotten(side, .chain(.init(side, chain.number))), .forgotten(side, .pair(side, chain.number)))
    }
  }

  /// - Returns: the message keys that the chain gave and that are not kept.
  private mutating func step(
    _ side: Trace.Side, _ author: Trace.Side, from before: SessionPosition.Chain?, to after: SessionPosition.Chain?,
    skipped: [SessionPosition.SkippedKey]
  ) -> [Trace.MessageKey] {
    guard let after else { return [] }
    let first = before.map { $0.number == after.number ? $0.steps : 0 } ?? 0
    return (first..<after.steps).compactMap { number in
      let passed = SessionPosition.SkippedKey(chain: after.number, number: number)
      let key = Self.key(passed, of: author)
      tell(.chainStep(side, key))
      guard skipped.contains(passed) else { return key }
      tell(.kept(side, key))
      return nil
    }
  }

  private static func key(_ key: SessionPosition.SkippedKey, of author: Trace.Side) -> Trace.MessageKey {
    Trace.MessageKey(.init(author, key.chain), key.number)
  }
}
