import SottoCrypto
import SottoSession
import SottoWire

/// Two devices after the handshake of the example in Specs/Handshake.md, neither of which has opened anything yet.
struct Talk {
  var initiator: SavedSession
  var responder: SavedSession
  let prelude: [UInt8]

  init(_ recorded: Recorded, _ kind: PrekeyKind = .oneTime) throws {
    let cast = try Cast(recorded)
    let schedule = try ScheduleInput.example(cast, kind).run()
    func info(_ role: SessionRole, _ peer: Player) -> SessionInfo {
      SessionInfo(
        sid: schedule.sid, role: role, generation: 1, isConfirmed: false, createdAt: Cast.now,
        preludeDigest: schedule.prelude.digest, peerAccount: peer.account.id, peerDevice: peer.device.id)
    }
    prelude = schedule.encodedPrelude
    let begun = try Ratchet(
      initiator: schedule.keys(), remote: cast.responder.signedPrekey.part.signedKey,
      own: AgreementPrivateKey(Secret(copying: seq(0x91, 32))))
    initiator = SavedSession(Session(info: info(.initiator, cast.responder), ratchet: begun, prelude: prelude))
    let answering = Ratchet(responder: schedule.keys(), signedKey: cast.responder.signedPrekey.signedKey)
    responder = SavedSession(Session(info: info(.responder, cast.initiator), ratchet: answering, prelude: nil))
  }

  /// The content of the example in Specs/Messages.md.
  static let hello = Content(
    id: try! MessageID(seq(0xf0, 16)), sentAt: Cast.begin * 1000, parts: [.text("Hello")])

  static func text(_ text: String) -> Content {
    Content(
      id: try! MessageID(Array(Digest.of("text", Array(text.utf8)).bytes[..<16])), sentAt: Cast.now * 1000,
      parts: [.text(text)])
  }
}

extension SavedSession {
  /// Seals, as a conversation goes on.
  mutating func seal(_ content: Content, nonce: [UInt8] = seq(0x40, 24)) throws -> [UInt8] {
    var live = try live()
    var entropy = FixedEntropy(nonce)
    guard let envelope = live.seal(content, from: &entropy) else {
      throw WrongVerdict(description: "nothing can be sealed")
    }
    self = SavedSession(live)
    return envelope
  }

  /// Opens, as a conversation goes on.
  mutating func open(_ envelope: [UInt8], ratchetKey: [UInt8], now: UnixTime = Cast.now) throws -> Session.Opened {
    var live = try live()
    var entropy = FixedEntropy(ratchetKey)
    let opened: Session.Opened
    do { opened = try live.open(try Envelope(decoding: envelope), now: now, from: &entropy) } catch {
      guard SavedSession(live) == self else { throw WrongVerdict(description: "a refusal changed a session") }
      throw error
    }
    self = SavedSession(live)
    return opened
  }

  /// The session's fields; what was saved can be read.
  var fields: SessionFields { try! SessionFields(session) }
}

/// A message of who holds the sending chain of a session and keeps to no rule: each part can be falsified.
struct CraftedMessage {
  /// What the header says.
  var key: [UInt8]
  var previousCount: UInt32
  var number: UInt32
  var headerKey: [UInt8]
  var messageKey: [UInt8]
  var sid: [UInt8]
  var padded: [UInt8]
  var prelude: [UInt8]?
  var nonce = seq(0x60, 24)

  /// As honest as it can be with that number: the sender's next messages up to it were never sealed.
  init(of sender: SavedSession, number: UInt32? = nil, _ content: Content = Talk.text("crafted"), count: Int = 383)
    throws
  {
    let fields = sender.fields
    let chain = fields.sending!
    key = try AgreementPrivateKey(Secret(copying: fields.own)).publicKey.bytes
    previousCount = fields.previousCount
    self.number = number ?? chain.next
    headerKey = chain.header
    var steps = [ChainKey(Secret(copying: chain.chain))]
    for _ in chain.next..<self.number { steps = [steps[0].step().next] }
    messageKey = steps[0].step().message.secret.revealed()
    sid = fields.sid
    padded = Padding.pad(content.encoded(), to: count)
  }

  /// The same with a change.
  func with(_ change: (inout CraftedMessage) -> Void) -> CraftedMessage {
    var changed = self
    change(&changed)
    return changed
  }

  var message: RatchetMessage {
    var plain = WireWriter()
    plain.fixed(key)
    plain.u32(previousCount)
    plain.u32(number)
    let sealed = SealingKey(Secret(copying: headerKey)).seal(plain.bytes, ad: sid, nonce: nonce)
    return MessageKey(Secret(copying: messageKey)).seal(padded, sid: try! Digest(sid), header: nonce + sealed)
  }

  var envelope: [UInt8] { Envelope.encode(prelude: prelude, message: message) }
}
