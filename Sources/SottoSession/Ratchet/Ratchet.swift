package import SottoCrypto

/// The Double Ratchet with header encryption (Signal, revision 4, section 4), over the PRF of this protocol. [ratchet.10]
///
///     send:  sending chain steps -> message key -> sealed
///     open:  which chain? -> how far? -> derive aside -> commitment -> AEAD -> commit
///
/// `open` computes everything beside the state and assigns it at the end, where nothing can fail: a refused message
/// leaves no trace.
package struct Ratchet: ~Copyable {
  package let sid: Digest
  private var root: RootKey
  private var own: AgreementPrivateKey
  private var sending: SendingChain?
  private var receiving: ReceivingChain?
  private var nextSendingHeader: HeaderKey
  private var nextReceivingHeader: HeaderKey
  private var previousCount: UInt32
  private(set) var skipped: SkippedKeys
  /// Whether `skipped` differs from what was last saved.
  private(set) var skippedChanged: Bool

  struct SendingChain: Sendable {
    let key: ChainKey
    let header: HeaderKey
    let next: UInt32
  }

  struct ReceivingChain: Sendable {
    let key: ChainKey
    let header: HeaderKey
    let next: UInt32
    let remote: AgreementPublicKey
    /// Counts receiving chains, so that skipped keys can say which one they are of.
    let number: UInt32
  }

  /// What opening a message yields.
  struct Opened {
    let content: Content
    /// Keys of earlier messages that had to be forgotten: those messages can no longer be opened.
    let dropped: Int
  }

  /// DHs fresh, DHr = SPK, HKs = HKi, NHKr = HKr, no receiving chain. [ratchet.11]
  package init(
    initiator keys: consuming HandshakeKeys, remote: AgreementPublicKey, own: consuming AgreementPrivateKey
  ) throws(Refused) {
    let step = keys.root.step(try agreement(own, remote))
    sid = keys.sid
    sending = SendingChain(key: step.chain, header: keys.initiatorHeader, next: 0)
    receiving = nil
    nextSendingHeader = step.nextHeader
    nextReceivingHeader = keys.responderHeader
    root = step.root
    self.own = own
    previousCount = 0
    skipped = SkippedKeys()
    skippedChanged = false
  }

  /// DHs = SPK, RK = RK0, NHKs = HKr, NHKr = HKi, no chains: nothing to send with until the first message opens. [ratchet.12]
  package init(responder keys: consuming HandshakeKeys, signedKey: borrowing AgreementPrivateKey) {
    sid = keys.sid
    root = keys.root
    own = signedKey.copy()
    sending = nil
    receiving = nil
    nextSendingHeader = keys.responderHeader
    nextReceivingHeader = keys.initiatorHeader
    previousCount = 0
    skipped = SkippedKeys()
    skippedChanged = false
  }

  /// A stored ratchet, as `write` wrote it.
  init(
    sid: Digest, from reader: inout SecretReader, hasSending: Bool, hasReceiving: Bool, skipped: SkippedKeys
  ) throws(CryptoError) {
    let root = RootKey(try reader.secret(32))
    let own = try AgreementPrivateKey(try reader.secret(32))
    var sending: SendingChain?
    if hasSending {
      sending = SendingChain(
        key: ChainKey(try reader.secret(32)), header: HeaderKey(try reader.secret(32)), next: try reader.u32())
    }
    var receiving: ReceivingChain?
    if hasReceiving {
      receiving = ReceivingChain(
        key: ChainKey(try reader.secret(32)), header: HeaderKey(try reader.secret(32)), next: try reader.u32(),
        remote: try AgreementPublicKey(try reader.fixed(32)), number: try reader.u32())
    }
    // [state.1] No session has come so far, and there is no number for the chain after it.
    guard receiving?.number != .max else { throw .wrongLength }
    let nextSendingHeader = HeaderKey(try reader.secret(32))
    let nextReceivingHeader = HeaderKey(try reader.secret(32))
    previousCount = try reader.u32()
    self.sid = sid
    self.root = root
    self.own = own
    self.sending = sending
    self.receiving = receiving
    self.nextSendingHeader = nextSendingHeader
    self.nextReceivingHeader = nextReceivingHeader
    self.skipped = skipped
    skippedChanged = false
  }

  /// The keys and counters, without the skipped keys.
  func write(to writer: inout SecretWriter) {
    writer.secret(root.secret)
    writer.secret(own.secret)
    if let sending {
      writer.secret(sending.key.secret)
      writer.secret(sending.header.bytes())
      writer.u32(sending.next)
    }
    if let receiving {
      writer.secret(receiving.key.secret)
      writer.secret(receiving.header.bytes())
      writer.u32(receiving.next)
      writer.fixed(receiving.remote.bytes)
      writer.u32(receiving.number)
    }
    writer.secret(nextSendingHeader.bytes())
    writer.secret(nextReceivingHeader.bytes())
    writer.u32(previousCount)
  }

  /// Whether there is a receiving chain.
  var hasReceived: Bool { receiving != nil }

  /// Whether there is a chain to send with.
  var canSend: Bool { sending != nil }

  /// Whether that chain has a message left: numbers end below 2^32 - 1. [ratchet.17]
  var canSeal: Bool { sending.map { $0.next < .max } ?? false }

  /// Seals the next message of the sending chain.
  package mutating func seal(_ padded: [UInt8], from entropy: inout some Entropy) -> RatchetMessage {
    guard let chain = sending else { preconditionFailure("a responder sends after it has opened") }
    precondition(chain.next < .max, "the caller asks canSeal")
    let step = chain.key.step()
    let header = RatchetHeader(key: own.publicKey, previousCount: previousCount, number: chain.next)
    sending = SendingChain(key: step.next, header: chain.header, next: chain.next + 1)
    return step.message.seal(padded, sid: sid, header: chain.header.seal(header, sid: sid, from: &entropy))
  }

  /// Which chain a header belongs to.
  enum Place {
    case current(RatchetHeader)
    case next(RatchetHeader)
    case past(RatchetHeader, chain: UInt32)
  }

  /// Tries the header keys of the current and the next chain, then of past ones. [ratchet.13]
  func place(of message: RatchetMessage) -> Place? {
    currentPlace(of: message) ?? pastPlace(of: message)
  }

  func currentPlace(of message: RatchetMessage) -> Place? {
    if let header = receiving?.header.open(message.header, sid: sid) { return .current(header) }
    return nextReceivingHeader.open(message.header, sid: sid).map { .next($0) }
  }

  func pastPlace(of message: RatchetMessage) -> Place? {
    for past in skipped.pastChains.reversed() {
      if let header = past.headerKey.open(message.header, sid: sid) { return .past(header, chain: past.chain) }
    }
    return nil
  }

  /// Opens a message; on any refusal the state is as it was.
  mutating func open(
    _ message: RatchetMessage, now: UnixTime, from entropy: inout some Entropy
  ) throws(Refused) -> Opened {
    switch place(of: message) {
    case .none: throw Refused(.header)
    case .past(let header, let chain): return try openSkipped(message, chain: chain, number: header.number, now: now)
    case .current(let header):
      // [ratchet.15]
      guard let chain = receiving, header.key == chain.remote else { throw Refused(.header) }
      guard header.number >= chain.next else {
        return try openSkipped(message, chain: chain.number, number: header.number, now: now)
      }
      return try openCurrent(message, header, chain, now: now)
    case .next(let header): return try openNext(message, header, now: now, from: &entropy)
    }
  }

  // Before the commit: what its author padded or encoded wrongly is refused like anything else.
  private static func content(of padded: [UInt8]) throws(Refused) -> Content {
    try Content(decoding: try Padding.unpad(padded))
  }

  private mutating func openSkipped(
    _ message: RatchetMessage, chain: UInt32, number: UInt32, now: UnixTime
  ) throws(Refused) -> Opened {
    // [ratchet.16] Opened before, or forgotten.
    guard let key = skipped.key(chain: chain, number: number, now: now) else { throw Refused(.replay) }
    let content = try Self.content(of: try key.open(message, sid: sid))
    skipped.remove(chain: chain, number: number)
    skippedChanged = true
    return Opened(content: content, dropped: skipped.expire(now: now))
  }

  private mutating func openCurrent(
    _ message: RatchetMessage, _ header: RatchetHeader, _ chain: ReceivingChain, now: UnixTime
  ) throws(Refused) -> Opened {
    // [ratchet.14] Before any derivation, or allocation that grows with the jump.
    guard header.number < .max, header.number - chain.next <= Limits.gap else { throw Refused(.gap) }
    let advance = Advance(chain.key, from: chain.next, to: header.number)
    let content = try Self.content(of: try advance.message.open(message, sid: sid))
    // Commit.
    var dropped = skipped.expire(now: now)
    if let run = advance.run(chain: chain.number, now: now) {
      dropped += skipped.add(run)
      skippedChanged = true
    }
    skippedChanged = skippedChanged || dropped > 0
    receiving = ReceivingChain(
      key: advance.next, header: chain.header, next: header.number + 1, remote: chain.remote, number: chain.number)
    return Opened(content: content, dropped: dropped)
  }

  private mutating func openNext(
    _ message: RatchetMessage, _ header: RatchetHeader, now: UnixTime, from entropy: inout some Entropy
  ) throws(Refused) -> Opened {
    let ended = receiving?.next ?? 0
    // [ratchet.14] A chain cannot have been shorter than what was opened of it; one that never was had no messages.
    guard header.previousCount >= ended, header.previousCount - ended <= Limits.gap, header.number <= Limits.gap,
      receiving != nil || header.previousCount == 0
    else { throw Refused(.gap) }
    let turn = root.step(try agreement(own, header.key))
    let advance = Advance(turn.chain, from: 0, to: header.number)
    let content = try Self.content(of: try advance.message.open(message, sid: sid))
    let fresh = AgreementPrivateKey(from: &entropy)
    let answer = turn.root.step(try agreement(fresh, header.key))
    // Commit.
    var dropped = skipped.expire(now: now)
    if let old = receiving {
      let rest = Advance.skip(old.key, from: old.next, to: header.previousCount)
      if let run = rest.run(chain: old.number, now: now) { dropped += skipped.add(run) }
      dropped += skipped.end(chain: old.number, headerKey: old.header)
    }
    let number = receiving.map { $0.number + 1 } ?? 0
    if let run = advance.run(chain: number, now: now) { dropped += skipped.add(run) }
    skippedChanged = true
    previousCount = sending?.next ?? 0
    receiving = ReceivingChain(
      key: advance.next, header: nextReceivingHeader, next: header.number + 1, remote: header.key, number: number)
    nextReceivingHeader = turn.nextHeader
    sending = SendingChain(key: answer.chain, header: nextSendingHeader, next: 0)
    nextSendingHeader = answer.nextHeader
    root = answer.root
    own = fresh
    return Opened(content: content, dropped: dropped)
  }
}
