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
  private(set) var sending: SendingChain?
  private(set) var receiving: ReceivingChain?
  private var nextSendingHeader: HeaderKey
  private var nextReceivingHeader: HeaderKey
  private var previousCount: UInt32
  private(set) var skipped: SkippedKeys
  /// Whether `skipped` differs from what was last saved.
  private(set) var skippedChanged: Bool

  // Where a message is computed, beside the state, so that none costs an allocation; wiped after each.
  private var step = Derived()
  private var secrets = MessageSecrets()

  struct SendingChain {
    let key: ChainKey
    let header: HeaderKey
    var next: UInt32
  }

  struct ReceivingChain {
    let key: ChainKey
    let header: HeaderKey
    var next: UInt32
    let remote: AgreementPublicKey
    /// Counts receiving chains, so that skipped keys can say which one they are of.
    let number: UInt32
  }

  /// What opening a message yields.
  package struct Opened<Content> {
    package let content: Content
    /// Keys of earlier messages that had to be forgotten: those messages can no longer be opened.
    package let dropped: Int
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
    let own = try AgreementPrivateKey(deferringPublicKey: try reader.secret(32))
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
    let room = [UInt8](repeating: 0, count: SingleUseKey.overhead)
    var bytes = [UInt8](repeating: 0, count: RatchetMessage.commitmentRange.upperBound) + padded + room
    var message = bytes.mutableSpan
    seal(&message, from: &entropy)
    return RatchetMessage(bytes)
  }

  /// The same in place: the padded content stands in `message` with room for header and commitment before it and for the
  /// tag behind it.
  package mutating func seal(_ message: inout MutableSpan<UInt8>, from entropy: inout some Entropy) {
    guard let chain = sending else { preconditionFailure("a responder sends after it has opened") }
    precondition(chain.next < .max, "the caller asks canSeal")
    chain.key.step(into: &step)
    own.rememberPublicKey()
    let header = RatchetHeader(key: own.publicKey, previousCount: previousCount, number: chain.next)
    message.withPart(RatchetMessage.headerRange) { chain.header.seal(header, sid: sid, into: &$0, from: &entropy) }
    step.withB { secrets.seal(&message, under: $0, sid: sid) }
    // Commit.
    chain.key.advance(to: step)
    step.wipe()
    sending = SendingChain(key: chain.key, header: chain.header, next: chain.next + 1)
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
    let sealed = message.bytes.span.extracting(RatchetMessage.headerRange)
    // A header whose key is none counts as not opened.
    if let plaintext = receiving?.header.plaintext(of: sealed, sid: sid),
      let header = try? RatchetHeader(plaintext, known: receiving?.remote)
    {
      return .current(header)
    }
    guard let plaintext = nextReceivingHeader.plaintext(of: sealed, sid: sid) else { return nil }
    return (try? RatchetHeader(plaintext, known: nil)).map { .next($0) }
  }

  func pastPlace(of message: RatchetMessage) -> Place? {
    for past in skipped.pastChains.reversed() {
      if let header = past.headerKey.open(message.header, sid: sid) { return .past(header, chain: past.chain) }
    }
    return nil
  }

  /// Opens a message; on any refusal the state is as it was.
  ///
  /// - Parameters:
  ///   - plaintext: memory for the padded content. One that has its length already is not allocated again.
  ///   - now: unix seconds.
  ///   - content: reads the padded content. It is asked before the commit: what its author padded or encoded wrongly is
  ///     refused like anything else.
  package mutating func open<C>(
    _ message: RatchetMessage, into plaintext: inout [UInt8], now: UnixTime, from entropy: inout some Entropy,
    _ content: ([UInt8]) throws(Refused) -> C
  ) throws(Refused) -> Opened<C> {
    defer { step.wipe() }
    switch place(of: message) {
    case .none: throw Refused(.header)
    case .past(let header, let chain):
      return try openSkipped(message, chain: chain, number: header.number, into: &plaintext, now: now, content)
    case .current(let header):
      // [ratchet.15]
      guard let chain = receiving, header.key == chain.remote else { throw Refused(.header) }
      guard header.number >= chain.next else {
        return try openSkipped(
          message, chain: chain.number, number: header.number, into: &plaintext, now: now, content)
      }
      return try openCurrent(message, header, chain, into: &plaintext, now: now, content)
    case .next(let header): return try openNext(message, header, into: &plaintext, now: now, from: &entropy, content)
    }
  }

  private mutating func openSkipped<C>(
    _ message: RatchetMessage, chain: UInt32, number: UInt32, into plaintext: inout [UInt8], now: UnixTime,
    _ content: ([UInt8]) throws(Refused) -> C
  ) throws(Refused) -> Opened<C> {
    // [ratchet.16] Opened before, or forgotten.
    guard let key = skipped.key(chain: chain, number: number, now: now) else { throw Refused(.replay) }
    try key.secret.withSpan { key throws(Refused) in
      try secrets.open(message, under: key, sid: sid, into: &plaintext)
    }
    let content = try content(plaintext)
    // Commit.
    skipped.remove(chain: chain, number: number)
    skippedChanged = true
    return Opened(content: content, dropped: skipped.expire(now: now))
  }

  private mutating func openCurrent<C>(
    _ message: RatchetMessage, _ header: RatchetHeader, _ chain: ReceivingChain, into plaintext: inout [UInt8],
    now: UnixTime, _ content: ([UInt8]) throws(Refused) -> C
  ) throws(Refused) -> Opened<C> {
    // [ratchet.14] Before any derivation, or allocation that grows with the jump.
    guard header.number < .max, header.number - chain.next <= Limits.gap else { throw Refused(.gap) }
    let passed = Advance.advance(chain.key, from: chain.next, to: header.number, in: &step)
    try step.withB { key throws(Refused) in try secrets.open(message, under: key, sid: sid, into: &plaintext) }
    let content = try content(plaintext)
    // Commit.
    var dropped = skipped.expire(now: now)
    if let passed {
      dropped += skipped.add(
        SkippedKeys.Run(chain: chain.number, first: chain.next, keys: passed, storedAt: now))
      skippedChanged = true
    }
    skippedChanged = skippedChanged || dropped > 0
    chain.key.advance(to: step)
    receiving = ReceivingChain(
      key: chain.key, header: chain.header, next: header.number + 1, remote: chain.remote, number: chain.number)
    return Opened(content: content, dropped: dropped)
  }

  private mutating func openNext<C>(
    _ message: RatchetMessage, _ header: RatchetHeader, into plaintext: inout [UInt8], now: UnixTime,
    from entropy: inout some Entropy, _ content: ([UInt8]) throws(Refused) -> C
  ) throws(Refused) -> Opened<C> {
    let ended = receiving?.next ?? 0
    // [ratchet.14] A chain cannot have been shorter than what was opened of it; one that never was had no messages.
    guard header.previousCount >= ended, header.previousCount - ended <= Limits.gap, header.number <= Limits.gap,
      receiving != nil || header.previousCount == 0
    else { throw Refused(.gap) }
    let turn = root.step(try agreement(own, header.key))
    let passed = Advance.advance(turn.chain, from: 0, to: header.number, in: &step)
    try step.withB { key throws(Refused) in try secrets.open(message, under: key, sid: sid, into: &plaintext) }
    let content = try content(plaintext)
    let fresh = AgreementPrivateKey(from: &entropy)
    let answer = turn.root.step(try agreement(fresh, header.key))
    // Commit.
    var dropped = skipped.expire(now: now)
    turn.chain.advance(to: step)
    if let old = receiving {
      if let rest = Advance.skip(old.key, from: old.next, to: header.previousCount, in: &step) {
        dropped += skipped.add(SkippedKeys.Run(chain: old.number, first: old.next, keys: rest, storedAt: now))
      }
      dropped += skipped.end(chain: old.number, headerKey: old.header)
    }
    let number = receiving.map { $0.number + 1 } ?? 0
    if let passed {
      dropped += skipped.add(SkippedKeys.Run(chain: number, first: 0, keys: passed, storedAt: now))
    }
    skippedChanged = true
    previousCount = sending?.next ?? 0
    receiving = ReceivingChain(
      key: turn.chain, header: nextReceivingHeader, next: header.number + 1, remote: header.key, number: number)
    nextReceivingHeader = turn.nextHeader
    sending = SendingChain(key: answer.chain, header: nextSendingHeader, next: 0)
    nextSendingHeader = answer.nextHeader
    root = answer.root
    own = fresh
    return Opened(content: content, dropped: dropped)
  }
}
