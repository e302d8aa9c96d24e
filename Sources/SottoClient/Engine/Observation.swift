package import SottoSession
package import SottoWire

/// What a session did, for whoever draws it: numbers, sizes, and texts that their reader sees anyway. There is no byte
/// of a key in it.
package enum Observation: Hashable, Sendable {
  /// A handshake of ours or of the peer's began a session, with or without a one-time prekey of the responder's.
  case began(SessionRole, usesOneTimePrekey: Bool)
  /// The one-time prekey that the peer's handshake used is not in the store any more.
  case oneTimePrekeyGone
  case sealed(EnvelopeID, bytes: Int, hasPrelude: Bool, text: String?, SessionPosition)
  case opened(EnvelopeID, text: String?, SessionPosition)
}
