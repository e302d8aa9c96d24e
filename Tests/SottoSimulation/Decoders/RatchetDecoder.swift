import SottoCrypto
import SottoSession
import SottoWire

extension Decoder {
  /// What a peer inside a session can send: headers and contents that it made up, sealed as they must be.
  static let ratchet = Decoder(
    "ratchet", limit: 2048,
    oneOf: [
      { try message($0, to: Line.shared.fresh, raw: false) },
      { try message($0, to: Line.shared.midway, raw: false) },
      { try message($0, to: Line.shared.fresh, raw: true) },
      { try message($0, to: Line.shared.midway, raw: true) },
    ])

  /// A refusal leaves the session byte for byte as it was, and the next honest message opens whatever came before.
  private static func message(_ bytes: [UInt8], to saved: Line.Saved, raw: Bool) throws -> Bool {
    let line = Line.shared
    var reader = WireReader(bytes)
    let header: [UInt8]
    if raw {
      guard let given = try? reader.fixed(40) else { return false }
      header = given
    } else {
      guard let number = try? reader.u16() else { return false }
      // Far jumps are slow, so most are short.
      header = line.header(number: UInt32(number) % (number < 1 << 15 ? 16 : 1050))
    }
    let padded = reader.rest()
    guard let envelope = line.envelope(header: header, padded: padded) else { return false }
    var session = saved.session()
    var entropy = SeededEntropy(seed: 3)
    var isOpened = false
    do {
      let opened = try session.open(envelope, now: Stage.shared.now, from: &entropy)
      isOpened = true
      let fill = [UInt8](repeating: 0, count: line.room(for: padded.count) - padded.count)
      try promise(
        Padding.pad(opened.content.encoded(), to: padded.count + fill.count) == padded + fill, "another content")
      try promise((try? session.open(envelope, now: Stage.shared.now, from: &entropy)) == nil, "a message opens twice")
    } catch is Refused {
      try promise(
        session.encoded().isEqual(to: saved.state.secret)
          && session.encodedSkippedKeys().isEqual(to: saved.skipped.secret), "a refusal left a trace")
    }
    // 6 is the first that neither state has opened; a message that took a skipped key does not move the chain.
    let next = line.honest(number: isOpened ? max(line.number(of: header) + 1, 6) : 6)
    try promise((try? session.open(next, now: Stage.shared.now, from: &entropy)) != nil, "an honest message is lost")
    return isOpened
  }
}

/// A session's sending side, of which every key is known, and two states of the receiving side.
final class Line: @unchecked Sendable {
  static let shared = Line()

  struct Saved {
    let state: SecretBox
    let skipped: SecretBox

    init(_ session: borrowing Session) {
      state = SecretBox(session.encoded())
      skipped = SecretBox(session.encodedSkippedKeys())
    }

    func session() -> Session { try! Session(decoding: state.secret.copy(), skippedKeys: skipped.secret.copy()) }
  }

  /// A responder that has opened nothing.
  let fresh: Saved
  /// One that has opened messages 0 and 5 of the sender's chain.
  private(set) var midway: Saved

  private let sid = try! Digest([UInt8](repeating: 11, count: 32))
  private let own: AgreementPublicKey
  private let headerKey = HeaderKey(Line.secret(12))
  /// Of the messages 0...1100.
  private let messageKeys: [SecretBox]

  private static func secret(_ byte: UInt8) -> Secret { Secret(copying: [UInt8](repeating: byte, count: 32)) }

  private init() {
    let sender = try! AgreementPrivateKey(Line.secret(13))
    let signedKey = try! AgreementPrivateKey(Line.secret(14))
    own = sender.publicKey
    func keys() -> HandshakeKeys {
      HandshakeKeys(
        sid: try! Digest([UInt8](repeating: 11, count: 32)), root: RootKey(Line.secret(15)),
        initiatorHeader: HeaderKey(Line.secret(12)), responderHeader: HeaderKey(Line.secret(16)))
    }
    let turn = keys().root.step(try! sender.agree(with: signedKey.publicKey))
    var chain = turn.chain
    messageKeys = (0...1100).map { _ in
      let step = chain.step()
      chain = step.next
      return SecretBox(step.message.secret.copy())
    }
    let info = SessionInfo(
      sid: keys().sid, role: .responder, generation: 1, isConfirmed: false, createdAt: 1, preludeDigest: .zero,
      peerAccount: AccountID(.zero), peerDevice: try! DeviceID([UInt8](repeating: 1, count: 8)))
    let session = Session(info: info, ratchet: Ratchet(responder: keys(), signedKey: signedKey), prelude: nil)
    fresh = Saved(session)
    midway = fresh
    var later = fresh.session()
    var entropy = SeededEntropy(seed: 4)
    for number in [0, 5] as [UInt32] {
      _ = try! later.open(honest(number: number), now: Stage.shared.now, from: &entropy)
    }
    midway = Saved(later)
  }

  func header(number: UInt32) -> [UInt8] { RatchetHeader(key: own, previousCount: 0, number: number).encoded() }

  func number(of header: [UInt8]) -> UInt32 { header.suffix(4).reduce(0) { $0 << 8 | UInt32($1) } }

  /// What `padded` is filled up to with zeros.
  func room(for padded: Int) -> Int { (SizeClass(holding: padded + 129)?.rawValue ?? 129) - 129 }

  func envelope(header: [UInt8], padded: [UInt8]) -> Envelope? {
    let sealed = headerKey.key.seal(header, ad: sid.bytes, from: &Fixed.entropy)
    let fill = [UInt8](repeating: 0, count: max(0, room(for: padded.count) - padded.count))
    let key = MessageKey(messageKeys[min(Int(number(of: header)), messageKeys.count - 1)].secret.copy())
    let message = key.seal(padded + fill, sid: sid, header: sealed)
    return try? Envelope(decoding: Envelope.encode(prelude: nil, message: message))
  }

  func honest(number: UInt32) -> Envelope {
    let content = Content(id: try! MessageID([UInt8](repeating: 1, count: 16)), sentAt: 1, parts: [.text("honest")])
    return envelope(header: header(number: number), padded: content.encoded() + [0x80])!
  }
}
