package import SottoCrypto

/// RK: advances with every Diffie-Hellman turn.
package struct RootKey: ~Copyable {
  package let secret: Secret

  package init(_ secret: consuming Secret) { self.secret = secret }

  /// `KDF_RK(RK, x): (RK', t) = P(RK, "ratchet root"; x); (CK, NHK) = P(t, "ratchet chain")` [ratchet.1]
  package func step(_ agreement: borrowing Secret) -> RootStep {
    let turn = PRF(key: secret, label: "ratchet root").absorbing(agreement).finish()
    let chain = PRF.derive(turn.b(), "ratchet chain")
    return RootStep(root: RootKey(turn.a()), chain: ChainKey(chain.a()), nextHeader: HeaderKey(chain.b()))
  }
}

/// What one turn of the root yields.
package struct RootStep: ~Copyable {
  package let root: RootKey
  package let chain: ChainKey
  package let nextHeader: HeaderKey
}

/// CK: advances with every message. Shared, never copied: whoever holds a chain's key sees it advance.
package final class ChainKey {
  package private(set) var secret: Secret

  private static let label: Label = "chain"

  package init(_ secret: consuming Secret) { self.secret = secret }

  /// `KDF_CK(CK): (CK', MK) = P(CK, "chain")` [ratchet.2]
  package func step() -> ChainStep {
    var output = Derived()
    step(into: &output)
    return ChainStep(next: ChainKey(output.a()), message: MessageKey(output.b()))
  }

  /// The same aside, in memory that the caller has: `(CK', MK)`.
  func step(into output: inout Derived) {
    KeyUse.chainStep()
    secret.withSpan { PRF.derive($0, Self.label, into: &output) }
  }

  /// From `(CK', MK)` to what follows it.
  static func step(on output: inout Derived) {
    KeyUse.chainStep()
    output.step(label)
  }

  /// Commits a step: CK' takes the place of CK.
  func advance(to step: borrowing Derived) { step.withA { secret.overwrite(0..<32, with: $0) } }
}

/// What one step of a chain yields.
package struct ChainStep: ~Copyable {
  package let next: ChainKey
  package let message: MessageKey
}

/// MK: seals one message, and commits to it.
package struct MessageKey: ~Copyable {
  package let secret: Secret

  package init(_ secret: consuming Secret) { self.secret = secret }

  /// A whole message under a sealed header.
  package func seal(_ padded: [UInt8], sid: Digest, header: [UInt8]) -> RatchetMessage {
    var bytes = header + [UInt8](repeating: 0, count: Digest.count) + padded
    bytes += [UInt8](repeating: 0, count: SingleUseKey.overhead)
    var message = bytes.mutableSpan
    var keys = MessageSecrets()
    secret.withSpan { keys.seal(&message, under: $0, sid: sid) }
    return RatchetMessage(bytes)
  }

  /// The padded content of a message.
  package func open(_ message: RatchetMessage, sid: Digest) throws(Refused) -> [UInt8] {
    var plaintext: [UInt8] = []
    var keys = MessageSecrets()
    try secret.withSpan { key throws(Refused) in try keys.open(message, under: key, sid: sid, into: &plaintext) }
    return plaintext
  }
}

/// EK_m and COM of one message at a time, in memory of their own: a session derives them over those of the message
/// before.
struct MessageSecrets: ~Copyable {
  private var keys = Derived()

  /// `(EK_m, COM) = P(MK, "message"; sid, hdr)`: the commitment binds key and context. [ratchet.3]
  private mutating func derive(_ key: Span<UInt8>, sid: Digest, header: Span<UInt8>) {
    PRF.derive(key, "message", sid.bytes.span, header, into: &keys)
  }

  /// Seals `hdr || (COM) || padded || (tag)` in place: what stands in brackets is written, `padded` is encrypted.
  mutating func seal(_ message: inout MutableSpan<UInt8>, under key: Span<UInt8>, sid: Digest) {
    derive(key, sid: sid, header: message.span.extracting(RatchetMessage.headerRange))
    keys.withB { message.write($0, at: RatchetMessage.commitmentRange.lowerBound) }
    message.withPart(RatchetMessage.commitmentRange.upperBound..<message.count) { keys.sealOnce(&$0) }
    keys.wipe()
  }

  /// Opens a message into `plaintext`, which becomes as long as the padded content. The commitment is compared, in
  /// constant time, before the AEAD is opened. [ratchet.4]
  mutating func open(
    _ message: RatchetMessage, under key: Span<UInt8>, sid: Digest, into plaintext: inout [UInt8]
  ) throws(Refused) {
    defer { keys.wipe() }
    let bytes = message.bytes.span
    derive(key, sid: sid, header: bytes.extracting(RatchetMessage.headerRange))
    guard keys.bIsEqual(to: bytes.extracting(RatchetMessage.commitmentRange)) else { throw Refused(.commitment) }
    guard message.paddedCount >= 0 else { throw Refused(.message) }
    if plaintext.count != message.paddedCount { plaintext = [UInt8](repeating: 0, count: message.paddedCount) }
    var target = plaintext.mutableSpan
    let sealed = bytes.extracting(droppingFirst: RatchetMessage.commitmentRange.upperBound)
    do { try keys.openOnce(sealed, into: &target) } catch { throw Refused(.message) }
  }
}

/// HK: seals the headers of one chain. Shared, never copied: it becomes a chain's key after having been the next one's.
package final class HeaderKey: Sendable {
  package let key: SealingKey

  package init(_ secret: consuming Secret) { key = SealingKey(secret) }

  /// `hdr = n24 || XChaCha20-Poly1305(HK, n24, DHs.pub || PN || N; ad = sid)` [ratchet.5]
  package func seal(_ header: RatchetHeader, sid: Digest, from entropy: inout some Entropy) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: RatchetMessage.headerRange.count)
    var target = bytes.mutableSpan
    seal(header, sid: sid, into: &target, from: &entropy)
    return bytes
  }

  /// The same into the caller's 80 bytes.
  func seal(
    _ header: RatchetHeader, sid: Digest, into target: inout MutableSpan<UInt8>, from entropy: inout some Entropy
  ) {
    let plaintext = header.plaintext
    key.seal(plaintext.span, ad: sid.bytes.span, into: &target, from: &entropy)
  }

  /// The header, or nil: it is not of this chain, or not whole.
  package func open(_ bytes: [UInt8], sid: Digest) -> RatchetHeader? {
    plaintext(of: bytes.span, sid: sid).flatMap { try? RatchetHeader($0, known: nil) }
  }

  /// What was sealed, without an allocation: most headers that are tried are of another session.
  func plaintext(of sealed: Span<UInt8>, sid: Digest) -> RatchetHeader.Plaintext? {
    var plaintext = RatchetHeader.Plaintext(repeating: 0)
    var target = plaintext.mutableSpan
    do { try key.open(sealed, ad: sid.bytes.span, into: &target) } catch { return nil }
    return plaintext
  }

  package func bytes() -> Secret { key.bytes() }
}
