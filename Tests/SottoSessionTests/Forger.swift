import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire

/// A contact who does not keep to the protocol: with the keys of its own side, under header keys that are the right ones,
/// it can say what no honest ratchet says. Where the keys stand in a session without prelude: Specs/State.md.
final class Forger {
  let sid: Digest
  /// What the peer has as DHr once a message of the sending chain has opened.
  let key: AgreementPublicKey
  private let chain: ChainKey
  private let header: HeaderKey
  private let nextHeader: HeaderKey
  private var entropy = SeededEntropy(seed: 4711)

  init(_ cell: SessionCell) throws {
    let state = cell.session.encoded()
    sid = cell.session.info.sid
    key = try AgreementPrivateKey(state.slice(151..<183)).publicKey
    chain = ChainKey(state.slice(183..<215))
    header = HeaderKey(state.slice(215..<247))
    nextHeader = HeaderKey(state.slice(355..<387))
  }

  /// Which of the peer's header keys opens it.
  enum Chain {
    case current, next
  }

  /// An envelope whose header says this; what it carries is sealed under the next key of the sending chain.
  func envelope(
    on place: Chain = .current, key: AgreementPublicKey? = nil, previousCount: UInt32 = 0, number: UInt32,
    padded: [UInt8] = Padding.pad([1, 2, 3], to: 383)
  ) -> [UInt8] {
    let header = RatchetHeader(key: key ?? self.key, previousCount: previousCount, number: number)
    let sealed = (place == .current ? self.header : nextHeader).seal(header, sid: sid, from: &entropy)
    let message = chain.step().message.seal(padded, sid: sid, header: sealed)
    return Envelope.encode(prelude: nil, message: message)
  }
}
